"""The distance-transform loss: overlap in which a pixel counts by its nearness to the boundary."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Lt
from jaxtyping import Float, Integer
from torch import Tensor

from losslab.losses.averaging import (
    Absent,
    Average,
    Per,
    Reduction,
    Smooth,
    average_over_regions,
    ratio,
)
from losslab.losses.curves import Curve
from losslab.losses.label_maps import label_map as make_label_map
from losslab.losses.region_sums import RegionSums, region_sums

Metric = Literal["euclidean", "chessboard"]
Confident = Annotated[float | int, Ge(0), Lt(1)] | None
ConfidentIn = Literal["outside", "both"]


def distance(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    metric: Metric = "euclidean",
    confident: Confident = None,
    confident_in: ConfidentIn = "outside",
    per: Per = "batch",
    average: Average = "macro",
    absent: Absent = "skip",
    smooth: Smooth = 0.0,
    reduction: Reduction = "mean",
    label_map: Float[Tensor, "n h w"] | None = None,
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
    if label_map is None:
        label_map = make_label_map(weight_map(metric), labels, logits.shape[1])
    curve = confident_curve(confident, confident_in)
    return distance_of_sums(
        region_sums(logits, labels, curves=() if curve is None else (curve,), weights=label_map),
        metric=metric,
        confident=confident,
        confident_in=confident_in,
        per=per,
        average=average,
        absent=absent,
        smooth=smooth,
        reduction=reduction,
    )


def distance_of_sums(
    sums: RegionSums,
    *,
    metric: Metric = "euclidean",
    confident: Confident = None,
    confident_in: ConfidentIn = "outside",
    average: Average = "macro",
    smooth: Smooth = 0.0,
    **options: Any,
) -> Float[Tensor, ""]:
    """`distance` from sums whose weights are W of this metric; the same options."""
    curve = confident_curve(confident, confident_in)

    def share(sums: RegionSums) -> Tensor:
        outside = sums.mass if curve is None else sums.curves[curve]
        inside = sums.mass if confident_in == "outside" else outside
        assert inside.weighted_overlap is not None
        below = sums.weight + outside.predicted - outside.overlap
        return ratio(inside.weighted_overlap + smooth, below + smooth)

    if average == "sum":
        return average_over_regions(
            lambda sums: -share(sums), sums, average=average, constant=1.0, **options
        )
    return average_over_regions(lambda sums: 1 - share(sums), sums, average=average, **options)


def confident_curve(
    confident: Confident = None, confident_in: ConfidentIn = "outside", **_: Any
) -> Curve | None:
    """The function of p that these options sum beside p, if any."""
    if confident is None:
        return None
    return Curve("above" if confident_in == "outside" else "masked", float(confident))


def weight_map(metric: Metric = "euclidean", **_: Any) -> str:
    """The name of the label map that holds W of this metric."""
    return f"distance_{metric}"
