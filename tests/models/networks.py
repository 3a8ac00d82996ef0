"""Networks for tests: each built once, with scores that differ from place to place."""

from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from losslab.models import Segmenter, build_model

OURS = (
    "bfcn32s",
    "fcresnet",
    "fcn_alexnet32s",
    "fcn32s",
    "fcn16s",
    "fcn8s",
    "deeplab_largefov",
    "deeplabv2_resnet101",
)
SMALLER = {"fcn32s": "resnet18", "fcn16s": "resnet18", "fcn8s": "resnet18"}
"""Encoders that show the same as the papers' in less time."""


def awake(model: Segmenter) -> Segmenter:
    """The network with scores that are not all zero, as they are before training."""
    for name, layer in model.named_modules():
        if "score" in name and isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.1)
    return model.eval()


def on_paper(name: str, num_classes: int, **arguments: object) -> Segmenter:
    """The network without memory for its tensors: enough to count them."""
    with torch.device("meta"):
        return build_model(name, num_classes=num_classes, **arguments)  # pyright: ignore


def built_once() -> Callable[[str], Segmenter]:
    """A function that gives the network of a name with 3 classes, and builds it only once."""

    @cache
    def network(name: str) -> Segmenter:
        torch.manual_seed(0)
        return awake(build_model(name, num_classes=3, encoder=SMALLER.get(name)))

    return network


def parameters(*parts: nn.Module) -> int:
    """Number of parameters of these parts together."""
    return sum(parameter.numel() for part in parts for parameter in part.parameters())
