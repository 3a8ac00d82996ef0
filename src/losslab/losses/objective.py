"""Training objectives: the expression that describes one, and what it computes.

An expression such as "dice + ce" or "ce + 0.5*focal(gamma=1)" is a sum of losses, each with a
weight and options. A loss is a name of `LOSSES`, a preset (which stands for its own expression) or
a user's "module:function". Python's own parser reads it; nothing in it is ever evaluated.

A user's function is called as `function(logits, labels, **options)` with logits (n, c, h, w), c = 1
for a binary task, and labels (n, h, w), 255 = not annotated, and returns a scalar. It is found
where Python finds modules and in the working folder. Its keyword parameters with defaults are
options in an expression: "ce + 0.5*mylosses:mine(alpha=2)".
"""

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from torch import Tensor, nn

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError, SpecError, brief, unknown
from losslab.files import file_digest
from losslab.losses.edges import EdgeNet, active_boundary, checked_edge_net, semeda, sobel
from losslab.losses.label_maps import label_map
from losslab.losses.pixel import boundary, ce, focal, lovasz
from losslab.losses.region import (
    combo,
    dice,
    dice_focal,
    distance,
    iou,
    jaccard_distance,
    levelset,
    tversky,
)
from losslab.losses.sums import Needs, check_batch, checked_labels, region_sums, sum_type

Loss = Callable[..., Tensor]
"""A loss as a plain callable: `function(logits, labels)` is a scalar of logits (n, c, h, w) and
labels (n, h, w).
"""

LabelMaps = Mapping[str, Tensor]
"""Maps of a batch's labels by their names in `LABEL_MAPS`."""

LOSSES: dict[str, Loss] = {
    "ce": ce,
    "focal": focal,
    "iou": iou,
    "dice": dice,
    "tversky": tversky,
    "jaccard_distance": jaccard_distance,
    "combo": combo,
    "dice_focal": dice_focal,
    "levelset": levelset,
    "distance": distance,
    "semeda": semeda,
    "sobel": sobel,
    "lovasz": lovasz,
    "boundary": boundary,
    "active_boundary": active_boundary,
}

PRESETS: dict[str, str] = yaml.safe_load(
    files("losslab.losses").joinpath("presets.yaml").read_text(encoding="utf-8")
)
"""Expressions of the papers' objectives by name."""

RESOURCES = ("label_map", "edge_net")
"""Keywords of losses that are no options: the objective hands them over."""

LARGEST_WEIGHT = 1e30
"""Beyond it a loss would overflow float32."""

EXAMPLE = "'dice + ce', '0.5*focal(gamma=1)'"

USER_LOSS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""How a user's loss is named in an expression."""


# Expressions --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Term:
    """One weighted loss of an expression; as text, its canonical form."""

    weight: float
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Only those that differ from the loss's defaults, in the order of its signature."""

    def __str__(self) -> str:
        weight = "" if self.weight == 1 else f"{_text(self.weight)}*"
        options = ", ".join(f"{key}={_text(value)}" for key, value in self.options.items())
        return f"{weight}{self.name}({options})" if options else f"{weight}{self.name}"


def parse(expression: str, losses: Mapping[str, Loss] = LOSSES) -> list[Term]:
    """The terms of an expression, in its order.

    `losses` are those that it may name beside "module:function". Raises `SpecError`, which names
    the text, the rule and the choices, for anything but sums of losses with non-zero finite weights
    and options of the right names and types.
    """
    if not isinstance(expression, str) or not expression.strip():
        raise SpecError(f"loss: an expression such as {EXAMPLE}, got {expression!r}")
    text, paths = _without_paths(expression.strip())
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise SpecError(f"loss: {expression!r} is no expression such as {EXAMPLE}") from None
    terms = _Reader(expression, text, losses, paths).terms(tree.body)
    for index, term in enumerate(terms):
        if any((term.name, term.options) == (other.name, other.options) for other in terms[:index]):
            raise SpecError(
                f"loss: {expression!r} holds {term.name!r} twice with the same options; "
                "give it one weight instead"
            )
    return terms


def canonical(expression: str) -> str:
    """The one spelling of an objective: defaults left out, options in order, numbers in shortest
    form.
    """
    return " + ".join(str(term) for term in parse(expression))


def user_losses(expression: str) -> list[str]:
    """The "module:function" names in an expression."""
    return list(_without_paths(expression)[1].values())


