"""Losses of overlap: one minus a soft ratio of the predicted to the labelled region."""

from typing import Annotated, Any

from annotated_types import Ge, Le
from jaxtyping import Float, Integer
from torch import Tensor

from losslab.losses.averaging import (
    Absent,
    Average,
    Per,
    Reduction,
    Smooth,
    average_over_regions,
    ratio,
)
from losslab.losses.curves import Curve
from losslab.losses.region_sums import RegionSums, region_sums

SQUARE = Curve("square")

Weight = Annotated[float | int, Ge(0), Le(1e6)]


def iou(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    per: Per = "batch",
    average: Average = "macro",
    absent: Absent = "skip",
    smooth: Smooth = 0.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, ""]:
    """One minus the soft intersection over union, 1 - Σpy / Σ(p + y - py).

    `per`: the sums run over the whole batch or over each image. `average`: the mean over classes
    ("macro"), one ratio of all classes pooled ("micro"), or the sum over classes. `absent`: a class
    without a labelled pixel is left out of the mean ("skip"), contributes 0 yet is counted
    ("zero"), or is treated like any other ("count"); pooling and the binary task ignore this.
    `smooth` is added above and below. `reduction`: mean or sum over the images of `per="image"`; an
    image with nothing annotated is not among them. An empty union is a ratio of 1.

    Rahman & Wang 2016, eqs. 3-5: `per="batch"`. van Beers 2018, eq. 2.4: `per="image",
    reduction="sum"`. Gul 2023, eq. 2.3: `average="micro", smooth=1` as printed, `absent="zero"` as
    run with segmentation_models_pytorch.
    """
    return iou_of_sums(
        region_sums(logits, labels),
        per=per,
        average=average,
        absent=absent,
        smooth=smooth,
        reduction=reduction,
    )


def dice(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    per: Per = "batch",
    average: Average = "macro",
    absent: Absent = "skip",
    smooth: Smooth = 0.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, ""]:
    """One minus the soft Dice coefficient, 1 - 2Σpy / Σ(p + y).

    The options are those of `iou`. Gul 2023, eq. 2.2: `average="micro", smooth=1` as printed, which
    for softmax is no more than 1 - mean p(true); `absent="zero"` as run with
    segmentation_models_pytorch.
    """
    return dice_of_sums(
        region_sums(logits, labels),
        per=per,
        average=average,
        absent=absent,
        smooth=smooth,
        reduction=reduction,
    )


def tversky(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    alpha: Weight = 0.3,
    beta: Weight = 0.7,
    per: Per = "batch",
    average: Average = "macro",
    absent: Absent = "skip",
    smooth: Smooth = 0.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, ""]:
    """One minus the soft Tversky index, 1 - Σpy / (Σpy + alpha Σp(1 - y) + beta Σ(1 - p)y).

    `alpha` weighs what is predicted wrongly, `beta` what is missed; both 1/2 is Dice, both 1 is
    IoU. The defaults are those that Salehi et al. 2017, who print it as eq. 3, found best; it is
    beyond the papers compared here. The other options are those of `iou`.
    """
    return tversky_of_sums(
        region_sums(logits, labels),
        alpha=alpha,
        beta=beta,
        per=per,
        average=average,
        absent=absent,
        smooth=smooth,
        reduction=reduction,
    )


def jaccard_distance(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    per: Per = "batch",
    average: Average = "macro",
    absent: Absent = "skip",
    smooth: Smooth = 0.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, ""]:
    """The soft Jaccard distance with squares in the union, 1 - Σpy / Σ(p² + y² - py).

    The options are those of `iou`. Yuan et al. 2017, which van Beers 2018 (section 1) names as the
    quadratic alternative and leaves to future work.
    """
    return jaccard_distance_of_sums(
        region_sums(logits, labels, curves=(SQUARE,)),
        per=per,
        average=average,
        absent=absent,
        smooth=smooth,
        reduction=reduction,
    )


def iou_of_sums(sums: RegionSums, *, smooth: Smooth = 0.0, **options: Any) -> Float[Tensor, ""]:
    """`iou` from sums that are already there; the same options."""

    def loss(sums: RegionSums) -> Tensor:
        union = sums.predicted + sums.labelled - sums.overlap
        return 1 - ratio(sums.overlap + smooth, union + smooth)

    return average_over_regions(loss, sums, **options)


def dice_of_sums(sums: RegionSums, *, smooth: Smooth = 0.0, **options: Any) -> Float[Tensor, ""]:
    """`dice` from sums that are already there; the same options."""

    def loss(sums: RegionSums) -> Tensor:
        return 1 - ratio(2 * sums.overlap + smooth, sums.predicted + sums.labelled + smooth)

    return average_over_regions(loss, sums, **options)


def tversky_of_sums(
    sums: RegionSums,
    *,
    alpha: Weight = 0.3,
    beta: Weight = 0.7,
    smooth: Smooth = 0.0,
    **options: Any,
) -> Float[Tensor, ""]:
    """`tversky` from sums that are already there; the same options."""

    def loss(sums: RegionSums) -> Tensor:
        wrong, missed = sums.predicted - sums.overlap, sums.labelled - sums.overlap
        return 1 - ratio(
            sums.overlap + smooth, sums.overlap + alpha * wrong + beta * missed + smooth
        )

    return average_over_regions(loss, sums, **options)


def jaccard_distance_of_sums(
    sums: RegionSums, *, smooth: Smooth = 0.0, **options: Any
) -> Float[Tensor, ""]:
    """`jaccard_distance` from sums that hold those of p²; the same options."""

    def loss(sums: RegionSums) -> Tensor:
        union = sums.curves[SQUARE].predicted + sums.labelled - sums.overlap
        return 1 - ratio(sums.overlap + smooth, union + smooth)

    return average_over_regions(loss, sums, **options)
