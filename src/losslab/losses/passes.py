"""The forward and the backward pass over the pixels that `region_sums` makes, a cache-sized piece
at a time.

A piece is some rows of one image, or some whole images where they are small. Within a piece the
tensors are laid out (k images, c classes, m pixels) whatever the layout of the logits; labels,
weights and all that is one value a pixel are (k, m). Void pixels carry label 0 there and are taken
out by mask, never by a product: 0 times NaN is NaN.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from losslab.constants import IGNORE_INDEX

PIECE = 640_000
"""Logits in one piece on a CPU: its probabilities (2.5 MB in float32) stay in the cache."""

Sums = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""Predicted, overlap, labelled, pixels (n, c), annotated (n,), surprise (n, number of gammas)."""


def sum_type(logits: Tensor) -> torch.dtype:
    """The type of sums and logarithms: float64 for float64 logits, else float32."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


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
    gammas: Sequence[float],
    *,
    kept: Kept | None = None,
) -> Sums:
    """The sums of every image; fills `kept` where given."""
    n, c = logits.shape[:2]
    kind = sum_type(logits)
    widths = ((n, c), (n, c), (n, c), (n, c), (n,), (n, len(gammas)))
    totals = tuple(logits.new_zeros(width, dtype=kind) for width in widths)
    sums_of_piece = _sigmoid_sums if c == 1 else _softmax_sums
    for images, rows in _places(logits):
        x, label, void, weight = _piece(logits, labels, weights, images, rows)
        p, log_p = _probabilities(x, label, void, with_log=bool(gammas))
        parts = (*sums_of_piece(p, label, void, weight), _surprise(log_p, gammas))
        for total, part in zip(totals, parts, strict=True):
            total[images] += part
        if kept is not None:
            _copy(p, kept.p[images, :, rows])
            if kept.log_p is not None and log_p is not None:
                _copy(log_p, kept.log_p[images, rows])
    return totals  # pyright: ignore[reportReturnType]


def backward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    gammas: Sequence[float],
    d_sums: tuple[Tensor, Tensor, Tensor],
    *,
    kept: Kept | None = None,
) -> Tensor:
    """The gradient of the logits, in their type and layout, from the gradients of the sums.

    `d_sums` belong to predicted, overlap (n, c) and surprise (n, number of gammas). Without `kept`
    the probabilities are computed again; with it, the gradient takes their place.
    """
    gradient = torch.empty_like(logits) if kept is None else kept.p
    gradient_of_piece = _sigmoid_gradient if logits.shape[1] == 1 else _softmax_gradient
    for images, rows in _places(logits):
        x, label, void, weight = _piece(logits, labels, weights, images, rows)
        target = gradient[images, :, rows]
        d_predicted, d_overlap, d_surprise = (part[images] for part in d_sums)
        if kept is None:
            # By the same steps as before, so that the gradient is the same to the last bit.
            p, log_p = _probabilities(x, label, void, with_log=bool(gammas))
        else:
            p = target.flatten(2)
            log_p = None if kept.log_p is None else kept.log_p[images, rows].flatten(1)
        slope = _surprise_slope(log_p, gammas, d_surprise)
        piece = gradient_of_piece(p, label, void, weight, d_predicted, d_overlap, slope)
        _copy(piece, target)
    return gradient


def _copy(piece: Tensor, target: Tensor) -> None:
    """Put a piece back into its place in a tensor of whole images."""
    target.copy_(piece.view(target.shape))


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
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Logits (k, c, m), labels with void as 0, void mask and weights (k, m) of a piece.

    The mask is None where it is known that no pixel is void; a GPU would have to be waited for.
    """
    x = logits[images, :, rows].flatten(2)
    label = labels[images, rows].flatten(1)
    weight = None
    if weights is not None:
        weight = weights[images, rows].flatten(1).to(sum_type(logits))
    if label.device.type == "cpu" and label.max() < IGNORE_INDEX:
        return x, label.long(), None, weight
    void = label == IGNORE_INDEX
    return x, label.masked_fill(void, 0).long(), void, weight


def _probabilities(
    x: Tensor, label: Tensor, void: Tensor | None, *, with_log: bool
) -> tuple[Tensor, Tensor | None]:
    """Softmax, or sigmoid of a single logit, (k, c, m), and log p(true) (k, m); 0 at void
    pixels.
    """
    kind = sum_type(x)
    if x.shape[1] == 1:
        x = x.to(kind)
        log_p = logsigmoid(torch.where(label == 1, x[:, 0], -x[:, 0])) if with_log else None
        p = x.sigmoid()
    else:
        p = torch.softmax(x, 1, dtype=kind)
        log_p = _log_at_label(x, p, label) if with_log else None
    return _clear(p, void), None if log_p is None else _clear(log_p, void)


def _log_at_label(x: Tensor, p: Tensor, label: Tensor) -> Tensor:
    """log p(true) (k, m) of softmax probabilities, exact also where p(true) underflows to 0."""
    mass = _at_label(p, label)
    # Where no p(true) has lost digits its logarithm is as good as log_softmax, at a fifth of the
    # cost; a GPU would have to be waited for to know.
    if p.device.type == "cpu" and mass.min() >= torch.finfo(p.dtype).tiny:
        return mass.log_()
    return _at_label(torch.log_softmax(x, 1, dtype=p.dtype), label)


