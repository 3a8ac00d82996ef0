"""What a loss answers to predictions of the standard picture: value, gradient, cost of errors."""

import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from losslab.losses.contracts.pictures import (
    CENTRE,
    RADIUS,
    SURE,
    UNSURE,
    near_uniform_logits,
    predictions,
    random_logits,
    standard_labels,
)
from losslab.losses.contracts.probe import Measured, Reading, measure_exactly, readings
from losslab.losses.objective import Loss as LossFunction
from losslab.losses.situations import confident_logits

NEGLIGIBLE, NOISE = 1e-6, 1e-4
"""Share of a loss's peak gradient under which a step is said to change nothing: in float64, and
where the loss rounds to float32.
"""


def responses(loss: LossFunction, num_classes: int) -> Iterator[Reading]:
    """Value, gradient and its direction at each prediction, unsure and sure, and at uniform."""
    labels = standard_labels(num_classes)
    inputs = {"uniform": _uniform(labels, num_classes)}
    for confidence in (UNSURE, SURE):
        for name, predicted in predictions(labels).items():
            logits = confident_logits(predicted, num_classes, confidence)
            inputs[f"{name}, p = {confidence}"] = logits
    found: dict[str, Measured | Exception] = {}
    for case, logits in inputs.items():
        try:
            found[case] = measure_exactly(loss, logits, labels)
        except Exception as error:  # raised again in the cell that it belongs to
            found[case] = error
    norms = [each.norm for each in found.values() if isinstance(each, Measured)]
    peak = max(filter(math.isfinite, norms), default=0.0)

    def response(case: str) -> dict:
        measured = found[case]
        if isinstance(measured, Exception):
            raise measured
        return {
            "value": measured.value,
            "gradient": measured.norm,
            "pixels with a gradient": measured.share,
            "p(true) after a step": _direction(measured, inputs[case], labels, peak),
        }

    return readings("responses", {case: partial(response, case) for case in inputs})


def noise(loss: LossFunction, num_classes: int) -> Iterator[Reading]:
    """Values at seeded random logits of growing size, for the range."""
    labels = standard_labels(num_classes)
    cases = {
        f"random logits, number {index}": lambda x=logits[None]: {
            "value": measure_exactly(loss, x, labels).value
        }
        for index, logits in enumerate(random_logits(num_classes))
    }
    return readings("noise", cases)


def path(loss: LossFunction, num_classes: int) -> Iterator[Reading]:
    """Length of the gradient on the way from a nearly uniform prediction to the label.

    Where all logits are equal a gradient may vanish for symmetry alone, so that they have a noise
    of 0.01.
    """

    def lengths() -> dict:
        labels = standard_labels(num_classes)
        near = near_uniform_logits(num_classes)
        start = measure_exactly(loss, near, labels).norm
        steps = [
            p for p in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999) if p * max(num_classes, 2) > 1
        ]
        after = [
            measure_exactly(loss, confident_logits(labels, num_classes, p), labels).norm
            for p in steps
        ]
        peak = max([start, *after])
        return {
            "gradient near uniform": start,
            "peak of the gradient": peak,
            "gradient near uniform / peak": start / peak if peak else None,
        }

    return readings("path", {"from near uniform to the label": lengths})


def errors(loss: LossFunction, num_classes: int) -> Iterator[Reading]:
    """What one error in an otherwise perfect and sure prediction adds to the loss."""
    labels = standard_labels(num_classes)
    perfect = confident_logits(labels, num_classes, SURE)
    y, x = torch.meshgrid(*map(torch.arange, labels.shape[1:]), indexing="ij")
    depth = (y - CENTRE[0]) ** 2 + (x - CENTRE[1]) ** 2
    row, reach = CENTRE[0], int(RADIUS)
    edits = {
        "deepest pixel of the disc missed": (depth == 0, 0),
        "hole of radius 3 around it": (depth <= 9, 0),
        "pixel at the disc's rim missed": ((y == row) & (x == CENTRE[1] - reach), 0),
        "pixel beside the disc added": ((y == row) & (x == CENTRE[1] - reach - 1), 1),
        "pixel far from the disc added": ((y == 30) & (x == 30), 1),
    }
    if num_classes > 3:
        edits["smallest object missed"] = (labels[0] == 3, 0)

    def cost(mask: Tensor, wrong: int) -> dict:
        logits = confident_logits(labels.masked_fill(mask, wrong), num_classes, SURE)
        after, before = (measure_exactly(loss, x, labels).value for x in (logits, perfect))
        return {"cost": after - before}

    return readings("errors", {name: partial(cost, *edit) for name, edit in edits.items()})


def _uniform(labels: Tensor, num_classes: int) -> Tensor:
    return torch.zeros(len(labels), num_classes, *labels.shape[1:])


def _direction(measured: Measured, logits: Tensor, labels: Tensor, peak: float) -> str:
    """Whether a small step against the gradient raises the mean of p(true)."""
    leaf = logits.detach().clone().requires_grad_()
    if leaf.shape[1] == 1:
        truth = torch.where(labels[:, None] == 1, leaf, -leaf).sigmoid()
    else:
        truth = leaf.softmax(1).gather(1, labels[:, None])
    (rise,) = torch.autograd.grad(truth.mean(), leaf)
    slope = -(rise.double() * measured.gradient.double()).sum()
    lengths = rise.double().norm() * measured.norm
    if not slope.isfinite():
        return "not finite"
    least = NOISE if measured.rounded else NEGLIGIBLE
    if measured.norm <= least * peak or abs(slope) <= least * lengths:
        return "stays"
    return "rises" if slope > 0 else "falls"
