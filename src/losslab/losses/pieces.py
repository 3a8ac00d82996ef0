"""The sums and the gradient of one piece of a batch: probabilities (k images, c classes, m pixels),
and all that is one value a pixel as (k, m).

Void pixels carry label 0 and probability 0 here, and are taken out by mask, never by a product: 0
times NaN is NaN.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from losslab.losses.curves import Curve


class Pixels(NamedTuple):
    """What is known of the pixels of a piece before the network is asked."""

    label: Tensor
    """Class numbers (k, m), int64, 0 at void pixels."""
    void: Tensor | None
    """Void mask (k, m); None where no pixel is void."""
    weight: Tensor | None
    """Weight of each pixel for its own class (k, m); None: not asked for."""


class Slopes(NamedTuple):
    """Gradients of a loss by the sums of a piece's images; v counts p itself, then the curves."""

    predicted: Tensor
    """(k, v, c)."""
    overlap: Tensor
    """(k, v, c)."""
    weighted: Tensor
    """(k, v, c), or (k, 0, c) without weights."""


def sum_type(logits: Tensor) -> torch.dtype:
    """The type of sums and logarithms: float64 for float64 logits, else float32."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def probabilities(
    x: Tensor, label: Tensor, void: Tensor | None, *, with_log: bool
) -> tuple[Tensor, Tensor | None]:
    """Softmax of logits x (k, c, m), or sigmoid of a single logit, and log p(true) (k, m); both 0
    at void pixels.
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


def sums(p: Tensor, pixels: Pixels, curves: Sequence[Curve]) -> tuple[Tensor, ...]:
    """Predicted, overlap and weighted overlap (k, v, c), labelled pixels and their weight (k, c),
    annotated pixels (k).
    """
    label, void, weight = pixels
    views = [p, *(_clear(curve.value(p), void) for curve in curves)]
    if p.shape[1] == 1:
        own = label.to(p.dtype)[:, None]  # 0 at void pixels
        labelled = own.sum(2)
        masses = [view * own for view in views]
        weighted = [] if weight is None else [mass * weight[:, None] for mass in masses]
        weights = labelled if weight is None else (own * weight[:, None]).sum(2)
        overlap = torch.stack([mass.sum(2) for mass in masses], 1)
        weighted = [mass.sum(2) for mass in weighted]
    else:
        c = p.shape[1]
        count = _clear(torch.ones_like(label, dtype=p.dtype), void)
        masses = [_at_label(view, label) for view in views]  # 0 at void pixels, as the views are
        labelled = weights = _sum_by_class(count, label, c)
        weighted = []
        if weight is not None:
            weights = _sum_by_class(_clear(weight.clone(), void), label, c)
            weighted = [_sum_by_class(mass * weight, label, c) for mass in masses]
        overlap = torch.stack([_sum_by_class(mass, label, c) for mass in masses], 1)
    annotated = (label.new_tensor(label.shape[1]) if void is None else (~void).sum(1)).to(p.dtype)
    return (
        torch.stack([view.sum(2) for view in views], 1),
        overlap,
        torch.stack(weighted, 1) if weighted else p.new_zeros((len(p), 0, p.shape[1])),
        labelled,
        weights,
        annotated.expand(len(p)),
    )


def gradient(
    p: Tensor, pixels: Pixels, curves: Sequence[Curve], slopes: Slopes, slope: Tensor | None
) -> Tensor:
    """The gradient (k, c, m) by the logits; `slope` (k, m) or (k, 1) is the gradient by log
    p(true).
    """
    label, void, weight = pixels
    binary = p.shape[1] == 1
    # Per class and pixel, the gradient by p whatever the label; then what the label's own class
    # gets beyond it.
    shared = slopes.predicted[:, 0, :, None]
    own = _own_slope(slopes, 0, label, weight, binary=binary)
    for view, curve in enumerate(curves, start=1):
        steepness = curve.slope(p)
        if steepness is None:
            continue
        at_label = steepness[:, 0] if binary else _at_label(steepness, label)
        own = own + at_label * _own_slope(slopes, view, label, weight, binary=binary)
        # In two passes: torch.addcmul over broadcast rows takes four times as long.
        shared = steepness.mul_(slopes.predicted[:, view, :, None]).add_(shared)
    if binary:
        p = p[:, 0]
        by_logit = own.mul_(label).add_(shared[:, 0]).mul_(p).mul_(1 - p)
        if slope is not None:
            by_logit += slope * (label.to(p.dtype) - p)  # d log p(true) / dx = y - p
        return _clear(by_logit, void)[:, None]
    own = own.mul_(_at_label(p, label))
    if slope is not None:
        own += slope
    _clear(own, void)
    mean = (shared * p).sum(1, keepdim=True) if curves else torch.bmm(shared.mT, p)
    # p is 0 at void pixels, so the product is 0 there as well.
    by_logit = (shared - mean.add_(own[:, None])).mul_(p)
    return by_logit.scatter_add_(1, label[:, None], own[:, None])


