"""The order in which an epoch's pictures are trained on: a function of the seed and the epoch."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, UInt8

from losslab.errors import StudyError
from losslab.training.randomness import generator


def epoch_batches(
    seed: int,
    epoch: int,
    *,
    count: int,
    batch_size: int,
    positive: Sequence[bool] | Bool[np.ndarray, " n"] | None = None,
) -> list[list[int]]:
    """The pictures of each batch of an epoch, as numbers below `count`; what fills no batch is left
    out.

    Without `positive` every order is equally likely. With it, one flag a picture, each batch begins
    with a picture whose flag is set (Rahman & Wang 2016, section 4.1: "each batch contains at least
    one positive example"; they do not say how). Those that begin batches and all the others each
    come in random order; no picture comes twice, but where there are fewer positive pictures than
    batches they begin batches in turn until each has one.
    """
    order = torch.randperm(count, generator=generator(seed, "order", epoch)).tolist()
    steps = count // batch_size
    if positive is None:
        return [order[i * batch_size : (i + 1) * batch_size] for i in range(steps)]
    first = [i for i in order if positive[i]]
    if not first:
        raise StudyError("batches: no picture is positive, so none can begin a batch")
    first = [first[step % len(first)] for step in range(steps)]
    used = set(first)
    others = [i for i in order if i not in used]
    more = batch_size - 1
    return [[first[i], *others[i * more : (i + 1) * more]] for i in range(steps)]


def with_foreground(labels: UInt8[np.ndarray, "n h w"], task: str | None) -> list[bool]:
    """Of each label map of a binary task, whether a pixel of the foreground (1) is in it.

    Raises `StudyError` where that is so in none.
    """
    flags = [bool((label == 1).any()) for label in labels]
    if not any(flags):
        raise StudyError(
            f"batches: none of the {len(flags)} training pictures shows {task!r}, so no batch can "
            "hold one that does; choose another task or division, or batches='any'"
        )
    return flags
