"""The training objective that an expression describes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError, SpecError
from losslab.losses.edge_net import EdgeNet, checked_edge_net
from losslab.losses.expression import Term, loss_of, parse
from losslab.losses.label_maps import label_map
from losslab.losses.passes import Asked
from losslab.losses.pieces import sum_type
from losslab.losses.region_sums import region_sums
from losslab.losses.registry import LOSSES, Loss
from losslab.losses.user import LossFunction, checked_loss

LabelMaps = Mapping[str, Tensor]
"""Maps of a batch's labels by their names in `LABEL_MAPS`."""


def build_loss(
    expression: str | LossFunction,
    num_classes: int,
    *,
    edge_net: EdgeNet | None = None,
    losses: Mapping[str, LossFunction] | None = None,
    validate: bool = False,
) -> "Objective":
    """The objective of an expression such as "dice + ce": `objective(logits, labels)` is a scalar.

    `num_classes` is the number of logits a pixel: 1 for a binary task (sigmoid), otherwise at least
    2 (softmax). A callable is an objective by itself; `losses` are callables that the expression
    may name, beside losslab's own and "module:function". `edge_net` is what `semeda` compares in.
    `validate` looks at every label and raises `DataError` for one that is neither a class nor void
    (255). Raises `SpecError` where the expression breaks a rule or needs an `edge_net` that is not
    given.
    """
    known: dict[str, Loss] = dict(LOSSES)
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


def label_maps_of(expression: str) -> tuple[str, ...]:
    """Names in `LABEL_MAPS` of the maps that an expression's losses read."""
    maps = (loss_of(term.name).label_map(term.options) for term in parse(expression))
    return tuple(dict.fromkeys(name for name in maps if name is not None))


def needs_edge_net(expression: str) -> bool:
    """Whether a loss of the expression reads an `EdgeNet`."""
    return any(loss_of(term.name).needs_edge_net for term in parse(expression))


@dataclass
class _SharedPass:
    """Terms that are formulas on the sums of one pass over the logits."""

    label_map: str | None = None
    """The map that weighs the pixels."""
    asked: Asked = field(default_factory=Asked)
    formulas: list[tuple[str, float, Callable[..., Tensor]]] = field(default_factory=list)

    def add(self, asked: Asked, name: str, weight: float, formula: Callable[..., Tensor]) -> None:
        """One more term, and the sums that it reads."""
        gammas = tuple(sorted({*self.asked.gammas, *asked.gammas}))
        self.asked = Asked(gammas, tuple(dict.fromkeys((*self.asked.curves, *asked.curves))))
        self.formulas.append((name, weight, formula))


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
        validate: bool = False,
    ) -> None:
        super().__init__()
        if not 1 <= num_classes <= IGNORE_INDEX:
            raise SpecError(
                f"num_classes: 1 (binary) to {IGNORE_INDEX}, as label {IGNORE_INDEX} means void; "
                f"got {num_classes}"
            )
        self.num_classes = num_classes
        self.validate = validate
        self._given = list(terms)
        self._own = {name: loss for name, loss in losses.items() if LOSSES.get(name) is not loss}
        self.expression = " + ".join(map(str, terms))
        self.names = tuple(map(str, terms))
        self._passes: list[_SharedPass] = []
        self._alone: list[tuple[str, float, Callable[..., Tensor], str | None]] = []
        maps: list[str] = []
        used = [loss_of(term.name, losses) for term in terms]
        for term, loss in zip(terms, used, strict=True):
            name = loss.label_map(term.options)
            maps += [name] if name is not None else []
            asked = loss.asks(term.options)
            if loss.of_sums is not None and asked is not None:
                formula = partial(loss.of_sums, **term.options)
                self._pass_for(name).add(asked, str(term), term.weight, formula)
                continue
            function = partial(loss.function, **term.options)
            if loss.needs_edge_net:
                function = partial(function, edge_net=checked_edge_net(edge_net, num_classes))
            self._alone.append((str(term), term.weight, function, name))
        self.edge_net = edge_net if any(loss.needs_edge_net for loss in used) else None
        # What holds tensors of its own goes with the objective from device to device.
        self._modules_of_users = nn.ModuleList(
            loss.function for loss in used if isinstance(loss.function, nn.Module)
        )
        self.label_maps = tuple(dict.fromkeys(maps))
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
        self._check(logits, labels)
        if labels.dtype in (torch.uint16, torch.uint32, torch.uint64):
            labels = labels.long()  # torch does next to nothing with these
        maps = {name: self._label_map(name, labels, label_maps) for name in self.label_maps}
        values: dict[str, Tensor] = {}
        for shared in self._passes:
            weights = None if shared.label_map is None else maps[shared.label_map]
            sums = region_sums(
                logits,
                labels,
                gammas=shared.asked.gammas,
                curves=shared.asked.curves,
                weights=weights,
            )
            for name, weight, formula in shared.formulas:
                values[name] = weight * formula(sums)
        for name, weight, function, map_name in self._alone:
            given: dict[str, Any] = {} if map_name is None else {"label_map": maps[map_name]}
            value = function(logits, labels, **given)
            _check_value(value, name, learns=torch.is_grad_enabled() and logits.requires_grad)
            values[name] = weight * value.to(sum_type(logits))
        return {name: values[name] for name in self.names}

    def for_classes(self, num_classes: int, *, edge_net: EdgeNet | None = None) -> "Objective":
        """The same terms, losses and checks for another number of classes.

        Its own EdgeNet is kept where the number is the same. Raises `SpecError` as `build_loss`.
        """
        if edge_net is None and num_classes == self.num_classes:
            edge_net = self.edge_net
        losses = {**LOSSES, **self._own}
        return Objective(
            self._given, num_classes, edge_net=edge_net, losses=losses, validate=self.validate
        )

    @property
    def needs_edge_net(self) -> bool:
        """Whether one of its terms reads an `EdgeNet`."""
        return self.edge_net is not None

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

    def _label_map(self, name: str, labels: Tensor, given: LabelMaps | None) -> Tensor:
        if given is not None and name in given:
            return given[name]
        return label_map(name, labels, self.num_classes)

    def _check(self, logits: Tensor, labels: Tensor) -> None:
        if logits.ndim != 4 or logits.shape[1] != self.num_classes:
            raise DataError(
                f"logits: shape (n, {self.num_classes}, h, w) for num_classes={self.num_classes}, "
                f"got {tuple(logits.shape)}"
            )
        if labels.shape != (logits.shape[0], *logits.shape[2:]):
            raise DataError(
                f"labels: shape (n, h, w) of the logits {tuple(logits.shape)}, "
                f"got {tuple(labels.shape)}"
            )
        if not logits.is_floating_point() or labels.is_floating_point() or labels.is_complex():
            raise DataError(
                "logits are floating-point and labels integer numbers, "
                f"got {logits.dtype} and {labels.dtype}"
            )
        if self.validate:
            check_labels(labels, self.num_classes)


def _check_value(value: Any, name: str, *, learns: bool) -> None:
    """Raise `DataError` unless a user's loss returned a scalar that the network can learn from."""
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


def check_labels(labels: Tensor, num_classes: int) -> None:
    """Raise `DataError` for a label that is neither a class nor void; names it and the range."""
    last = max(num_classes - 1, 1)
    wrong = (labels != IGNORE_INDEX) & ((labels < 0) | (labels > last))
    if wrong.any():
        value = int(labels[wrong][0])
        raise DataError(
            f"labels: {value} is neither a class (0 to {last}) nor void ({IGNORE_INDEX}); "
            f"{int(wrong.sum())} pixels carry such labels"
        )