def surprise(log_p: Tensor | None, gammas: Sequence[float]) -> Tensor | float:
    """Σ -(1 - p)^g log p over the pixels, p = p(true), for each g: (k, number of gammas)."""
    if log_p is None:
        return 0.0
    parts = [
        (log_p if gamma == 0 else _miss(log_p, gamma).pow_(gamma).mul_(log_p)).sum(1)
        for gamma in gammas
    ]
    return -torch.stack(parts, 1)


def surprise_slope(
    log_p: Tensor | None, gammas: Sequence[float], d_surprise: Tensor
) -> Tensor | None:
    """Derivative by log p(true) of the sums of `surprise`, each times its gradient: (k, m) or (k,
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


def _own_slope(
    slopes: Slopes, view: int, label: Tensor, weight: Tensor | None, *, binary: bool
) -> Tensor:
    """Gradient (k, m), a new tensor, by a curve's value at each pixel's own class, beyond the
    predicted sum's.
    """
    overlap = slopes.overlap[:, view]
    own = overlap.expand(label.shape).clone() if binary else overlap.gather(1, label)
    if weight is not None:
        weighted = slopes.weighted[:, view]
        own += weight * (weighted if binary else weighted.gather(1, label))
    return own


def _log_at_label(x: Tensor, p: Tensor, label: Tensor) -> Tensor:
    """log p(true) (k, m) of softmax probabilities, exact also where p(true) underflows to 0."""
    mass = _at_label(p, label)
    # Where no p(true) has lost digits its logarithm is as good as log_softmax, at a fifth of the
    # cost; a GPU would have to be waited for to know.
    if p.device.type == "cpu" and mass.min() >= torch.finfo(p.dtype).tiny:
        return mass.log_()
    return _at_label(torch.log_softmax(x, 1, dtype=p.dtype), label)


def _miss(log_p: Tensor, gamma: float) -> Tensor:
    """1 - p(true), above 0 so that powers below 0 exist: log p is 0 there and so is the product."""
    # Below gamma 1 the slope divides by a power of this, and cancelled digits would be magnified;
    # elsewhere exp does, at a fifth of the cost of expm1.
    miss = -log_p.expm1() if gamma < 1 else 1 - log_p.exp()
    return miss.clamp_(min=torch.finfo(log_p.dtype).tiny)


def _clear(values: Tensor, void: Tensor | None) -> Tensor:
    """The values (k, m) or (k, c, m) themselves, set to 0 at void pixels."""
    if void is None:
        return values
    return values.masked_fill_(void if values.ndim == 2 else void[:, None], 0)


def _at_label(values: Tensor, label: Tensor) -> Tensor:
    """The value (k, m) of each pixel's own class among `values` (k, c, m)."""
    return values.gather(1, label[:, None])[:, 0]


def _sum_by_class(values: Tensor, label: Tensor, num_classes: int) -> Tensor:
    """Sums (k, c) of `values` (k, m) over the pixels of each class."""
    if values.device.type == "cpu":
        # In float64: one running sum of many thousand values loses digits in float32.
        totals = values.new_zeros((len(values), num_classes), dtype=torch.float64)
        return totals.scatter_add_(1, label, values.double()).to(values.dtype)
    # On a GPU scatter_add adds in no fixed order; a pass a class over one value a pixel does.
    totals = [torch.where(label == index, values, 0).sum(1) for index in range(num_classes)]
    return torch.stack(totals, 1)
