"""Losses that are a mean over pixels: each by itself, or weighed by its place among the errors."""

from functools import cache
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Le
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn.functional import softplus

from losslab.constants import IGNORE_INDEX
from losslab.losses.label_maps import label_map as make_label_map
from losslab.losses.sums import (
    Function,
    Needs,
    Per,
    Sums,
    annotated,
    check_batch,
    mean_of,
    nll,
    on_sums,
    pixel_sums,
    region_sums,
    sum_type,
)

Gamma = Annotated[float | int, Ge(0), Le(100)]


@on_sums(lambda: Needs(pixel_functions=(nll,)))
def ce(sums: Sums) -> Float[Tensor, ""]:
    """Cross-entropy: the mean over annotated pixels of -log p(true), in nats; binary: of both
    outcomes.

    Rahman & Wang 2016 (their FCN_acc), Chen et al. 2020 (their PPCE), Gul 2023, eq. 2.1.
    """
    return mean_of(sums, nll)


@cache
def power(gamma: float | int) -> Function:
    """(1 - p)^gamma times -log p, as a function of -log p."""
    if gamma == 0:
        return nll

    def focused(nll: Tensor) -> Tensor:
        # Where 1 - p is raised to less than 1, digits that exp cancels would be magnified.
        miss = 1 - torch.exp(-nll) if gamma >= 1 else -torch.expm1(-nll)
        return miss.clamp(min=torch.finfo(nll.dtype).tiny).pow(gamma) * nll

    return focused


def focal(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    gamma: Gamma = 2.0,
    one_vs_all: bool = False,
    classes: Literal["mean", "sum"] = "mean",
) -> Float[Tensor, ""]:
    """Focal loss: the mean over annotated pixels of -(1 - p)^gamma log p, with p = p(true).

    Gul 2023, eq. 2.5, after Lin et al. 2017; gamma = 0 is cross-entropy. `one_vs_all` is what
    segmentation_models_pytorch computes in its "multiclass" mode instead: a sigmoid for each class
    by itself, and the mean over pixels of the mean over classes, as its release 0.6 has it; with
    `classes="sum"` of the sum over classes, as the releases before that had it. All are one in the
    binary task.
    """
    if not one_vs_all:
        return mean_of(region_sums(logits, labels, _focal_needs(gamma=gamma)), power(float(gamma)))

    def values(x: Tensor, y: Tensor) -> Tensor:
        # The logit of each class's wrong outcome: x, and -x for the pixel's own class.
        if x.shape[1] == 1:
            wrong = torch.where(y[:, None] == 1, -x, x)
        else:
            own = y.long().masked_fill(y == IGNORE_INDEX, 0)[:, None]
            wrong = x.scatter(1, own, -x.gather(1, own))
        return (wrong.sigmoid().pow(gamma) * softplus(wrong, threshold=40)).sum(1)

    share = 1 if classes == "sum" else logits.shape[1]
    return pixel_sums(values, logits, labels) / (annotated(labels) * share)


def _focal_needs(*, gamma: Gamma = 2.0, one_vs_all: bool = False, **_: Any) -> Needs | None:
    """None: the one-vs-all form is no function of p(true)."""
    return None if one_vs_all else Needs(pixel_functions=(power(float(gamma)),))


focal.needs = _focal_needs  # pyright: ignore
focal.of_sums = lambda sums, *, gamma=2.0, **_: mean_of(sums, power(float(gamma)))  # pyright: ignore


def boundary(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    background: bool = True,
    label_map: Float[Tensor, "n c h w"] | None = None,
) -> Float[Tensor, ""]:
    """The mean over annotated pixels and classes of p times the signed distance to the class's
    boundary, in pixels.

    Kervadec et al. 2019: probability outside a class costs its distance to the class, probability
    inside earns the distance to the outside less 1, so that a perfect prediction is below 0 for
    all but thin classes. A class that is absent or fills the picture has no boundary and
    contributes 0. The mean runs over all classes; `background=False` leaves class 0 out, as the
    authors do. The binary task has the foreground only. `label_map` is
    `LABEL_MAPS["signed_distance"]` where it is already there.

    The gradient at a pixel does not depend on how good the prediction is elsewhere, and the loss is
    least where every pixel takes the class whose boundary it is deepest in: the authors add it to a
    region loss with a small weight, "dice + 0.01*boundary".
    """
    classes = logits.shape[1]
    if label_map is None:
        check_batch(logits, labels)
        label_map = make_label_map("signed_distance", labels, classes)
    first = 0 if background or classes == 1 else 1

    def values(x: Tensor, y: Tensor, distances: Tensor) -> Tensor:
        p = x.sigmoid() if classes == 1 else x.softmax(1)
        return (p * distances)[:, first:].sum(1)

    total = pixel_sums(values, logits, labels, label_map)
    return total / (annotated(labels) * (classes - first))


