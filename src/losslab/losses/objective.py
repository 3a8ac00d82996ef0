"""The training objective that an expression describes."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError, SpecError
from losslab.losses.expression import Term, parse
from losslab.losses.region_sums import region_sums
from losslab.losses.registry import LOSSES


def build_loss(expression: str, num_classes: int, *, validate: bool = False) -> "Objective":
    """The objective of an expression such as "dice + ce": `objective(logits, labels)` is a scalar.

    `num_classes` is the number of logits a pixel: 1 for a binary task (sigmoid), otherwise at least
    2 (softmax). `validate` looks at every label and raises `DataError` for one that is neither a
    class nor void (255). Raises `SpecError` where the expression breaks a rule.
    """
    return Objective(parse(expression), num_classes, validate=validate)


class Objective(nn.Module):
    """A weighted sum of losses; the terms that are formulas on region sums share one pass over the
    logits.
    """

    def __init__(self, terms: list[Term], num_classes: int, *, validate: bool = False) -> None:
        super().__init__()
        if not 1 <= num_classes <= IGNORE_INDEX:
            raise SpecError(
                f"num_classes: 1 (binary) to {IGNORE_INDEX}, as label {IGNORE_INDEX} means void; "
                f"got {num_classes}"
            )
        self.num_classes = num_classes
        self.validate = validate
        self.expression = " + ".join(map(str, terms))
        self._shared: list[tuple[str, float, Any]] = []
        self._alone: list[tuple[str, float, Any]] = []
        gammas: set[float] = set()
        for term in terms:
            loss = LOSSES[term.name]
            needed = loss.gammas(term.options)
            if loss.of_sums is None or needed is None:
                function = partial(loss.function, **term.options)
                self._alone.append((str(term), term.weight, function))
            else:
                gammas.update(needed)
                self._shared.append((str(term), term.weight, partial(loss.of_sums, **term.options)))
        self._gammas = tuple(sorted(gammas))
        self.names = tuple(map(str, terms))

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The objective, a float32 scalar (float64 for float64 logits), of logits (n, c, h, w) and
        labels (n, h, w).
        """
        return torch.stack(list(self.terms(logits, labels).values())).sum()

    def terms(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The weighted terms by their text, in the expression's order; their sum is the
        objective.
        """
        self._check(logits, labels)
        values: dict[str, Tensor] = {}
        if self._shared:
            sums = region_sums(logits, labels, gammas=self._gammas)
            for name, weight, formula in self._shared:
                values[name] = weight * formula(sums)
        for name, weight, function in self._alone:
            values[name] = weight * function(logits, labels)
        return {name: values[name] for name in self.names}

    def extra_repr(self) -> str:
        """What `print` shows of the objective."""
        return f"{self.expression!r}, num_classes={self.num_classes}"

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
