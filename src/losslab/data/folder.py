"""People's own data: a folder of pictures, a folder of label maps and the names of the classes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le
from jaxtyping import UInt8
from pydantic.dataclasses import dataclass

from losslab.constants import IGNORE_INDEX, STRICT
from losslab.data.dataset import (
    SPLITS,
    SUFFIXES,
    FileProblem,
    Pair,
    PairedFiles,
    Report,
    default_colours,
    leads_elsewhere,
    need_folder,
    pair_up,
    parse_task,
    read_colours,
    read_indices,
    read_lines,
    refuse,
    task_lookup,
)
from losslab.errors import DataError

Level = Annotated[int, Ge(0), Le(255)]
Colour = tuple[Level, Level, Level]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FolderOptions:
    """Where the pictures lie and what their label maps mean."""

    name: str = "."
    """Folder of the set, relative to the data root; it holds images/ and masks/."""
    classes: tuple[str, ...] | None = None
    """Names by class index; None: the lines of the set's classes.txt."""
    colours: tuple[Colour, ...] | None = None
    """Colours by class index, for label maps that are painted; None: label maps hold indices."""
    void: Level | None = None
    """A label value that means "not annotated", besides 255."""
    void_colour: Colour | None = None
    """The colour that means "not annotated" in painted label maps."""
    tasks: dict[str, str] | None = None
    """Names for tasks, such as {eyes: l_eye+r_eye}, for tables and figures."""

    def __post_init__(self) -> None:
        place = PurePosixPath(self.name)
        if place.is_absolute() or ".." in place.parts:
            raise DataError(
                f"folder option name: a path below the data root is needed, got {self.name!r}; "
                "move the data root instead"
            )
        if self.classes is not None:
            check_class_names(self.classes, "option classes")
        check_tasks(self.tasks or {}, self.classes)
        if self.colours is None:
            if self.void_colour is not None:
                raise DataError(
                    "folder option void_colour: only painted label maps have one; give colours too"
                )
            return
        if self.void is not None:
            raise DataError("folder option void: painted label maps have none; give void_colour")
        every = [*self.colours, *([self.void_colour] if self.void_colour else [])]
        if len(set(every)) < len(every):
            raise DataError("folder option colours: two classes share a colour; give each its own")
        if self.classes is not None and len(self.colours) != len(self.classes):
            raise DataError(
                f"folder option colours: {len(self.colours)} colours for {len(self.classes)} "
                "classes; give one a class"
            )


class Folder(PairedFiles):
    """`images/` and `masks/`, paired by stem.

    Official splits are lists (train.txt, val.txt, test.txt: a stem or file name a line) or
    subfolders (images/train, masks/train, ...); with subfolders the ids are `<split>_<stem>`.
    """

    name = "folder"
    options_type = FolderOptions

    def __init__(self, pairs: list[Pair], options: FolderOptions, class_names: tuple[str, ...]):
        colours = default_colours(len(class_names))
        if options.colours is not None:
            colours = np.array(options.colours, dtype=np.uint8)
        super().__init__(pairs, class_names=class_names, colours=colours)
        self.options = options

    @classmethod
    def known_classes(cls, options: FolderOptions) -> tuple[str, ...] | None:
        return options.classes

    @classmethod
    def known_tasks(cls, options: FolderOptions) -> Mapping[str, str]:
        return options.tasks or {}

    @property
    def named_tasks(self) -> Mapping[str, str]:
        return self.options.tasks or {}

    @classmethod
    def open(cls, root: Path, options: FolderOptions, report: Report = refuse) -> "Folder":
        remedy = "a set has images/ and masks/; check the data root and the option name"
        home = need_folder(root / options.name, remedy)
        images, masks = (need_folder(home / part, remedy) for part in ("images", "masks"))
        class_names = options.classes or read_class_names(home)
        if options.colours is not None and len(options.colours) != len(class_names):
            raise FileProblem(
                home / "classes.txt",
                f"there are {len(class_names)} classes and the option colours has "
                f"{len(options.colours)}",
                "give one colour a class",
            )
        if all((images / split).is_dir() for split in SPLITS):
            pairs = []
            for split in SPLITS:
                labels = need_folder(masks / split, f"images/{split} has its label maps there")
                prefix = f"{split}_"
                pairs += pair_up(images / split, labels, report, split=split, prefix=prefix)
        else:
            pairs = pair_up(images, masks, report)
            if any((home / f"{split}.txt").exists() for split in SPLITS):
                pairs = _split_by_lists(home, pairs, report)
        dataset = cls(pairs, options, class_names)
        lists = [home / name for name in ("classes.txt", *(f"{split}.txt" for split in SPLITS))]
        dataset.lists = tuple(path for path in lists if path.exists())
        return dataset

    def read_label(self, pair: Pair) -> UInt8[np.ndarray, "h w"]:
        if self.options.colours is not None:
            return read_colours(pair.label, self.options.colours, self.options.void_colour)
        label = read_indices(pair.label)
        if self.options.void is not None:
            label[label == self.options.void] = IGNORE_INDEX
        return label

    @property
    def manifest_name(self) -> str:
        name = PurePosixPath(self.options.name).as_posix()
        plain = name.replace("%", "%25").replace("/", "%2F")  # for "a/b" and "a-b" are two folders
        return self.name if name == "." else f"{self.name}-{plain}"

    def rules(self) -> dict[str, Any]:
        options = self.options
        return {
            "colours": options.colours,
            "void": options.void,
            "void_colour": options.void_colour,
        }


