"""Logits and labels to measure losses on."""

import re
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from losslab.constants import IGNORE_INDEX
from losslab.errors import SpecError

Size = tuple[int, int, int, int]

SHAPES: dict[str, Size] = {
    "A": (8, 1, 256, 256),
    "B": (8, 19, 256, 256),
    "B2": (8, 19, 256, 512),
    "C": (4, 21, 321, 321),
    "D": (2, 19, 512, 1024),
}
"""(n, c, h, w) by name: a binary task, small Cityscapes crops, VOC crops, large Cityscapes
pictures.
"""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}

VOID = 0.03
"""Share of void pixels."""

BLOB = 32
"""Pixels from one blob of a class to the next, roughly."""


class Inputs(NamedTuple):
    """A batch as a loss sees it."""

    logits: Float[Tensor, "n c h w"]
    """Leaf that asks for a gradient."""
    labels: Int64[Tensor, "n h w"]

    @property
    def num_classes(self) -> int:
        return self.logits.shape[1]

    @property
    def nbytes(self) -> int:
        """Of the logits."""
        return self.logits.numel() * self.logits.element_size()


def parse_shape(text: str) -> tuple[str, Size]:
    """Name and size of a shape: one of `SHAPES` or "n,c,h,w"."""
    if text in SHAPES:
        return text, SHAPES[text]
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*){3}", text):
        raise SpecError(f"shape: one of {', '.join(SHAPES)} or four numbers n,c,h,w; got {text!r}")
    n, c, h, w = map(int, text.split(","))
    if c > IGNORE_INDEX:
        raise SpecError(f"shape: at most {IGNORE_INDEX} classes, got {text!r}")
    return "x".join(map(str, (n, c, h, w))), (n, c, h, w)


def make_inputs(
    size: Size,
    *,
    dtype: torch.dtype = torch.float32,
    layout: torch.memory_format = torch.contiguous_format,
    device: torch.device | None = None,
    seed: int = 0,
) -> Inputs:
    """A batch of the size (n, c, h, w), the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    labels = blobs(size, generator)
    logits = torch.randn(size, generator=generator).mul_(2)
    logits = logits.to(device=device, dtype=dtype).contiguous(memory_format=layout)
    return Inputs(logits.requires_grad_(), labels.to(device))


class Maps(NamedTuple):
    """A prediction and its label map as a score sees them; void is 255."""

    pred: UInt8[Tensor, "n h w"]
    labels: UInt8[Tensor, "n h w"]


def make_maps(
    num_classes: int, size: tuple[int, int], *, device: torch.device | None = None, seed: int = 0
) -> Maps:
    """One picture's maps: the prediction is the label moved by a few pixels, with regions of other
    classes here and there.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (1, num_classes, *size)
    labels, others, places = (blobs(shape, generator) for _ in range(3))
    pred = labels.roll((3, 2), (1, 2))
    # Void is not predicted; its regions take part in the mistakes.
    wrong = (places == 0) | (pred == IGNORE_INDEX)
    pred = torch.where(wrong, others, pred).masked_fill_(wrong & (others == IGNORE_INDEX), 0)
    return Maps(*(layer.to(device, torch.uint8) for layer in (pred, labels)))


def blobs(size: Size, generator: torch.Generator) -> Int64[Tensor, "n h w"]:
    """Label maps of smooth regions, a few per cent of them void: as pictures have, unlike noise
    pixel by pixel, whose every distance is 1 and whose every pixel is an edge.
    """
    n, c, h, w = size
    coarse = (n, max(c, 2) + 1, h // BLOB + 2, w // BLOB + 2)
    fields = torch.randn(coarse, generator=generator)
    fields = interpolate(fields, size=(h, w), mode="bicubic", align_corners=True)
    labels = fields[:, 1:].argmax(1)
    highest = fields[:, 0].flatten().kthvalue(max(1, round((1 - VOID) * n * h * w))).values
    return labels.masked_fill_(fields[:, 0] > highest, IGNORE_INDEX)
