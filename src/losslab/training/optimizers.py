"""Optimisers and learning-rate schedules by name."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from losslab.errors import SpecError
from losslab.models import Segmenter
from losslab.spec import RunSpec

OPTIMIZERS: dict[str, Callable[[RunSpec], tuple[type[torch.optim.Optimizer], dict[str, Any]]]] = {
    "adamw": lambda spec: (torch.optim.AdamW, {}),
    "adam": lambda spec: (torch.optim.Adam, {}),
    "sgd": lambda spec: (torch.optim.SGD, {"momentum": spec.momentum}),
    "rmsprop": lambda spec: (
        torch.optim.RMSprop,
        {"momentum": spec.momentum, "alpha": spec.rmsprop_alpha},
    ),
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

    The first group of parameters has the spec's learning rate and weight decay; `head_lr_factor`
    asks for a `Segmenter`, which knows its head.
    """
    optimizer, options = OPTIMIZERS[spec.optimizer](spec)
    if device.type == "cuda" and spec.optimizer != "rmsprop":
        options["fused"] = True
    if spec.optimizer_eps is not None:
        options["eps"] = spec.optimizer_eps
    groups = parameter_groups(spec, model)
    return optimizer(groups, lr=spec.lr, weight_decay=spec.weight_decay, **options)  # type: ignore[call-arg]


def parameter_groups(spec: RunSpec, model: nn.Module) -> list[dict[str, Any]]:
    """The model's parameters, in one group for each learning rate and weight decay that differ.

    The head's rate is `head_lr_factor` times the encoder's, a bias's `bias_lr_factor` times its
    layer's; biases do without weight decay where `bias_decay` is False. DeepLab trains with 10, 2
    and False, FCN with 1, 2 and False (Long 2015, section 4.3; Chen 2018, section 4.1). A schedule
    multiplies all groups' rates alike.
    """
    head: set[int] = set()
    if spec.head_lr_factor != 1:
        if not isinstance(model, Segmenter):
            raise SpecError("head_lr_factor: this network does not tell which layers are its head")
        head = {id(parameter) for parameter in model.head_parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {(spec.lr, spec.weight_decay): []}
    for name, parameter in model.named_parameters():
        bias = name.rpartition(".")[2] == "bias"
        rate = spec.lr * (spec.head_lr_factor if id(parameter) in head else 1.0)
        rate *= spec.bias_lr_factor if bias else 1.0
        decay = spec.weight_decay if spec.bias_decay or not bias else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
        if parameters
    ]


def build_schedule(spec: RunSpec, optimizer: torch.optim.Optimizer, total_steps: int) -> LambdaLR:
    """The spec's schedule, stepped once an iteration over `total_steps`."""
    factor = SCHEDULES[spec.schedule]
    return LambdaLR(optimizer, lambda step: factor(min(step / total_steps, 1.0), spec.poly_power))
