"""The pictures that loss cards are measured on: one standard label map, and predictions of it."""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from losslab.losses.situations import confident_logits

SIZE = 32
"""Side of the standard picture, pixels."""

CENTRE = (12, 11)
RADIUS = 6.5
"""Of the standard picture's disc, its largest object: row and column of its deepest pixel."""

UNSURE, SURE = 0.6, 0.99
"""The two probabilities of the predicted class at which cards are measured."""


def standard_labels(num_classes: int, *, scale: int = 1) -> Integer[Tensor, "1 h w"]:
    """A disc (class 1), a bar (2) and a small square (3) on background (0), as far as there are
    classes; objects of classes that do not exist are left out. Every pixel is repeated `scale`
    times down and across.
    """
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    labels = torch.zeros(SIZE, SIZE, dtype=torch.int64)
    disc = (y - CENTRE[0]) ** 2 + (x - CENTRE[1]) ** 2 <= RADIUS**2
    bar = (abs(y - 24) <= 1) & (abs(x - 16) <= 9)
    square = (abs(y - 12) <= 1) & (abs(x - 25) <= 1)
    for index, mask in enumerate((disc, bar, square), start=1):
        if index < max(num_classes, 2):
            labels[mask] = index
    return labels.repeat_interleave(scale, 0).repeat_interleave(scale, 1)[None]


def predictions(labels: Integer[Tensor, "1 h w"]) -> dict[str, Integer[Tensor, "1 h w"]]:
    """The label maps that a card's predictions show, by name.

    Inverted is wrong at every pixel: each class takes the place of the next one that is there.
    """
    present = int(labels.max()) + 1
    return {
        "perfect": labels,
        "empty": torch.zeros_like(labels),
        "full": torch.ones_like(labels),
        "inverted": (labels + 1) % present,
        "shifted": labels.roll(1, dims=2),
    }


def plausible_logits(num_classes: int, *, seed: int = 0) -> Float[Tensor, "1 c h w"]:
    """A middling prediction of the standard picture: shifted, sure by 0.8, with noise around the
    objects.

    The outermost four pixels have neither objects nor noise, so that the picture can be moved by 3
    and nothing leaves it.
    """
    shifted = predictions(standard_labels(num_classes))["shifted"]
    logits = confident_logits(shifted, num_classes, 0.8)
    noise = torch.randn(logits.shape, generator=torch.Generator().manual_seed(seed))
    logits[..., 5:-5, 5:-5] += noise[..., 5:-5, 5:-5]
    return logits


def near_uniform_logits(num_classes: int, *, seed: int = 4) -> Float[Tensor, "1 c h w"]:
    """Normal logits with a standard deviation of 0.01: what an untrained network might say."""
    generator = torch.Generator().manual_seed(seed)
    return 0.01 * torch.randn(1, num_classes, SIZE, SIZE, generator=generator)


def random_logits(num_classes: int, *, count: int = 8, seed: int = 1) -> Float[Tensor, "n c h w"]:
    """Normal logits with standard deviations from 0.5 to 16: predictions of nothing at all."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, num_classes, SIZE, SIZE, generator=generator)
    return logits * torch.logspace(-1, 4, count, base=2.0)[:, None, None, None]
