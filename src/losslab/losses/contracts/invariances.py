"""Changes of the input under which a loss keeps its value."""

from collections.abc import Callable, Iterator
from functools import partial
from math import isfinite

import torch
from torch import Tensor

from losslab.losses.contracts.dependence import same
from losslab.losses.contracts.pictures import plausible_logits, standard_labels
from losslab.losses.contracts.probe import Reading, readings, value_of
from losslab.losses.objective import Loss as LossFunction

Pair = tuple[Tensor, Tensor]


def invariances(loss: LossFunction, num_classes: int) -> Iterator[Reading]:
    """Whether the value holds under each change, and by how much it moves otherwise."""
    labels, logits = standard_labels(num_classes), plausible_logits(num_classes)
    binary = num_classes == 1

    def compare(change: Callable[[Tensor, Tensor], Pair]) -> dict:
        before = value_of(loss, logits, labels)
        after = value_of(loss, *change(logits, labels))
        if not isfinite(before):
            return {"holds": "not finite"}
        largest = max(abs(before), abs(after), 1e-12)
        return {"holds": same(before, after), "relative change": abs(after - before) / largest}

    def raised(x: Tensor, y: Tensor) -> Pair:
        generator = torch.Generator().manual_seed(3)
        return x + 3 * torch.randn(x[:, :1].shape, generator=generator), y

    def relabelled(x: Tensor, y: Tensor) -> Pair:
        return (-x, 1 - y) if binary else (x.flip(1), num_classes - 1 - y)

    changes: dict[str, Callable[[Tensor, Tensor], Pair] | None] = {
        "a constant added to all logits of a pixel": None if binary else raised,
        "classes renumbered": relabelled,
        "P to 1 - P": complemented if num_classes <= 2 else None,
        "picture flipped left to right": lambda x, y: (x.flip(3), y.flip(2)),
        "picture flipped upside down": lambda x, y: (x.flip(2), y.flip(1)),
        "picture moved by 3 pixels": lambda x, y: (x.roll(3, dims=3), y.roll(3, dims=2)),
    }
    cases = {
        name: partial(compare, change) if change else lambda: {"holds": None}
        for name, change in changes.items()
    }
    return readings("invariances", cases)


def complemented(x: Tensor, y: Tensor) -> Pair:
    """Logits of the opposite prediction of two outcomes, and the labels as they are."""
    return (-x if x.shape[1] == 1 else x.flip(1)), y
