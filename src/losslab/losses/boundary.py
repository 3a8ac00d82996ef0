"""The boundary loss: how far from each class's boundary its probability lies, inside counted
negative.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.losses import passes
from losslab.losses.at_once import at_once
from losslab.losses.label_maps import label_map as make_label_map
from losslab.losses.passes import sum_type
from losslab.losses.strips import strips


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
        label_map = make_label_map("signed_distance", labels, classes)
    first = 0 if background or classes == 1 else 1
    annotated = (labels != IGNORE_INDEX).sum().clamp(min=1)
    return _boundary(logits, labels, [label_map], [float(first)]) / (annotated * (classes - first))


def _value_and_gradient(
    logits: Tensor,
    labels: Tensor,
    constants: Sequence[Tensor],
    numbers: Sequence[float],
    with_gradient: bool,
) -> tuple[Tensor, Tensor]:
    """Σ p φ over annotated pixels and classes from the first counted one on, and its gradient."""
    (distances,) = constants
    first = int(numbers[0])
    kind = sum_type(logits)
    total = logits.new_zeros((), dtype=torch.float64)
    gradient = torch.empty_like(logits) if with_gradient else logits.new_empty(0)
    pixels = passes.PIECE // logits.shape[1] if logits.device.type == "cpu" else labels.numel()
    for strip in strips(labels, halo=0, pixels=pixels):
        void = (strip.read(labels) == IGNORE_INDEX)[:, None]
        x = strip.read(logits).to(kind, copy=True).masked_fill_(void, 0)
        p = x.sigmoid_() if x.shape[1] == 1 else x.softmax(1)
        # p φ becomes its own gradient: by logit c that of Σ p φ is p_c (φ_c - Σ_k p_k φ_k).
        weighted = p * strip.read(distances)
        weighted[:, :first] = 0
        weighted.masked_fill_(void, 0)
        total += weighted.sum()
        if not with_gradient:
            continue
        if x.shape[1] == 1:
            weighted.addcmul_(weighted, p, value=-1)
        else:
            weighted.addcmul_(p, weighted.sum(1, keepdim=True), value=-1)
        strip.read(gradient).copy_(weighted)
    return total.to(kind), gradient


_boundary = at_once("boundary", _value_and_gradient)
