"""The few sums per class that every region loss is a function of, in one pass and without one-hot
tensors.

With p the probabilities, y the labels and w a weight per pixel, a region loss needs, for each class
c, only Σ_i p_ci, Σ_{i: y_i = c} p_ci, Σ_{i: y_i = c} w_i p_ci and the same of its labels; some need
these sums of a function of p, such as p² or a smooth step; cross-entropy and focal loss need a sum
of log p(true). The passes over the pixels are in `passes`; here they become operators that autograd
and torch.compile understand.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.autograd.function import once_differentiable

from losslab.losses import passes
from losslab.losses.curves import CURVES, Curve
from losslab.losses.passes import Asked
from losslab.losses.pieces import Slopes, sum_type


@dataclass(frozen=True)
class Mass:
    """Sums of f(p), or of p itself, over the annotated pixels of each image and class."""

    predicted: Float[Tensor, "n c"]
    """Σ f(p)."""
    overlap: Float[Tensor, "n c"]
    """On the class's own pixels, Σ_{y = c} f(p)."""
    weighted_overlap: Float[Tensor, "n c"] | None
    """On the class's own pixels, by their weights, Σ_{y = c} w f(p); None without weights."""


@dataclass(frozen=True)
class RegionSums:
    """Sums over the annotated pixels of each image (n) and class (c); binary has c = 1, the
    foreground.

    In float32, in float64 for float64 logits. Only masses and `surprise` carry gradients.
    """

    mass: Mass
    """Sums of the probabilities."""
    curves: Mapping[Curve, Mass]
    """Sums of functions of the probabilities."""
    labelled: Float[Tensor, "n c"]
    """Number of pixels labelled as the class: 0 says that the class is absent."""
    weight: Float[Tensor, "n c"]
    """Weight of the pixels labelled as the class, Σ_{y = c} w; their number without weights."""
    annotated: Float[Tensor, " n"]
    """Number of annotated pixels."""
    surprise: Mapping[float, Float[Tensor, " n"]]
    """For each focusing exponent g: Σ -(1 - p(true))^g log p(true). g = 0 is cross-entropy's
    sum.
    """

    @property
    def predicted(self) -> Float[Tensor, "n c"]:
        """Probability mass given to the class, Σ p."""
        return self.mass.predicted

    @property
    def overlap(self) -> Float[Tensor, "n c"]:
        """Probability mass on the class's own pixels, Σ_{y = c} p."""
        return self.mass.overlap

    def over_batch(self) -> "RegionSums":
        """The same sums over all images of the batch together: n = 1."""
        surprise = {gamma: sums.sum(0, keepdim=True) for gamma, sums in self.surprise.items()}
        annotated = self.annotated.sum(0, keepdim=True)
        return self._pooled(0, annotated=annotated, surprise=surprise)

    def over_classes(self) -> "RegionSums":
        """The same sums over all classes together: c = 1."""
        return self._pooled(1)

    def _pooled(self, axis: int, **others: Any) -> "RegionSums":
        def pooled(mass: Mass) -> Mass:
            weighted = mass.weighted_overlap
            return Mass(
                predicted=mass.predicted.sum(axis, keepdim=True),
                overlap=mass.overlap.sum(axis, keepdim=True),
                weighted_overlap=None if weighted is None else weighted.sum(axis, keepdim=True),
            )

        return replace(
            self,
            mass=pooled(self.mass),
            curves={curve: pooled(mass) for curve, mass in self.curves.items()},
            labelled=self.labelled.sum(axis, keepdim=True),
            weight=self.weight.sum(axis, keepdim=True),
            **others,
        )


def region_sums(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    gammas: Iterable[float | int] = (),
    curves: Iterable[Curve] = (),
    weights: Float[Tensor, "n h w"] | None = None,
) -> RegionSums:
    """Every sum that the region losses, cross-entropy and focal loss need, from one pass over the
    logits.

    `gammas` are the focusing exponents to sum -(1 - p)^g log p for, `curves` the functions of p to
    sum. `weights` weigh each pixel for its own class and get no gradient. The gradient at a pixel
    is p_c (g_c - Σ_k p_k g_k), where g_c is the gradient by p_c: of Σ f(p), a_c f'(p_c), and on the
    class's own pixels (b_c + w d_c) f'(p_c) more. Both passes go through the pixels in cache-sized
    pieces.
    """
    asked = Asked(tuple(float(gamma) for gamma in gammas), tuple(curves))
    if torch.compiler.is_compiling():
        totals = passes.Totals(*_region_sums(logits, labels, weights, *_encoded(asked)))
    else:
        totals = passes.Totals(*_EagerRegionSums.apply(logits, labels, weights, asked))
    weighted = None if weights is None else totals.weighted
    masses = [
        Mass(
            totals.predicted[:, view],
            totals.overlap[:, view],
            None if weighted is None else weighted[:, view],
        )
        for view in range(1 + len(asked.curves))
    ]
    return RegionSums(
        mass=masses[0],
        curves=dict(zip(asked.curves, masses[1:], strict=True)),
        labelled=totals.labelled.detach(),
        weight=totals.weights.detach(),
        annotated=totals.annotated.detach(),
        surprise=dict(zip(asked.gammas, totals.surprise.unbind(1), strict=True)),
    )