def label_maps_of(expression: str) -> tuple[str, ...]:
    """Names in `LABEL_MAPS` of the maps that an expression's losses read."""
    maps = (_map_of(_loss_of(term.name, LOSSES), term.options) for term in parse(expression))
    return tuple(dict.fromkeys(name for name in maps if name is not None))


def needs_edge_net(expression: str) -> bool:
    """Whether a loss of the expression reads an `EdgeNet`."""
    return any(term.name == "semeda" for term in parse(expression))


def _loss_of(name: str, losses: Mapping[str, Loss]) -> Loss:
    return losses[name] if name in losses else user_loss(name)


def _map_of(loss: Loss, options: Mapping[str, Any]) -> str | None:
    """The name of the map of the labels that a loss takes as `label_map`."""
    if loss is boundary:
        return "signed_distance"
    if loss is active_boundary:
        return "edge_distance"
    weights = getattr(loss, "weights", None)
    return weights(**options) if weights else None


def _without_paths(text: str) -> tuple[str, dict[str, str]]:
    """The text with a plain name for each "module:function", which is no Python, and what they
    stand for.
    """
    paths: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        if match["path"] is None:
            return match[0]
        known = [key for key, path in paths.items() if path == match["path"]]
        key = known[0] if known else f"user_loss_{len(paths)}_"
        paths[key] = match["path"]
        return key

    pattern = rf"'[^']*'|\"[^\"]*\"|(?P<path>{USER_LOSS.pattern})"
    return re.sub(pattern, name, text), paths


@dataclass(frozen=True)
class _Reader:
    """Reads syntax nodes of one expression; keeps its text for the errors."""

    text: str
    parsed: str
    """The text in which plain names stand for the keys of `paths`."""
    losses: Mapping[str, Loss]
    paths: Mapping[str, str]

    def terms(self, node: ast.expr) -> list[Term]:
        match node:
            case ast.BinOp(left, ast.Add(), right):
                return self.terms(left) + self.terms(right)
            case ast.BinOp(left, ast.Mult(), right) if self._is_number(left):
                return self._scaled(float(self._number(left)), right)
            case ast.BinOp(left, ast.Mult(), right) if self._is_number(right):
                return self._scaled(float(self._number(right)), left)
            case ast.UnaryOp(ast.USub(), operand) if not self._is_number(node):
                return self._scaled(-1.0, operand)
            case ast.Name(name) if name in PRESETS and name not in self.losses:
                return parse(PRESETS[name], self.losses)
            case ast.Name(name):
                return [Term(1.0, self._known(name)[0])]
            case ast.Call(ast.Name(name), positional, keywords):
                name, loss = self._known(name)
                return [Term(1.0, name, self._options(name, loss, positional, keywords))]
        raise self._error(
            node, f"losses joined by + and weighted by number*loss, such as {EXAMPLE}"
        )

    def _scaled(self, weight: float, node: ast.expr) -> list[Term]:
        terms = [Term(weight * term.weight, term.name, term.options) for term in self.terms(node)]
        if not all(0 < abs(term.weight) <= LARGEST_WEIGHT for term in terms):
            raise self._error(
                node,
                f"a weight that is finite, at most {LARGEST_WEIGHT:g}, not 0 (here {weight:g})",
            )
        return terms

    def _known(self, name: str) -> tuple[str, Loss]:
        if name in self.paths:
            path = self.paths[name]
            return path, user_loss(path)
        if name in PRESETS and name not in self.losses:
            raise SpecError(
                f"loss: {self.text!r}: the preset {name!r} takes no options; write "
                f"{PRESETS[name]!r} and change them there"
            )
        if name not in self.losses:
            near = get_close_matches(name, PRESETS, n=1)
            raise SpecError(f"loss: {unknown('loss', name, [*self.losses, *near])}")
        return name, self.losses[name]

    def _options(
        self, name: str, loss: Loss, positional: list[ast.expr], keywords: list[ast.keyword]
    ) -> dict[str, Any]:
        parameters = option_parameters(loss)
        if positional:
            takes = ", ".join(parameters) or "none"
            raise self._error(
                positional[0], f"options of {name!r} by name, name=value (it has: {takes})"
            )
        given: dict[str, Any] = {}
        for keyword in keywords:
            key = keyword.arg
            if key is None:
                raise self._error(keyword.value, "options by name, not **")
            if key not in parameters:
                choices = parameters or ["none"]
                raise SpecError(
                    f"loss: {self.text!r}: {unknown(f'option of {name!r}', key, choices)}"
                )
            given[key] = self._option(name, parameters[key], keyword.value)
        return {
            key: given[key]
            for key, parameter in parameters.items()
            if key in given and not _is_default(given[key], parameter.default)
        }

    def _option(self, name: str, parameter: inspect.Parameter, node: ast.expr) -> Any:
        value = self._value(node)
        if parameter.annotation is parameter.empty or isinstance(parameter.annotation, str):
            return value  # a user's function that says nothing of types, or nothing readable
        try:
            config = ConfigDict(strict=True, allow_inf_nan=False)
            rule = TypeAdapter(parameter.annotation, config=config)
        except PydanticUserError:  # a type that says nothing to it, such as Tensor
            return value
        # A user's function may ask for a list, which has no spelling here.
        spellings = [value, list(value)] if isinstance(value, tuple) else [value]
        reasons = [_reason(rule, spelling) for spelling in spellings]
        if None not in reasons:
            raise SpecError(
                f"loss: {self.text!r}: option {parameter.name!r} of {name!r}: {reasons[0]}, "
                f"got {value!r}"
            )
        return value

    def _value(self, node: ast.expr) -> Any:
        if self._is_number(node):
            return self._number(node)
        match node:
            case ast.Constant(bool() | str() | None as value):
                return value
            case ast.Tuple(elements):
                return tuple(self._value(element) for element in elements)
        raise self._error(
            node, "an option's value to be a number, a text, True, False, None or a tuple of these"
        )

    def _is_number(self, node: ast.expr) -> bool:
        match node:
            case ast.UnaryOp(ast.USub(), operand):
                return self._is_number(operand)
            case ast.BinOp(left, ast.Mult(), right):
                return self._is_number(left) and self._is_number(right)
            case ast.Constant(value):
                return isinstance(value, int | float) and not isinstance(value, bool)
        return False

    def _number(self, node: ast.expr) -> int | float:
        match node:
            case ast.UnaryOp(ast.USub(), operand):
                return -self._number(operand)
            case ast.BinOp(left, ast.Mult(), right):
                return float(self._number(left)) * float(self._number(right))
            case ast.Constant(int() | float() as value) if abs(value) <= 1e300:
                return value
        raise self._error(node, "finite numbers")

    def _error(self, node: ast.AST, rule: str) -> SpecError:
        part = ast.get_source_segment(self.parsed, node) or ""
        for key, path in self.paths.items():
            part = part.replace(key, path)
        return SpecError(f"loss: {self.text!r}: needs {rule}; cannot read {part!r}")


