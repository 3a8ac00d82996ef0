"""Losses of overlap: one minus a soft ratio of the predicted to the labelled region."""

from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float, Integer
from torch import Tensor

from losslab.losses.region_sums import RegionSums, region_sums

Per = Literal["batch", "image"]
Average = Literal["macro", "micro", "sum"]
Absent = Literal["skip", "zero", "count"]
Reduction = Literal["mean", "sum"]
Smooth = Annotated[float | int, Ge(0)]


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


def iou_of_sums(sums: RegionSums, *, smooth: Smooth = 0.0, **options: Any) -> Float[Tensor, ""]:
    """`iou` from sums that are already there; the same options."""

    def loss(overlap: Tensor, predicted: Tensor, labelled: Tensor) -> Tensor:
        union = predicted + labelled - overlap
        return 1 - ratio(overlap + smooth, union + smooth)

    return average_over_regions(loss, sums, **options)


def dice_of_sums(sums: RegionSums, *, smooth: Smooth = 0.0, **options: Any) -> Float[Tensor, ""]:
    """`dice` from sums that are already there; the same options."""

    def loss(overlap: Tensor, predicted: Tensor, labelled: Tensor) -> Tensor:
        return 1 - ratio(2 * overlap + smooth, predicted + labelled + smooth)

    return average_over_regions(loss, sums, **options)


def ratio(above: Tensor, below: Tensor) -> Tensor:
    """above / below, and 1 without a gradient where below is 0: nothing predicted and nothing to
    predict.
    """
    empty = below <= 0
    return torch.where(empty, 1.0, above / torch.where(empty, 1.0, below))


def average_over_regions(
    loss: Any,
    sums: RegionSums,
    *,
    per: Per = "batch",
    average: Average = "macro",
    absent: Absent = "skip",
    reduction: Reduction = "mean",
) -> Float[Tensor, ""]:
    """The mean or sum over images and classes of `loss(overlap, predicted, labelled)`, as `iou`
    describes.
    """
    if per == "batch":
        sums = sums.over_batch()
    overlap, predicted, labelled = sums.overlap, sums.predicted, sums.labelled
    if average == "micro":
        overlap, predicted, labelled = (
            s.sum(1, keepdim=True) for s in (overlap, predicted, labelled)
        )
    losses = loss(overlap, predicted, labelled)
    counted = torch.ones_like(losses)
    if average != "micro" and sums.predicted.shape[1] > 1 and absent != "count":
        present = (sums.pixels > 0).to(losses.dtype)
        losses = losses * present
        if absent == "skip":
            counted = present
    of_image = losses.sum(1)
    if average == "macro":
        of_image = of_image / counted.sum(1).clamp(min=1)
    scored = (sums.annotated > 0).to(losses.dtype)
    total = (of_image * scored).sum()
    return total if reduction == "sum" else total / scored.sum().clamp(min=1)
