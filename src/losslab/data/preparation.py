"""What a training run reads: three splits of a cached data set under one task."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pooch
from jaxtyping import Int, UInt8

from losslab.constants import IGNORE_INDEX
from losslab.data.cache import CacheEntry, cached, check_size, read_content
from losslab.data.dataset import (
    PairedFiles,
    SegmentationDataset,
    of_dataset,
    parse_task,
    task_lookup,
)
from losslab.data.options import checked
from losslab.data.sets import DATASETS
from losslab.data.splits import SplitOptions, divide
from losslab.errors import DataError, unknown

DATA_ROOT_VARIABLE = "LOSSLAB_DATA"
CACHE_ROOT_VARIABLE = "LOSSLAB_CACHE"


@dataclass(frozen=True)
class CachedSplit:
    """Decoded pictures and labels of one split at the training size; 255 is void."""

    images: UInt8[np.ndarray, "n h w 3"]
    labels: UInt8[np.ndarray, "n h w"]
    ids: list[str]
    extents: Int[np.ndarray, "n 4"]
    """Top, left, height and width of each picture on its canvas, pixels."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class RunData:
    """Training, validation and test pictures of one run; of a binary task `num_classes` is 1 and
    labels are 0, 1, 255.
    """

    train: CachedSplit
    val: CachedSplit
    test: CachedSplit
    class_names: tuple[str, ...]
    num_classes: int
    colours: UInt8[np.ndarray, "c 3"]
    fingerprint: str
    """SHA-256 of the pictures, labels, task and division."""
    groups: Mapping[str, tuple[str, ...]]
    """Classes that are also scored as one, by the name of the union; none in a binary task."""
    tested_on_val: bool
    """The data set has no pictures for testing alone: its validation pictures serve as both."""


def parse_options(name: str, values: Mapping[str, Any]) -> Any:
    """The options of a data set as its frozen dataclass; lists stand for tuples.

    Raises `DataError` naming an unknown data set or option, a wrong type or a value out of range,
    with the choices.
    """
    return checked(_known(name).options_type, name, values)


def check_task(name: str, values: Mapping[str, Any], task: str | None) -> None:
    """Refuse a task that does not fit the data set, as far as its classes are known without its
    files.
    """
    if task is None:
        return
    kind = _known(name)
    options = parse_options(name, values)
    class_names = kind.known_classes(options)
    if class_names is None:
        parse_task(task)
    else:
        task_lookup(task, class_names, kind.known_tasks(options))


def open_dataset(
    name: str,
    /,
    root: str | Path | None = None,
    *,
    split: str = "train",
    task: str | None = None,
    partial: bool = False,
    **options: Any,
) -> SegmentationDataset:
    """Pictures of one official split ("train", "val", "test" or "all"), decoded from their files as
    they lie there.

    `root` is the data root, the folder that holds data sets; without it the environment's
    LOSSLAB_DATA. `partial` relaxes the counts that a published data set must have. `options` are
    those of the data set.
    """
    if partial and "partial" in _known(name).options_type.__dataclass_fields__:
        options["partial"] = True
    return _open(name, options, root).view(split, task)


