"""Augmentation of a batch on the device where it lies, and normalisation.

All randomness comes from the CPU generator that is passed in, so that a CPU and a GPU see the same
crops and flips and nothing waits for the device.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as ops

from losslab.constants import IGNORE_INDEX
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

# Mean and standard deviation of ImageNet's pixels, on a scale of 0 to 1.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def augment(
    images: UInt8[Tensor, "n 3 h w"],
    labels: UInt8[Tensor, "n h w"],
    *,
    preset: str,
    crop_size: tuple[int, int] | None,
    generator: torch.Generator,
) -> tuple[UInt8[Tensor, "n 3 h2 w2"], UInt8[Tensor, "n h2 w2"]]:
    """The batch after a random augmentation; picture and label go through the same geometry.

    `crop_size` (height, width) belongs to the presets that crop. Where a picture is smaller than
    the crop it is padded below and to the right with black, its label with void.
    """
    if preset not in AUGMENTATIONS:
        raise DataError(unknown("augmentation", preset, AUGMENTATIONS))
    steps = AUGMENTATIONS[preset]
    if steps.crop:
        if crop_size is None:
            raise DataError(
                f"augmentation {preset!r} needs a crop_size (height, width); give one or choose "
                "'flip'"
            )
        images, labels = _crop(images, labels, crop_size, steps.scale, generator)
    if steps.flip:
        chosen = torch.rand(len(images), generator=generator) < 0.5
        mirrored = chosen.to(images.device, non_blocking=True)[:, None, None]
        images = torch.where(mirrored[:, None], ops.horizontal_flip(images), images)
        labels = torch.where(mirrored, ops.horizontal_flip(labels), labels)
    return images, labels


def _crop(
    images: Tensor,
    labels: Tensor,
    crop_size: tuple[int, int],
    scale: tuple[float, float] | None,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Each picture scaled, padded and cropped by its own three draws."""
    draws = torch.rand(len(images), 3, generator=generator, dtype=torch.float64).tolist()
    pictures, maps = [], []
    for image, label, (size_draw, y_draw, x_draw) in zip(images, labels, draws, strict=True):
        label = label[None]
        if scale is not None:
            low, high = math.log(scale[0]), math.log(scale[1])
            factor = math.exp(low + (high - low) * size_draw)
            size = [max(1, round(side * factor)) for side in label.shape[-2:]]
            image = ops.resize(image, size, InterpolationMode.BILINEAR, antialias=True)
            label = ops.resize(label, size, InterpolationMode.NEAREST_EXACT)
        h, w = label.shape[-2:]
        short = [
            0,
            0,
            max(0, crop_size[1] - w),
            max(0, crop_size[0] - h),
        ]  # left, top, right, bottom
        if any(short):
            image = ops.pad(image, short, fill=0)
            label = ops.pad(label, short, fill=IGNORE_INDEX)
            h, w = label.shape[-2:]
        top, left = int(y_draw * (h - crop_size[0] + 1)), int(x_draw * (w - crop_size[1] + 1))
        pictures.append(ops.crop(image, top, left, *crop_size))
        maps.append(ops.crop(label, top, left, *crop_size)[0])
    return torch.stack(pictures), torch.stack(maps)


def normalize(images: UInt8[Tensor, "n 3 h w"]) -> Float32[Tensor, "n 3 h w"]:
    """Pictures with ImageNet's mean and standard deviation taken out, channels last in memory."""
    scale, shift = _constants(images.device)
    return images.to(torch.float32, memory_format=torch.channels_last).mul_(scale).add_(shift)


@lru_cache(maxsize=16)
def _constants(device: torch.device) -> tuple[Tensor, Tensor]:
    """Factor and summand that normalise 0..255; made once a device, for each copy to a GPU is a
    wait.
    """
    mean, std = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in (MEAN, STD))
    return (1 / (255 * std)).float().to(device), (-mean / std).float().to(device)