def lovasz(
    logits: Float[Tensor, "n c h w"], labels: Integer[Tensor, "n h w"], *, per: Per = "batch"
) -> Float[Tensor, ""]:
    """The Lovász extension of one minus the IoU at the pixels' errors, averaged over the classes
    that are present; binary: at the hinge errors of the logits.

    Berman et al. 2018, Lovász-Softmax (error 1 - p on the class's own pixels, p elsewhere) and
    Lovász hinge (error 1 - x on the foreground, 1 + x elsewhere, if positive). `per="image"` is the
    mean over annotated images of the loss of each. Void pixels are out of it.

    The value is that of `segmentation_models_pytorch.losses.LovaszLoss`, "binary" or "multiclass",
    `per_image=(per == "image")`, which takes float32 only, and counts an image with nothing
    annotated as a loss of 0. Of equal errors the order of the sort decides.
    """
    labels = check_batch(logits, labels)
    slopes = logits.new_zeros(logits.shape, dtype=sum_type(logits))
    size = 1 if per == "image" else max(len(labels), 1)
    for first in range(0, len(labels) if labels.numel() else 0, size):
        group = slice(first, first + size)
        with torch.no_grad():
            _lovasz_slopes(logits[group], labels[group], slopes[group])
    if per == "image":
        slopes /= (labels != IGNORE_INDEX).flatten(1).any(1).sum().clamp(min=1)

    def values(x: Tensor, y: Tensor, slopes: Tensor) -> Tensor:
        return (_errors(x, y) * slopes).sum(1)

    return pixel_sums(values, logits, labels, slopes)


def _errors(x: Tensor, y: Tensor) -> Tensor:
    """(k, c, h, w): hinge errors of a single logit, else |y - p|."""
    if x.shape[1] == 1:
        return (1 + torch.where(y[:, None] == 1, -x, x)).relu()
    own = y[:, None] == torch.arange(x.shape[1], device=y.device)[:, None, None]
    p = x.softmax(1)
    return torch.where(own, 1 - p, p)


def _lovasz_slopes(logits: Tensor, labels: Tensor, slopes: Tensor) -> None:
    """Write what each error of the group weighs in the loss (k, c, h, w): the gradient of the
    Lovász extension of one minus the IoU, Berman et al. 2018, algorithm 1, over the classes there.
    """
    void = labels == IGNORE_INDEX
    x = logits.to(slopes.dtype).masked_fill(void[:, None], 0)
    errors = _errors(x, labels)
    present = x.new_zeros(())
    for index in range(x.shape[1]):
        own = (labels == (1 if x.shape[1] == 1 else index)).flatten()
        # A pixel whose error is 0 changes nothing, wherever it is sorted; void pixels get that.
        order = errors[:, index].masked_fill(void, 0).flatten().argsort(descending=True)
        own = own[order]
        found = own.cumsum(0)
        total = found[-1]
        kept = (total - found).to(x.dtype)  # I, the intersection after each pixel
        union = torch.arange(1, len(own) + 1, device=own.device).sub_(found).add_(total)
        # What each pixel takes from I / U, in closed form: between millions of pixels the
        # differences of the ratio itself have no digits left. A pixel of the mask takes 1 from I,
        # any other adds 1 to U; without a mask the first pixel takes all.
        others = kept.div_(union).div_((union - 1).clamp_(min=1))
        lost = torch.where(own, union.to(x.dtype).reciprocal_(), others)
        lost[0] += total == 0
        there = (total > 0) | (x.shape[1] == 1)  # used as a number: a branch would wait for a GPU
        present += there
        slopes[:, index] = torch.empty_like(lost).scatter_(0, order, lost * there).view_as(labels)
    slopes /= present.clamp(min=1)
