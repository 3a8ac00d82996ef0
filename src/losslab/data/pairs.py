"""Data sets of files: pictures and label maps that are paired by stem."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from losslab.constants import IGNORE_INDEX
from losslab.data.base import SegmentationDataset
from losslab.data.pictures import SUFFIXES, read_image
from losslab.errors import DataError


@dataclass(frozen=True)
class Pair:
    """A picture, its label map and its official split (None where there is none)."""

    id: str
    split: str | None
    image: Path
    label: Path


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
        self._all_classes = class_names

    def read_label(self, path: Path) -> UInt8[np.ndarray, "h w"]:
        """The label map as the data set stores it, its own void value already 255."""
        raise NotImplementedError

    def rules(self) -> dict[str, Any]:
        """JSON values of the options that decide how a label map is read."""
        raise NotImplementedError

    def read(
        self, position: int, size: tuple[int, int] | None = None
    ) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        pair = self.pairs[position]
        image, label = read_image(pair.image), self.read_label(pair.label)
        if image.shape[:2] != label.shape:
            raise DataError(
                f"{self.name}: {pair.label}: a label map has its picture's size, this one is "
                f"{_size(label)} and the picture "
                f"{_size(image)} (width x height); export both at the same size"
            )
        self.check_size(pair, label.shape)
        highest = len(self._all_classes) - 1
        strange = np.unique(label[(label > highest) & (label != IGNORE_INDEX)]).tolist()
        if strange:
            shown = ", ".join(map(str, strange[:5])) + (", ..." if len(strange) > 5 else "")
            raise DataError(
                f"{self.name}: {pair.label}: label values are 0..{highest} or {IGNORE_INDEX} "
                f"(void), this one holds {shown}; "
                "list the missing classes or renumber the label map"
            )
        return image, label

    def check_size(self, pair: Pair, shape: tuple[int, ...]) -> None:
        """Hook for data sets whose pictures have one known size."""

    def content(self, digests: Any) -> dict[str, Any]:
        files = [[p.id, p.split, digests(p.image), digests(p.label)] for p in self.pairs]
        return {"classes": list(self._all_classes), "rules": self.rules(), "files": files}


def need_folder(dataset: str, folder: Path, remedy: str) -> Path:
    """`folder`, or an error that says what should be there."""
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(f"{dataset}: {folder} {state}; {remedy}")
    return folder


def pictures_in(folder: Path) -> dict[str, Path]:
    """The folder's picture files by stem, sorted; hidden files are left out."""
    found: dict[str, Path] = {}
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be listed ({error.strerror}); check its permissions"
        ) from None
    for path in entries:
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise DataError(
                f"{folder}: two files share the stem {path.stem!r} ({found[path.stem].name}, "
                f"{path.name}); pictures and "
                "label maps are paired by stem, so keep one"
            )
        found[path.stem] = path
    return found


def pair_up(
    dataset: str, images: Path, labels: Path, *, split: str | None = None, prefix: str = ""
) -> list[Pair]:
    """Pairs of equal stem in two folders, sorted; a file without its partner is an error."""
    pictures, maps = pictures_in(images), pictures_in(labels)
    for have, lack, folder in ((pictures, maps, labels), (maps, pictures, images)):
        lonely = sorted(have.keys() - lack.keys())
        if lonely:
            more = f" and {len(lonely) - 1} more" if len(lonely) > 1 else ""
            raise DataError(
                f"{dataset}: {have[lonely[0]]}{more}: every picture has a label map of the same "
                "stem and the reverse, none lies "
                f"in {folder}; add the partner or move the file away"
            )
    if not pictures:
        raise DataError(
            f"{dataset}: {images} holds no pictures ({', '.join(s[1:] for s in SUFFIXES)}); put "
            "them there"
        )
    return [Pair(prefix + stem, split, pictures[stem], maps[stem]) for stem in pictures]


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


def shown(items: Iterable[object], limit: int = 3) -> str:
    """The first few of `items`, and how many more there are."""
    listed = [str(item) for item in items]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
