"""Functions of one probability whose sums some losses need in place of, or beside, those of the
probability itself.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Curve(NamedTuple):
    """A function f of a probability p by its name in `CURVES`, and its parameter."""

    name: str
    parameter: float = 0.0

    def value(self, p: Tensor) -> Tensor:
        """f(p), a new tensor."""
        return CURVES[self.name][0](p, self.parameter)

    def slope(self, p: Tensor) -> Tensor | None:
        """f'(p), a new tensor; None where it is 0 everywhere."""
        slope = CURVES[self.name][1]
        return None if slope is None else slope(p, self.parameter)


def _square(p: Tensor, _: float) -> Tensor:
    return p * p


def _square_slope(p: Tensor, _: float) -> Tensor:
    return 2 * p


def _tanh_heaviside(p: Tensor, epsilon: float) -> Tensor:
    # (1 + tanh z) / 2 is sigmoid(2 z), which keeps its digits where tanh is -1.
    return torch.add(p.new_tensor(-1 / epsilon), p, alpha=2 / epsilon).sigmoid_()


def _tanh_heaviside_slope(p: Tensor, epsilon: float) -> Tensor:
    inside = _tanh_heaviside(p, epsilon)
    # 2 H (1 - H) / epsilon in one pass.
    return torch.ops.aten.sigmoid_backward(p.new_tensor(2 / epsilon), inside)


def _arctan_heaviside(p: Tensor, epsilon: float) -> Tensor:
    return p.sub(0.5).div_(epsilon).atan_().div_(math.pi).add_(0.5)


def _arctan_heaviside_slope(p: Tensor, epsilon: float) -> Tensor:
    return p.sub(0.5).div_(epsilon).square_().add_(1).mul_(math.pi * epsilon).reciprocal_()


def _step(p: Tensor, threshold: float) -> Tensor:
    return (p >= threshold).to(p.dtype).add_(p - p)  # NaN stays NaN


def _above(p: Tensor, threshold: float) -> Tensor:
    return (p > threshold).to(p.dtype).add_(p - p)


def _masked(p: Tensor, threshold: float) -> Tensor:
    return torch.where(p <= threshold, 0, p)


CURVES: dict[
    str, tuple[Callable[[Tensor, float], Tensor], Callable[[Tensor, float], Tensor] | None]
] = {
    "square": (_square, _square_slope),  # p^2
    "tanh": (_tanh_heaviside, _tanh_heaviside_slope),  # (1 + tanh((p - 1/2) / epsilon)) / 2
    "arctan": (_arctan_heaviside, _arctan_heaviside_slope),  # 1/2 + arctan((p - 1/2) / e) / pi
    "step": (_step, None),  # 1 where p >= t
    "above": (_above, None),  # 1 where p > t
    "masked": (_masked, _above),  # p where p > t
}
"""Value and slope of each curve; no slope: it is 0 wherever it exists."""
