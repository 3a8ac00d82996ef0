"""The forward and the backward pass over the pixels that `region_sums` makes, a cache-sized piece
at a time.

A piece is some rows of one image, or some whole images where they are small. Within a piece the
tensors are laid out (k images, c classes, m pixels) whatever the layout of the logits; labels,
weights and all that is one value a pixel are (k, m). Void pixels carry label 0 there and are taken
out by mask, never by a product: 0 times NaN is NaN.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from losslab.constants import IGNORE_INDEX

PIECE = 160_000
"""Logits in one piece on a CPU: its probabilities (640 kB in float32) stay in the second-level
cache.
"""

Sums = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""Predicted, overlap, labelled, pixels (n, c), annotated (n,), surprise (n, number of gammas)."""


def sum_type(logits: Tensor) -> torch.dtype:
    """The type of sums and logarithms: float64 for float64 logits, else float32."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def forward(
    logits: Tensor, labels: Tensor, weights: Tensor | None, gammas: Sequence[float]
) -> Sums:
    """The sums of every image."""
    n, c = logits.shape[:2]
    kind = sum_type(logits)
    widths = ((n, c), (n, c), (n, c), (n, c), (n,), (n, len(gammas)))
    totals = tuple(logits.new_zeros(width, dtype=kind) for width in widths)
    sums_of_piece = _sigmoid_sums if c == 1 else _softmax_sums
    for images, rows in _places(logits):
        x, label, void, weight = _piece(logits, labels, weights, images, rows)
        parts = sums_of_piece(x, label, void, weight, gammas)
        for total, part in zip(totals, parts, strict=True):
            total[images] += part
    return totals  # pyright: ignore[reportReturnType]


def backward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    gammas: Sequence[float],
    d_predicted: Tensor,
    d_overlap: Tensor,
    d_surprise: Tensor,
) -> Tensor:
    """The gradient of the logits, in their type and layout, from the gradients of the sums."""
    gradient = torch.empty_like(logits)
    gradient_of_piece = _sigmoid_gradient if logits.shape[1] == 1 else _softmax_gradient
    for images, rows in _places(logits):
        x, label, void, weight = _piece(logits, labels, weights, images, rows)
        d_sums = d_predicted[images], d_overlap[images], d_surprise[images]
        piece = gradient_of_piece(x, label, void, weight, gammas, *d_sums)
        target = gradient[images, :, rows]
        target.copy_(piece.view(target.shape))
    return gradient


def _places(logits: Tensor) -> Iterator[tuple[slice, slice]]:
    """Images and rows of each piece; a GPU, which has no such cache, takes everything at once."""
    n, c, h, w = logits.shape
    if logits.numel() == 0:
        return
    if logits.device.type != "cpu":
        yield slice(0, n), slice(0, h)
        return
    images = max(1, PIECE // (c * h * w))
    rows = h if images > 1 else max(1, min(h, PIECE // (c * w)))
    for first in range(0, n, images):
        for top in range(0, h, rows):
            yield slice(first, first + images), slice(top, top + rows)


def _piece(
    logits: Tensor, labels: Tensor, weights: Tensor | None, images: slice, rows: slice
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Logits (k, c, m), labels with void as 0, void mask and weights (k, m) of a piece."""
    x = logits[images, :, rows].flatten(2)
    label = labels[images, rows].flatten(1).long()
    void = label == IGNORE_INDEX
    weight = None
    if weights is not None:
        weight = weights[images, rows].flatten(1).to(sum_type(logits))
    return x, label.masked_fill(void, 0), void, weight


def _softmax_sums(
    x: Tensor, label: Tensor, void: Tensor, weight: Tensor | None, gammas: Sequence[float]
) -> Sums:
    c = x.shape[1]
    p = _softmax(x, void)
    count = (~void).to(p.dtype)
    weighted = count if weight is None else count * weight
    pixels = _sum_by_class(count, label, c)
    labelled = pixels if weight is None else _sum_by_class(weighted, label, c)
    overlap = _sum_by_class(_at_label(p, label) * weighted, label, c)
    surprise = _surprise(_log_softmax_at_label(x, p, label, void) if gammas else count, gammas)
    return p.sum(2), overlap, labelled, pixels, count.sum(1), surprise


def _softmax_gradient(
    x: Tensor,
    label: Tensor,
    void: Tensor,
    weight: Tensor | None,
    gammas: Sequence[float],
    d_predicted: Tensor,
    d_overlap: Tensor,
    d_surprise: Tensor,
) -> Tensor:
    p = _softmax(x, void)
    # What the pixel's own class gets beyond d_predicted: p(true) w b by the overlap, the slope by
    # log p(true).
    own = _at_label(p, label) * d_overlap.gather(1, label)
    if weight is not None:
        own *= weight
    if gammas:
        log_p = _log_softmax_at_label(x, p, label, void) if any(gammas) else own
        own += _surprise_slope(log_p, gammas, d_surprise)
    own.masked_fill_(void, 0)
    shared = torch.bmm(d_predicted[:, None], p).add_(own[:, None])
    # p is 0 at void pixels, so the product is 0 there as well.
    gradient = (d_predicted[:, :, None] - shared).mul_(p)
    return gradient.scatter_add_(1, label[:, None], own[:, None])


