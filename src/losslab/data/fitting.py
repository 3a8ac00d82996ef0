"""Pictures on a canvas of one size: stretched to it, scaled to fit into it, or laid on it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from losslab.constants import IGNORE_INDEX
from losslab.data.dataset import resize
from losslab.errors import DataError, unknown

Extent = tuple[int, int, int, int]
"""Top, left, height and width of the picture on its canvas, pixels."""

Sides = tuple[int, int]

Layers = TypeVar("Layers", Tensor, np.ndarray)


def _stretch(shape: Sides, size: Sides) -> Extent:
    """The whole canvas: the sides' ratio changes."""
    return (0, 0, *size)


def _pad(shape: Sides, size: Sides) -> Extent:
    """As large as fits with the ratio of the sides kept, in the middle (Gul 2023, 4.2.1)."""
    scale = min(size[0] / shape[0], size[1] / shape[1])
    height, width = (
        min(side, max(1, round(old * scale))) for old, side in zip(shape, size, strict=True)
    )
    return ((size[0] - height) // 2, (size[1] - width) // 2, height, width)


def _keep(shape: Sides, size: Sides) -> Extent:
    """Pixel for pixel in the upper left corner (Chen et al. 2018 score VOC on such a canvas)."""
    if shape[0] > size[0] or shape[1] > size[1]:
        raise DataError(
            f"a picture of {shape[0]}x{shape[1]} (height x width) does not fit on the canvas of "
            f"{size[0]}x{size[1]} that fit 'keep' lays it on; choose a larger size, or 'pad'"
        )
    return (0, 0, *shape)


FITS: dict[str, Callable[[Sides, Sides], Extent]] = {
    "stretch": _stretch,
    "pad": _pad,
    "keep": _keep,
}
"""How a picture of one shape comes to a canvas: its extent there."""


def fitted(
    image: UInt8[np.ndarray, "h w 3"], label: UInt8[np.ndarray, "h w"], size: Sides, fit: str
) -> tuple[UInt8[np.ndarray, "h2 w2 3"], UInt8[np.ndarray, "h2 w2"], Extent]:
    """Picture and label map on a canvas of `size` = (height, width), and where they lie on it.

    Around the picture the canvas is black and its label void.
    """
    extent = extent_of((label.shape[0], label.shape[1]), size, fit)
    top, left, height, width = extent
    image, label = resize(image, label, (height, width))
    if (height, width) == size:
        return image, label, extent
    canvas = np.zeros((*size, 3), dtype=np.uint8)
    labels = np.full(size, IGNORE_INDEX, dtype=np.uint8)
    canvas[top : top + height, left : left + width] = image
    labels[top : top + height, left : left + width] = label
    return canvas, labels, extent


def extent_of(shape: Sides, size: Sides, fit: str) -> Extent:
    """Where a picture of `shape` (height, width) lies on a canvas of `size`, pixels."""
    check_fit(fit)
    return FITS[fit](shape, size)


def check_fit(fit: str) -> None:
    """Raise `DataError` for a rule that is not among `FITS`."""
    if fit not in FITS:
        raise DataError(unknown("fit", fit, FITS))


def whole_extents(labels: UInt8[np.ndarray, "n h w"]) -> Int[np.ndarray, "n 4"]:
    """The extents of pictures that fill their canvases."""
    return np.tile(np.array([0, 0, *labels.shape[1:]], dtype=np.int64), (len(labels), 1))


def cut(layers: Layers, extent: Sequence[int]) -> Layers:
    """What lies at `extent` on canvases (..., h, w)."""
    top, left, height, width = extent
    return layers[..., top : top + height, left : left + width]


def unfitted(
    layers: Float[Tensor, "c h w"], extent: Extent, shape: Sides
) -> Float[Tensor, "c h2 w2"]:
    """A network's output on a canvas, cut to its picture and brought to the picture's own `shape`.

    Bilinear; probabilities stay probabilities.
    """
    picture = cut(layers, extent)
    if picture.shape[1:] == tuple(shape):
        return picture
    return functional.interpolate(
        picture[None], size=list(shape), mode="bilinear", align_corners=False
    )[0]
