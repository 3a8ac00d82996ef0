"""Losses, and the expressions that combine them into a training objective."""

from losslab.losses.combinations import combo, dice_focal
from losslab.losses.cross_entropy import ce, focal
from losslab.losses.expression import Term, canonical, parse
from losslab.losses.objective import Objective, build_loss
from losslab.losses.overlap import dice, iou
from losslab.losses.region_sums import RegionSums, region_sums
from losslab.losses.registry import LOSSES, Loss

__all__ = [
    "LOSSES",
    "Loss",
    "Objective",
    "RegionSums",
    "Term",
    "build_loss",
    "canonical",
    "ce",
    "combo",
    "dice",
    "dice_focal",
    "focal",
    "iou",
    "parse",
    "region_sums",
]
