"""Data sets of files: pictures and label maps that are paired by stem."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from losslab.constants import IGNORE_INDEX
from losslab.data.base import SegmentationDataset
from losslab.data.pictures import SUFFIXES, orientation, read_image, shown
from losslab.data.problems import FileProblem, Report, closed, of_dataset


@dataclass(frozen=True)
class Pair:
    """A picture, its label map and its official split (None where there is none)."""

    id: str
    split: str | None
    image: Path
    label: Path
    parts: tuple[Path, ...] = ()
    """The files of a label map that has several; `label` is then what errors name."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the picture and its label map."""
        return (self.image, *(self.parts or (self.label,)))


class PairedFiles(SegmentationDataset):
    """A data set whose pictures and label maps are files."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        class_names: tuple[str, ...],
        colours: UInt8[np.ndarray, "c 3"],
    ):
        super().__init__(
            class_names=class_names,
            colours=colours,
            ids=[pair.id for pair in pairs],
            splits=[pair.split for pair in pairs],
        )
        self.pairs = list(pairs)
        self.lists: tuple[Path, ...] = ()
        """Files that decide which pictures there are and how they are divided."""
        self.data_root: Path | None = None
        """The folder in which the data set was found."""
        self._all_classes = class_names

    def read_picture(self, pair: Pair) -> UInt8[np.ndarray, "h w 3"]:
        """The picture at the size of its label map."""
        return read_image(pair.image)

    def read_label(self, pair: Pair) -> UInt8[np.ndarray, "h w"]:
        """The label map as the data set stores it, its own void value already 255."""
        raise NotImplementedError

    def rules(self) -> dict[str, Any]:
        """JSON values of the options that decide how a label map is read."""
        raise NotImplementedError

    def read(
        self, position: int, size: tuple[int, int] | None = None
    ) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        with of_dataset(self.name):
            return self._read(self.pairs[position])

    def _read(self, pair: Pair) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        image, label = self.read_picture(pair), self.read_label(pair)
        if image.shape[:2] != label.shape:
            raise FileProblem(
                pair.label,
                f"a label map has its picture's size, this one is {_size(label)} and the picture "
                f"{_size(image)} (width x height)",
                "export both at the same size",
            )
        _check_upright(pair, label.shape)
        self.check_size(pair, label.shape)
        highest = len(self._all_classes) - 1
        strange = np.unique(label[(label > highest) & (label != IGNORE_INDEX)]).tolist()
        if strange:
            raise FileProblem(
                pair.label,
                f"label values are 0..{highest} or {IGNORE_INDEX} (void), this one holds "
                f"{shown(strange, 5)}",
                "list the missing classes or renumber the label map",
            )
        return image, label

    def check_size(self, pair: Pair, shape: tuple[int, ...]) -> None:
        """Hook for data sets whose pictures have one known size."""

    @property
    def manifest_name(self) -> str:
        """What tells the manifest of this data set from others in one data root."""
        return self.name

    def facts(self) -> list[str]:
        """Sentences about the set as a whole that its user should know."""
        return []

    def content(self, digests: Any) -> dict[str, Any]:
        with of_dataset(self.name):
            files = [[p.id, *map(digests, p.files)] for p in self.pairs]
        return {"classes": list(self._all_classes), "rules": self.rules(), "files": files}


def _check_upright(pair: Pair, shape: tuple[int, ...]) -> None:
    """A picture that its EXIF record turns, and a label map without that record: which way round
    the label map lies can be seen only where turning swaps two different sides.
    """
    turn = orientation(pair.image)
    swaps_sides = turn >= 5 and shape[0] != shape[1]
    if turn != 1 and not swaps_sides and _turn_of_label(pair) != turn:
        raise FileProblem(
            pair.image,
            f"its EXIF record turns or mirrors it (orientation {turn}) and that of {pair.label} "
            "does not, so the two may not lie alike",
            "turn the pixels themselves and drop the record, e.g. with `exiftran -a`",
        )


def _turn_of_label(pair: Pair) -> int:
    """The orientation that the label map's EXIF record asks for; 1 where it is no picture file."""
    return orientation(pair.label) if pair.label.suffix.lower() in SUFFIXES else 1


