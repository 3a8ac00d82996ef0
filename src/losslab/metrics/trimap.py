"""Trimap IoU: how well pixels near the edges of the label map are classified (Chen et al. 2020)."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

from losslab.metrics.bands import edge_bands, mark_edges
from losslab.metrics.histograms import Tally, check_labels, of_classes, tally

TRIMAP_WIDTHS = (1, 2, 3, 5, 10, 20, 40)
"""Widths in pixels at which trimap counts are stored."""


def trimap_band(labels: Integer[Tensor, "n h w"], width: int) -> Bool[Tensor, "n h w"]:
    """Pixels at most `width` pixels (chessboard distance) from a pixel of another label.

    Chen et al. 2020 (SEMEDA), section 4.3: a band on both sides of the semantic edges, which are
    themselves the band of width 1. Void (255) is a label like any other; the image's own border
    makes no edge.
    """
    (band,) = edge_bands(mark_edges(labels), (width,))
    return band.view(torch.bool)


def trimap_counts(
    pred: Integer[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    num_classes: int,
    widths: Sequence[int] = TRIMAP_WIDTHS,
) -> dict[int, dict[str, Int[Tensor, "n c"]]]:
    """`tp`, `fp`, `fn` of each image and class within the trimap of each width, int64.

    `widths` are in pixels, ascending. Void pixels are counted nowhere, though edges are found with
    them: in PASCAL VOC the band runs along the strip of void around the objects. Raises `DataError`
    for indices that are no class.
    """
    check_labels(pred, labels, num_classes)
    levels = torch.zeros(labels.shape, dtype=torch.uint8, device=labels.device)
    for band in edge_bands(mark_edges(labels), widths):
        levels += band
    counts = tally(pred, labels, levels, num_places=len(widths) + 1, num_classes=num_classes)
    return counts_within(counts, widths, num_classes)


def counts_within(
    counts: Tally, widths: Sequence[int], num_classes: int
) -> dict[int, dict[str, Int[Tensor, "n c"]]]:
    """`tp`, `fp`, `fn` within each width, of a tally whose places say in how many of the bands a
    pixel is: the band of the largest width is all places but 0.
    """
    labelled, predicted, correct = (
        of_classes(part[:, 1:].flip(1).cumsum(1).flip(1), num_classes) for part in counts
    )
    return {
        width: {
            "tp": correct[:, at],
            "fp": predicted[:, at] - correct[:, at],
            "fn": labelled[:, at] - correct[:, at],
        }
        for width, at in zip(widths, reversed(range(len(widths))), strict=True)
    }


def trimap_iou(
    pred: Integer[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    num_classes: int,
    width: int,
    inside: bool = True,
) -> Float[Tensor, ""]:
    """IoU of the pixels in the trimap of a width: counts of all images summed, then the mean over
    classes; with `inside=False` that of all other pixels.

    Chen et al. 2020 (SEMEDA), Fig. 5. A class with neither label nor prediction there is left out;
    NaN where that leaves none. Float64, 0 to 1. `width` is in pixels. Raises `DataError` for
    indices that are no class.
    """
    check_labels(pred, labels, num_classes)
    band = trimap_band(labels, width).view(torch.uint8)
    counts = tally(pred, labels, band, num_places=2, num_classes=num_classes)
    labelled, predicted, correct = (
        of_classes(part[:, int(inside)].sum(0), num_classes).double() for part in counts
    )
    return (correct / (labelled + predicted - correct)).nanmean()
