"""Augmentation of a batch on the device where it lies, and normalisation.

All randomness comes from the CPU generator that is passed in, so that a CPU and a GPU see the same
crops and flips and nothing waits for the device.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float32, UInt8
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as ops

from losslab.constants import IGNORE_INDEX, MEAN, STD, Channels
from losslab.errors import DataError, unknown


class Augmentation(NamedTuple):
    """What is drawn for each picture: a scale (log-uniform between its ends), a crop, a mirror
    image.
    """

    scale: tuple[float, float] | None
    crop: bool
    flip: bool


AUGMENTATIONS = {
    "none": Augmentation(scale=None, crop=False, flip=False),
    "flip": Augmentation(scale=None, crop=False, flip=True),
    "crop_flip": Augmentation(scale=None, crop=True, flip=True),
    "scale_crop_mirror": Augmentation(scale=(0.5, 2.0), crop=True, flip=True),
}


@dataclass(frozen=True)
class Geometry:
    """What was drawn for the pictures of a batch: one movement for images and labels."""

    places: list[list[float]] | None
    """Of each picture its scale, top and left, each on a scale of 0 to 1; None: no crop."""
    scale: tuple[float, float] | None
    crop_size: tuple[int, int] | None
    mirrored: Bool[Tensor, " n"] | None
    """The pictures of which the mirror image is taken, on the CPU; None: of none."""
    extents: list[list[int]] | None = None
    """Of each picture top, left, height and width on its canvas, to which a crop keeps; None: it
    fills the canvas."""

    def images(self, images: UInt8[Tensor, "n k h w"]) -> UInt8[Tensor, "n k h2 w2"]:
        """The pictures after the movement: scaled smoothly, padded with black."""
        resize = partial(ops.resize, interpolation=InterpolationMode.BILINEAR, antialias=True)
        return self._mirror(self._crop(images, resize, fill=0))

    def labels(self, labels: UInt8[Tensor, "n h w"]) -> UInt8[Tensor, "n h2 w2"]:
        """The labels after the movement: scaled without new values, padded with void."""
        if self.places is not None:
            resize = partial(ops.resize, interpolation=InterpolationMode.NEAREST_EXACT)
            labels = self._crop(labels[:, None], resize, fill=IGNORE_INDEX)[:, 0]
        return self._mirror(labels)

    def _mirror(self, layer: Tensor) -> Tensor:
        if self.mirrored is None:
            return layer
        mirrored = self.mirrored.to(layer.device, non_blocking=True)
        mirrored = mirrored.view(-1, *[1] * (layer.ndim - 1))
        return torch.where(mirrored, ops.horizontal_flip(layer), layer)

    def _crop(self, layer: Tensor, resize: Callable[..., Tensor], fill: int) -> Tensor:
        """Each picture scaled, padded below and to the right, and cropped at its own place."""
        if self.places is None or self.crop_size is None:
            return layer
        height, width = self.crop_size
        moved = []
        extents = self.extents or [[0, 0, *layer.shape[-2:]]] * len(layer)
        for picture, extent, place in zip(layer, extents, self.places, strict=True):
            size_draw, y_draw, x_draw = place
            picture = ops.crop(picture, *extent)
            if self.scale is not None:
                low, high = math.log(self.scale[0]), math.log(self.scale[1])
                factor = math.exp(low + (high - low) * size_draw)
                size = [max(1, round(side * factor)) for side in picture.shape[-2:]]
                picture = resize(picture, size)
            h, w = picture.shape[-2:]
            short = [0, 0, max(0, width - w), max(0, height - h)]  # left, top, right, bottom
            if any(short):
                picture = ops.pad(picture, short, fill=fill)
                h, w = picture.shape[-2:]
            top, left = int(y_draw * (h - height + 1)), int(x_draw * (w - width + 1))
            moved.append(ops.crop(picture, top, left, height, width))
        return torch.stack(moved)


def draw_geometry(
    count: int,
    *,
    preset: str,
    crop_size: tuple[int, int] | None,
    generator: torch.Generator,
    extents: list[list[int]] | None = None,
) -> Geometry:
    """The random movement of a batch of `count` pictures, from the CPU generator.

    `extents` are where the pictures lie on their canvases (see `Geometry`).
    `crop_size` (height, width) belongs to the presets that crop. Where a picture is smaller than
    the crop it is padded below and to the right with black, its label with void. Raises
    `DataError` for a preset that is unknown or lacks its `crop_size`.
    """
    if preset not in AUGMENTATIONS:
        raise DataError(unknown("augmentation", preset, AUGMENTATIONS))
    steps = AUGMENTATIONS[preset]
    places = mirrored = None
    if steps.crop:
        if crop_size is None:
            raise DataError(
                f"augmentation {preset!r} needs a crop_size (height, width); give one or choose "
                "'flip'"
            )
        places = torch.rand(count, 3, generator=generator, dtype=torch.float64).tolist()
    if steps.flip:
        mirrored = torch.rand(count, generator=generator) < 0.5
    return Geometry(places, steps.scale, crop_size, mirrored, extents)


def normalize(
    images: UInt8[Tensor, "n 3 h w"], mean: Channels = MEAN, std: Channels = STD
) -> Float32[Tensor, "n 3 h w"]:
    """Pictures with the mean and standard deviation of 0..1 taken out (ImageNet's, unless another
    encoder was trained with others), channels last in memory.
    """
    scale, shift = _constants(images.device, mean, std)
    return images.to(torch.float32, memory_format=torch.channels_last).mul_(scale).add_(shift)


@lru_cache(maxsize=16)
def _constants(device: torch.device, mean: Channels, std: Channels) -> tuple[Tensor, Tensor]:
    """Factor and summand that normalise 0..255; made once a device, for each copy to a GPU is a
    wait.
    """
    means, stds = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in (mean, std))
    return (1 / (255 * stds)).float().to(device), (-means / stds).float().to(device)
