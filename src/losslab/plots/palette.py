"""Our own colours of classes, for data sets that have no official ones."""

from itertools import cycle, islice

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from losslab.analysis.data_sets import NEGATIVE
from losslab.data import SegmentationDataset
from losslab.plots.edges import class_colours

REST = (120, 120, 120)
"""Grey: the background."""

UNOFFICIAL = ("scenes", "folder", "helen", "celebamask_hq")
"""Data sets without official colours, but for a folder whose options give some."""

# Okabe & Ito 2008: told apart by colour-blind readers too. Without black, which hides the picture.
_BASE = (
    *((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167)),
    *((213, 94, 0), (86, 180, 233), (240, 228, 66)),
)


def distinct_colours(class_names: tuple[str, ...]) -> UInt8[ndarray, "c 3"]:
    """Grey for the background; for the others seven hues that colour-blind readers tell apart, then
    the same darker, then paler. Beyond 21 they repeat.
    """
    base = np.array(_BASE, float)
    shades = np.concatenate([base, 0.55 * base, 0.45 * base + 0.55 * 255])
    hues = iter(islice(cycle(shades), len(class_names)))
    colours = [REST if name in NEGATIVE else next(hues) for name in class_names]
    return np.array(colours, float).round().astype(np.uint8)


def shown_colours(dataset: SegmentationDataset) -> UInt8[ndarray, "c 3"]:
    """A colour for each value of a label map: official where the data set has them, else ours.

    Of a binary task grey stands for the rest.
    """
    options = getattr(dataset, "options", None)
    chosen = getattr(options, "colours", None) is not None
    if dataset.num_classes == 1 or dataset.name not in UNOFFICIAL or chosen:
        return class_colours(dataset)
    return distinct_colours(dataset.class_names)
