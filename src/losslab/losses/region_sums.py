"""The few sums per class that every region loss is a function of, in one pass and without one-hot
tensors.

With p the probabilities, y the labels and w a weight per pixel, a region loss needs, for each class
c, only Σ_i p_ci, Σ_{i: y_i = c} w_i p_ci and Σ_{i: y_i = c} w_i; cross-entropy and focal loss need
a sum of log p(true). The passes over the pixels are in `passes`; here they become operators that
autograd and torch.compile understand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.autograd.function import once_differentiable

from losslab.losses import passes


@dataclass(frozen=True)
class RegionSums:
    """Sums over the annotated pixels of each image (n) and class (c); binary has c = 1, the
    foreground.

    In float32, in float64 for float64 logits. Only `predicted`, `overlap` and `surprise` carry
    gradients.
    """

    predicted: Float[Tensor, "n c"]
    """Probability mass given to the class, Σ p."""
    overlap: Float[Tensor, "n c"]
    """Probability mass on the class's own pixels, Σ_{y = c} w p."""
    labelled: Float[Tensor, "n c"]
    """Weight of the class's own pixels, Σ_{y = c} w: their number where no weights are given."""
    pixels: Float[Tensor, "n c"]
    """Number of pixels labelled as the class: 0 says that the class is absent."""
    annotated: Float[Tensor, " n"]
    """Number of annotated pixels."""
    surprise: Mapping[float, Float[Tensor, " n"]]
    """For each focusing exponent g: Σ -(1 - p(true))^g log p(true). g = 0 is cross-entropy's
    sum.
    """

    def over_batch(self) -> "RegionSums":
        """The same sums over all images of the batch together: n = 1."""
        return RegionSums(
            predicted=self.predicted.sum(0, keepdim=True),
            overlap=self.overlap.sum(0, keepdim=True),
            labelled=self.labelled.sum(0, keepdim=True),
            pixels=self.pixels.sum(0, keepdim=True),
            annotated=self.annotated.sum(0, keepdim=True),
            surprise={gamma: sums.sum(0, keepdim=True) for gamma, sums in self.surprise.items()},
        )


def region_sums(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    gammas: Iterable[float | int] = (),
    weights: Float[Tensor, "n h w"] | None = None,
) -> RegionSums:
    """Every sum that the region losses, cross-entropy and focal loss need, from one pass over the
    logits.

    `gammas` are the focusing exponents to sum -(1 - p)^g log p for. `weights` weigh the overlap and
    the labelled sum (not the predicted one) and get no gradient. The gradient at a pixel is p_c
    (g_c - Σ_k p_k g_k) with g_c = a_c + [y = c] w b_c. Both passes go through the pixels in
    cache-sized pieces.
    """
    exponents = [float(gamma) for gamma in gammas]
    operator = _region_sums if torch.compiler.is_compiling() else _EagerRegionSums.apply
    predicted, overlap, labelled, pixels, annotated, surprise = operator(
        logits, labels, weights, exponents
    )
    return RegionSums(
        predicted=predicted,
        overlap=overlap,
        labelled=labelled.detach(),
        pixels=pixels.detach(),
        annotated=annotated.detach(),
        surprise=dict(zip(exponents, surprise.unbind(1), strict=True)),
    )


class _EagerRegionSums(torch.autograd.Function):
    """Keeps the probabilities and writes the gradient over them: one tensor of the logits' size.

    A second backward pass through the same graph computes them again, as it does from the start
    for half precision, where probabilities would take twice the room of the logits.
    """

    @staticmethod
    def forward(ctx, logits, labels, weights, gammas):
        keep = ctx.needs_input_grad[0] and logits.dtype == passes.sum_type(logits)
        ctx.kept = passes.Kept.beside(logits, gammas) if keep else None
        ctx.gammas = gammas
        ctx.save_for_backward(logits, labels, weights)
        with torch.autocast(logits.device.type, enabled=False):
            return passes.forward(logits, labels, weights, gammas, kept=ctx.kept)

    @staticmethod
    @once_differentiable
    def backward(ctx, d_predicted, d_overlap, d_labelled, d_pixels, d_annotated, d_surprise):
        kept, ctx.kept = ctx.kept, None
        d_sums = (d_predicted, d_overlap, d_surprise)
        logits, labels, weights = ctx.saved_tensors
        with torch.autocast(d_predicted.device.type, enabled=False):
            gradient = passes.backward(logits, labels, weights, ctx.gammas, d_sums, kept=kept)
        return gradient, None, None, None


# torch.compile sees the same passes as opaque operators; they keep nothing but their inputs.


@torch.library.custom_op("losslab::region_sums", mutates_args=())
def _region_sums(
    logits: Tensor, labels: Tensor, weights: Tensor | None, gammas: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    with torch.autocast(logits.device.type, enabled=False):
        return passes.forward(logits, labels, weights, gammas)


@torch.library.custom_op("losslab::region_sums_backward", mutates_args=())
def _region_sums_backward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    gammas: Sequence[float],
    d_predicted: Tensor,
    d_overlap: Tensor,
    d_surprise: Tensor,
) -> Tensor:
    with torch.autocast(logits.device.type, enabled=False):
        return passes.backward(
            logits, labels, weights, gammas, (d_predicted, d_overlap, d_surprise)
        )


@_region_sums.register_fake
def _(logits, labels, weights, gammas):
    n, c = logits.shape[:2]
    kind = passes.sum_type(logits)
    shapes = ((n, c), (n, c), (n, c), (n, c), (n,), (n, len(gammas)))
    return tuple(logits.new_empty(shape, dtype=kind) for shape in shapes)


@_region_sums_backward.register_fake
def _(logits, labels, weights, gammas, d_predicted, d_overlap, d_surprise):
    return torch.empty_like(logits)


def _setup_context(ctx, inputs, output):
    logits, labels, weights, gammas = inputs
    ctx.save_for_backward(logits, labels, weights)
    ctx.gammas = gammas


def _backward(ctx, d_predicted, d_overlap, d_labelled, d_pixels, d_annotated, d_surprise):
    logits, labels, weights = ctx.saved_tensors
    gradient = _region_sums_backward(
        logits, labels, weights, ctx.gammas, d_predicted, d_overlap, d_surprise
    )
    return gradient, None, None, None


_region_sums.register_autograd(_backward, setup_context=_setup_context)
