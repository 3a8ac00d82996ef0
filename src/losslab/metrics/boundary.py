"""Boundary IoU: how well the rims of objects agree (Cheng et al. 2021)."""

import math

from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

from losslab.metrics.bands import bit, boundary_marks
from losslab.metrics.histograms import Tally, check_labels, of_classes, tally

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
    bands of all classes, whatever their numbers. Void (255) is a region like any other.
    """
    return bit(boundary_marks(label_map, width=width), 0)


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
    marks = boundary_marks(labels, pred, width=width)
    counts = tally(pred, labels, marks, num_places=4, num_classes=num_classes)
    return counts_on_bands(counts, num_classes)


def counts_on_bands(counts: Tally, num_classes: int) -> dict[str, Int[Tensor, "n c"]]:
    """`tp`, `fp`, `fn` within the bands, of a tally whose places are 1 for the band of the label
    plus 2 for that of the prediction.
    """
    labelled = of_classes(counts.labelled[:, 1::2].sum(1), num_classes)
    predicted = of_classes(counts.predicted[:, 2:].sum(1), num_classes)
    tp = of_classes(counts.correct[:, 3], num_classes)
    return {"tp": tp, "fp": predicted - tp, "fn": labelled - tp}


def boundary_iou(
    pred: Integer[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    num_classes: int,
    width: int | None = None,
) -> Float[Tensor, ""]:
    """Boundary IoU at dataset level: counts of all images summed, then the mean over classes.

    Cheng et al. 2021, eq. 1. A class whose two bands are both empty is left out; NaN where that
    leaves none. Float64, 0 to 1. `width` is in pixels, by default 2 % of the image's diagonal (see
    `boundary_width`). Raises `DataError` for indices that are no class.
    """
    counts = boundary_counts(pred, labels, num_classes=num_classes, width=width)
    tp, fp, fn = (counts[name].sum(0).double() for name in ("tp", "fp", "fn"))
    return (tp / (tp + fp + fn)).nanmean()
