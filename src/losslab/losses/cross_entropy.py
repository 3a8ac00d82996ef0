"""Losses that are a mean over pixels: cross-entropy and focal loss."""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge, Le
from jaxtyping import Float, Integer
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.losses.at_once import at_once
from losslab.losses.pieces import sum_type
from losslab.losses.region_sums import RegionSums, region_sums
from losslab.losses.strips import bits, keep, strips

STRIP = 320_000
"""Logits in a strip on a CPU, so that the four numbers that are made of each stay in the cache."""

Gamma = Annotated[float | int, Ge(0), Le(100)]


def ce(logits: Float[Tensor, "n c h w"], labels: Integer[Tensor, "n h w"]) -> Float[Tensor, ""]:
    """Cross-entropy: the mean over annotated pixels of -log p(true), in nats; binary: of both
    outcomes.

    Rahman & Wang 2016 (their FCN_acc), Chen et al. 2020 (their PPCE), Gul 2023, eq. 2.1.
    """
    return ce_of_sums(region_sums(logits, labels, gammas=(0.0,)))


def ce_of_sums(sums: RegionSums) -> Float[Tensor, ""]:
    """`ce` from sums that are already there."""
    return focal_of_sums(sums, gamma=0.0)


def focal(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    gamma: Gamma = 2.0,
    one_vs_all: bool = False,
) -> Float[Tensor, ""]:
    """Focal loss: the mean over annotated pixels of -(1 - p)^gamma log p, with p = p(true).

    Gul 2023, eq. 2.5, after Lin et al. 2017; gamma = 0 is cross-entropy. `one_vs_all` is what
    segmentation_models_pytorch computes in its "multiclass" mode instead: a sigmoid for each class
    by itself, and the mean over pixels and classes. The two are one in the binary task.
    """
    if one_vs_all:
        annotated = (labels != IGNORE_INDEX).sum().clamp(min=1)
        return _one_vs_all(logits, labels, [], [float(gamma)]) / (annotated * logits.shape[1])
    return focal_of_sums(region_sums(logits, labels, gammas=(gamma,)), gamma=gamma)


def focal_of_sums(sums: RegionSums, *, gamma: Gamma = 2.0, **_: Any) -> Float[Tensor, ""]:
    """`focal` in its softmax form from sums that are already there."""
    return sums.surprise[float(gamma)].sum() / sums.annotated.sum().clamp(min=1)


def _value_and_gradient(
    logits: Tensor,
    labels: Tensor,
    constants: Sequence[Tensor],
    numbers: Sequence[float],
    with_gradient: bool,
) -> tuple[Tensor, Tensor]:
    """The sum over annotated pixels and classes of the focal loss of each class's own sigmoid, and
    its gradient by the logits.
    """
    (gamma,) = numbers
    kind = sum_type(logits)
    total = logits.new_zeros((), dtype=torch.float64)
    gradient = torch.empty_like(logits) if with_gradient else logits.new_empty(0)
    pixels = STRIP // logits.shape[1] if logits.device.type == "cpu" else labels.numel()
    for strip in strips(labels, halo=0, pixels=pixels):
        label = strip.read(labels)[:, None]
        void = label == IGNORE_INDEX
        # The logit of each class's wrong outcome: x, and -x for the pixel's own class.
        x = strip.read(logits).to(kind, copy=True)
        _turn_own(x, label, void)
        if label.device.type != "cpu" or void.any():
            # There the wrong outcome is impossible: no loss and no slope.
            keep(x, bits(~void, kind)).add_(torch.where(void, -torch.inf, 0.0).to(kind))
        miss = x.sigmoid()
        surprise = torch.ops.aten.softplus.out(x, 1, 40, out=x)
        weight = miss.pow(gamma)
        total += torch.mul(weight, surprise, out=None if with_gradient else weight).sum()
        if with_gradient:
            # d/dx of miss^gamma surprise is miss^gamma (gamma (1 - miss) surprise + miss).
            surprise.addcmul_(surprise, miss, value=-1).mul_(gamma).add_(miss).mul_(weight)
            _turn_own(surprise, label, void)
            strip.read(gradient).copy_(surprise)
    return total.to(kind), gradient


_one_vs_all = at_once("focal_one_vs_all", _value_and_gradient)


def _turn_own(values: Tensor, label: Tensor, void: Tensor) -> None:
    """Change the sign of the values (k, c, r, w) of each pixel's own class."""
    if values.shape[1] == 1:
        values.mul_((label != 1).to(values.dtype).mul_(2).sub_(1))
        return
    label = label.masked_fill(void, 0).long()
    values.scatter_(1, label, -values.gather(1, label))
