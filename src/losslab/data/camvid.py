"""CamVid in SegNet's split: 11 classes, 367/101/233 pictures of 480x360 (Brostow et al. 2009;
Badrinarayanan et al. 2017).
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from losslab.constants import IGNORE_INDEX
from losslab.data.dataset import (
    SPLITS,
    FileProblem,
    Pair,
    PairedFiles,
    PublishedOptions,
    Report,
    check_counts,
    check_shape,
    find_home,
    need_folder,
    pair_up,
    read_indices,
    refuse,
)

CLASSES = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (60, 40, 222),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}
VOID = 11
COUNTS = {"train": 367, "val": 101, "test": 233}
SHAPE = (360, 480)


class CamVid(PairedFiles):
    """`{train,val,test}/*` and `{train,val,test}annot/*`, paired by stem; label value 11 is void.

    The lists `train.txt`, `val.txt` and `test.txt` hold paths of another machine and are not
    needed.
    """

    name = "camvid"
    options_type = PublishedOptions
    static_classes = tuple(CLASSES)

    def __init__(self, pairs: list[Pair], *, partial: bool):
        colours = np.array(list(CLASSES.values()), dtype=np.uint8)
        super().__init__(pairs, class_names=tuple(CLASSES), colours=colours)
        self.partial = partial

    @classmethod
    def open(cls, root: Path, options: PublishedOptions, report: Report = refuse) -> "CamVid":
        places = ("camvid", "CamVid", ".")
        folder = find_home(root, places, "trainannot", "SegNet's CamVid")
        pairs: dict[str, Pair] = {}
        for split in SPLITS:
            images, labels = (
                need_folder(folder / name, f"the set has {split} and {split}annot")
                for name in (split, f"{split}annot")
            )
            found = pair_up(images, labels, report, split=split)
            if not options.partial:
                check_counts({split: len(found)}, {split: COUNTS[split]}, images, report)
            for pair in found:
                if pair.id in pairs:
                    other = pairs[pair.id].split
                    rule = f"a picture lies in one split, this one also in {other}"
                    report(FileProblem(pair.image, rule, "keep one"))
                pairs.setdefault(pair.id, pair)
        return cls(list(pairs.values()), partial=options.partial)

    def read_label(self, pair: Pair) -> UInt8[np.ndarray, "h w"]:
        label = read_indices(pair.label)
        label[label == VOID] = IGNORE_INDEX
        return label

    def rules(self) -> dict[str, Any]:
        return {"void": VOID}

    def check_size(self, pair: Pair, shape: tuple[int, ...]) -> None:
        check_shape(pair.image, shape, SHAPE, partial=self.partial)
