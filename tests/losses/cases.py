"""Expressions and inputs that several tests of the losses share."""

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from losslab.losses import LOSSES, Objective, build_loss, needs_edge_net
from losslab.losses.edges import random_edge_net

EXPRESSIONS = [
    "ce",
    "focal",
    "focal(gamma=0.5)",
    "focal(one_vs_all=True)",
    "iou",
    'iou(per="image", reduction="sum")',
    'iou(average="micro", smooth=1)',
    'iou(absent="zero")',
    "dice",
    'dice(per="image", absent="count")',
    'dice(average="sum", smooth=0.5)',
    'combo(per="image")',
    "dice_focal(gamma=3)",
    "tversky",
    'tversky(alpha=1, beta=0.2, per="image", smooth=1)',
    "jaccard_distance",
    'jaccard_distance(absent="count", average="sum")',
    "levelset",
    'levelset(epsilon=0.5, reduction="mean")',
    'levelset(heaviside="arctan")',
    'levelset(heaviside="step")',
    "distance",
    'distance(metric="chessboard", per="image", smooth=1)',
    'distance(average="sum")',
    'distance(confident=0.4, absent="count")',
    'distance(confident=0.4, confident_in="both")',
    "distance + dice + 0.1*levelset + ce",
    "semeda",
    "semeda(weights=(0.5, 2, 3))",
    'semeda(weights=(0, 0, 1), reduction="l1")',
    "sobel",
    'sobel(weight=2, reduction="l1")',
    "ce + semeda + 0.5*sobel",
    "lovasz",
    'lovasz(per="image")',
    "boundary",
    "boundary(background=False)",
    "active_boundary",
    "active_boundary(theta=2, share=0.3, smoothing=0, detach=False)",
    "ce + 0.5*focal(gamma=1) + 2*iou + dice",
]
"""Every loss, every value of every option, and a sum whose terms share one pass."""

NOT_FREE = {
    'levelset(epsilon=0.5, reduction="mean")': "a wide step is not 0 outside",
    'levelset(heaviside="arctan")': "the arctangent's step is not 0 outside",
    'distance(average="sum")': "one minus a sum over classes, as printed",
    "boundary": "the inside of a class earns",
    "boundary(background=False)": "the inside of a class earns",
    "active_boundary": "a right boundary, widened, has pixels beside it",
    "active_boundary(theta=2, share=0.3, smoothing=0, detach=False)": "the same",
}
"""Losses that a perfect prediction does not bring to 0, and why."""

STOPPED = {"active_boundary": "the gradient is stopped at a pixel's neighbours, as published"}
"""Losses whose gradient is not that of finite differences, and why."""

NUMBERED = [
    "boundary(background=False)",
    *[expression for expression in EXPRESSIONS if needs_edge_net(expression)],
]
"""Losses that know the classes by their numbers: class 0 is left out, or the EdgeNet has a channel
for each.
"""

NAMES = [*LOSSES, "focal(one_vs_all=True)"]
"""Every registered loss goes through the catalogue of checks."""


def objective_of(expression: str, num_classes: int) -> Objective:
    """An objective; one that needs an EdgeNet gets that of `random_edge_net`."""
    edge_net = random_edge_net(num_classes) if needs_edge_net(expression) else None
    return build_loss(expression, num_classes, edge_net=edge_net)


def random_case(
    num_classes: int, *, seed: int = 0, size: tuple[int, int] = (7, 5), void: float = 0.2
) -> tuple[Tensor, Tensor]:
    """Float64 logits (3, c, h, w) and labels with void pixels; the last class is absent in image
    0.
    """
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(3, num_classes, *size, generator=generator, dtype=torch.float64)
    last = max(num_classes, 2)
    labels = torch.randint(0, last, (3, *size), generator=generator)
    labels[0][labels[0] == last - 1] = 0
    labels[torch.rand(3, *size, generator=generator) < void] = 255
    return logits, labels


def sure_logits(labels: Tensor, num_classes: int, margin: float = 30.0) -> Tensor:
    """Logits that predict the labels with near certainty; void pixels get class 0."""
    known = labels.masked_fill(labels == 255, 0)
    if num_classes == 1:
        return (margin * (2 * known - 1))[:, None].float()
    logits = torch.full((len(labels), num_classes, *labels.shape[1:]), -margin)
    return logits.scatter_(1, known[:, None], margin)


def value_and_gradient(
    function: Callable[[Tensor], Tensor], logits: Tensor
) -> tuple[Tensor, Tensor]:
    """A function of logits and its gradient by them, in their layout."""
    logits = logits.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    value = function(logits)
    return value.detach(), torch.autograd.grad(value, logits)[0]


def in_turn(names: str, values: Iterable[Any]) -> Callable[[Callable[..., None]], Any]:
    """Runs a test for one value after another, as one case; the one that fails is noted."""

    def decorate(test: Callable[..., None]) -> Any:
        keys = [name.strip() for name in names.split(",")]

        @wraps(test)
        def run(**fixtures: Any) -> None:
            for value in values:
                given = dict(zip(keys, value if len(keys) > 1 else [value], strict=True))
                try:
                    test(**given, **fixtures)
                except BaseException as error:
                    error.add_note(f"with {given}")
                    raise

        parameters = inspect.signature(test).parameters.values()
        run.__signature__ = inspect.Signature(  # pyright: ignore
            [parameter for parameter in parameters if parameter.name not in keys]
        )
        return run

    return decorate