def prepare(
    name: str,
    *,
    options: Mapping[str, Any],
    task: str | None,
    split: SplitOptions,
    size: tuple[int, int],
    fit: str = "stretch",
    test_size: tuple[int, int] | None = None,
    test_fit: str | None = None,
    data_root: str | Path | None,
    cache_root: str | Path | None = None,
) -> RunData:
    """The cached pictures of a data set, divided by `split` and seen under `task`.

    They come to `size` (height, width) by the rule `fit` of `FITS`, those of the test split to
    `test_size` by `test_fit` where these are given. The cache holds all classes of the whole data
    set, so that every task and division shares it.
    """
    at_test = test_size or size, test_fit or fit
    for one in (size, at_test[0]):
        check_size(one)
    dataset = _open(name, options, data_root)
    lookup = None if task is None else task_lookup(task, dataset.class_names, dataset.named_tasks)
    parts = divide(name, dataset.all_ids, dataset.splits, split)
    folder = cache_folder(cache_root)
    content = read_content(dataset, folder)
    entry = cached(dataset, content, size, fit, folder)
    test_entry = entry
    if at_test != (size, fit):
        test_entry = cached(dataset, content, *at_test, folder)
    check_annotated(dataset, entry)
    entries = {"train": entry, "val": entry, "test": test_entry}
    splits = {part: _select(entries[part], dataset.all_ids, parts[part], lookup) for part in parts}
    for part, chosen in splits.items():
        if not (chosen.labels != IGNORE_INDEX).any():
            raise DataError(
                f"{name}: no pixel of the {part} split is annotated; divide the pictures in "
                "another way or annotate some"
            )
    described = {
        "pictures": [entry.fingerprint, test_entry.fingerprint],
        "task": task,
        "parts": parts,
        "ids": dataset.all_ids,
    }
    if task is not None and task in dataset.named_tasks and task not in dataset.tasks:
        described["means"] = dataset.named_tasks[task]  # a name of the user's, who may change it
    viewed = dataset.view("all", task)
    return RunData(
        **splits,
        class_names=viewed.class_names,
        num_classes=viewed.num_classes,
        colours=viewed.colours,
        groups=dataset.groups if task is None else {},
        tested_on_val=parts["test"] == parts["val"],
        fingerprint=hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest(),
    )


def data_folder(root: str | Path | None) -> Path:
    """The data root that is given, or the environment's; it must exist."""
    chosen = root or os.environ.get(DATA_ROOT_VARIABLE)
    if not chosen:
        raise DataError(
            "no data root: the folder that holds the data sets; give --data-root FOLDER or set "
            f"{DATA_ROOT_VARIABLE}"
        )
    folder = Path(chosen).expanduser()
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(
            f"data root {folder} {state}; give --data-root FOLDER or set {DATA_ROOT_VARIABLE}"
        )
    return folder


def cache_folder(root: str | Path | None) -> Path:
    """The folder of decoded pictures: as given, the environment's, or the user's cache."""
    chosen = root or os.environ.get(CACHE_ROOT_VARIABLE) or pooch.os_cache("losslab")
    return Path(chosen).expanduser()


def _known(name: str) -> type[SegmentationDataset]:
    if name not in DATASETS:
        raise DataError(unknown("dataset", name, DATASETS))
    return DATASETS[name]


def _open(name: str, options: Mapping[str, Any], root: str | Path | None) -> SegmentationDataset:
    parsed = parse_options(name, options)
    with of_dataset(name):
        folder = None if name == "scenes" else data_folder(root)
        dataset = _known(name).open(folder, parsed)
        if isinstance(dataset, PairedFiles):
            dataset.data_root = folder
        return dataset


def check_annotated(dataset: SegmentationDataset, entry: CacheEntry) -> None:
    """One class and void, and no other class: nearly always masks of 0 and 255."""
    annotated = sum(count > 0 for count in entry.histogram[:IGNORE_INDEX])
    if annotated == 0:
        raise DataError(f"{dataset.name}: no pixel is annotated; every label is {IGNORE_INDEX}")
    if annotated == 1 and entry.histogram[IGNORE_INDEX]:
        raise DataError(
            f"{dataset.name}: the label maps hold one class and {IGNORE_INDEX}, which means "
            "void; if 255 is your object, "
            "give the option colours=((0, 0, 0), (255, 255, 255))"
        )


def _select(
    entry: CacheEntry,
    ids: list[str],
    positions: list[int],
    lookup: UInt8[np.ndarray, " 256"] | None,
) -> CachedSplit:
    """Pictures at `positions`: a window of the memory map where they are neighbours, else a copy in
    memory.
    """
    neighbours = positions[-1] - positions[0] + 1 == len(positions)
    chosen = slice(positions[0], positions[-1] + 1) if neighbours else positions
    labels = entry.labels[chosen]
    return CachedSplit(
        images=entry.images[chosen],
        labels=labels if lookup is None else lookup[labels],
        ids=[ids[i] for i in positions],
        extents=entry.extents[chosen],
    )
