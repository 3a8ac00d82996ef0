"""HELEN with Smith's labels: 2,330 faces with eleven classes, resized (Le et al. 2012; Smith et al.
2013).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import UInt8
from pydantic.dataclasses import dataclass

from losslab.constants import STRICT
from losslab.data.dataset import (
    SPLITS,
    FileProblem,
    Pair,
    PairedFiles,
    PublishedOptions,
    Report,
    all_there,
    default_colours,
    find_home,
    read_grey,
    refuse,
)
from losslab.data.listed import read_lists
from losslab.data.portions import in_portions

CLASSES = (
    "background",
    "skin",
    "left_brow",
    "right_brow",
    "left_eye",
    "right_eye",
    "nose",
    "upper_lip",
    "inner_mouth",
    "lower_lip",
    "hair",
)
BROWS, EYES = CLASSES[2:4], CLASSES[4:6]
MOUTH = CLASSES[7:10]
LISTS = {"train": "exemplars.txt", "val": "tuning.txt", "test": "testing.txt"}
COUNTS = {"train": 2000, "val": 230, "test": 100}
PORTIONS = {
    "vanbeers2018_large": {"train": 1864, "val": 233, "test": 233},
    "vanbeers2018_small": {"train": 1000, "val": 100, "test": 233},
}
PLACES = (
    "helen",
    "helen/SmithCVPR2013_dataset_resized",
    "SmithCVPR2013_dataset_resized",
    "HELEN",
    ".",
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HelenOptions(PublishedOptions):
    """How the pictures are divided and how complete the files must be."""

    division: Literal["official", "semeda2020", "vanbeers2018_large", "vanbeers2018_small"] = (
        "official"
    )
    """The publisher's lists, SEMEDA's 2000/330 or one of van Beers' two (2018, Table 3.1)."""


class Helen(PairedFiles):
    """`images/<id>.jpg` and `labels/<id>/<id>_lbl00.png` to `_lbl10.png`, the pictures that
    `exemplars.txt`, `tuning.txt` and `testing.txt` list (`n , id`).

    The eleven files of a label are maps of probability in 8 bits; a pixel belongs to the class of
    the highest, of equal ones to the first. SEMEDA (2020) trains on the exemplars and tests on
    tuning and testing together. van Beers (2018) tests on the last 10 % without naming an order:
    here the ids are sorted, training takes the first 1,864 (or 1,000), validation the next 233
    (100), testing the last 233. Of a partial set each split takes its share.

    `groups` are the parts that SEMEDA scores (Table 6). "overall" holds the inner parts, brows,
    eyes, nose and mouth, as is usual since Smith et al. (2013): neither skin nor hair.
    """

    name = "helen"
    options_type = HelenOptions
    static_classes = CLASSES
    tasks: ClassVar[Mapping[str, str]] = {
        "face": "not background",
        "face_without_hair": "not background+hair",
    }
    groups: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "brows": BROWS,
        "eyes": EYES,
        "mouth": MOUTH,
        "overall": (*BROWS, *EYES, "nose", *MOUTH),
    }

    def __init__(self, pairs: list[Pair]):
        super().__init__(pairs, class_names=CLASSES, colours=default_colours(len(CLASSES)))

    @classmethod
    def open(cls, root: Path, options: HelenOptions, report: Report = refuse) -> "Helen":
        what = "Smith's SmithCVPR2013_dataset_resized"
        home = find_home(root, PLACES, LISTS["train"], what)
        listed = read_lists(
            home,
            COUNTS,
            report,
            pattern=r"\d+\s*,\s*(?P<id>\S+)",
            form="a number, a comma and an id, such as '1 , 100032540_1'",
            partial=options.partial,
            files=LISTS,
        )
        splits: dict[str, str | None] = {o: split for split in SPLITS for o in listed[split]}
        if options.division == "semeda2020":
            splits = {o: "train" if split == "train" else "test" for o, split in splits.items()}
        elif options.division != "official":
            splits = in_portions([*splits], PORTIONS[options.division], sum(COUNTS.values()))
        pairs = []
        for one in sorted(splits):
            image, label = home / "images" / f"{one}.jpg", home / "labels" / one
            maps = tuple(label / f"{one}_lbl{i:02d}.png" for i in range(len(CLASSES)))
            if all_there((image, *maps), home, report):
                pairs.append(Pair(one, splits[one], image, label, maps))
        dataset = cls(pairs)
        dataset.lists = tuple(home / file for file in LISTS.values())
        return dataset

    def read_label(self, pair: Pair) -> UInt8[np.ndarray, "h w"]:
        maps = [read_grey(path) for path in pair.parts]
        for path, one in zip(pair.parts, maps, strict=True):
            if one.shape != maps[0].shape:
                height, width = one.shape
                rule = f"the eleven maps of a picture have one size, this one is {width}x{height}"
                raise FileProblem(path, rule, "take the official file")
        return np.argmax(np.stack(maps), axis=0).astype(np.uint8)

    def rules(self) -> dict[str, Any]:
        return {"label": "argmax of the maps"}
