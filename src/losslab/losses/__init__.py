"""Losses, and the expressions that combine them into a training objective."""

from losslab.losses.active_boundary import active_boundary
from losslab.losses.boundary import boundary
from losslab.losses.combinations import combo, dice_focal
from losslab.losses.cross_entropy import ce, focal
from losslab.losses.curves import Curve
from losslab.losses.distance import distance
from losslab.losses.edge_net import EdgeNet
from losslab.losses.expression import Term, canonical, parse, user_losses
from losslab.losses.label_maps import LABEL_MAPS, label_map
from losslab.losses.levelset import levelset
from losslab.losses.lovasz import lovasz
from losslab.losses.objective import Objective, build_loss, label_maps_of, needs_edge_net
from losslab.losses.overlap import dice, iou, jaccard_distance, tversky
from losslab.losses.presets import PRESETS
from losslab.losses.region_sums import Mass, RegionSums, region_sums
from losslab.losses.registry import LOSSES, Loss
from losslab.losses.semeda import semeda
from losslab.losses.sobel import sobel
from losslab.losses.user import source_digests

__all__ = [
    "LABEL_MAPS",
    "LOSSES",
    "PRESETS",
    "Curve",
    "EdgeNet",
    "Loss",
    "Mass",
    "Objective",
    "RegionSums",
    "Term",
    "active_boundary",
    "boundary",
    "build_loss",
    "canonical",
    "ce",
    "combo",
    "dice",
    "dice_focal",
    "distance",
    "focal",
    "iou",
    "jaccard_distance",
    "label_map",
    "label_maps_of",
    "levelset",
    "lovasz",
    "needs_edge_net",
    "parse",
    "region_sums",
    "semeda",
    "sobel",
    "source_digests",
    "tversky",
    "user_losses",
]
