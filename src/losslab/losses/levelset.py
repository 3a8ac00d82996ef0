"""The level set loss: how far the labelled pixels are from uniform inside and outside a predicted
contour.
"""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from jaxtyping import Float, Integer
from torch import Tensor

from losslab.losses.averaging import Reduction, ratio
from losslab.losses.curves import Curve
from losslab.losses.region_sums import RegionSums, region_sums

Heaviside = Literal["tanh", "arctan", "step"]
Epsilon = Annotated[float | int, Ge(1e-3), Le(1e3)]


def levelset(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
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
    return levelset_of_sums(
        region_sums(logits, labels, curves=(heaviside_curve(epsilon, heaviside),)),
        epsilon=epsilon,
        heaviside=heaviside,
        reduction=reduction,
    )


def levelset_of_sums(
    sums: RegionSums,
    *,
    epsilon: Epsilon = 0.05,
    heaviside: Heaviside = "tanh",
    reduction: Reduction = "sum",
) -> Float[Tensor, ""]:
    """`levelset` from sums that hold those of its smooth step; the same options."""
    inside = sums.curves[heaviside_curve(epsilon, heaviside)]
    pixels = sums.annotated[:, None]
    own_inside, own_outside = inside.overlap, sums.labelled - inside.overlap
    other_inside = inside.predicted - inside.overlap
    other_outside = pixels - sums.labelled - other_inside
    # The energy is least at these means, so its gradient is the same with them held fixed: eq. 7.
    # Where nothing is inside, or nothing outside, that part of the energy is 0.
    mean_inside = ratio(own_inside, own_inside + other_inside, empty=0.0).detach()
    mean_outside = ratio(own_outside, own_outside + other_outside, empty=0.0).detach()
    energy = (
        own_inside * (1 - mean_inside) ** 2
        + other_inside * mean_inside**2
        + own_outside * (1 - mean_outside) ** 2
        + other_outside * mean_outside**2
    )
    of_image = energy.sum(1)
    if energy.shape[1] == 1:
        of_image = 2 * of_image  # the background's
    if reduction == "mean":
        of_image = of_image / sums.annotated.clamp(min=1)
    return of_image.sum() / (sums.annotated > 0).sum().clamp(min=1)


def heaviside_curve(epsilon: Epsilon = 0.05, heaviside: Heaviside = "tanh", **_: Any) -> Curve:
    """The smooth step of these options, as a curve over p."""
    return Curve("step", 0.5) if heaviside == "step" else Curve(heaviside, float(epsilon))
