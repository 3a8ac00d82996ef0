"""Decoded, resized pictures as memory maps: built once, whole or not at all, named by their
content.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EACCES, EDQUOT, EFBIG, ENOSPC, EPERM, EROFS
from pathlib import Path
from typing import Any

import numpy as np
from filelock import Timeout
from jaxtyping import Int, UInt8

from losslab.data.dataset import SegmentationDataset
from losslab.data.digests import Digests
from losslab.data.entries import LOCK_SECONDS, array_file, open_entry
from losslab.data.fitting import check_fit, cut, fitted
from losslab.data.manifest import check_against_manifest
from losslab.errors import DataError

CACHE_VERSION = 2
"""Raised when decoding or resizing changes: entries of another version are not read."""

LARGEST_SIDE = 8192
"""Pixels; a longer side is taken for a mistake."""

LONGEST_SHAPE = 16
"""Longest side over shortest; a longer shape is taken for a mistake."""


@dataclass(frozen=True)
class CacheEntry:
    """All pictures of a data set at one size, in the order of the data set."""

    folder: Path
    images: UInt8[np.ndarray, "n h w 3"]
    labels: UInt8[np.ndarray, "n h w"]
    histogram: list[int]
    """Pixels of each label value 0..255 in the pictures, without the canvas around them."""
    extents: Int[np.ndarray, "n 4"]
    """Top, left, height and width of each picture on its canvas, pixels."""
    fingerprint: str
    """SHA-256 of the decoded pictures and labels."""


def read_content(dataset: SegmentationDataset, cache_root: Path) -> dict[str, Any]:
    """What the data set's files hold, for `cached`; they are compared with its manifest."""
    digests = Digests(cache_root.absolute() / "digests" / f"{dataset.name}.json")
    content = dataset.content(digests)
    check_against_manifest(dataset, digests)
    digests.remember()
    return content


def cached(
    dataset: SegmentationDataset,
    content: Mapping[str, Any],
    size: tuple[int, int],
    fit: str,
    cache_root: Path,
) -> CacheEntry:
    """The cache entry of the whole data set at `size`, where its pictures come by the rule `fit`;
    built if it is missing or damaged. `content` is that of `read_content`.

    Two processes that ask at once build it once. Raises `DataError` for unreadable files and for a
    cache folder that is read-only or on a full disk; nothing half-written stays.
    """
    check_size(size)
    check_fit(fit)
    cache_root = cache_root.absolute()
    identity = {
        "version": CACHE_VERSION,
        "name": dataset.name,
        "size": size,
        "fit": fit,
        "content": content,
    }
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    folder = cache_root / f"{dataset.name}-{size[0]}x{size[1]}-{key[:16]}"
    with explained(cache_root):
        arrays = frozenset({"images.npy", "labels.npy"})
        meta = open_entry(folder, key, arrays, lambda place: _write(dataset, size, fit, place))
    contents = json.dumps([meta["sha256"], meta["extents"]], sort_keys=True)
    return CacheEntry(
        folder=folder,
        images=np.load(folder / "images.npy", mmap_mode="r"),
        labels=np.load(folder / "labels.npy", mmap_mode="r"),
        histogram=list(meta["histogram"]),
        extents=np.array(meta["extents"], dtype=np.int64).reshape(-1, 4),
        fingerprint=hashlib.sha256(contents.encode()).hexdigest(),
    )


def check_size(size: tuple[int, int]) -> None:
    """Sizes (height, width) at which pictures can be cached."""
    short, long = min(size), max(size)
    if short < 1 or long > LARGEST_SIDE or long > LONGEST_SHAPE * short:
        raise DataError(
            f"size {size[0]}x{size[1]}: (height, width) of 1 to {LARGEST_SIDE} pixels, the "
            f"longer at most {LONGEST_SHAPE} "
            "times the shorter; choose another size"
        )


@contextmanager
def explained(cache_root: Path) -> Iterator[None]:
    """Turn what the file system refuses into one error that says what to do."""
    try:
        yield
    except Timeout:
        raise DataError(
            f"{cache_root}: another process has held the lock of this entry for {LOCK_SECONDS} "
            "seconds; wait for it, or stop it"
        ) from None
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT, EFBIG):
            raise DataError(
                f"{cache_root}: the disk is full ({error.strerror}); free some space or name "
                "another cache folder. "
                "Finished entries are untouched"
            ) from error
        if error.errno in (EROFS, EACCES, EPERM):
            raise DataError(
                f"{cache_root}: the cache folder cannot be written ({error.strerror}); make it "
                "writable or name another "
                "cache folder"
            ) from error
        raise DataError(
            f"{cache_root}: the cache cannot be written ({error}); name another cache folder"
        ) from error


def _write(
    dataset: SegmentationDataset, size: tuple[int, int], fit: str, folder: Path
) -> dict[str, Any]:
    """Write the arrays of the entry; return what its meta.json says of them."""
    shape = (len(dataset.all_ids), *size)
    histogram = np.zeros(256, dtype=np.int64)
    extents = []
    with (
        array_file(folder / "images.npy", (*shape, 3), np.uint8) as images,
        array_file(folder / "labels.npy", shape, np.uint8) as labels,
    ):
        for position in range(len(dataset.all_ids)):
            image, label = dataset.read(position, size)
            try:
                image, label, extent = fitted(image, label, size, fit)
            except DataError as error:
                name = dataset.all_ids[position]
                raise DataError(f"{dataset.name}: picture {name}: {error}") from None
            extents.append(extent)
            histogram += np.bincount(cut(label, extent).ravel(), minlength=256)
            images.write(image.tobytes())
            labels.write(label.tobytes())
    return {"histogram": histogram.tolist(), "extents": extents, "ids": dataset.all_ids}