def check_class_names(names: tuple[str, ...], where: str) -> None:
    """Class names must be two to 255, different, and usable in a task such as "Car+Bicyclist"."""
    if not 2 <= len(names) <= IGNORE_INDEX:
        raise DataError(
            f"folder {where}: two to 255 classes are needed, background included, got "
            f"{len(names)}; name one a line or list entry"
        )
    for name in names:
        if name != name.strip() or not name or "+" in name or name.startswith("not "):
            raise DataError(
                f"folder {where}: {name!r} is no class name: not empty, no space around it, no "
                "'+', not beginning with 'not '"
            )
        if name == "mean":
            raise DataError(
                f"folder {where}: 'mean' is what tables call the mean over classes; rename the "
                "class"
            )
        if names.count(name) > 1:
            raise DataError(f"folder {where}: class {name!r} is named twice; rename one")


def check_tasks(tasks: Mapping[str, str], class_names: tuple[str, ...] | None) -> None:
    """Names of tasks must be no classes and no tasks themselves, and mean tasks of the classes."""
    for name, task in tasks.items():
        if (
            not name.strip()
            or "+" in name
            or name.startswith("not ")
            or name in (class_names or ())
        ):
            raise DataError(
                f"folder option tasks: {name!r} is no name of a task: not empty, no '+', not "
                "beginning with 'not ', no class"
            )
        if class_names is None:
            parse_task(task)
        else:
            task_lookup(task, class_names)


def read_class_names(home: Path) -> tuple[str, ...]:
    """The lines of classes.txt by class index."""
    path = home / "classes.txt"
    names = tuple(line.strip() for line in read_lines(path, "write it, or give the option classes"))
    check_class_names(names, str(path))
    return names


def _split_by_lists(home: Path, pairs: list[Pair], report: Report) -> list[Pair]:
    """The pairs that train.txt, val.txt and test.txt list, in that order, then all others."""
    by_id = {pair.id: pair for pair in pairs}
    placed: dict[str, Pair] = {}
    for split in SPLITS:
        path = home / f"{split}.txt"
        remedy = "write it, or remove the other lists and divide by fractions"
        for line in read_lines(path, remedy):
            stem = line if line in by_id else _stem(line)
            if stem not in by_id:
                rule = f"a list names pictures of images/, not so {line!r}"
                report(FileProblem(path, rule, "correct the list"))
            elif stem in placed:
                rule = f"a picture is listed once, {stem!r} is already in {placed[stem].split}.txt"
                report(FileProblem(path, rule, "keep one line"))
            else:
                placed[stem] = replace(by_id[stem], split=split)
    rest = [pair for pair in pairs if pair.id not in placed]
    return [*placed.values(), *rest]


def _stem(line: str) -> str:
    """The stem of a file name, with or without its folder and its ending; none of another place."""
    if leads_elsewhere(line):
        return ""
    file = PureWindowsPath(line)  # takes both separators
    return file.stem if file.suffix.lower() in SUFFIXES else file.name