class _EagerRegionSums(torch.autograd.Function):
    """Keeps the probabilities and writes the gradient over them: one tensor of the logits' size.

    A second backward pass through the same graph computes them again, as it does from the start
    for half precision, where probabilities would take twice the room of the logits.
    """

    @staticmethod
    def forward(ctx, logits, labels, weights, asked):
        keep = ctx.needs_input_grad[0] and logits.dtype == sum_type(logits)
        ctx.kept = passes.Kept.beside(logits, asked.gammas) if keep else None
        ctx.asked = asked
        ctx.save_for_backward(logits, labels, weights)
        with torch.autocast(logits.device.type, enabled=False):
            return tuple(passes.forward(logits, labels, weights, asked, kept=ctx.kept))

    @staticmethod
    @once_differentiable
    def backward(ctx, d_predicted, d_overlap, d_weighted, d_labelled, d_weights, d_n, d_surprise):
        kept, ctx.kept = ctx.kept, None
        slopes = Slopes(d_predicted, d_overlap, d_weighted)
        logits, labels, weights = ctx.saved_tensors
        with torch.autocast(d_predicted.device.type, enabled=False):
            gradient = passes.backward(
                logits, labels, weights, ctx.asked, slopes, d_surprise, kept=kept
            )
        return gradient, None, None, None


# torch.compile sees the same passes as opaque operators; they keep nothing but their inputs. What
# is asked for goes through them as numbers.

_CURVE_NAMES = list(CURVES)


def _encoded(asked: Asked) -> tuple[list[float], list[int], list[float]]:
    kinds = [_CURVE_NAMES.index(curve.name) for curve in asked.curves]
    return list(asked.gammas), kinds, [curve.parameter for curve in asked.curves]


def _decoded(gammas: list[float], kinds: list[int], parameters: list[float]) -> Asked:
    curves = (Curve(_CURVE_NAMES[k], value) for k, value in zip(kinds, parameters, strict=True))
    return Asked(tuple(gammas), tuple(curves))


@torch.library.custom_op("losslab::region_sums", mutates_args=())
def _region_sums(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    gammas: list[float],
    kinds: list[int],
    parameters: list[float],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    with torch.autocast(logits.device.type, enabled=False):
        asked = _decoded(gammas, kinds, parameters)
        return tuple(passes.forward(logits, labels, weights, asked))  # pyright: ignore


@torch.library.custom_op("losslab::region_sums_backward", mutates_args=())
def _region_sums_backward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    gammas: list[float],
    kinds: list[int],
    parameters: list[float],
    d_predicted: Tensor,
    d_overlap: Tensor,
    d_weighted: Tensor,
    d_surprise: Tensor,
) -> Tensor:
    slopes = Slopes(d_predicted, d_overlap, d_weighted)
    with torch.autocast(logits.device.type, enabled=False):
        asked = _decoded(gammas, kinds, parameters)
        return passes.backward(logits, labels, weights, asked, slopes, d_surprise)


@_region_sums.register_fake
def _(logits, labels, weights, gammas, kinds, parameters):
    asked = _decoded(gammas, kinds, parameters)
    shapes = passes.Totals.shapes(logits, asked, weighted=weights is not None)
    return tuple(logits.new_empty(shape, dtype=sum_type(logits)) for shape in shapes)


@_region_sums_backward.register_fake
def _(logits, *_):
    return torch.empty_like(logits)


def _setup_context(ctx, inputs, output):
    logits, labels, weights, *ctx.asked = inputs
    ctx.save_for_backward(logits, labels, weights)


def _backward(ctx, d_predicted, d_overlap, d_weighted, d_labelled, d_weights, d_n, d_surprise):
    gradient = _region_sums_backward(
        *ctx.saved_tensors, *ctx.asked, d_predicted, d_overlap, d_weighted, d_surprise
    )
    return gradient, None, None, None, None, None


_region_sums.register_autograd(_backward, setup_context=_setup_context)