def option_parameters(loss: Loss) -> dict[str, inspect.Parameter]:
    """The options of a loss by name: its parameters with defaults but for the resources."""
    return {
        p.name: p
        for p in _parameters_of(loss) or []
        if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
        and p.default is not p.empty
        and p.name not in RESOURCES
    }


def _parameters_of(loss: Any) -> list[inspect.Parameter] | None:
    """The parameters of a function, of a module's `forward`; None for one written in C."""
    try:
        return list(inspect.signature(getattr(loss, "forward", loss)).parameters.values())
    except (TypeError, ValueError):
        return None


def _reason(rule: Any, value: Any) -> str | None:
    """Why the value breaks the rule, if it does."""
    try:
        rule.validate_python(value)
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return None


def _is_default(value: Any, default: Any) -> bool:
    """Whether an option says what its default says; 1 and 1.0 do, 1 and True do not."""
    if isinstance(value, bool) != isinstance(default, bool):
        return False
    try:
        return bool(value == default)
    except (TypeError, ValueError, RuntimeError):  # an array or a tensor
        return False


def _text(value: Any) -> str:
    """A literal in its shortest form: 1.0 and 1 are both 1."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


# Users' losses ------------------------------------------------------------------------------------


def user_loss(path: str) -> Loss:
    """The loss of a name such as "mylosses:mine"; importing the module executes it.

    Raises `SpecError` where the module cannot be imported, has no such function, or the function
    cannot be called as losses are.
    """
    module_name, _, name = path.partition(":")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # whatever its code raises
        raise SpecError(
            f"loss: {path!r}: module {module_name!r} cannot be imported ({brief(error)}); call "
            "losslab in the folder that holds it, or put that folder on PYTHONPATH"
        ) from error
    if not hasattr(module, name):
        functions = [
            key
            for key, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module_name
        ]
        raise SpecError(f"loss: {path!r}: {unknown('function', name, functions)}")
    return checked_loss(path, getattr(module, name))


def checked_loss(name: str, loss: Any) -> Any:
    """A callable as a loss; raises `SpecError` for one that cannot be called as losses are."""
    if not callable(loss):
        raise SpecError(f"loss: {name!r}: a function of logits and labels, got {loss!r}")
    if isinstance(loss, type):
        raise SpecError(f"loss: {name!r} is a class; make an instance in its module and name that")
    if isinstance(loss, nn.Module) and any(p.requires_grad for p in loss.parameters()):
        raise SpecError(
            f"loss: {name!r} has parameters that learn, and the optimizer has the network's only; "
            "freeze them with requires_grad_(False)"
        )
    parameters = _parameters_of(loss)
    if parameters is None:
        return loss
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes_two = len(positional) >= 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters)
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    if not takes_two or any(p.default is p.empty for p in (*positional[2:], *keywords)):
        raise SpecError(
            f"loss: {name!r}: takes logits and labels and otherwise only keyword options with "
            f"defaults, not {inspect.signature(loss)}"
        )
    return loss


def source_digests(names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the file that each of these losses that is a user's is written in, "built-in" for
    one without a file. What that file imports is not looked at.
    """
    return {name: _source_digest(name) for name in names if ":" in name}


