"""The losses by name, and what each needs to share one pass over the logits with others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from losslab.losses.combinations import combo, combo_of_sums, dice_focal, dice_focal_of_sums
from losslab.losses.cross_entropy import ce, ce_of_sums, focal, focal_of_sums
from losslab.losses.overlap import dice, dice_of_sums, iou, iou_of_sums

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Loss:
    """A loss function, and its formula on shared sums where it has one."""

    function: Callable[..., Tensor]
    """`function(logits, labels, **options)`: its keyword-only parameters are the loss's options."""
    of_sums: Callable[..., Tensor] | None = None
    """`of_sums(sums, **options)`, the same number from `RegionSums`."""
    gammas: Callable[[Options], tuple[float, ...] | None] = lambda options: ()
    """The focusing exponents that `of_sums` reads; None: with these options it cannot do with
    sums.
    """


def _focal_gammas(options: Options) -> tuple[float, ...] | None:
    return None if options.get("one_vs_all") else (float(options.get("gamma", 2.0)),)


LOSSES: dict[str, Loss] = {
    "ce": Loss(ce, ce_of_sums, lambda options: (0.0,)),
    "focal": Loss(focal, focal_of_sums, _focal_gammas),
    "iou": Loss(iou, iou_of_sums),
    "dice": Loss(dice, dice_of_sums),
    "combo": Loss(combo, combo_of_sums, lambda options: (0.0,)),
    "dice_focal": Loss(dice_focal, dice_focal_of_sums, _focal_gammas),
}
