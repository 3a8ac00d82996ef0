"""Bands of pixels along the edges of label maps, as wide as asked for, found for all classes at
once.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Integer, UInt8
from torch import Tensor
from torch.nn.functional import pad

from losslab.edges import semantic_edges
from losslab.errors import DataError

MOST_WIDTHS = 31
"""Widths that can be asked for at once: a pixel's place among their bands is kept in a byte."""


def edge_bands(marks: UInt8[Tensor, "n h w"], widths: Sequence[int]) -> Iterator[Tensor]:
    """The bands of ascending `widths` around marked edges, each grown from the one before.

    `marks` holds one set of edges a bit, as `semantic_edges` finds them; a band of width 1 is the
    edges themselves, of width w what lies within w - 1 pixels of them (chessboard distance): what
    lies within w pixels of another label. Nothing outside the image is an edge.
    """
    check_widths(widths)
    reached = 1
    for width in widths:
        marks = _dilated(marks, width - reached)
        reached = width
        yield marks


def mark_edges(*label_maps: Integer[Tensor, "n h w"]) -> UInt8[Tensor, "n h w"]:
    """The semantic edges of each label map, those of the first in bit 0 and so on."""
    marks = semantic_edges(label_maps[0]).view(torch.uint8)
    for bit, label_map in enumerate(label_maps[1:], start=1):
        marks = marks | (semantic_edges(label_map).view(torch.uint8) << bit)
    return marks


def mark_border(bands: UInt8[Tensor, "n h w"], width: int, bits: int) -> UInt8[Tensor, "n h w"]:
    """Bands with those pixels marked, too, that lie within `width` pixels of the image's outside:
    `bits` is what they become.
    """
    bands = bands.clone()
    _, h, w = bands.shape
    for part in (
        bands[:, :width],
        bands[:, max(h - width, 0) :],
        bands[:, :, :width],
        bands[:, :, max(w - width, 0) :],
    ):
        part.fill_(bits)
    return bands


def boundary_marks(*label_maps: Integer[Tensor, "n h w"], width: int) -> UInt8[Tensor, "n h w"]:
    """The band of Boundary IoU of each label map, that of the first in bit 0 and so on."""
    (bands,) = edge_bands(mark_edges(*label_maps), (width,))
    return mark_border(bands, width, (1 << len(label_maps)) - 1)


def bit(marks: UInt8[Tensor, "n h w"], number: int) -> Bool[Tensor, "n h w"]:
    """The set of pixels that is kept in this bit."""
    return ((marks >> number) & 1).view(torch.bool)


def check_widths(widths: Sequence[int]) -> None:
    """Raise `DataError` unless bands can have these widths, in pixels."""
    ascending = list(widths) == sorted(set(widths))
    if not ascending or any(width < 1 for width in widths) or len(widths) > MOST_WIDTHS:
        raise DataError(
            f"widths of bands: at most {MOST_WIDTHS}, ascending, each at least 1 pixel; "
            f"got {', '.join(map(str, widths))}"
        )


def _dilated(marks: Tensor, radius: int) -> Tensor:
    """Bitwise "or" over the square window of 2 `radius` + 1 pixels around each pixel."""
    if radius == 0:
        return marks
    for axis, edges in ((1, (0, 0, radius, radius)), (2, (radius, radius))):
        marks = _windows(pad(marks, edges), 2 * radius + 1, axis)
    return marks


def _windows(marks: Tensor, size: int, axis: int) -> Tensor:
    """Bitwise "or" of each window of `size` values along an axis; windows lie wholly inside.

    By doubling: a window of 2s values is two neighbouring windows of s, so log2(size) steps.
    """
    span = 1
    while span < size:
        step = min(span, size - span)
        length = marks.shape[axis] - step
        marks = marks.narrow(axis, 0, length) | marks.narrow(axis, step, length)
        span += step
    return marks
