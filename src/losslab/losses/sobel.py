"""Predicted and labelled masks compared by their Sobel maps."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float, Integer
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.losses.at_once import at_once
from losslab.losses.passes import PIECE, sum_type
from losslab.losses.strips import strips


def sobel(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    weight: Annotated[float | int, Ge(0)] = 1.0,
    reduction: Literal["mean", "l1"] = "mean",
) -> Float[Tensor, ""]:
    """`weight` times the mean absolute difference between the Sobel maps of the predicted
    probabilities and of the labels, each class by itself.

    Chen et al. 2020 (SEMEDA), section 4.1 and Table 1, the baseline that puts Sobel's 3x3 kernels
    (x and y, integer coefficients) in the EdgeNet's place. The mean runs over annotated pixels,
    classes and the two maps; `reduction="l1"` is the mean over annotated pixels of the sum over
    classes and maps, 2c times as much, as the L1 norm of eq. 5 has it beside a cross-entropy that
    is a mean over pixels. Outside the image masks are 0, as the EdgeNet pads them: both masks have
    the same edge there, so a right prediction costs nothing. Void pixels are 0 in both masks, and
    enter neither sum nor mean. The binary task has one map of p; a second one of 1 - p would give
    the same mean.
    """
    share = 1.0 if reduction == "l1" else 1.0 / (2 * logits.shape[1])
    total = _sobel(logits, labels, [], [float(weight) * share])
    return total / (labels != IGNORE_INDEX).sum().clamp(min=1)


def _value_and_gradient(
    logits: Tensor,
    labels: Tensor,
    constants: Sequence[Tensor],
    factors: Sequence[float],
    with_gradient: bool,
) -> tuple[Tensor, Tensor]:
    """factor · Σ |Sobel(p - y)| over annotated pixels, classes and the two maps, and its gradient
    by the logits: the maps are linear, so their difference is the map of the difference.
    """
    kind = sum_type(logits)
    c = logits.shape[1]
    total = logits.new_zeros((), dtype=torch.float64)
    gradient = torch.empty_like(logits) if with_gradient else logits.new_empty(0)
    pixels = PIECE // c if logits.device.type == "cpu" else labels.numel()
    for strip in strips(labels, halo=1, pixels=pixels):
        label = strip.read(labels)
        void = label == IGNORE_INDEX
        if void.device.type == "cpu" and not void.any():
            void = None
        p = _clear(_probabilities(strip.read(logits)), void)
        d = _clear(_minus_labels(p, label, void), void)
        framed = _framed(d)
        across, down = (
            _framed(_clear(strip.clear_halo(response.sign_(), dim=2), void))
            for response in (_across(framed), _down(framed))
        )
        # Turned by 180 degrees, as the way back needs them, the kernels change their sign only.
        d_p = _across(across).add_(_down(down)).neg_()
        # Σ |s| = Σ sign(s) s = Σ d_p d.
        total += (d * d_p).sum()
        if with_gradient:
            strip.add(_of_logits(d_p.mul_(factors[0]), p), gradient)
    return (total * factors[0]).to(kind), gradient


_sobel = at_once("sobel", _value_and_gradient)


def _probabilities(x: Tensor) -> Tensor:
    """(k, c, r, w), in memory as the logits are."""
    kind = sum_type(x)
    if x.shape[1] == 1:
        return x.to(kind, copy=True).sigmoid_()
    if x.stride(1) == 1:
        return x.permute(0, 2, 3, 1).softmax(3, dtype=kind).permute(0, 3, 1, 2)
    return x.softmax(1, dtype=kind)


def _minus_labels(p: Tensor, label: Tensor, void: Tensor | None) -> Tensor:
    """p - y (k, c, r, w), y one-hot; at void pixels anything."""
    index = label if void is None else label.masked_fill(void, 0)
    if p.shape[1] == 1:
        return p - index[:, None]
    index = index.long()[:, None]
    return p.scatter(1, index, p.gather(1, index) - 1)


def _across(x: Tensor) -> Tensor:
    """The response to [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]] of a framed x, without its frame."""
    smooth = _pairs(_pairs(x, 2), 2)  # [1, 2, 1] is [1, 1] twice
    return smooth[..., 2:] - smooth[..., :-2]


def _down(x: Tensor) -> Tensor:
    """The response to the transposed kernel."""
    smooth = _pairs(_pairs(x, 3), 3)
    return smooth[:, :, 2:] - smooth[:, :, :-2]


def _pairs(x: Tensor, dim: int) -> Tensor:
    """Sums of neighbours."""
    length = x.shape[dim] - 1
    return x.narrow(dim, 0, length) + x.narrow(dim, 1, length)


def _framed(x: Tensor) -> Tensor:
    """x (k, c, r, w) in a frame of zeros, in memory as x is."""
    k, c, r, w = x.shape
    layout = torch.channels_last if x.stride(1) == 1 else torch.contiguous_format
    framed = torch.empty((k, c, r + 2, w + 2), dtype=x.dtype, device=x.device, memory_format=layout)
    framed[:, :, 1:-1, 1:-1] = x
    framed[:, :, :: r + 1] = 0
    framed[:, :, :, :: w + 1] = 0
    return framed


def _of_logits(d_p: Tensor, p: Tensor) -> Tensor:
    """The gradient by the logits from that by their probabilities, which it overwrites."""
    d_p.mul_(p)
    if p.shape[1] == 1:
        return d_p.addcmul_(d_p, p, value=-1)
    return d_p.addcmul_(p, d_p.sum(1, keepdim=True), value=-1)


def _clear(values: Tensor, void: Tensor | None) -> Tensor:
    """The values (k, c, r, w) themselves, 0 at void pixels."""
    return values if void is None else values.masked_fill_(void[:, None], 0)
