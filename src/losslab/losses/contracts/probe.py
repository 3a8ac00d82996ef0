"""One measurement of a loss: value and gradient, and what a card holds of it."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from losslab.errors import brief
from losslab.losses.objective import Loss as LossFunction


@dataclass(frozen=True)
class Reading:
    """One cell of a loss card."""

    section: str
    quantity: str
    case: str
    value: float | int | bool | str | None
    """What was measured; "raises ErrorType: first sentence" where the loss refused; None where the
    question does not arise.
    """


@dataclass(frozen=True)
class Measured:
    """A loss at one prediction."""

    value: float
    gradient: Tensor
    """By the logits, of their shape and type; 0 where the loss does not depend on them."""

    @property
    def norm(self) -> float:
        """Euclidean length of the gradient."""
        return float(self.gradient.double().norm())

    @property
    def share(self) -> float:
        """Share of the pixels whose gradient is not 0."""
        return float((self.gradient != 0).any(1).double().mean())

    @property
    def rounded(self) -> bool:
        """The gradient has no more digits than float32 holds."""
        return bool((self.gradient.float().double() == self.gradient.double()).all())

    @property
    def finite(self) -> bool:
        """Value and gradient are finite numbers."""
        return bool(torch.isfinite(torch.tensor(self.value)) and self.gradient.isfinite().all())


def measure(loss: LossFunction, logits: Tensor, labels: Tensor) -> Measured:
    """Value and gradient of the loss; the inputs are left as they are, warnings are silenced."""
    leaf = logits.detach().clone().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = loss(leaf, labels.clone())
        if value.numel() != 1:
            raise ValueError(f"a scalar is expected, the loss gave shape {tuple(value.shape)}")
        gradient = None
        if value.requires_grad:
            (gradient,) = torch.autograd.grad(value.reshape(()), leaf, allow_unused=True)
    return Measured(float(value.detach()), torch.zeros_like(leaf) if gradient is None else gradient)


def measure_exactly(loss: LossFunction, logits: Tensor, labels: Tensor) -> Measured:
    """Value and gradient in float64, or in the logits' own type where the loss refuses that."""
    try:
        return measure(loss, logits.double(), labels)
    except Exception:  # any: the loss's own words on these logits are the ones to report
        return measure(loss, logits, labels)


def value_of(loss: LossFunction, logits: Tensor, labels: Tensor) -> float:
    """The loss's value alone."""
    with torch.no_grad():
        return measure(loss, logits, labels).value


def readings(section: str, quantities: dict[str, Callable[[], dict]]) -> Iterator[Reading]:
    """The cells of a section: each question is asked by itself, so that one that raises ends only
    itself.

    `quantities` maps a case to a function that returns its values by quantity.
    """
    for case, ask in quantities.items():
        try:
            answers = ask()
        except Exception as error:  # any: a card reports what the loss does, and this is it
            answers = {"value": f"raises {brief(error)}"}
        for quantity, value in answers.items():
            yield Reading(section, quantity, case, value)
