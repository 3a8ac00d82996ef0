"""Predicted and labelled masks compared by their Sobel maps."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn.functional import pad

from losslab.constants import IGNORE_INDEX
from losslab.losses.at_once import at_once
from losslab.losses.pieces import sum_type
from losslab.losses.strips import Strip, bits, keep, strips

STRIP = 320_000
"""Logits in a strip on a CPU, so that the maps of a strip stay in the cache."""


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
    annotated = (labels != IGNORE_INDEX).sum().clamp(min=1)
    return float(weight) * share * _sobel(logits, labels, [], []) / annotated


def sobel_maps(
    masks: Float[Tensor, "n c h w"],
) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n c h w"]]:
    """What the two kernels, x and y, answer to each class of masks, which are 0 outside."""
    framed = pad(masks, (1, 1, 1, 1))
    return _across(framed), _down(framed)


def _value_and_gradient(
    logits: Tensor,
    labels: Tensor,
    constants: Sequence[Tensor],
    numbers: Sequence[float],
    with_gradient: bool,
) -> tuple[Tensor, Tensor]:
    """Σ |Sobel(y - p)| over annotated pixels, classes and the two maps, and its gradient by the
    logits: the maps are linear, so their difference is the map of the difference.
    """
    kind = sum_type(logits)
    total = logits.new_zeros((), dtype=torch.float64)
    gradient = torch.empty_like(logits) if with_gradient else logits.new_empty(0)
    pixels = STRIP // logits.shape[1] if logits.device.type == "cpu" else labels.numel()
    chosen = list(strips(labels, halo=1, pixels=pixels))
    frames = [_room(logits, chosen) for _ in range(3)] if chosen else []
    for strip in chosen:
        label = strip.read(labels)
        void = label == IGNORE_INDEX
        annotated = bits(~void[:, None], kind)
        counted = strip.clear_halo(annotated.clone(), dim=2)
        p = keep(_probabilities(strip.read(logits)), annotated)
        framed, *framed_signs = (_frame(frame, p) for frame in frames)
        d = _inside(framed)
        _write_differences(p, label, void, d)
        # Turned by 180 degrees, as the way back needs them, the kernels change their sign only; so
        # does the difference, of which p is the part that is subtracted.
        for signs, response in zip(framed_signs, (_across(framed), _down(framed)), strict=True):
            keep(response.sign_(), counted, out=_inside(signs))
        d_p = _across(framed_signs[0]).add_(_down(framed_signs[1]))
        total -= (d_p * d).sum()  # Σ |s| = Σ sign(s) s, carried back to the differences
        if with_gradient:
            strip.add(_of_logits(d_p, p), gradient)
    return total.to(kind), gradient


_sobel = at_once("sobel", _value_and_gradient)


def _probabilities(x: Tensor) -> Tensor:
    """(k, c, r, w), in memory as the logits are."""
    kind = sum_type(x)
    if x.shape[1] == 1:
        return x.to(kind, copy=True).sigmoid_()
    if x.stride(1) == 1:
        return x.permute(0, 2, 3, 1).softmax(3, dtype=kind).permute(0, 3, 1, 2)
    return x.softmax(1, dtype=kind)


def _write_differences(p: Tensor, label: Tensor, void: Tensor, d: Tensor) -> None:
    """Set d to y - p (k, c, r, w), y one-hot; to 0 at void pixels."""
    torch.neg(p, out=d)
    label = label.masked_fill(void, 0)[:, None]
    if p.shape[1] == 1:
        d += label
        return
    own = 1 - p.gather(1, label.long())
    d.scatter_(1, label.long(), own.masked_fill_(void[:, None], 0))


def _across(x: Tensor) -> Tensor:
    """The response to [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]] of a framed x, without its frame."""
    smooth = _smooth(x, 2)
    return smooth[..., 2:] - smooth[..., :-2]


def _down(x: Tensor) -> Tensor:
    """The response to the transposed kernel."""
    smooth = _smooth(x, 3)
    return smooth[:, :, 2:] - smooth[:, :, :-2]


def _smooth(x: Tensor, dim: int) -> Tensor:
    """The response to [1, 2, 1] along a dimension, where all of it lies inside."""
    length = x.shape[dim] - 2
    ends = x.narrow(dim, 0, length) + x.narrow(dim, 2, length)
    return ends.add_(x.narrow(dim, 1, length), alpha=2)


def _room(logits: Tensor, chosen: Sequence[Strip]) -> Tensor:
    """Zeros for the largest strip in a frame, in memory as the logits are."""
    images = max(min(strip.images.stop, len(logits)) - strip.images.start for strip in chosen)
    rows = max(strip.last - strip.first for strip in chosen)
    layout = torch.channels_last if logits.stride(1) == 1 else torch.contiguous_format
    shape = (images, logits.shape[1], rows + 2, logits.shape[3] + 2)
    room = torch.empty(shape, dtype=sum_type(logits), device=logits.device, memory_format=layout)
    return room.zero_()


def _frame(room: Tensor, p: Tensor) -> Tensor:
    """The room's first rows, as many as p (k, c, r, w) needs in a frame of zeros."""
    framed = room[: p.shape[0], :, : p.shape[2] + 2]
    framed[:, :, -1] = 0  # the only part of the frame where a strip before has written
    return framed


def _inside(framed: Tensor) -> Tensor:
    """What a frame is around."""
    return framed[:, :, 1:-1, 1:-1]


def _of_logits(d_p: Tensor, p: Tensor) -> Tensor:
    """The gradient by the logits from that by their probabilities, which it overwrites."""
    d_p.mul_(p)
    if p.shape[1] == 1:
        return d_p.addcmul_(d_p, p, value=-1)
    return d_p.addcmul_(p, d_p.sum(1, keepdim=True), value=-1)
