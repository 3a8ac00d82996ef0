"""Losses, and the expressions that combine them into a training objective."""

from losslab.losses.edges import EdgeNet, active_boundary, semeda, sobel
from losslab.losses.label_maps import LABEL_MAPS, label_map
from losslab.losses.objective import (
    LOSSES,
    PRESETS,
    Objective,
    Term,
    build_loss,
    canonical,
    label_maps_of,
    needs_edge_net,
    parse,
    source_digests,
    user_losses,
)
from losslab.losses.pixel import boundary, ce, focal, lovasz
from losslab.losses.region import (
    combo,
    dice,
    dice_focal,
    distance,
    iou,
    jaccard_distance,
    levelset,
    tversky,
)
from losslab.losses.sums import Needs, Sums, pixel_sums, region_sums

__all__ = [
    "LABEL_MAPS",
    "LOSSES",
    "PRESETS",
    "EdgeNet",
    "Needs",
    "Objective",
    "Sums",
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
    "pixel_sums",
    "region_sums",
    "semeda",
    "sobel",
    "source_digests",
    "tversky",
    "user_losses",
]
