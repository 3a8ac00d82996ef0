"""The Lovász losses: the piecewise linear extension of the IoU loss from sets of pixels to
predictions.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.losses.at_once import at_once
from losslab.losses.averaging import Per
from losslab.losses.passes import sum_type


def lovasz(
    logits: Float[Tensor, "n c h w"], labels: Integer[Tensor, "n h w"], *, per: Per = "batch"
) -> Float[Tensor, ""]:
    """The Lovász extension of one minus the IoU at the pixels' errors, averaged over the classes
    that are present; binary: at the hinge errors of the logits.

    Berman et al. 2018, Lovász-Softmax (error 1 - p on the class's own pixels, p elsewhere) and
    Lovász hinge (error 1 - x on the foreground, 1 + x elsewhere, if positive). `per="image"` is the
    mean over annotated images of the loss of each. Void pixels are out of it.

    The value is that of `segmentation_models_pytorch.losses.LovaszLoss`, "binary" or "multiclass",
    `per_image=(per == "image")`, which takes float32 only, cannot be compiled as a whole, and
    counts an image with nothing annotated as a loss of 0.
    """
    return _lovasz(logits, labels, [], [float(per == "image")])


def _value_and_gradient(
    logits: Tensor,
    labels: Tensor,
    constants: Sequence[Tensor],
    numbers: Sequence[float],
    with_gradient: bool,
) -> tuple[Tensor, Tensor]:
    """The loss, and its gradient by the logits."""
    kind = sum_type(logits)
    total = logits.new_zeros((), dtype=kind)
    gradient = torch.zeros_like(logits) if with_gradient else logits.new_empty(0)
    if labels.numel() == 0:
        return total, gradient
    alone = bool(numbers[0])
    groups = [slice(i, i + 1) for i in range(len(labels))] if alone else [slice(0, len(labels))]
    scored = (labels != IGNORE_INDEX).flatten(1).any(1)
    share = 1 / scored.sum().clamp(min=1).to(kind) if alone else 1.0
    for group in groups:
        label = labels[group]
        void = (label == IGNORE_INDEX)[:, None]
        x = logits[group].to(kind, copy=True).masked_fill_(void, 0)
        value, slope = _hinge(x, label) if x.shape[1] == 1 else _softmax(x, label)
        total += value * share
        if with_gradient:
            gradient[group] = (slope * share).masked_fill_(void, 0).to(gradient.dtype)
    return total, gradient


_lovasz = at_once("lovasz", _value_and_gradient)


def _hinge(x: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and gradient (k, 1, h, w) of the binary task; an error below 0 is none."""
    own, void = label[:, None] == 1, label[:, None] == IGNORE_INDEX
    sign = torch.where(own, -1, 1).to(x.dtype)
    errors = (1 + sign * x).masked_fill(void, 0).clamp(min=0)
    value, slope = _extension(errors.flatten(), own.flatten())
    return value, slope.view_as(x) * sign * (errors > 0)


def _softmax(x: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and gradient (k, c, h, w) of several classes."""
    p = x.softmax(1).masked_fill_((label == IGNORE_INDEX)[:, None], 0)
    value, present = x.new_zeros(()), x.new_zeros(())
    slopes = torch.empty_like(p)
    for index in range(x.shape[1]):
        own = label == index
        there = own.any()  # used as a number: to branch would be to wait for a GPU
        sign = torch.where(own, -1, 1).to(x.dtype)
        class_value, slope = _extension((own + sign * p[:, index]).flatten(), own.flatten())
        value += class_value * there
        present += there
        slopes[:, index] = slope.view_as(sign) * sign * there
    slopes *= p
    slopes -= p * slopes.sum(1, keepdim=True)
    share = 1 / present.clamp(min=1)
    return value * share, slopes.mul_(share)


def _extension(errors: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """The Lovász extension of one minus the IoU at errors (m,) of one class's mask (m,), and its
    gradient: Berman et al. 2018, algorithm 1.

    A pixel whose error is 0 changes nothing, wherever it is sorted; void pixels are given that.
    """
    errors, order = errors.sort(descending=True)
    own = own[order]
    found = own.cumsum(0)
    total = found[-1]
    kept = (total - found).to(errors.dtype)  # I, the intersection after each pixel
    union = torch.arange(1, len(own) + 1, device=own.device).sub_(found).add_(total)
    # What each pixel takes from I / U, in closed form: between millions of pixels the differences
    # of the ratio itself have no digits left. A pixel of the mask takes 1 from I, any other adds 1
    # to U; without a mask the first pixel takes all.
    others = kept.div_(union).div_((union - 1).clamp_(min=1))
    lost = torch.where(own, union.to(errors.dtype).reciprocal_(), others)
    lost[0] += total == 0
    value = (errors * lost).sum(dtype=torch.float64).to(errors.dtype)
    return value, torch.empty_like(lost).scatter_(0, order, lost)
