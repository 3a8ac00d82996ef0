"""Losses that compare regions: each is its formula on a few sums per class."""

import math
from functools import cache
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Le, Lt
from jaxtyping import Float
from torch import Tensor

from losslab.losses.pixel import Gamma, power
from losslab.losses.sums import (
    Function,
    Needs,
    Reduction,
    Smooth,
    Sums,
    mean_of,
    nll,
    on_sums,
    pooled,
    ratio,
)

Weight = Annotated[float | int, Ge(0), Le(1e6)]
Epsilon = Annotated[float | int, Ge(1e-3), Le(1e3)]
Heaviside = Literal["tanh", "arctan", "step"]
Metric = Literal["euclidean", "chessboard"]
Confident = Annotated[float | int, Ge(0), Lt(1)] | None
ConfidentIn = Literal["outside", "both"]


@on_sums()
def iou(sums: Sums, **pooling: Any) -> Float[Tensor, ""]:
    """One minus the soft intersection over union, 1 - Σpy / Σ(p + y - py).

    `per`: the sums run over the whole batch or over each image. `average`: the mean over classes
    ("macro"), one ratio of all classes pooled ("micro"), or the sum over classes. `absent`: a class
    without a labelled pixel is left out of the mean ("skip"), contributes 0 yet is counted
    ("zero"), or is treated like any other ("count"); pooling and the binary task ignore this.
    `smooth` is added above and below. `reduction`: mean or sum over the images of `per="image"`; an
    image with nothing annotated is not among them. An empty union is a ratio of 1.

    Rahman & Wang 2016, eqs. 3-5: `per="batch"`. van Beers 2018, eq. 2.4: `per="image",
    reduction="sum"`. Gul 2023, eq. 2.3: `average="micro", smooth=1` as printed, `absent="zero"` as
    run with segmentation_models_pytorch.
    """
    return pooled(lambda s, k: 1 - ratio(s.py + k, s.p + s.y - s.py + k), sums, **pooling)


@on_sums()
def dice(sums: Sums, **pooling: Any) -> Float[Tensor, ""]:
    """One minus the soft Dice coefficient, 1 - 2Σpy / Σ(p + y).

    The options are those of `iou`. Gul 2023, eq. 2.2: `average="micro", smooth=1` as printed, which
    for softmax is no more than 1 - mean p(true); `absent="zero"` as run with
    segmentation_models_pytorch.
    """
    return pooled(lambda s, k: 1 - ratio(2 * s.py + k, s.p + s.y + k), sums, **pooling)


@on_sums()
def tversky(
    sums: Sums, *, alpha: Weight = 0.3, beta: Weight = 0.7, **pooling: Any
) -> Float[Tensor, ""]:
    """One minus the soft Tversky index, 1 - Σpy / (Σpy + alpha Σp(1 - y) + beta Σ(1 - p)y).

    `alpha` weighs what is predicted wrongly, `beta` what is missed; both 1/2 is Dice, both 1 is
    IoU. The defaults are those that Salehi et al. 2017, who print it as eq. 3, found best; it is
    beyond the papers compared here. The other options are those of `iou`.
    """

    def formula(s: Sums, smooth: Smooth) -> Tensor:
        wrong, missed = s.p - s.py, s.y - s.py
        return 1 - ratio(s.py + smooth, s.py + alpha * wrong + beta * missed + smooth)

    return pooled(formula, sums, **pooling)


def square(p: Tensor) -> Tensor:
    """p²."""
    return p * p


@on_sums(lambda **_: Needs((square,)))
def jaccard_distance(sums: Sums, **pooling: Any) -> Float[Tensor, ""]:
    """The soft Jaccard distance with squares in the union, 1 - Σpy / Σ(p² + y² - py).

    The options are those of `iou`. Yuan et al. 2017, which van Beers 2018 (section 1) names as the
    quadratic alternative and leaves to future work.
    """
    return pooled(
        lambda s, k: 1 - ratio(s.py + k, s.of[square].p + s.y - s.py + k), sums, **pooling
    )


@on_sums(lambda **_: Needs(pixel_functions=(nll,)))
def combo(sums: Sums, **pooling: Any) -> Float[Tensor, ""]:
    """Dice plus cross-entropy, equally weighted; the options are those of Dice.

    Gul 2023, eq. 2.4, after Taghanaki et al. 2019.
    """
    return dice.of_sums(sums, **pooling) + mean_of(sums, nll)


@on_sums(lambda *, gamma=2.0, **_: Needs(pixel_functions=(power(gamma),)))
def dice_focal(sums: Sums, *, gamma: Gamma = 2.0, **pooling: Any) -> Float[Tensor, ""]:
    """Dice plus focal loss (softmax form), equally weighted; `gamma` is focal's, the other options
    are those of Dice.

    Gul 2023, eq. 2.6.
    """
    return dice.of_sums(sums, **pooling) + mean_of(sums, power(gamma))


@cache
def heaviside_step(heaviside: Heaviside = "tanh", epsilon: Epsilon = 0.05) -> Function:
    """H of a probability p, with φ = p - 1/2: Kim et al. 2019, eq. 6 ("tanh"), and Chan & Vese's
    ("arctan" and "step").
    """

    def tanh(p: Tensor) -> Tensor:
        # (1 + tanh(φ/ε)) / 2 is sigmoid(2φ/ε), which keeps its digits where tanh is -1.
        return torch.add(p.new_tensor(-1 / epsilon), p, alpha=2 / epsilon).sigmoid()

    def arctan(p: Tensor) -> Tensor:
        depth = torch.add(p.new_tensor(-0.5 / epsilon), p, alpha=1 / epsilon)
        return depth.atan().mul_(1 / math.pi).add_(0.5)

    def step(p: Tensor) -> Tensor:
        return _where(p >= 0.5, p)

    return {"tanh": tanh, "arctan": arctan, "step": step}[heaviside]


