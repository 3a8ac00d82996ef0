"""Cityscapes (Cordts et al. 2016), finely annotated: 19 classes, 2,975 and 500 pictures of
2048x1024.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from losslab.constants import IGNORE_INDEX
from losslab.data.dataset import (
    FileProblem,
    Pair,
    PairedFiles,
    PublishedOptions,
    Report,
    check_counts,
    check_disjoint,
    check_shape,
    files_in,
    find_home,
    need_folder,
    read_indices,
    refuse,
    shown,
)

CLASSES = {
    "road": (7, (128, 64, 128)),
    "sidewalk": (8, (244, 35, 232)),
    "building": (11, (70, 70, 70)),
    "wall": (12, (102, 102, 156)),
    "fence": (13, (190, 153, 153)),
    "pole": (17, (153, 153, 153)),
    "traffic light": (19, (250, 170, 30)),
    "traffic sign": (20, (220, 220, 0)),
    "vegetation": (21, (107, 142, 35)),
    "terrain": (22, (152, 251, 152)),
    "sky": (23, (70, 130, 180)),
    "person": (24, (220, 20, 60)),
    "rider": (25, (255, 0, 0)),
    "car": (26, (0, 0, 142)),
    "truck": (27, (0, 0, 70)),
    "bus": (28, (0, 60, 100)),
    "train": (31, (0, 80, 100)),
    "motorcycle": (32, (0, 0, 230)),
    "bicycle": (33, (119, 11, 32)),
}
"""By index ("train id"): the label id in the files, and the colour."""

HIGHEST_ID = 33
COUNTS = {"train": 2975, "val": 500}
SHAPE = (1024, 2048)
PICTURE, LABEL = "_leftImg8bit.png", "_gtFine_labelIds.png"


class Cityscapes(PairedFiles):
    """`leftImg8bit/<split>/<city>/<city>_<sequence>_<frame>_leftImg8bit.png` and
    `gtFine/<split>/<city>/..._gtFine_labelIds.png`, for train and val.

    Of the label ids 0..33, 19 are the classes that are scored (Chen et al. 2020 (SEMEDA), section
    4.1, count them as 18 and a background); all others are void. A licence plate has the id -1: the
    publisher's tool does not draw it, so that files show what lies around it, and a file that holds
    it all the same has 255, in 8 bits: void. The labels of the test pictures are private, so the
    split test is not opened and scores are those of val.
    """

    name = "cityscapes"
    options_type = PublishedOptions
    static_classes = tuple(CLASSES)

    def __init__(self, pairs: list[Pair], *, partial: bool):
        colours = np.array([colour for _, colour in CLASSES.values()], dtype=np.uint8)
        super().__init__(pairs, class_names=tuple(CLASSES), colours=colours)
        self.partial = partial

    @classmethod
    def open(cls, root: Path, options: PublishedOptions, report: Report = refuse) -> "Cityscapes":
        places = ("cityscapes", "Cityscapes", "CityScapes", ".")
        home = find_home(root, places, "leftImg8bit", "leftImg8bit/ and gtFine/ of Cityscapes")
        pairs: list[Pair] = []
        for split, count in COUNTS.items():
            images = _pictures(home / "leftImg8bit" / split, PICTURE, report)
            labels = _pictures(home / "gtFine" / split, LABEL, report)
            if not options.partial:
                folder = home / "leftImg8bit" / split
                check_counts({split: len(images)}, {split: count}, folder, report)
            _check_partners(images, labels, home / "gtFine" / split, report)
            _check_partners(labels, images, home / "leftImg8bit" / split, report)
            both = sorted(images.keys() & labels.keys())
            pairs += [Pair(one, split, images[one], labels[one]) for one in both]
        by_split = {s: [pair.id for pair in pairs if pair.split == s] for s in COUNTS}
        check_disjoint(by_split, home, report)
        return cls(pairs, partial=options.partial)

    def read_label(self, pair: Pair) -> UInt8[np.ndarray, "h w"]:
        ids = read_indices(pair.label, ("L",), "take the official file, ..._gtFine_labelIds.png")
        strange = np.unique(ids[(ids > HIGHEST_ID) & (ids != IGNORE_INDEX)]).tolist()
        if strange:
            rule = f"label ids are 0..{HIGHEST_ID} or 255, this one holds {shown(strange, 5)}"
            raise FileProblem(pair.label, rule, "take the official file")
        return TABLE[ids]

    def rules(self) -> dict[str, Any]:
        return {"labels": TABLE.tolist()}

    def check_size(self, pair: Pair, shape: tuple[int, ...]) -> None:
        check_shape(pair.image, shape, SHAPE, partial=self.partial)


def _table() -> UInt8[np.ndarray, " 256"]:
    table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
    for index, (label, _) in enumerate(CLASSES.values()):
        table[label] = index
    return table


TABLE = _table()
"""The class of each label id."""


def _pictures(folder: Path, ending: str, report: Report) -> dict[str, Path]:
    """The files of one split that end so, by id; each lies in the folder of its city."""
    need_folder(folder, "unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip")
    found = {}
    for city in sorted(place for place in folder.iterdir() if place.is_dir()):
        if city.name.startswith("."):
            continue
        for path in files_in(city, (".png",), report):
            if not path.name.endswith(ending):
                continue
            one = path.name.removesuffix(ending)
            if not re.fullmatch(rf"{re.escape(city.name)}_\d{{6}}_\d{{6}}", one):
                rule = f"a file is named after its folder: {city.name}_<sequence>_<frame>{ending}"
                report(FileProblem(path, rule, "put it into the folder of its city"))
            else:
                found[one] = path
    return found


def _check_partners(
    have: dict[str, Path], other: dict[str, Path], folder: Path, report: Report
) -> None:
    for one in sorted(have.keys() - other.keys()):
        rule = f"every picture has a label map and the reverse, and there is none in {folder}"
        report(FileProblem(have[one], rule, "restore it from the official archive"))
