"""What else than the prediction a loss depends on: resolution, batch, void pixels, class count."""

from collections.abc import Callable, Iterator
from functools import partial
from math import isfinite

import torch
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.losses.contracts.pictures import plausible_logits, standard_labels
from losslab.losses.contracts.probe import Reading, measure, readings, value_of
from losslab.losses.contracts.subject import Subject
from losslab.losses.objective import Loss as LossFunction
from losslab.losses.situations import confident_logits

CERTAIN = 1 - 1e-9
SAME = 1e-4
"""Relative difference of two float32 values that a card calls equal."""


def same(a: float, b: float) -> bool:
    """The two values are equal up to rounding."""
    return abs(a - b) <= SAME * max(abs(a), abs(b), 1e-6)


def resolution(loss: LossFunction, num_classes: int) -> Iterator[Reading]:
    """Value and gradient of one picture whose pixels are repeated 1, 2 and 4 times each way."""
    logits = plausible_logits(num_classes)

    def at(scale: int) -> dict:
        measured = measure(loss, enlarged(logits, scale), standard_labels(num_classes, scale=scale))
        return {"value": measured.value, "gradient": measured.norm}

    return readings("resolution", {f"{scale}x": partial(at, scale) for scale in (1, 2, 4)})


def enlarged(logits: Tensor, scale: int) -> Tensor:
    """Logits (n, c, h, w) with every pixel repeated `scale` times down and across."""
    return logits.repeat_interleave(scale, 2).repeat_interleave(scale, 3)


def batch(loss: LossFunction, num_classes: int) -> Iterator[Reading]:
    """Whether a batch's loss is that of its images.

    Two pictures: 199 pixels of class 1 all found, and one pixel of class 1 missed. Mean and sum
    cannot be told apart by these where one of the two costs nothing, so that a picture given twice
    has to fit too. What is neither pools the pixels of the batch.
    """
    labels, logits = standard_labels(num_classes), plausible_logits(num_classes)
    truth = torch.zeros(2, 32, 32, dtype=torch.int64)
    truth[0, 4:14, 4:24] = 1
    truth[0, 4, 4] = 0
    truth[1, 20, 20] = 1
    found = truth.clone()
    found[1] = 0
    pair = confident_logits(found, num_classes, CERTAIN)
    partly = truth.clone()
    partly[0, 16:] = IGNORE_INDEX

    def repeated(count: int) -> dict:
        pictures = logits.expand(count, -1, -1, -1), labels.expand(count, -1, -1)
        return {"value": value_of(loss, *pictures)}

    def coupling(truth: Tensor) -> dict:
        together = value_of(loss, pair, truth)
        each = [value_of(loss, pair[i : i + 1], truth[i : i + 1]) for i in (0, 1)]
        mean = sum(each) / 2
        once, twice = (repeated(count)["value"] for count in (1, 2))
        kind = "batch"
        if not all(map(isfinite, (together, mean, once, twice))):
            kind = "not finite"
        elif same(together, mean) and same(twice, once):
            kind = "image, averaged"
        elif same(together, sum(each)) and same(twice, 2 * once):
            kind = "image, summed"
        return {"together": together, "mean of each": mean, "computed per": kind}

    cases = {
        "a picture": partial(repeated, 1),
        "the picture twice": partial(repeated, 2),
        "one found, one missed": partial(coupling, truth),
        "the same, the first half void": partial(coupling, partly),
    }
    return readings("batch", cases)


def void(loss: LossFunction, num_classes: int) -> Iterator[Reading]:
    """Value with more and more pixels void, and whether what lies under them matters.

    Each pixel is four, of which none, one or two are void: what is left is the same picture.
    """
    labels = standard_labels(num_classes, scale=2)
    logits = enlarged(plausible_logits(num_classes), 2)
    one, two = labels.clone(), labels.clone()
    one[:, ::2, ::2] = IGNORE_INDEX
    two[:, ::2] = IGNORE_INDEX
    hidden = (two == IGNORE_INDEX)[:, None]

    def value(labels: Tensor) -> dict:
        return {"value": value_of(loss, logits, labels)}

    def beneath() -> dict:
        generator = torch.Generator().manual_seed(2)
        other = torch.where(hidden, 5 * torch.randn(logits.shape, generator=generator), logits)
        before, after = (measure(loss, x, two) for x in (logits, other))
        if not before.finite:
            return dict.fromkeys(("enters the value", "gets a gradient"), "not finite")
        gradients = (after.gradient * hidden).abs().max()
        return {
            "enters the value": not same(before.value, after.value),
            "gets a gradient": bool(gradients != 0),
        }

    def missing() -> dict:
        return {"finite": measure(loss, logits.masked_fill(hidden, torch.nan), two).finite}

    cases: dict[str, Callable[[], dict]] = {
        f"{share} of 4 pixels void": partial(value, part)
        for share, part in enumerate((labels, one, two))
    }
    cases |= {"logits under void": beneath, "NaN under void": missing}
    return readings("void", cases)


def most_classes(num_classes: int) -> int:
    """The largest number of classes that a card looks at: Cityscapes' 19, or twice as many as
    asked for.
    """
    return max(19, 2 * num_classes)


def class_count(loss: Subject, num_classes: int) -> Iterator[Reading]:
    """Value of one picture under more classes, none of them labelled or predicted; None where the
    loss is another one for that number of them. No readings for a binary loss.
    """
    if num_classes == 1:
        return iter(())
    labels, logits = standard_labels(num_classes), plausible_logits(num_classes)
    only = torch.zeros(1, 32, 32, dtype=torch.int64)

    def picture(count: int) -> dict:
        if not loss.comparable(count):
            return {"value": None}
        more = torch.full((1, count - num_classes, *logits.shape[2:]), -20.0)
        return {"value": value_of(loss.make(count), torch.cat([logits, more], 1), labels)}

    def wrong(count: int) -> dict:
        if not loss.comparable(count):
            return {"value": None}
        wrong = confident_logits(only + 1, count, CERTAIN)
        return {"value": value_of(loss.make(count), wrong, only)}

    counts = sorted({num_classes, 2 * num_classes, most_classes(num_classes)})
    cases = {f"standard picture, {count} classes": partial(picture, count) for count in counts}
    for count in sorted({2, *counts}):
        cases[f"one class, all wrong, {count} classes"] = partial(wrong, count)
    return readings("class count", cases)