def _source_digest(path: str) -> str:
    function = inspect.unwrap(user_loss(path))
    try:
        file = inspect.getsourcefile(function if inspect.isroutine(function) else type(function))
    except TypeError:
        file = None
    return file_digest(Path(file)) if file else "built-in"


# Objectives ---------------------------------------------------------------------------------------


def build_loss(
    expression: str | Loss,
    num_classes: int,
    *,
    edge_net: EdgeNet | None = None,
    losses: Mapping[str, Loss] | None = None,
    validate: bool = True,
) -> "Objective":
    """The objective of an expression such as "dice + ce": `objective(logits, labels)` is a scalar.

    `num_classes` is the number of logits a pixel: 1 for a binary task (sigmoid), otherwise at least
    2 (softmax). A callable is an objective by itself; `losses` are callables that the expression
    may name, beside losslab's own and "module:function". `edge_net` is what `semeda` compares in.
    Each call looks at the labels and raises `DataError` for one that is neither a class nor void
    (255), unless `validate` is off. Raises `SpecError` where the expression breaks a rule or needs
    an `edge_net` that is not given.

    A gradient has a gradient where it is asked for (`create_graph=True`): of every loss of
    losslab's own, at the memory of plain torch code. torch.func's transforms raise.
    """
    known = dict(LOSSES)
    given = dict(losses or {})
    if isinstance(expression, str):
        text = expression
    else:
        text = getattr(expression, "__name__", type(expression).__name__)
        text = text if text.isidentifier() else "loss"  # a lambda has no name
        given[text] = expression
    for name, function in given.items():
        if not name.isidentifier():
            raise SpecError(f"losses: {name!r} is no name that an expression could hold")
        known[name] = checked_loss(name, function)
    terms = parse(text, known)
    return Objective(terms, num_classes, edge_net=edge_net, losses=known, validate=validate)


@dataclass
class _SharedPass:
    """Terms that are formulas on the sums of one pass over the logits."""

    label_map: str | None
    """The map that weighs the pixels."""
    needs: Needs = field(default_factory=Needs)
    formulas: list[tuple[str, float, Loss]] = field(default_factory=list)