def _sigmoid_sums(
    x: Tensor, label: Tensor, void: Tensor, weight: Tensor | None, gammas: Sequence[float]
) -> Sums:
    x = x[:, 0].to(sum_type(x))
    p = x.sigmoid().masked_fill_(void, 0)
    foreground = (label == 1).to(p.dtype)
    weighted = foreground if weight is None else foreground * weight
    annotated = (~void).sum(1).to(p.dtype)
    sums = [part.sum(1, keepdim=True) for part in (p, p * weighted, weighted, foreground)]
    log_p = _log_sigmoid_at_label(x, foreground, void) if gammas else p
    return sums[0], sums[1], sums[2], sums[3], annotated, _surprise(log_p, gammas)


def _sigmoid_gradient(
    x: Tensor,
    label: Tensor,
    void: Tensor,
    weight: Tensor | None,
    gammas: Sequence[float],
    d_predicted: Tensor,
    d_overlap: Tensor,
    d_surprise: Tensor,
) -> Tensor:
    x = x[:, 0].to(sum_type(x))
    p = x.sigmoid()
    foreground = (label == 1).to(p.dtype)
    weighted = foreground if weight is None else foreground * weight
    gradient = (d_overlap * weighted).add_(d_predicted).mul_(p).mul_(1 - p)
    if gammas:
        log_p = _log_sigmoid_at_label(x, foreground, void) if any(gammas) else p
        # d log p(true) / dx = y - p.
        gradient += _surprise_slope(log_p, gammas, d_surprise) * (foreground - p)
    return gradient.masked_fill_(void, 0)[:, None]


def _softmax(x: Tensor, void: Tensor) -> Tensor:
    """Probabilities (k, c, m), 0 at void pixels."""
    p = torch.softmax(x, 1, dtype=sum_type(x))
    # On a GPU asking whether there is any void pixel would cost more than filling none.
    if x.device.type != "cpu" or void.any():
        p.masked_fill_(void[:, None], 0)
    return p


def _log_softmax_at_label(x: Tensor, p: Tensor, label: Tensor, void: Tensor) -> Tensor:
    """log p(true) (k, m), 0 at void pixels.

    From the largest logit and its probability, which is at least 1/c: exact where p(true) itself
    underflows.
    """
    margin = _at_label(x, label).to(p.dtype) - x.amax(1).to(p.dtype)
    return margin.add_(p.amax(1).log_()).masked_fill_(void, 0)


def _log_sigmoid_at_label(x: Tensor, foreground: Tensor, void: Tensor) -> Tensor:
    """log p(true) (k, m), 0 at void pixels."""
    return logsigmoid(x * (2 * foreground - 1)).masked_fill_(void, 0)


def _surprise(log_p: Tensor, gammas: Sequence[float]) -> Tensor:
    """Σ -(1 - p)^g log p over the pixels, for each g: (k, number of gammas)."""
    sums = log_p.new_zeros((log_p.shape[0], len(gammas)))
    for index, gamma in enumerate(gammas):
        focused = log_p if gamma == 0 else (-log_p.expm1()).pow_(gamma).mul_(log_p)
        sums[:, index] = -focused.sum(1)
    return sums


def _surprise_slope(log_p: Tensor, gammas: Sequence[float], d_surprise: Tensor) -> Tensor:
    """Derivative by log p(true) of the sums of `_surprise`, each times its gradient: (k, m)."""
    slope = torch.zeros_like(log_p)
    for index, gamma in enumerate(gammas):
        given = d_surprise[:, index, None]
        if gamma == 0:
            slope -= given
            continue
        # A miss of exactly 0 has no finite power below 0; log p is 0 there and so is the product.
        miss = (-log_p.expm1()).clamp_(min=torch.finfo(log_p.dtype).tiny)
        steepness = miss.pow(gamma - 1)
        slope += given * steepness * (gamma * log_p.exp() * log_p - miss)
    return slope


def _at_label(values: Tensor, label: Tensor) -> Tensor:
    """The value (k, m) of each pixel's own class among `values` (k, c, m)."""
    return values.gather(1, label[:, None])[:, 0]


def _sum_by_class(values: Tensor, label: Tensor, num_classes: int) -> Tensor:
    """Sums (k, c) of `values` (k, m) over the pixels of each class."""
    if values.device.type == "cpu":
        first = torch.arange(len(label)).mul_(num_classes)
        bins = (label + first[:, None]).flatten()
        sums = torch.bincount(bins, values.flatten().double(), minlength=len(label) * num_classes)
        return sums.view(len(label), num_classes).to(values.dtype)
    # On a GPU bincount and scatter_add add in no fixed order; a pass a class over one value a pixel
    # does.
    sums = [torch.where(label == index, values, 0).sum(1) for index in range(num_classes)]
    return torch.stack(sums, 1)
