"""PASCAL VOC 2012 with the additional label maps of SBD (Hariharan et al. 2011): "VOC aug"."""

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
    default_colours,
    read_indices,
    refuse,
)
from losslab.data.listed import listed_pairs, stock
from losslab.data.matfiles import read_mat
from losslab.data.voc import CLASSES, Voc2012, read_voc_label, voc_home, voc_lists

COUNTS = {"train": 8498, "val": 2857}
"""Pictures in SBD's own lists."""
TRAINAUG = 10_582
PLACES = tuple(
    f"{outer}{inner}"
    for outer in ("", "sbd/", "SBD/", "VOCdevkit/")
    for inner in ("benchmark_RELEASE/dataset", "benchmark/benchmark_RELEASE/dataset", "dataset", "")
)


class VocAug(PairedFiles):
    """Training: all pictures of VOC 2012 train, SBD train and SBD val that are not in VOC 2012 val,
    10,582 sorted by id ("trainaug"). Validation: VOC 2012 val (1,449; Kim et al. 2019 print 1,499).

    The label maps of VOC 2012 train are VOC's own, with their void rims (255), as is usual: the
    lists in use since DeepLab (Chen et al. 2015) copy them over SBD's. All others are SBD's, which
    has no void. They are read from `benchmark_RELEASE/dataset/{cls/<id>.mat, img/<id>.jpg}` or,
    where that is not there, from the grey copies `VOC2012/SegmentationClassAug/<id>.png` that
    circulate, with VOC's own pictures; `route` ("mat" or "png") says which.
    """

    name = "voc_aug"
    options_type = PublishedOptions
    static_classes = CLASSES

    def __init__(self, pairs: list[Pair], route: str):
        super().__init__(pairs, class_names=CLASSES, colours=default_colours(len(CLASSES)))
        self.route = route

    @classmethod
    def open(cls, root: Path, options: PublishedOptions, report: Report = refuse) -> "VocAug":
        voc = voc_home(root, Voc2012.year, "SegmentationClass")
        folder, partial = voc / "ImageSets" / "Segmentation", options.partial
        lists = voc_lists(folder, Voc2012.counts, report, partial=partial)
        pictures = stock(voc / "JPEGImages", ".jpg", report)
        own = stock(voc / "SegmentationClass", ".png", report)
        sbd = next((root / place for place in PLACES if (root / place / "cls").is_dir()), None)
        if sbd is not None:
            route, more = "mat", _listed(sbd, partial, report)
            images, labels = stock(sbd / "img", ".jpg", report), stock(sbd / "cls", ".mat", report)
        elif (voc / "SegmentationClassAug").is_dir():
            route, images = "png", pictures
            labels = stock(voc / "SegmentationClassAug", ".png", report)
            more = set(labels.files)
        else:
            raise FileProblem(
                root,
                "neither benchmark_RELEASE/dataset/cls nor VOC2012/SegmentationClassAug is here",
                "put SBD there (benchmark.tgz), or check the data root",
            )
        added = sorted(more - {*lists["train"], *lists["val"]})
        if not partial:
            found = {"trainaug": len(lists["train"]) + len(added)}
            check_counts(found, {"trainaug": TRAINAUG}, labels.folder, report)
        pairs = [
            *listed_pairs(lists["train"], "train", pictures, [own], report),
            *listed_pairs(added, "train", images, [labels], report),
        ]
        pairs.sort(key=lambda pair: pair.id)
        val = listed_pairs(lists["val"], "val", pictures, [own], report)
        dataset = cls([*pairs, *val], route)
        folders = (folder,) if sbd is None else (folder, sbd)
        dataset.lists = tuple(one / f"{name}.txt" for one in folders for name in COUNTS)
        return dataset

    def read_label(self, pair: Pair) -> UInt8[np.ndarray, "h w"]:
        if pair.label.parent.name == "SegmentationClass":
            return read_voc_label(pair.label)
        if self.route == "mat":
            return _read_sbd(pair.label)
        return read_indices(pair.label, ("L", "P"))

    def facts(self) -> list[str]:
        kinds = {"mat": "SBD's own files (.mat)", "png": "copies in SegmentationClassAug (.png)"}
        return [f"label maps beyond VOC 2012's: {kinds[self.route]}"]

    def rules(self) -> dict[str, Any]:
        return {"route": self.route, "void": IGNORE_INDEX}


def _listed(home: Path, partial: bool, report: Report) -> set[str]:
    lists = voc_lists(home, COUNTS, report, partial=partial)
    return {one for ids in lists.values() for one in ids}


def _read_sbd(path: Path) -> UInt8[np.ndarray, "h w"]:
    label = read_mat(path, "GTcls", "Segmentation")
    if label.size and not 0 <= int(label.min()) <= int(label.max()) < len(CLASSES):
        rule = (
            f"label values are 0..{len(CLASSES) - 1}, this one holds {label.min()}..{label.max()}"
        )
        raise FileProblem(path, rule, "take the official file")
    return label.astype(np.uint8)
