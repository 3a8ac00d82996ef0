"""What every data set offers, and the binary views ("tasks") of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import UInt8

from losslab.constants import IGNORE_INDEX
from losslab.data.problems import Report, refuse
from losslab.errors import DataError, unknown

SPLITS = ("train", "val", "test")
TASK_COLOURS = np.array([[230, 159, 0]], dtype=np.uint8)


class SegmentationDataset(ABC):
    """Pictures with label maps: `len`, and `[i]` -> (image (h, w, 3) uint8, label (h, w) uint8, 255
    = void).

    `class_names` are the classes by index; of a binary task, the one name of the task, with
    `num_classes` 1 and labels 0, 1 and 255. `splits` holds each picture's official split, None
    where the data set has none.
    """

    name: ClassVar[str]
    options_type: ClassVar[type]
    static_classes: ClassVar[tuple[str, ...] | None] = None
    """The classes by index where they are known without the files."""
    tasks: ClassVar[Mapping[str, str]] = {}
    """The papers' binary tasks by name, each as a task of class names."""
    groups: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Classes that a paper scores as one, by the name of the union."""

    def __init__(
        self,
        *,
        class_names: tuple[str, ...],
        colours: UInt8[np.ndarray, "c 3"],
        ids: list[str],
        splits: Sequence[str | None],
    ):
        self.class_names = class_names
        self.colours = colours
        self.all_ids = ids
        self.splits = list(splits)
        self.lookup: UInt8[np.ndarray, " 256"] | None = None
        self._positions = list(range(len(ids)))

    @classmethod
    def known_classes(cls, options: Any) -> tuple[str, ...] | None:
        """The classes by index under these options, or None where only the files tell."""
        return cls.static_classes

    @classmethod
    def known_tasks(cls, options: Any) -> Mapping[str, str]:
        """The tasks that have a name under these options, each as a task of class names."""
        return cls.tasks

    @property
    def named_tasks(self) -> Mapping[str, str]:
        """The tasks of this data set that have a name."""
        return self.tasks

    @classmethod
    @abstractmethod
    def open(cls, root: Any, options: Any, report: Report = refuse) -> "SegmentationDataset":
        """The whole data set, found under the data root; `report` is told of broken rules."""

    @abstractmethod
    def read(
        self, position: int, size: tuple[int, int] | None = None
    ) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        """Picture and label map (all classes, void = 255) at a position of the whole data set."""

    @abstractmethod
    def content(self, digests: Any) -> dict[str, Any]:
        """JSON values that are equal exactly when what `read` returns is equal."""

    @property
    def ids(self) -> list[str]:
        """Names of the pictures of this view."""
        return [self.all_ids[position] for position in self._positions]

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(
        self, index: int
    ) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        image, label = self.read(self._positions[index])
        return image, label if self.lookup is None else self.lookup[label]

    def view(self, split: str, task: str | None) -> "SegmentationDataset":
        """This data set narrowed to one official split ("all": every picture) and one task."""
        if split not in (*SPLITS, "all"):
            raise DataError(unknown("split", split, (*SPLITS, "all")))
        if task is not None:
            self.lookup = task_lookup(task, self.class_names, self.named_tasks)
            self.class_names, self.colours = (task,), TASK_COLOURS
        if split != "all":
            kept = [i for i, own in enumerate(self.splits) if own == split]
            if not kept:
                raise DataError(
                    f"{self.name}: there is no official split {split!r}; open split='all', or "
                    "divide the pictures by "
                    "fractions or folds"
                )
            self._positions = kept
        return self


def parse_task(task: str) -> tuple[bool, tuple[str, ...]]:
    """Whether the named classes are left out ("not ...") and the names that `task` lists."""
    names = task.removeprefix("not ")
    listed = tuple(name.strip() for name in names.split("+"))
    if not all(listed):
        raise DataError(
            f"task {task!r}: class names joined by '+' are needed, such as 'Car', "
            "'Car+Bicyclist' or 'not background'"
        )
    if len(set(listed)) < len(listed):
        raise DataError(f"task {task!r}: a class is named twice")
    return names != task, listed


def task_lookup(
    task: str, class_names: Sequence[str], named: Mapping[str, str] | None = None
) -> UInt8[np.ndarray, " 256"]:
    """Table from a label of all classes to 1 (foreground), 0 (the rest) or 255 (void).

    `named` are the tasks that the data set has a name for; a class of that name goes before.
    """
    tasks = {} if named is None else named
    negated, listed = parse_task(task if task in class_names else tasks.get(task, task))
    for name in listed:
        if name not in class_names:
            raise DataError(f"task {task!r}: {unknown('class', name, [*class_names, *tasks])}")
    table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
    for index, name in enumerate(class_names):
        table[index] = (name in listed) != negated
    chosen = int((table[: len(class_names)] == 1).sum())
    if chosen in (0, len(class_names)):
        raise DataError(
            f"task {task!r}: the foreground would hold {chosen} of {len(class_names)} classes; "
            "leave one on each side"
        )
    return table
