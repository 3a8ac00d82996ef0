"""Pictures a strip of rows at a time, for losses that look at a pixel's neighbours."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

SHORTEST = 16
"""Rows of a strip of a wide image at least: below that most of the work would be halo."""


class Strip(NamedTuple):
    """Some images, or some rows of one image, and what must be read beside them."""

    images: slice
    top: int
    bottom: int
    """The rows whose pixels count, [top, bottom)."""
    first: int
    last: int
    """The rows that are read, halo included."""
    begun: int
    """Of the rows read, how many the strip before has read too: their gradient is a sum of both."""

    def read(self, images: Tensor) -> Tensor:
        """The rows that are read of (n, h, w) or (n, c, h, w)."""
        return images[self.images, ..., self.first : self.last, :]

    def clear_halo(self, values: Tensor, dim: int) -> Tensor:
        """The values themselves, 0 in the halo's rows, which are dimension `dim`."""
        values.narrow(dim, 0, self.top - self.first).zero_()
        values.narrow(dim, self.bottom - self.first, self.last - self.bottom).zero_()
        return values

    def add(self, part: Tensor, gradient: Tensor) -> None:
        """Write what this strip adds to the gradient (n, c, h, w) of the images."""
        place = self.read(gradient)
        place[:, :, : self.begun] += part[:, :, : self.begun]
        place[:, :, self.begun :] = part[:, :, self.begun :]


def strips(labels: Tensor, *, halo: int, pixels: int) -> Iterator[Strip]:
    """Strips of about `pixels` pixels; whole images, and several, where they are small."""
    n, h, w = labels.shape
    if labels.numel() == 0:
        return
    images = max(1, pixels // (h * w))
    count = 1 if images > 1 else -(-h // max(min(h, SHORTEST), pixels // w))
    rows = -(-h // count)
    for image in range(0, n, images):
        for top in range(0, h, rows):
            bottom = min(top + rows, h)
            first = max(top - halo, 0)
            begun = min(top + halo, h) - first if top else 0
            chosen = slice(image, image + images)
            yield Strip(chosen, top, bottom, first, min(bottom + halo, h), begun)


def bits(kept: Tensor, kind: torch.dtype) -> Tensor:
    """A mask for `keep`: all bits of a number of type `kind` where `kept`, none elsewhere."""
    return kept.to(_whole(kind)).neg_()


def keep(values: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The values themselves (or `out`), 0 where the mask has no bits, whatever stood there.

    What `masked_fill_` does, at a third of its time on a CPU.
    """
    whole = _whole(values.dtype)
    target = values if out is None else out
    torch.bitwise_and(values.view(whole), mask, out=target.view(whole))
    return target


def _whole(kind: torch.dtype) -> torch.dtype:
    return torch.int64 if kind == torch.float64 else torch.int32
