"""The language of training objectives: "dice + ce", "ce + 0.5*focal(gamma=1)".

An expression is a sum of losses, each with a weight and options. A loss is a registered name, a
preset (which stands for its own expression) or a user's "module:function". Python's own parser
reads it; nothing in it is ever evaluated.
"""

import ast
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from losslab.errors import SpecError, unknown
from losslab.losses import user
from losslab.losses.presets import PRESETS
from losslab.losses.registry import LOSSES, RESOURCES, Loss, parameters_of

LARGEST_WEIGHT = 1e30
"""Beyond it a loss would overflow float32."""

EXAMPLE = "'dice + ce', '0.5*focal(gamma=1)'"


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


def loss_of(name: str, losses: Mapping[str, Loss] = LOSSES) -> Loss:
    """The loss of a term's name: registered, given, or a user's "module:function"."""
    return losses[name] if name in losses else user.user_loss(name)


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

    pattern = rf"'[^']*'|\"[^\"]*\"|(?P<path>{user.PATTERN.pattern})"
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
                name, _ = self._known(name)
                return [Term(1.0, name)]
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
            return path, user.user_loss(path)
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
        try:
            rule.validate_python(value)
            return value
        except ValidationError as error:
            if isinstance(value, tuple) and _fits(rule, list(value)):
                return value  # a user's function that asks for a list, which has no spelling here
            reason = error.errors()[0]["msg"]
            raise SpecError(
                f"loss: {self.text!r}: option {parameter.name!r} of {name!r}: {reason}, "
                f"got {value!r}"
            ) from None

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
    """The options of a loss by name: its function's keyword parameters but for the resources."""
    positional = parameters_of(loss.function) or []
    return {
        p.name: p
        for p in positional
        if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
        and p.default is not p.empty
        and p.name not in RESOURCES
    }


def _fits(rule: Any, value: Any) -> bool:
    try:
        rule.validate_python(value)
    except ValidationError:
        return False
    return True


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