def _softmax_sums(
    p: Tensor, label: Tensor, void: Tensor | None, weight: Tensor | None
) -> tuple[Tensor, ...]:
    c = p.shape[1]
    count = _clear(torch.ones_like(label, dtype=p.dtype), void)
    mass = _at_label(p, label)
    pixels = labelled = _sum_by_class(count, label, c)
    if weight is not None:
        labelled = _sum_by_class(_clear(count * weight, void), label, c)
        mass *= weight
    overlap = _sum_by_class(_clear(mass, void), label, c)
    return p.sum(2), overlap, labelled, pixels, count.sum(1)


def _softmax_gradient(
    p: Tensor,
    label: Tensor,
    void: Tensor | None,
    weight: Tensor | None,
    d_predicted: Tensor,
    d_overlap: Tensor,
    slope: Tensor | None,
) -> Tensor:
    # What the pixel's own class gets beyond d_predicted: p(true) w b by the overlap, and the
    # slope by log p(true).
    own = _at_label(p, label).mul_(d_overlap.gather(1, label))
    if weight is not None:
        own *= weight
    if slope is not None:
        own += slope
    _clear(own, void)
    shared = torch.bmm(d_predicted[:, None], p).add_(own[:, None])
    # p is 0 at void pixels, so the product is 0 there as well.
    gradient = (d_predicted[:, :, None] - shared).mul_(p)
    return gradient.scatter_add_(1, label[:, None], own[:, None])


def _sigmoid_sums(
    p: Tensor, label: Tensor, void: Tensor | None, weight: Tensor | None
) -> tuple[Tensor, ...]:
    p = p[:, 0]
    foreground = label.to(p.dtype)
    weighted = foreground if weight is None else _clear(foreground * weight, void)
    annotated = _clear(torch.ones_like(p), void).sum(1)
    sums = tuple(part.sum(1, keepdim=True) for part in (p, p * weighted, weighted, foreground))
    return (*sums, annotated)


def _sigmoid_gradient(
    p: Tensor,
    label: Tensor,
    void: Tensor | None,
    weight: Tensor | None,
    d_predicted: Tensor,
    d_overlap: Tensor,
    slope: Tensor | None,
) -> Tensor:
    p = p[:, 0]
    foreground = label.to(p.dtype)
    weighted = foreground if weight is None else foreground * weight
    gradient = (d_overlap * weighted).add_(d_predicted).mul_(p).mul_(1 - p)
    if slope is not None:
        # d log p(true) / dx = y - p.
        gradient += slope * (foreground - p)
    return _clear(gradient, void)[:, None]


def _clear(values: Tensor, void: Tensor | None) -> Tensor:
    """The values (k, m) or (k, c, m) themselves, set to 0 at void pixels."""
    if void is None:
        return values
    return values.masked_fill_(void if values.ndim == 2 else void[:, None], 0)


def _surprise(log_p: Tensor | None, gammas: Sequence[float]) -> Tensor | float:
    """Σ -(1 - p)^g log p over the pixels, for each g: (k, number of gammas)."""
    if log_p is None:
        return 0.0
    sums = [
        (log_p if gamma == 0 else _miss(log_p, gamma).pow_(gamma).mul_(log_p)).sum(1)
        for gamma in gammas
    ]
    return -torch.stack(sums, 1)


def _surprise_slope(
    log_p: Tensor | None, gammas: Sequence[float], d_surprise: Tensor
) -> Tensor | None:
    """Derivative by log p(true) of the sums of `_surprise`, each times its gradient: (k, m) or (k,
    1).
    """
    if not gammas:
        return None
    slope = torch.zeros_like(d_surprise[:, :1])
    for index, gamma in enumerate(gammas):
        given = d_surprise[:, index, None]
        if gamma == 0 or log_p is None:
            slope = slope - given
            continue
        miss = _miss(log_p, gamma)
        rising = (1 - miss).mul_(log_p).mul_(gamma).sub_(miss)
        steepness = miss if gamma == 2 else miss.pow_(gamma - 1)
        slope = slope + steepness.mul_(rising).mul_(given)
    return slope


def _miss(log_p: Tensor, gamma: float) -> Tensor:
    """1 - p(true), above 0 so that powers below 0 exist: log p is 0 there and so is the product."""
    # Below gamma 1 the slope divides by a power of this, and cancelled digits would be magnified;
    # elsewhere exp does, at a fifth of the cost of expm1.
    miss = -log_p.expm1() if gamma < 1 else 1 - log_p.exp()
    return miss.clamp_(min=torch.finfo(log_p.dtype).tiny)


def _at_label(values: Tensor, label: Tensor) -> Tensor:
    """The value (k, m) of each pixel's own class among `values` (k, c, m)."""
    return values.gather(1, label[:, None])[:, 0]


def _sum_by_class(values: Tensor, label: Tensor, num_classes: int) -> Tensor:
    """Sums (k, c) of `values` (k, m) over the pixels of each class."""
    if values.device.type == "cpu":
        # In float64: one running sum of many thousand values loses digits in float32.
        sums = values.new_zeros((len(values), num_classes), dtype=torch.float64)
        return sums.scatter_add_(1, label, values.double()).to(values.dtype)
    # On a GPU scatter_add adds in no fixed order; a pass a class over one value a pixel
    # does.
    sums = [torch.where(label == index, values, 0).sum(1) for index in range(num_classes)]
    return torch.stack(sums, 1)
