"""Boundary IoU: how well the rims of objects agree (Cheng et al. 2021)."""

import math

import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError
from losslab.metrics.histograms import check_labels, overlap_counts

BOUNDARY_SHARE = 0.02
"""Width of the band as a share of the image's diagonal."""


def boundary_width(height: int, width: int) -> int:
    """Width in pixels of the boundary band of an image: 2 % of its diagonal, at least 1."""
    return max(1, round(BOUNDARY_SHARE * math.hypot(height, width)))


def boundary_band(label_map: Integer[Tensor, "n h w"], width: int) -> Bool[Tensor, "n h w"]:
    """Pixels whose own region's outside is at most `width` pixels away (chessboard distance).

    For each class this is its mask minus the mask eroded `width` times by a 3 x 3 square, what lies
    beyond the image being outside. A pixel is in its class's band exactly where the window of 2
    `width` + 1 pixels around it leaves the image or is not of one label; so one pass finds the
    bands of all classes, whatever their numbers. Labels are 0 to 255; void (255) is a region like
    any other.
    """
    if width < 1:
        raise DataError(f"boundary band: a width of at least 1 pixel, got {width}")
    n, h, w = label_map.shape
    band = torch.ones((n, h, w), dtype=torch.bool, device=label_map.device)
    size = 2 * width + 1
    if h < size or w < size or n == 0:
        return band
    values = label_map.to(torch.uint8)
    # The largest value and the largest complement, which is the complement of the smallest value.
    extremes = torch.stack((values, ~values))
    for axis in (2, 3):
        extremes = _sliding_maximum(extremes, size, axis)
    band[:, width : h - width, width : w - width] = extremes[0] != ~extremes[1]
    return band


def boundary_counts(
    pred: Integer[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    num_classes: int,
    width: int | None = None,
) -> dict[str, Int[Tensor, "n c"]]:
    """`tp`, `fp`, `fn` of each image and class within the boundary bands, int64.

    The two sets compared are the class's band in the prediction and its band in the label. Bands
    are built on full masks; then void pixels are dropped. `width` is in pixels, by default
    `boundary_width` of the image's size. Raises `DataError` for indices that are no class.
    """
    check_labels(pred, labels, num_classes)
    if width is None:
        width = boundary_width(*labels.shape[1:])
    annotated = labels != IGNORE_INDEX
    in_pred = boundary_band(pred, width) & annotated
    in_labels = boundary_band(labels, width) & annotated
    return overlap_counts(pred, labels, in_pred, in_labels, num_classes)


def boundary_iou(
    pred: Integer[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    num_classes: int,
    width: int | None = None,
) -> Float[Tensor, ""]:
    """Boundary IoU at dataset level: counts of all images summed, then the mean over classes.

    Cheng et al. 2021. A class whose two bands are both empty is left out; NaN where that leaves
    none. Float64, 0 to 1.
    """
    counts = boundary_counts(pred, labels, num_classes=num_classes, width=width)
    tp, fp, fn = (counts[name].sum(0).double() for name in ("tp", "fp", "fn"))
    return (tp / (tp + fp + fn)).nanmean()


def _sliding_maximum(values: Tensor, size: int, axis: int) -> Tensor:
    """Maximum of each window of `size` values along an axis; windows lie wholly inside.

    By doubling: the maximum over 2s values is that of two neighbouring windows of s, so log2(size)
    steps.
    """
    span = 1
    while span < size:
        step = min(span, size - span)
        length = values.shape[axis] - step
        values = torch.maximum(values.narrow(axis, 0, length), values.narrow(axis, step, length))
        span += step
    return values
