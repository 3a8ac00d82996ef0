"""LFW Part Labels: 2,927 faces of 250x250 with background, skin and hair (Kae et al. 2013)."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import UInt8
from pydantic.dataclasses import dataclass

from losslab.constants import STRICT
from losslab.data.dataset import (
    SPLITS,
    Pair,
    PairedFiles,
    PublishedOptions,
    Report,
    all_there,
    check_shape,
    files_in,
    find_home,
    read_colours,
    refuse,
    shown,
)
from losslab.data.listed import read_lists
from losslab.data.portions import in_portions

CLASSES = {"background": (0, 0, 255), "skin": (0, 255, 0), "hair": (255, 0, 0)}
"""Colours in the PPM files."""
LISTS = {"train": "parts_train.txt", "val": "parts_validation.txt", "test": "parts_test.txt"}
COUNTS = {"train": 1500, "val": 500, "test": 927}
SHAPE = (250, 250)
IMAGES, LABELS = "lfw_funneled", "parts_lfw_funneled_gt_images"
PORTIONS = {
    "vanbeers2018_large": {"train": 2342, "val": 292, "test": 292},
    "vanbeers2018_small": {"train": 1000, "val": 100, "test": 292},
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LFWOptions(PublishedOptions):
    """How the pictures are divided and how complete the files must be."""

    division: Literal["official", "vanbeers2018_large", "vanbeers2018_small"] = "official"
    """The publisher's lists, or one of van Beers' two (2018, Table 3.1)."""


class LFWParts(PairedFiles):
    """`lfw_funneled/<Name>/<Name>_0001.jpg` and `parts_lfw_funneled_gt_images/<Name>_0001.ppm`, the
    pictures that `parts_{train,validation,test}.txt` list (`Name number`, padded or not).

    van Beers (2018) tests on the last 10 % of all 2,927 pictures and names neither their order nor
    the pictures for training. Here the ids are sorted: training takes the first 2,342 (or 1,000),
    validation the next 292 (100), testing the last 292; what is left between (one picture, or
    1,535) is in no split. Pictures of one person are then neighbours, and at most two people are in
    two splits. Of a partial set each split takes its share.
    """

    name = "lfw_parts"
    options_type = LFWOptions
    static_classes = tuple(CLASSES)
    tasks: ClassVar[Mapping[str, str]] = {"face": "not background", "face_without_hair": "skin"}

    def __init__(self, pairs: list[Pair], *, partial: bool):
        colours = np.array(list(CLASSES.values()), dtype=np.uint8)
        super().__init__(pairs, class_names=tuple(CLASSES), colours=colours)
        self.partial = partial

    @classmethod
    def open(cls, root: Path, options: LFWOptions, report: Report = refuse) -> "LFWParts":
        home = find_home(root, ("lfw_parts", "lfw", "LFW", "."), LABELS, "LFW Part Labels")
        listed = read_lists(
            home,
            COUNTS,
            report,
            pattern=r"(?P<name>\S+)\s+(?P<number>\d+)",
            form="a name and a number, such as 'Aaron_Peirsol 1'",
            named=lambda match: f"{match['name']}_{int(match['number']):04d}",
            partial=options.partial,
            files=LISTS,
        )
        splits = {one: split for split in SPLITS for one in listed[split]}
        if options.division != "official":
            splits = in_portions([*splits], PORTIONS[options.division], sum(COUNTS.values()))
        labels = {path.stem: path for path in files_in(home / LABELS, (".ppm",), report)}
        pairs = []
        for one in sorted(splits):
            person = one.rpartition("_")[0]
            image = home / IMAGES / person / f"{one}.jpg"
            label = labels.get(one, home / LABELS / f"{one}.ppm")
            if all_there((image, label), home, report):
                pairs.append(Pair(one, splits[one], image, label))
        dataset = cls(pairs, partial=options.partial)
        dataset.lists = tuple(home / file for file in LISTS.values())
        return dataset

    def read_label(self, pair: Pair) -> UInt8[np.ndarray, "h w"]:
        return read_colours(pair.label, tuple(CLASSES.values()), None)

    def rules(self) -> dict[str, Any]:
        return {"colours": list(CLASSES.values())}

    def check_size(self, pair: Pair, shape: tuple[int, ...]) -> None:
        check_shape(pair.image, shape, SHAPE, partial=self.partial)

    def facts(self) -> list[str]:
        """People with pictures in two splits: scores on the second may be too good."""
        people = {
            split: {re.sub(r"_\d+$", "", p.id) for p in self.pairs if p.split == split}
            for split in SPLITS
        }
        sentences = []
        for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
            both = sorted(people[first] & people[second])
            if both:
                sentences.append(
                    f"people of {first} who are in {second} too: {len(both)} ({shown(both)})"
                )
        return sentences
