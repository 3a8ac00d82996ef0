"""How the region losses become one number: where their sums run, and the mean over classes and
images.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Le
from jaxtyping import Float
from torch import Tensor

from losslab.losses.region_sums import RegionSums

Per = Literal["batch", "image"]
Average = Literal["macro", "micro", "sum"]
Absent = Literal["skip", "zero", "count"]
Reduction = Literal["mean", "sum"]
Smooth = Annotated[float | int, Ge(0), Le(1e9)]


def average_over_regions(
    loss: Callable[[RegionSums], Tensor],
    sums: RegionSums,
    *,
    per: Per = "batch",
    average: Average = "macro",
    absent: Absent = "skip",
    reduction: Reduction = "mean",
    constant: float = 0.0,
) -> Float[Tensor, ""]:
    """The mean or sum over images and classes of `loss(sums)`, one value (n, c) for each region.

    `per`: the sums run over the whole batch or over each image. `average`: the mean over classes
    ("macro"), one value for all classes pooled ("micro"), or the sum over classes. `absent`: a
    class without a labelled pixel is left out of the mean ("skip"), contributes 0 yet is counted
    ("zero"), or is treated like any other ("count"); pooling and the binary task ignore this.
    `reduction`: mean or sum over the images of `per="image"`; an image with nothing annotated is
    not among them. `constant` is added to each image's value.
    """
    if per == "batch":
        sums = sums.over_batch()
    several = sums.predicted.shape[1] > 1 and average != "micro"
    losses = loss(sums.over_classes() if average == "micro" else sums)
    counted = torch.ones_like(losses)
    if several and absent != "count":
        present = (sums.labelled > 0).to(losses.dtype)
        losses = losses * present
        if absent == "skip":
            counted = present
    of_image = losses.sum(1)
    if average == "macro":
        of_image = of_image / counted.sum(1).clamp(min=1)
    scored = (sums.annotated > 0).to(losses.dtype)
    total = ((of_image + constant) * scored).sum()
    return total if reduction == "sum" else total / scored.sum().clamp(min=1)


def ratio(above: Tensor, below: Tensor, *, empty: float = 1.0) -> Tensor:
    """above / below, and `empty` without a gradient where below is 0."""
    nothing = below <= 0
    return torch.where(nothing, empty, above / torch.where(nothing, 1.0, below))
