"""PASCAL VOC 2010, 2011 and 2012 (Everingham et al. 2010, 2015): 20 kinds of object and the
background.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import UInt8
from pydantic.dataclasses import dataclass

from losslab.constants import IGNORE_INDEX, STRICT
from losslab.data.dataset import (
    FileProblem,
    Pair,
    PairedFiles,
    PublishedOptions,
    Report,
    default_colours,
    find_home,
    read_indices,
    read_palette,
    refuse,
)
from losslab.data.listed import listed_pairs, read_lists, stock

CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class VocOptions(PublishedOptions):
    """How the pictures are divided and how complete the files must be."""

    division: Literal["official", "rahman2016"] = "official"  # pyright: ignore[reportIncompatibleVariableOverride]
    """official: train and val as published. rahman2016: every fifth picture of the official train
    list validates and the official val list tests."""


class Voc(PairedFiles):
    """`VOCdevkit/VOC<year>/{JPEGImages/<id>.jpg, SegmentationClass/<id>.png,
    ImageSets/Segmentation/{train,val}.txt}`; label maps are palette PNGs of 0..20, and 255 is void.

    Official: train and val. The division of Rahman & Wang 2016 (section 4: 80 % of train trains,
    20 % validates, val tests) does not say which pictures validate: here the first of every five of
    the sorted train list, so that it is the same everywhere. Their category against the rest is the
    task of that name, such as "aeroplane".
    """

    options_type = VocOptions
    static_classes = CLASSES
    year: ClassVar[int]
    counts: ClassVar[dict[str, int]]

    def __init__(self, pairs: list[Pair]):
        super().__init__(pairs, class_names=CLASSES, colours=default_colours(len(CLASSES)))

    @classmethod
    def open(cls, root: Path, options: VocOptions, report: Report = refuse) -> "Voc":
        home = voc_home(root, cls.year, "SegmentationClass")
        folder, partial = home / "ImageSets" / "Segmentation", options.partial
        lists = voc_lists(folder, cls.counts, report, partial=partial)
        if options.division == "rahman2016":
            lists = rahman2016(lists)
        images = stock(home / "JPEGImages", ".jpg", report)
        labels = stock(home / "SegmentationClass", ".png", report)
        dataset = cls(
            [
                pair
                for split, ids in lists.items()
                for pair in listed_pairs(ids, split, images, [labels], report)
            ]
        )
        dataset.lists = tuple(folder / f"{name}.txt" for name in cls.counts)
        return dataset

    def read_label(self, pair: Pair) -> UInt8[np.ndarray, "h w"]:
        return read_voc_label(pair.label)

    def rules(self) -> dict[str, Any]:
        return {"void": IGNORE_INDEX}


class Voc2010(Voc):
    __doc__ = Voc.__doc__
    name = "voc2010"
    year = 2010
    counts: ClassVar = {"train": 964, "val": 964}


class Voc2011(Voc):
    __doc__ = Voc.__doc__
    name = "voc2011"
    year = 2011
    counts: ClassVar = {"train": 1112, "val": 1111}


class Voc2012(Voc):
    __doc__ = Voc.__doc__
    name = "voc2012"
    year = 2012
    counts: ClassVar = {"train": 1464, "val": 1449}


def voc_home(root: Path, year: int, mark: str) -> Path:
    """The folder VOC<year>, which holds `mark`: as the archives unpack, or less deep."""
    devkits = ("VOCdevkit/", "TrainVal/VOCdevkit/", "")
    places = [f"{o}{devkit}VOC{year}" for o in ("", f"voc{year}/") for devkit in devkits]
    what = f"PASCAL VOC {year} (VOCdevkit/VOC{year})"
    home = find_home(root, [*places, f"voc{year}", "."], mark, what)
    if re.fullmatch(r"VOC\d{4}", home.name) and home.name != f"VOC{year}":
        rule = f"the set of {year} is in a folder VOC{year}, not {home.name}"
        raise FileProblem(home, rule, "check the data root")
    return home


def voc_lists(
    folder: Path, counts: Mapping[str, int], report: Report, *, partial: bool
) -> dict[str, list[str]]:
    """Lists of ids, such as those of VOC and of the sets that label its pictures: `read_lists`."""
    return read_lists(
        folder,
        counts,
        report,
        pattern=r"\d{4}_\d{6}",
        form="one id such as 2007_000032",
        partial=partial,
    )


def rahman2016(lists: dict[str, list[str]]) -> dict[str, list[str]]:
    """The official lists "train" and "val", divided anew: see `Voc`."""
    train, test = lists["train"], lists["val"]
    return {
        "train": [one for position, one in enumerate(train) if position % 5],
        "val": train[::5],
        "test": test,
    }


def read_voc_label(path: Path) -> UInt8[np.ndarray, "h w"]:
    """A label map of PASCAL VOC as it is published: palette indices, 255 = void.

    A map whose palette shows a class's colour at another index was saved anew with other indices,
    and would be read as other classes: `FileProblem`.
    """
    remedy = "take the official file; grey copies are read by voc_aug from SegmentationClassAug"
    label = read_indices(path, ("P",), remedy)
    palette = read_palette(path)
    classes = default_colours(len(CLASSES))
    for value in np.unique(label[label < len(CLASSES)]).tolist():
        shows = (palette[value] == classes).all(1) if value < len(palette) else np.zeros(1, bool)
        if shows.any() and not shows[value]:
            shown = CLASSES[int(shows.argmax())]
            rule = f"the palette has VOC's colours by class index, this one that of {shown} at"
            raise FileProblem(path, f"{rule} {value}", "take the official file")
    return label
