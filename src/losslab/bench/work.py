"""How much work a network is, counted without computing anything: on tensors that hold no data."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from losslab.models import build_model

COUNTED = 2
"""Pictures in the batch that is counted: batch normalisation refuses one of a single place."""

BACKWARD = 2
"""Work of the backward pass in units of the forward pass: a gradient for the inputs of each layer
and one for its weights."""


@dataclass(frozen=True)
class Work:
    """What a network is for one picture of a size."""

    flops: float
    """Floating-point operations of the forward pass of a picture, two for a multiply-add."""
    saved_bytes: float
    """What the forward pass of a picture keeps for the backward pass, in float32."""
    parameters: int


def count_work(
    model: str,
    *,
    encoder: str | None,
    options: Mapping[str, Any],
    size: tuple[int, int],
    num_classes: int,
) -> Work:
    """The work of a network on pictures of `size` = (height, width)."""
    hashable = tuple(
        (key, tuple(value) if isinstance(value, list) else value) for key, value in options.items()
    )
    return _count(model, encoder, hashable, size, num_classes)


@lru_cache(maxsize=256)
def _count(
    name: str,
    encoder: str | None,
    options: tuple[tuple[str, Any], ...],
    size: tuple[int, int],
    num_classes: int,
) -> Work:
    with torch.device("meta"):
        model = build_model(name, num_classes=num_classes, encoder=encoder, **dict(options))
        images = torch.empty(COUNTED, 3, *size)
    model = model.to("meta").train()
    own = {t.untyped_storage()._cdata for t in (*model.parameters(), *model.buffers())}
    kept: dict[int, Any] = {}  # storages, held so that no later one takes an address

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    with (
        FlopCounterMode(display=False) as counter,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        model(images)
    return Work(
        counter.get_total_flops() / COUNTED,
        sum(storage.nbytes() for storage in kept.values()) / COUNTED,
        sum(parameter.numel() for parameter in model.parameters()),
    )