class Objective(nn.Module):
    """A weighted sum of losses; the terms that are formulas on region sums share one pass over the
    logits.
    """

    def __init__(
        self,
        terms: list[Term],
        num_classes: int,
        *,
        edge_net: EdgeNet | None = None,
        losses: Mapping[str, Loss] = LOSSES,
        validate: bool = True,
    ) -> None:
        super().__init__()
        if not 1 <= num_classes <= IGNORE_INDEX:
            raise SpecError(
                f"num_classes: 1 (binary) to {IGNORE_INDEX}, as label {IGNORE_INDEX} means void; "
                f"got {num_classes}"
            )
        self.num_classes = num_classes
        self.validate = validate
        self._given, self._losses = list(terms), dict(losses)
        self.expression = " + ".join(map(str, terms))
        self.names = tuple(map(str, terms))
        self._passes: list[_SharedPass] = []
        self._alone: list[tuple[str, float, Loss, str | None]] = []
        used = [_loss_of(term.name, losses) for term in terms]
        maps = [_map_of(loss, term.options) for loss, term in zip(used, terms, strict=True)]
        self.needs_edge_net = semeda in used
        """Whether one of its terms reads an `EdgeNet`."""
        self.edge_net = checked_edge_net(edge_net, num_classes) if self.needs_edge_net else None
        for term, loss, name in zip(terms, used, maps, strict=True):
            needs = loss.needs(**term.options) if hasattr(loss, "needs") else None  # pyright: ignore
            if needs is not None:
                shared = self._pass_for(name)
                shared.needs |= needs
                formula = partial(loss.of_sums, **term.options)  # pyright: ignore
                shared.formulas.append((str(term), term.weight, formula))
                continue
            function = partial(loss, **term.options)
            if loss is semeda:
                function = partial(function, edge_net=self.edge_net)
            self._alone.append((str(term), term.weight, function, name))
        # What holds tensors of its own goes with the objective from device to device.
        self._modules_of_users = nn.ModuleList(loss for loss in used if isinstance(loss, nn.Module))
        self.label_maps = tuple(dict.fromkeys(name for name in maps if name is not None))
        """Names of the maps of the labels that it reads, and makes where they are not given."""

    def forward(
        self, logits: Tensor, labels: Tensor, label_maps: LabelMaps | None = None
    ) -> Tensor:
        """The objective, a float32 scalar (float64 for float64 logits), of logits (n, c, h, w) and
        labels (n, h, w).
        """
        return torch.stack(list(self.terms(logits, labels, label_maps).values())).sum()

    def terms(
        self, logits: Tensor, labels: Tensor, label_maps: LabelMaps | None = None
    ) -> dict[str, Tensor]:
        """The weighted terms by their text, in the expression's order; their sum is the objective.

        `label_maps` holds those of `self.label_maps` that are already there for these labels.
        """
        if logits.ndim != 4 or logits.shape[1] != self.num_classes:
            raise DataError(
                f"logits: shape (n, {self.num_classes}, h, w) for num_classes={self.num_classes}, "
                f"got {tuple(logits.shape)}"
            )
        with nullcontext() if self.validate else checked_labels():
            labels = check_batch(logits, labels)
        values: dict[str, Tensor] = {}
        given = label_maps or {}
        with checked_labels():
            maps = {
                name: given[name] if name in given else label_map(name, labels, self.num_classes)
                for name in self.label_maps
            }
            for shared in self._passes:
                weights = maps[shared.label_map] if shared.label_map else None
                sums = region_sums(logits, labels, shared.needs, weights=weights)
                for name, weight, formula in shared.formulas:
                    values[name] = weight * formula(sums)
            for name, weight, function, map_name in self._alone:
                resources = {"label_map": maps[map_name]} if map_name else {}
                value = function(logits, labels, **resources)
                _check_value(value, name, learns=torch.is_grad_enabled() and logits.requires_grad)
                values[name] = weight * value.to(sum_type(logits))
        return {name: values[name] for name in self.names}

    def for_classes(self, num_classes: int, *, edge_net: EdgeNet | None = None) -> "Objective":
        """The same terms, losses and checks for another number of classes.

        Its own EdgeNet is kept where the number is the same. Raises `SpecError` as `build_loss`.
        """
        if edge_net is None and num_classes == self.num_classes:
            edge_net = self.edge_net
        options = {"losses": self._losses, "validate": self.validate}
        return Objective(self._given, num_classes, edge_net=edge_net, **options)

    def extra_repr(self) -> str:
        """What `print` shows of the objective."""
        return f"{self.expression!r}, num_classes={self.num_classes}"

    def _pass_for(self, name: str | None) -> _SharedPass:
        """The pass that a term with this label map joins: one with the same weights, or without."""
        for shared in self._passes:
            if name is None or shared.label_map in (None, name):
                shared.label_map = shared.label_map or name
                return shared
        self._passes.append(_SharedPass(name))
        return self._passes[-1]


def _check_value(value: Any, name: str, *, learns: bool) -> None:
    """Raise `DataError` unless a loss returned a scalar that the network can learn from."""
    if not isinstance(value, Tensor) or value.ndim:
        what = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)[:60]
        raise DataError(
            f"loss {name!r} returned {what}; a loss returns one number as a tensor without "
            "dimensions, such as a mean over pixels"
        )
    if learns and not value.requires_grad:
        raise DataError(
            f"loss {name!r} returned a value that has no gradient by the logits; compute it from "
            "them with torch alone, and detach nothing on the way"
        )
