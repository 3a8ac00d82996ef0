"""Optimisers and learning-rate schedules by name."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from losslab.spec import RunSpec

OPTIMIZERS: dict[str, Callable[[RunSpec], tuple[type[torch.optim.Optimizer], dict[str, Any]]]] = {
    "adamw": lambda spec: (torch.optim.AdamW, {}),
    "adam": lambda spec: (torch.optim.Adam, {}),
    "sgd": lambda spec: (torch.optim.SGD, {"momentum": spec.momentum}),
    "rmsprop": lambda spec: (torch.optim.RMSprop, {"momentum": spec.momentum}),
}

SCHEDULES: dict[str, Callable[[float, float], float]] = {
    "constant": lambda done, power: 1.0,
    # the last step still moves: `done` counts finished steps and stays below 1
    "poly": lambda done, power: (1 - done) ** power,
    "cosine": lambda done, power: 0.5 * (1 + math.cos(math.pi * done)),
}
"""Factor on the learning rate after the share `done` of all steps."""


def build_optimizer(spec: RunSpec, model: nn.Module, device: torch.device) -> torch.optim.Optimizer:
    """The spec's optimiser, fused on a GPU where torch has that: a fused step reads fp16's overflow
    flag there.
    """
    optimizer, options = OPTIMIZERS[spec.optimizer](spec)
    if device.type == "cuda" and spec.optimizer != "rmsprop":
        options["fused"] = True
    return optimizer(model.parameters(), lr=spec.lr, weight_decay=spec.weight_decay, **options)  # type: ignore[call-arg]


def build_schedule(spec: RunSpec, optimizer: torch.optim.Optimizer, total_steps: int) -> LambdaLR:
    """The spec's schedule, stepped once an iteration over `total_steps`."""
    factor = SCHEDULES[spec.schedule]
    return LambdaLR(optimizer, lambda step: factor(min(step / total_steps, 1.0), spec.poly_power))