def need_folder(folder: Path, remedy: str) -> Path:
    """`folder`, or an error that says what should be there."""
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise FileProblem(folder, f"the folder {state}", remedy)
    return folder


def files_in(folder: Path, suffixes: Sequence[str], report: Report) -> list[Path]:
    """The folder's files with one of the suffixes, sorted; hidden files are left out.

    A link that leads out of the folder's parent is a problem: what it points at is not part of the
    set, and a copy of the set would lack it. (The set's folder itself may be a link.)
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                (entry.name, entry.is_symlink())
                for entry in entries
                if not entry.name.startswith(".")
                and os.path.splitext(entry.name)[1].lower() in suffixes
            )
    except OSError as error:
        rule = f"the folder cannot be listed ({error.strerror})"
        raise FileProblem(folder, rule, "check that it is a folder that may be read") from None
    for name, is_link in found:
        if is_link:
            check_link(folder / name, folder.parent, report)
    return [folder / name for name, _ in found]


def check_link(path: Path, home: Path, report: Report) -> None:
    """Tell `report` of a link that leads out of the folder `home`, or, where its own folder is a
    link, out of the folder that is meant.
    """
    target = path.resolve()
    if not any(target.is_relative_to(place.resolve()) for place in (home, path.parent)):
        rule = f"a set's files lie in its folder, this one links to {target}"
        report(FileProblem(path, rule, "copy the file, or link the whole folder"))


def all_there(paths: Sequence[Path], home: Path, report: Report) -> bool:
    """Whether all files of a listed picture are there; each that is not, and a link that leads out
    of `home`, is told to `report`.
    """
    missing = 0
    for path in paths:
        try:
            mode = path.lstat().st_mode
        except OSError as error:
            missing += 1
            problem = closed(path, error)
            if isinstance(error, FileNotFoundError):
                rule = "a list names this picture, and the file does not exist"
                problem = FileProblem(path, rule, "restore it from the official archive")
            report(problem)
            continue
        if stat.S_ISLNK(mode):
            check_link(path, home, report)
    return not missing


def pictures_in(folder: Path, report: Report) -> dict[str, Path]:
    """The folder's picture files by stem, sorted; hidden files are left out."""
    found: dict[str, Path] = {}
    for path in files_in(folder, SUFFIXES, report):
        if path.stem in found:
            report(
                FileProblem(
                    path,
                    f"files are paired by stem, and {found[path.stem].name} has the same",
                    "keep one of them",
                )
            )
            continue
        found[path.stem] = path
    return found


def pair_up(
    images: Path, labels: Path, report: Report, *, split: str | None = None, prefix: str = ""
) -> list[Pair]:
    """Pairs of equal stem in two folders, sorted; a file without its partner is a problem."""
    pictures, maps = pictures_in(images, report), pictures_in(labels, report)
    for have, lack, folder in ((pictures, maps, labels), (maps, pictures, images)):
        for stem in sorted(have.keys() - lack.keys()):
            report(
                FileProblem(
                    have[stem],
                    "every picture has a label map of the same stem and the reverse, and there is "
                    f"none in {folder}",
                    "add the partner or move the file away",
                )
            )
    paired = [stem for stem in pictures if stem in maps]
    if not paired:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        raise FileProblem(images, f"the folder holds no pictures ({kinds})", "put them there")
    return [Pair(prefix + stem, split, pictures[stem], maps[stem]) for stem in paired]


def default_colours(count: int) -> UInt8[np.ndarray, "c 3"]:
    """Distinct colours for `count` classes: the bitwise colour map of PASCAL VOC."""
    index = np.arange(count)
    colours = np.zeros((count, 3), dtype=np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((index >> (3 * bit + channel) & 1) << (7 - bit)).astype(
                np.uint8
            )
    return colours


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
