"""PASCAL-Context (Mottaghi et al. 2014): every pixel of VOC 2010's pictures, in the 59 classes most
used.
"""

from pathlib import Path
from typing import Any, Literal

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
    read_indices,
    read_lines,
    refuse,
    shown,
)
from losslab.data.listed import listed_pairs, stock
from losslab.data.matfiles import read_mat
from losslab.data.voc import CLASSES as VOC_CLASSES
from losslab.data.voc import voc_home, voc_lists

CLASSES = (
    *VOC_CLASSES,
    *("bag", "bed", "bench", "book", "building", "cabinet", "ceiling", "clothes", "computer"),
    *("cup", "door", "fence", "floor", "flower", "food", "grass", "ground", "keyboard", "light"),
    *("mountain", "mouse", "curtain", "platform", "sign", "plate", "road", "rock", "shelves"),
    *("sidewalk", "sky", "snow", "bedcloth", "track", "tree", "truck", "wall", "water", "window"),
    "wood",
)
"""The names and the order of 59_labels.txt, after the background."""

RENAMED = {"diningtable": "table", "bedcloth": "bedclothes", "clothes": "cloth"}
"""What labels.txt calls three of the 59 classes."""

COPIES = (CLASSES[0], *sorted(CLASSES[1:], key=lambda name: RENAMED.get(name, name)))
"""The order of the copies as PNG: that of labels.txt, which is alphabetical."""

ALL_LABELS = 459
COUNTS = {"mat": {"train": 4998, "val": 5105}, "png": {"train": 4996, "val": 5104}}
PLACES = ("pascal_context", "PASCAL-Context", "pascal-context", "PASCALContext", ".")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ContextOptions(PublishedOptions):
    """How complete the files must be, and what pixels outside the 59 classes are."""

    background: Literal["class", "void"] = "class"
    """class: the other 400 labels are class 0, "background" (60 classes: Kim et al. 2019 score "59
    object classes and one background class"). void: they are not annotated (59 classes)."""


class PascalContext(PairedFiles):
    """Label maps `trainval/<id>.mat` of 459 labels that `labels.txt` names, or the copies
    `VOC2010/SegmentationClassContext/<id>.png` of the 59 classes; pictures and lists of VOC 2010.

    `route` says which was read. "mat": the original, divided by `ImageSets/Main` (4,998 train,
    5,105 val). "png": the copies, divided by `ImageSets/SegmentationContext` (4,996 and 5,104).
    Where both are there, the original. Two orders of the classes circulate: here it is always that
    of `59_labels.txt`, and labels are matched by name.
    """

    name = "pascal_context"
    options_type = ContextOptions
    static_classes = CLASSES

    def __init__(self, pairs: list[Pair], *, route: str, background: str, labels: list[str]):
        first = 0 if background == "class" else 1
        names = CLASSES[first:]
        super().__init__(pairs, class_names=names, colours=default_colours(len(CLASSES))[first:])
        self.route = route
        self.background = background
        self._table = np.full(len(labels), 0 if first == 0 else IGNORE_INDEX, dtype=np.uint8)
        for index, name in enumerate(names):
            if name != CLASSES[0]:
                stored = RENAMED.get(name, name) if route == "mat" else name
                self._table[labels.index(stored)] = index

    @classmethod
    def known_classes(cls, options: ContextOptions) -> tuple[str, ...]:
        return CLASSES if options.background == "class" else CLASSES[1:]

    @classmethod
    def open(cls, root: Path, options: ContextOptions, report: Report = refuse) -> "PascalContext":
        voc = voc_home(root, 2010, "JPEGImages")
        copies = voc / "SegmentationClassContext"
        home = next(
            (place for place in (*(root / p for p in PLACES), voc) if _holds_original(place)), None
        )
        if home is not None:
            route, folder, labels = "mat", voc / "ImageSets" / "Main", _read_names(home)
            maps = stock(home / "trainval", ".mat", report)
        elif copies.is_dir():
            route, folder = "png", voc / "ImageSets" / "SegmentationContext"
            labels, maps = list(COPIES), stock(copies, ".png", report)
        else:
            raise FileProblem(
                root,
                "neither pascal_context/ with trainval/ and labels.txt nor "
                "VOC2010/SegmentationClassContext/ is here",
                "put one of them there, or check the data root",
            )
        lists = voc_lists(folder, COUNTS[route], report, partial=options.partial)
        images = stock(voc / "JPEGImages", ".jpg", report)
        pairs = [
            pair
            for split, ids in lists.items()
            for pair in listed_pairs(ids, split, images, [maps], report)
        ]
        dataset = cls(pairs, route=route, background=options.background, labels=labels)
        dataset.lists = tuple(folder / f"{name}.txt" for name in COUNTS[route])
        if home is not None:
            dataset.lists += (home / "labels.txt",)
        return dataset

    def read_label(self, pair: Pair) -> UInt8[np.ndarray, "h w"]:
        if self.route == "mat":
            stored = read_mat(pair.label, "LabelMap")
        else:
            stored = read_indices(pair.label, ("L", "P"), "take the copy of 8 bits")
        highest = len(self._table) - 1
        if stored.size and not 0 <= int(stored.min()) <= int(stored.max()) <= highest:
            values = f"{stored.min()}..{stored.max()}"
            rule = f"label values are 0..{highest}, this one holds {values}"
            raise FileProblem(pair.label, rule, "take the published file")
        return self._table[stored]

    def facts(self) -> list[str]:
        kinds = {"mat": "the original's 459 (.mat)", "png": "copies of the 59 classes (.png)"}
        return [f"label maps: {kinds[self.route]}"]

    def rules(self) -> dict[str, Any]:
        return {"route": self.route, "background": self.background, "table": self._table.tolist()}


def _holds_original(place: Path) -> bool:
    return (place / "labels.txt").is_file() and (place / "trainval").is_dir()


def _read_names(home: Path) -> list[str]:
    """The names of labels.txt by value, with "" for 0; 59_labels.txt is checked where it is there.

    Spaces are left out, as in the code of the set's first users (Shelhamer et al. 2017).
    """
    path = home / "labels.txt"
    names = _numbered(path)
    if sorted(names) != list(range(1, ALL_LABELS + 1)) or len(set(names.values())) < ALL_LABELS:
        rule = f"there are {ALL_LABELS} labels, numbered from 1 and each named once"
        raise FileProblem(path, f"{rule}, this file has {len(names)} lines", "take the official")
    wanted = {RENAMED.get(name, name) for name in CLASSES[1:]}
    if missing := sorted(wanted - set(names.values())):
        rule = f"it names all of the 59 classes, not so {shown(missing)}"
        raise FileProblem(path, rule, "take the official file")
    most_used = home / "59_labels.txt"
    if most_used.exists():
        listed = {name for value, name in _numbered(most_used).items() if value}
        if differing := sorted(listed ^ set(CLASSES[1:])):
            rule = f"it lists the 59 classes, and differs in {shown(differing)}"
            raise FileProblem(most_used, rule, "take the official file")
    return ["", *(names[value] for value in range(1, ALL_LABELS + 1))]


def _numbered(path: Path) -> dict[int, str]:
    """The names in a file of lines such as "1: accordion", by number."""
    names = {}
    for line in read_lines(path, "take it from the original archive"):
        number, colon, name = line.partition(":")
        if not colon or not number.strip().isdecimal() or int(number) in names:
            rule = f'a line is a new number and a name, such as "1: accordion", not so {line!r}'
            raise FileProblem(path, rule, "take the official file")
        names[int(number)] = name.replace(" ", "")
    return names
