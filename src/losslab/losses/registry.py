"""The losses by name, what each needs to share one pass over the logits with others, and what it
reads beside logits and labels.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from losslab.losses.active_boundary import active_boundary
from losslab.losses.boundary import boundary
from losslab.losses.combinations import combo, combo_of_sums, dice_focal, dice_focal_of_sums
from losslab.losses.cross_entropy import ce, ce_of_sums, focal, focal_of_sums
from losslab.losses.distance import confident_curve, distance, distance_of_sums, weight_map
from losslab.losses.levelset import heaviside_curve, levelset, levelset_of_sums
from losslab.losses.lovasz import lovasz
from losslab.losses.overlap import (
    SQUARE,
    dice,
    dice_of_sums,
    iou,
    iou_of_sums,
    jaccard_distance,
    jaccard_distance_of_sums,
    tversky,
    tversky_of_sums,
)
from losslab.losses.passes import Asked
from losslab.losses.semeda import semeda
from losslab.losses.sobel import sobel

Options = Mapping[str, Any]

RESOURCES = ("label_map", "edge_net")
"""Keywords of loss functions that are no options: the objective hands them over."""


@dataclass(frozen=True)
class Loss:
    """A loss function, and its formula on shared sums where it has one."""

    function: Callable[..., Tensor]
    """`function(logits, labels, **options)`: its keyword-only parameters are the loss's options,
    but for the `RESOURCES`.
    """
    of_sums: Callable[..., Tensor] | None = None
    """`of_sums(sums, **options)`, the same number from `RegionSums`."""
    asks: Callable[[Options], Asked | None] = lambda options: Asked()
    """The sums that `of_sums` reads; None: with these options it cannot do with sums."""
    label_map: Callable[[Options], str | None] = lambda options: None
    """The name in `LABEL_MAPS` of the map of the labels that the function takes as `label_map`, and
    whose values weigh the pixels in the sums that `of_sums` reads.
    """
    needs_edge_net: bool = False
    """Whether the function takes an `EdgeNet` as `edge_net`."""


def parameters_of(function: Callable[..., Tensor]) -> list[inspect.Parameter] | None:
    """The parameters of a loss function, of a module's `forward`; None for one written in C."""
    try:
        signature = inspect.signature(getattr(function, "forward", function))
    except (TypeError, ValueError):
        return None
    return list(signature.parameters.values())


def _log_p(options: Options) -> Asked:
    return Asked(gammas=(0.0,))


def _focal_sums(options: Options) -> Asked | None:
    return None if options.get("one_vs_all") else Asked((float(options.get("gamma", 2.0)),))


def _distance_sums(options: Options) -> Asked:
    curve = confident_curve(**options)
    return Asked() if curve is None else Asked(curves=(curve,))


LOSSES: dict[str, Loss] = {
    "ce": Loss(ce, ce_of_sums, _log_p),
    "focal": Loss(focal, focal_of_sums, _focal_sums),
    "iou": Loss(iou, iou_of_sums),
    "dice": Loss(dice, dice_of_sums),
    "tversky": Loss(tversky, tversky_of_sums),
    "jaccard_distance": Loss(
        jaccard_distance, jaccard_distance_of_sums, lambda options: Asked(curves=(SQUARE,))
    ),
    "combo": Loss(combo, combo_of_sums, _log_p),
    "dice_focal": Loss(dice_focal, dice_focal_of_sums, _focal_sums),
    "levelset": Loss(
        levelset,
        levelset_of_sums,
        lambda options: Asked(curves=(heaviside_curve(**options),)),
    ),
    "distance": Loss(
        distance,
        distance_of_sums,
        _distance_sums,
        label_map=lambda options: weight_map(**options),
    ),
    "semeda": Loss(semeda, needs_edge_net=True),
    "sobel": Loss(sobel),
    "lovasz": Loss(lovasz),
    "boundary": Loss(boundary, label_map=lambda options: "signed_distance"),
    "active_boundary": Loss(active_boundary, label_map=lambda options: "edge_distance"),
}
