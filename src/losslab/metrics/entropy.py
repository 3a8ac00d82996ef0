"""How undecided a prediction is."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def entropy(logits: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w"]:
    """Entropy of the predicted distribution at each pixel, as a share of the largest possible:
    0..1.

    In nats divided by log c; one logit is a distribution over two outcomes. Float32 (float64 for
    float64 logits).
    """
    kind = torch.float64 if logits.dtype == torch.float64 else torch.float32
    if logits.shape[1] == 1:
        x = logits.to(kind)
        return _share_of_most(torch.cat((x.sigmoid(), (-x).sigmoid()), 1))
    return _share_of_most(torch.softmax(logits, 1, dtype=kind))


def entropy_of_probabilities(probs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w"]:
    """`entropy` of a distribution that is given itself; one class is the probability of the
    foreground.
    """
    return _share_of_most(torch.cat((probs, 1 - probs), 1) if probs.shape[1] == 1 else probs)


def _share_of_most(probs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w"]:
    return (torch.special.entr(probs).sum(1) / math.log(probs.shape[1])).clamp(0, 1)