def _where(inside: Tensor, p: Tensor) -> Tensor:
    """1 inside, 0 elsewhere, without a gradient; NaN where p is."""
    return inside.to(p.dtype).add_((p - p).detach())


def _heaviside_needs(*, epsilon: Epsilon = 0.05, heaviside: Heaviside = "tanh", **_: Any) -> Needs:
    return Needs((heaviside_step(heaviside, float(epsilon)),))


@on_sums(_heaviside_needs)
def levelset(
    sums: Sums,
    *,
    epsilon: Epsilon = 0.05,
    heaviside: Heaviside = "tanh",
    reduction: Reduction = "sum",
) -> Float[Tensor, ""]:
    """The Chan-Vese energy of each present class's binary label under its predicted region, summed
    over classes and pixels, averaged over images.

    With φ = p - 1/2 and H a smooth step of width `epsilon`: Σ H (G - c1)² + (1 - H)(G - c2)², where
    G is 1 on the class's own pixels and c1 and c2 are its means weighted by H and by 1 - H. The
    smooth step is (1 + tanh(φ/ε))/2 ("tanh", the paper's MAHF, eq. 6), Chan & Vese's 1/2 +
    arctan(φ/ε)/π ("arctan", AHF) or 1 where φ >= 0 ("step", HF, eq. 2), which has no gradient: the
    three of its Fig. 5. `reduction="sum"` is as printed, and the paper's weight of 4e-4 in the
    objective "ce + 4e-4*levelset" belongs to it (eq. 8); "mean" divides each image's energy by its
    annotated pixels. The background is a class like any other, also in the binary task, whose two
    classes have the same energy.

    E(P) = E(1 - P), so that this loss cannot train alone. Kim et al. 2019, eqs. 4-7.
    """
    h = sums.of[heaviside_step(heaviside, float(epsilon))]
    # Σ H G, Σ H (1 - G), Σ (1 - H) G and Σ (1 - H)(1 - G).
    hg, h_, g, rest = h.py, h.p - h.py, sums.y - h.py, sums.n - sums.y - h.p + h.py
    # Where nothing is inside, or nothing outside, that part of the energy is 0. The energy is least
    # at these means, so its gradient is that with them held fixed: eq. 7.
    c1, c2 = ratio(hg, h.p, empty=0), ratio(g, sums.n - h.p, empty=0)
    energy = hg * (1 - c1) ** 2 + h_ * c1**2 + g * (1 - c2) ** 2 + rest * c2**2
    # Absent classes have no energy. The binary background has that of the foreground.
    of_image = energy.sum(1, keepdim=True) * (2 if energy.shape[1] == 1 else 1)
    if reduction == "mean":
        of_image = of_image / sums.n.clamp(min=1)
    return of_image.sum() / (sums.n > 0).sum().clamp(min=1)


@cache
def _above(threshold: float | int) -> Function:
    return lambda p: _where(p > threshold, p)


@cache
def _masked(threshold: float | int) -> Function:
    return lambda p: torch.where(p <= threshold, 0, p)


def _confident_needs(
    *, confident: Confident = None, confident_in: ConfidentIn = "outside", **_: Any
) -> Needs:
    if confident is None:
        return Needs()
    return Needs(((_above if confident_in == "outside" else _masked)(float(confident)),))


@on_sums(_confident_needs, weights=lambda *, metric="euclidean", **_: f"distance_{metric}")
def distance(
    sums: Sums,
    *,
    metric: Metric = "euclidean",
    confident: Confident = None,
    confident_in: ConfidentIn = "outside",
    **pooling: Any,
) -> Float[Tensor, ""]:
    """One minus the share of boundary-weighted overlap, 1 - ΣWp / (ΣW + Σ(1 - Y)p).

    W is 1 at an object's boundary and falls to 0 at its deepest pixel: the distance to the outside,
    reversed and min-max normalised within the class's pixels of an image (Gul 2023, steps 1-7 and
    eq. 3.1). Where all its pixels are equally deep, or it fills the image, the printed 0/0 is W =
    1. `metric`: "euclidean" as step 1.2 says; "chessboard" is the scipy function that the thesis
    links. `label_map` is W where it is already there, `LABEL_MAPS["distance_" + metric]`.

    `confident` is the threshold (0.95) of the mask B that the text after step 7 describes and eq.
    3.1 does not hold. "outside" puts B in the place of the prediction in step 6, which calls it
    "binary": false positives then count where they are confident, and get no gradient of their own;
    it is the default because the prediction still learns from the start. "both" puts p B in the
    place of p everywhere, which leaves unsure pixels without a gradient.

    `average="sum"` subtracts the classes' sum from 1 as eq. 3.1 is printed, so that a perfect
    prediction of k classes gives 1 - k; the default is the mean over classes. The other options are
    those of `iou`. The deepest pixel of an object has weight 0: a hole there costs nothing.
    """
    functions = _confident_needs(confident=confident, confident_in=confident_in).functions
    printed = pooling.get("average") == "sum"

    def formula(s: Sums, smooth: Smooth) -> Tensor:
        outside = s.of[functions[0]] if functions else s
        inside = s if confident_in == "outside" else outside
        share = ratio(inside.wpy + smooth, s.wy + outside.p - outside.py + smooth)
        return -share if printed else 1 - share

    return pooled(formula, sums, **pooling, constant=float(printed))
