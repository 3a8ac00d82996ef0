"""The forward and the backward pass over the pixels that `region_sums` makes, a cache-sized piece
at a time.

A piece is some rows of one image, or some whole images where they are small, laid out (k images, c
classes, m pixels) whatever the layout of the logits. What is computed in it stands in `pieces`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from losslab.losses import pieces
from losslab.losses.curves import Curve
from losslab.losses.pieces import Pixels, Slopes, sum_type

PIECE = 320_000
"""Logits in one piece on a CPU, for each thread: its probabilities (1.3 MB in float32) stay in the
cache.
"""

PIECES = 11
"""Least number of pieces of that size or larger, so that what is made of a piece takes little
memory beside the logits.
"""

PIXELS = 2**17
"""Pixels in one piece at most: there are several numbers for each of them, beside its logits."""


class Asked(NamedTuple):
    """Which sums are wanted beside those of the probabilities."""

    gammas: tuple[float, ...] = ()
    """Focusing exponents g of Σ -(1 - p(true))^g log p(true)."""
    curves: tuple[Curve, ...] = ()
    """Functions f of Σ f(p)."""


class Totals(NamedTuple):
    """Sums over the annotated pixels of each image (n) and class (c); v counts p itself, then the
    curves.
    """

    predicted: Tensor
    """Σ f(p) (n, v, c)."""
    overlap: Tensor
    """Σ_{y = c} f(p) (n, v, c)."""
    weighted: Tensor
    """Σ_{y = c} w f(p) (n, v, c); (n, 0, c) without weights."""
    labelled: Tensor
    """Number of pixels labelled c (n, c)."""
    weights: Tensor
    """Σ_{y = c} w (n, c); equal to `labelled` without weights."""
    annotated: Tensor
    """Number of annotated pixels (n,)."""
    surprise: Tensor
    """(n, number of gammas)."""

    @classmethod
    def shapes(cls, logits: Tensor, asked: Asked, *, weighted: bool) -> list[tuple[int, ...]]:
        """The shapes of the totals, in their order."""
        n, c = logits.shape[:2]
        views = (n, 1 + len(asked.curves), c)
        weighted_views = views if weighted else (n, 0, c)
        return [views, views, weighted_views, (n, c), (n, c), (n,), (n, len(asked.gammas))]


@dataclass(frozen=True)
class Kept:
    """What the forward pass leaves for the backward pass, which writes the gradient over `p`."""

    p: Tensor
    """Probabilities (n, c, h, w) in the logits' layout, 0 at void pixels."""
    log_p: Tensor | None
    """log p(true) (n, h, w), 0 at void pixels; where a focusing exponent is not 0."""

    @classmethod
    def beside(cls, logits: Tensor, gammas: Sequence[float]) -> "Kept":
        """Room for what belongs to these logits."""
        n, _, h, w = logits.shape
        log_p = logits.new_empty((n, h, w)) if any(gammas) else None
        return cls(torch.empty_like(logits), log_p)


def forward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    asked: Asked,
    *,
    kept: Kept | None = None,
) -> Totals:
    """The sums of every image; fills `kept` where given."""
    shapes = Totals.shapes(logits, asked, weighted=weights is not None)
    widths = [math.prod(shape[1:]) for shape in shapes]
    totals = logits.new_zeros((len(logits), sum(widths)), dtype=sum_type(logits))
    for images, rows in _places(logits):
        x, pixels = _piece(logits, labels, weights, images, rows)
        p, log_p = pieces.probabilities(x, pixels, with_log=bool(asked.gammas))
        parts = pieces.sums(p, pixels, asked.curves)
        if log_p is not None:
            parts.append(pieces.surprise(log_p, asked.gammas))
        totals[images] += torch.cat(parts, 1)
        if kept is not None:
            _copy(p, kept.p[images, :, rows])
            if kept.log_p is not None and log_p is not None:
                _copy(log_p, kept.log_p[images, rows])
    columns = zip(totals.split(widths, 1), shapes, strict=True)
    return Totals(*(part.reshape(shape).clone() for part, shape in columns))


def backward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    asked: Asked,
    slopes: Slopes,
    d_surprise: Tensor,
    *,
    kept: Kept | None = None,
) -> Tensor:
    """The gradient of the logits, in their type and layout, from the gradients of the sums.

    Without `kept` the probabilities are computed again; with it, the gradient takes their place.
    """
    result = torch.empty_like(logits) if kept is None else kept.p
    for images, rows in _places(logits):
        x, pixels = _piece(logits, labels, weights, images, rows)
        target = result[images, :, rows]
        if kept is None:
            # By the same steps as before, so that the gradient is the same to the last bit.
            p, log_p = pieces.probabilities(x, pixels, with_log=bool(asked.gammas))
        else:
            p = target.flatten(2)
            log_p = None if kept.log_p is None else kept.log_p[images, rows].flatten(1)
        slope = pieces.surprise_slope(log_p, asked.gammas, d_surprise[images])
        here = Slopes(*(part[images] for part in slopes))
        _copy(pieces.gradient(p, pixels, asked.curves, here, slope), target)
    return result


def _copy(piece: Tensor, target: Tensor) -> None:
    """Put a piece into its place in a tensor of whole images, where it is not there already."""
    if piece.data_ptr() != target.data_ptr():
        target.copy_(piece.view(target.shape))


def _places(logits: Tensor) -> Iterator[tuple[slice, slice]]:
    """Images and rows of each piece; a GPU, which has no such cache, takes everything at once."""
    n, c, h, w = logits.shape
    if logits.numel() == 0:
        return
    if logits.device.type != "cpu":
        yield slice(0, n), slice(0, h)
        return
    threads = torch.get_num_threads()
    largest = max(PIECE, min(PIECE * threads, logits.numel() // PIECES))
    room = min(largest // c, PIXELS)
    images = max(1, room // (h * w))
    rows = h if images > 1 else max(1, min(h, room // w))
    for first in range(0, n, images):
        for top in range(0, h, rows):
            yield slice(first, first + images), slice(top, top + rows)


def _piece(
    logits: Tensor, labels: Tensor, weights: Tensor | None, images: slice, rows: slice
) -> tuple[Tensor, Pixels]:
    """Logits (k, c, m) of a piece, and its pixels."""
    label = labels[images, rows].flatten(1)
    weight = None if weights is None else weights[images, rows].flatten(1)
    pixels = Pixels.of(label, weight, sum_type(logits), binary=logits.shape[1] == 1)
    return logits[images, :, rows].flatten(2), pixels
