"""Losses that are a mean over pixels: cross-entropy and focal loss."""

from typing import Annotated, Any

import torch
from annotated_types import Ge, Le
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn.functional import logsigmoid

from losslab.constants import IGNORE_INDEX
from losslab.losses.pieces import sum_type
from losslab.losses.region_sums import RegionSums, region_sums

Gamma = Annotated[float | int, Ge(0), Le(100)]


def ce(logits: Float[Tensor, "n c h w"], labels: Integer[Tensor, "n h w"]) -> Float[Tensor, ""]:
    """Cross-entropy: the mean over annotated pixels of -log p(true), in nats; binary: of both
    outcomes.

    Rahman & Wang 2016 (their FCN_acc), Chen et al. 2020 (their PPCE), Gul 2023, eq. 2.1.
    """
    return ce_of_sums(region_sums(logits, labels, gammas=(0.0,)))


def ce_of_sums(sums: RegionSums) -> Float[Tensor, ""]:
    """`ce` from sums that are already there."""
    return focal_of_sums(sums, gamma=0.0)


def focal(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    gamma: Gamma = 2.0,
    one_vs_all: bool = False,
) -> Float[Tensor, ""]:
    """Focal loss: the mean over annotated pixels of -(1 - p)^gamma log p, with p = p(true).

    Gul 2023, eq. 2.5, after Lin et al. 2017; gamma = 0 is cross-entropy. `one_vs_all` is what
    segmentation_models_pytorch computes in its "multiclass" mode instead: a sigmoid for each class
    by itself, and the mean over pixels and classes. The two are one in the binary task.
    """
    if one_vs_all:
        return _focal_one_vs_all(logits, labels, float(gamma))
    return focal_of_sums(region_sums(logits, labels, gammas=(gamma,)), gamma=gamma)


def focal_of_sums(sums: RegionSums, *, gamma: Gamma = 2.0, **_: Any) -> Float[Tensor, ""]:
    """`focal` in its softmax form from sums that are already there."""
    return sums.surprise[float(gamma)].sum() / sums.annotated.sum().clamp(min=1)


def _focal_one_vs_all(logits: Tensor, labels: Tensor, gamma: float) -> Tensor:
    void = labels == IGNORE_INDEX
    x = logits.to(sum_type(logits)).masked_fill(void[:, None], 0)
    label = labels.long().masked_fill(void, 0)[:, None]
    num_classes = x.shape[1]
    if num_classes == 1:
        per_pixel = _focal_of_logit(torch.where(label == 1, x, -x), gamma)
    else:
        at_label = x.gather(1, label)
        # Every class as if it were wrong, then the true one put right: no one-hot tensor.
        wrong = _focal_of_logit(-x, gamma).sum(1, keepdim=True)
        per_pixel = wrong - _focal_of_logit(-at_label, gamma) + _focal_of_logit(at_label, gamma)
    per_pixel = per_pixel.masked_fill(void[:, None], 0)
    return per_pixel.sum() / ((~void).sum().clamp(min=1) * num_classes)


def _focal_of_logit(x: Tensor, gamma: float) -> Tensor:
    """-(1 - p)^gamma log p for p = sigmoid(x); (1 - p)^gamma is exp(gamma log(1 - p)): finite
    everywhere.
    """
    return -(gamma * logsigmoid(-x)).exp() * logsigmoid(x)
