"""How undecided a prediction is."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

LOWEST = -200.0
"""Logits lower than this under the highest are as good as minus infinity."""


def entropy(logits: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w"]:
    """Entropy of the predicted distribution at each pixel, as a share of the largest possible:
    0..1.

    In nats divided by log c; one logit is a distribution over two outcomes. Float32 (float64 for
    float64 logits).
    """
    x = logits.to(torch.float64 if logits.dtype == torch.float64 else torch.float32)
    if logits.shape[1] == 1:
        x = torch.cat((x, torch.zeros_like(x)), 1)
    # With y = x - max and z = sum of e^y, -sum of p log p is log z - sum of y e^y / z: one
    # exponential and no logarithm a class. Beyond LOWEST a class adds nothing.
    y = (x - x.amax(1, keepdim=True)).clamp_(min=LOWEST)
    weights = y.exp()
    z = weights.sum(1)
    nats = z.log() - y.mul_(weights).sum(1) / z
    return (nats / math.log(x.shape[1])).clamp(0, 1)


def entropy_of_probabilities(probs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w"]:
    """`entropy` of a distribution that is given itself; one class is the probability of the
    foreground.
    """
    layers = torch.cat((probs, 1 - probs), 1) if probs.shape[1] == 1 else probs
    return (torch.special.entr(layers).sum(1) / math.log(layers.shape[1])).clamp(0, 1)
