"""Where a loss stops being a number: extreme inputs and half precision."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.losses.contracts.dependence import enlarged
from losslab.losses.contracts.pictures import SIZE, SURE, plausible_logits, standard_labels
from losslab.losses.contracts.probe import Reading, measure, measure_exactly, readings
from losslab.losses.objective import Loss as LossFunction
from losslab.losses.situations import confident_logits

TOLERANCE = 1e-2
"""Relative error from which a value in half precision counts as wrong."""


def extremes(loss: LossFunction, num_classes: int) -> Iterator[Reading]:
    """Value, gradient and whether both are finite on inputs that real data sets hold."""
    labels, logits = standard_labels(num_classes), plausible_logits(num_classes)
    everything_void = torch.full_like(labels, IGNORE_INDEX)
    one_pixel, one_void = everything_void.clone(), labels.clone()
    one_pixel[0, 12, 11] = 1
    one_void[0, 12, 11] = IGNORE_INDEX
    background = torch.zeros_like(labels)
    last = int(labels.max())
    right = confident_logits(labels, num_classes, SURE).sign() * 1e4
    wrong = confident_logits((labels + 1) % (last + 1), num_classes, SURE).sign() * 1e4

    def answers(logits: Tensor, labels: Tensor) -> dict:
        measured = measure(loss, logits, labels)
        return {"value": measured.value, "gradient": measured.norm, "finite": measured.finite}

    inputs = {
        "all void": (logits, everything_void),
        "all void but one pixel": (logits, one_pixel),
        "one void pixel": (logits, one_void),
        "background only, none predicted else": (
            confident_logits(background, num_classes, SURE),
            background,
        ),
        "one object class only": (logits, background + 1),
        "a class absent": (logits, labels.masked_fill(labels == last, 0)),
        "a picture of 1 x 1": (logits[..., 12:13, 11:12], labels[:, 12:13, 11:12]),
        "logits of 10000, all right": (right, labels),
        "logits of 10000, all wrong": (wrong, labels),
        "no picture": (logits[:0], labels[:0]),
    }
    return readings("extremes", {name: partial(answers, *pair) for name, pair in inputs.items()})


def half_precision(
    loss: LossFunction, num_classes: int, *, largest_size: int = 256
) -> Iterator[Reading]:
    """The smallest square size, a power of two, at which one picture gives a value that is wrong or
    not finite, or a gradient that is not finite.

    Wrong: more than 1 % from the value in float64 of the same logits, which are rounded to bfloat16
    first. Of the gradient only whether it is finite is judged: how far it rounds to 0 depends on
    the factor that a trainer scales the loss by.
    """
    return readings(
        "half precision",
        {
            name: partial(_first_wrong, loss, num_classes, kind, largest_size)
            for name, kind in (("float16", torch.float16), ("bfloat16", torch.bfloat16))
        },
    )


def _first_wrong(
    loss: LossFunction, num_classes: int, kind: torch.dtype, largest_size: int
) -> dict:
    size = SIZE
    while True:
        scale = size // SIZE
        labels = standard_labels(num_classes, scale=scale)
        logits = enlarged(plausible_logits(num_classes).bfloat16(), scale)
        found, true = (
            measure(loss, logits.to(kind), labels),
            measure_exactly(loss, logits.float(), labels),
        )
        if not true.finite:
            return {"first wrong size": "not finite", "largest size": size}
        near = abs(found.value - true.value) <= TOLERANCE * max(abs(true.value), 1e-6)
        if not (found.finite and near):
            return {"first wrong size": size, "largest size": size, "value there": found.value}
        if size >= largest_size:
            return {"first wrong size": None, "largest size": size}
        size *= 2
