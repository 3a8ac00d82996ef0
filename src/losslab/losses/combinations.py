"""Sums of an overlap loss and a pixel loss that the literature names; one pass over the logits
makes both.
"""

from typing import Any

from jaxtyping import Float, Integer
from torch import Tensor

from losslab.losses.averaging import Absent, Average, Per, Reduction, Smooth
from losslab.losses.cross_entropy import Gamma, ce_of_sums, focal_of_sums
from losslab.losses.overlap import dice_of_sums
from losslab.losses.region_sums import RegionSums, region_sums


def combo(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    per: Per = "batch",
    average: Average = "macro",
    absent: Absent = "skip",
    smooth: Smooth = 0.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, ""]:
    """Dice plus cross-entropy, equally weighted; the options are those of Dice.

    Gul 2023, eq. 2.4, after Taghanaki et al. 2019.
    """
    return combo_of_sums(
        region_sums(logits, labels, gammas=(0.0,)),
        per=per,
        average=average,
        absent=absent,
        smooth=smooth,
        reduction=reduction,
    )


def combo_of_sums(sums: RegionSums, **options: Any) -> Float[Tensor, ""]:
    """`combo` from sums that are already there; the same options."""
    return dice_of_sums(sums, **options) + ce_of_sums(sums)


def dice_focal(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    gamma: Gamma = 2.0,
    per: Per = "batch",
    average: Average = "macro",
    absent: Absent = "skip",
    smooth: Smooth = 0.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, ""]:
    """Dice plus focal loss (softmax form), equally weighted; `gamma` is focal's, the other options
    are those of Dice.

    Gul 2023, eq. 2.6.
    """
    return dice_focal_of_sums(
        region_sums(logits, labels, gammas=(gamma,)),
        gamma=gamma,
        per=per,
        average=average,
        absent=absent,
        smooth=smooth,
        reduction=reduction,
    )


def dice_focal_of_sums(
    sums: RegionSums, *, gamma: Gamma = 2.0, **options: Any
) -> Float[Tensor, ""]:
    """`dice_focal` from sums that are already there; the same options."""
    return dice_of_sums(sums, **options) + focal_of_sums(sums, gamma=gamma)
