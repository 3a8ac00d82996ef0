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

from losslab.constants import IGNORE_INDEX
from losslab.losses.curves import Curve

BITS = {torch.float32: torch.int32, torch.float64: torch.int64}
"""Integers of the size of the numbers that sums are made of."""


class Pixels(NamedTuple):
    """What is known of the pixels of a piece before the network is asked."""

    label: Tensor
    """Class numbers (k, m), int64; of a binary task the foreground as 1., in the type of the sums.
    0 at void pixels.
    """
    keep: Tensor | None
    """All bits set at annotated pixels and none at void ones (k, m), in `BITS`; None where no pixel
    is void.
    """
    weight: Tensor | None
    """Weight of each pixel for its own class (k, m); None: not asked for."""

    @classmethod
    def of(
        cls, label: Tensor, weight: Tensor | None, kind: torch.dtype, *, binary: bool
    ) -> "Pixels":
        """The pixels of labels (k, m) with void as 255, for sums of type `kind`."""
        weight = None if weight is None else weight.to(kind)
        label = label.to(kind if binary else torch.int64)
        keep = None
        # A GPU would have to be waited for to know that no pixel is void.
        if label.device.type != "cpu" or label.numel() == 0 or label.max() >= IGNORE_INDEX:
            # Comparisons whose result is as wide as what they compare are the fast ones.
            void = torch.eq(label, IGNORE_INDEX, out=torch.empty_like(label))
            keep = void.sub_(1)
            if not binary:
                label = label & keep
            keep = keep.to(BITS[kind])
        if binary:
            label = torch.eq(label, 1, out=torch.empty_like(label))
        return cls(label, keep, weight)


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


def probabilities(x: Tensor, pixels: Pixels, *, with_log: bool) -> tuple[Tensor, Tensor | None]:
    """Softmax of logits x (k, c, m), or sigmoid of a single logit, and log p(true) (k, m); both 0
    at void pixels.
    """
    label, keep, _ = pixels
    kind = sum_type(x)
    log_p = None
    if x.shape[1] == 1:
        x = x.to(kind)
        p = x.sigmoid()
        if with_log:
            log_p = logsigmoid(label.mul(2).sub_(1).mul_(x[:, 0]))
    else:
        p = torch.softmax(x, 1, dtype=kind)
        if with_log:
            log_p = _log_at_label(x, p, label)
    return _clear(p, keep), None if log_p is None else _clear(log_p, keep)


def sums(p: Tensor, pixels: Pixels, curves: Sequence[Curve]) -> list[Tensor]:
    """Predicted, overlap and weighted overlap (k, c) of p and of each curve, labelled pixels and
    their weight (k, c), annotated pixels (k, 1).
    """
    label, keep, weight = pixels
    binary = p.shape[1] == 1
    views = [p, *(_clear(curve.value(p), keep) for curve in curves)]
    if binary:
        count, masses = label, [view[:, 0] * label for view in views]
    else:
        count = _clear(torch.ones_like(label, dtype=p.dtype), keep)
        masses = [_at_label(view, label) for view in views]

    def by_class(values: Tensor) -> Tensor:
        # Values are 0 at void pixels; in the binary task, at the background's too.
        return values.sum(1, keepdim=True) if binary else _sum_by_class(values, label, p.shape[1])

    parts = [view.sum(2) for view in views] + [by_class(mass) for mass in masses]
    labelled = by_class(count)
    weights = labelled
    if weight is not None:
        parts += [by_class(mass.mul_(weight)) for mass in masses]
        weights = by_class(_clear(weight * count, keep))
    if not binary:
        annotated = labelled.sum(1, keepdim=True)
    elif keep is None:
        annotated = labelled.new_full((len(p), 1), p.shape[2])
    else:
        annotated = -keep.sum(1, keepdim=True, dtype=p.dtype)  # all bits set is -1
    return [*parts, labelled, weights, annotated]


def gradient(
    p: Tensor, pixels: Pixels, curves: Sequence[Curve], slopes: Slopes, slope: Tensor | None
) -> Tensor:
    """The gradient (k, c, m) by the logits, written over p; `slope` (k, m) or (k, 1) is the
    gradient by log p(true).
    """
    return (_sigmoid_gradient if p.shape[1] == 1 else _softmax_gradient)(
        p, pixels, curves, slopes, slope
    )


def _softmax_gradient(
    p: Tensor, pixels: Pixels, curves: Sequence[Curve], slopes: Slopes, slope: Tensor | None
) -> Tensor:
    label, keep, weight = pixels

    def own_slope(view: int) -> Tensor:
        own = slopes.overlap[:, view].gather(1, label)
        if weight is not None:
            own.addcmul_(weight, slopes.weighted[:, view].gather(1, label))
        return own

    # Per class and pixel, the gradient by p whatever the label; then what the label's own class
    # gets beyond it.
    shared, own = slopes.predicted[:, 0, :, None], own_slope(0)
    for view, curve in enumerate(curves, start=1):
        steepness = curve.slope(p)
        if steepness is not None:
            own.addcmul_(_at_label(steepness, label), own_slope(view))
            shared = steepness.mul_(slopes.predicted[:, view, :, None]).add_(shared)
    own *= _at_label(p, label)
    if slope is not None:
        own = _clear(own.add_(slope), keep)
    # p is 0 at void pixels, so the products are 0 there as well.
    if shared.shape[2] == p.shape[2]:
        by_logit = shared.mul_(p)
        mean = by_logit.sum(1, keepdim=True).add_(own[:, None])
        torch.addcmul(by_logit, p, mean, value=-1, out=p)
    else:
        mean = torch.bmm(shared.mT, p).add_(own[:, None])
        p.mul_(torch.sub(shared, mean, out=torch.empty_like(p)))
    return p.scatter_add_(1, label[:, None], own[:, None])


def _sigmoid_gradient(
    p: Tensor, pixels: Pixels, curves: Sequence[Curve], slopes: Slopes, slope: Tensor | None
) -> Tensor:
    label, _, weight = pixels
    of_foreground = None if weight is None else weight * label
    q = p[:, 0]

    def by_value(view: int) -> Tensor:
        by_value = label.mul(slopes.overlap[:, view]).add_(slopes.predicted[:, view])
        if of_foreground is not None:
            by_value += of_foreground * slopes.weighted[:, view]
        return by_value

    by_p = by_value(0)
    for view, curve in enumerate(curves, start=1):
        steepness = curve.slope(q)
        if steepness is not None:
            by_p.addcmul_(steepness, by_value(view))
    # p and label are 0 at void pixels, so the products with them are 0 there as well.
    by_p.addcmul_(by_p, q, value=-1)  # dp / dx = p (1 - p)
    if slope is None:
        q *= by_p
    else:
        residual = label - q  # d log p(true) / dx
        q.mul_(by_p).addcmul_(residual, slope)
    return p


def surprise(log_p: Tensor, gammas: Sequence[float]) -> Tensor:
    """Σ -(1 - p)^g log p over the pixels, p = p(true), for each g: (k, number of gammas)."""
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


def _clear(values: Tensor, keep: Tensor | None) -> Tensor:
    """The values (k, m) or (k, c, m) themselves, set to 0 at void pixels."""
    if keep is not None:
        # Makes 0 of NaN too; masked_fill, whose mask has another size, takes ten times as long on
        # a CPU.
        bits = values.view(keep.dtype)
        bits &= keep if values.ndim == 2 else keep[:, None]
    return values


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
