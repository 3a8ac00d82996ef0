"""Generated pictures with dials: the data set that needs no files."""

from typing import Any

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from losslab.constants import IGNORE_INDEX
from losslab.data.dataset import SPLITS, Report, SegmentationDataset, refuse
from losslab.data.dials import KINDS, Dials
from losslab.data.drawing import draw

GENERATOR_VERSION = 3
"""Raised with every change that alters a pixel: cached pictures of another version are not read."""

SPLIT_START = {"train": 0, "val": 1_000_000, "test": 2_000_000}
"""First index of each split: changing one split's size leaves the pictures of the others as they
are.
"""


class Scenes(SegmentationDataset):
    """Generated pictures; ids are `<split>_<number>`."""

    name = "scenes"
    options_type = Dials

    def __init__(self, options: Dials):
        kinds = KINDS[: options.classes]
        counts = {split: getattr(options, split) for split in SPLITS}
        super().__init__(
            class_names=tuple(kind.name for kind in kinds),
            colours=np.array([kind.colour for kind in kinds], dtype=np.uint8),
            ids=[f"{split}_{i:05d}" for split in SPLITS for i in range(counts[split])],
            splits=[split for split in SPLITS for _ in range(counts[split])],
        )
        self.options = options

    @classmethod
    def known_classes(cls, options: Dials) -> tuple[str, ...]:
        return tuple(kind.name for kind in KINDS[: options.classes])

    @classmethod
    def open(cls, root: Any, options: Dials, report: Report = refuse) -> "Scenes":
        return cls(options)

    def read(
        self, position: int, size: tuple[int, int] | None = None
    ) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        split, number = self.all_ids[position].split("_")
        return generate(self.options, SPLIT_START[split] + int(number), size or (96, 96))

    def content(self, digests: Any) -> dict[str, Any]:
        dials = {name: getattr(self.options, name) for name in Dials.__dataclass_fields__}
        return {"generator": GENERATOR_VERSION, "options": dials}


def generate(
    options: Dials, index: int, size: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """The picture and the label map of one index at `size` = (height, width)."""
    image, label = draw(options, index, size, noisy=index < SPLIT_START["test"])
    if options.void_rim:
        width = 2 * options.void_rim + 1
        rim = ndimage.maximum_filter(label, width) != ndimage.minimum_filter(label, width)
        label[rim] = IGNORE_INDEX
    return image, label
