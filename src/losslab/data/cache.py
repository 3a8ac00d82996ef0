"""Decoded, resized pictures as memory maps: built once, whole or not at all, named by their
content.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EACCES, EDQUOT, EFBIG, ENOSPC, EPERM, EROFS
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import UInt8

from losslab.data.base import SegmentationDataset
from losslab.data.digests import Digests, file_digest
from losslab.data.pictures import resize
from losslab.errors import DataError
from losslab.files import write_json

CACHE_VERSION = 1
"""Raised when decoding or resizing changes: entries of another version are not read."""

LOCK_SECONDS = 3600
"""How long to wait for another process that builds the same entry."""

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
    """Pixels of each label value 0..255."""
    fingerprint: str
    """SHA-256 of the decoded pictures and labels."""


def cached(dataset: SegmentationDataset, size: tuple[int, int], cache_root: Path) -> CacheEntry:
    """The cache entry of the whole data set at `size`, built if it is missing or damaged.

    Two processes that ask at once build it once. Raises `DataError` for unreadable files and for a
    cache folder that is read-only or on a full disk; nothing half-written stays.
    """
    check_size(size)
    cache_root = cache_root.expanduser().absolute()
    digests = Digests(cache_root / "digests" / f"{dataset.name}.json")
    content = dataset.content(digests)
    digests.remember()
    identity = {"version": CACHE_VERSION, "name": dataset.name, "size": size, "content": content}
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    folder = cache_root / f"{dataset.name}-{size[0]}x{size[1]}-{key[:16]}"
    entry = _load(folder, key)
    if entry is None:
        with _explained(cache_root):
            cache_root.mkdir(parents=True, exist_ok=True)
            with FileLock(cache_root / f"{folder.name}.lock", timeout=LOCK_SECONDS):
                entry = _load(folder, key)
                if entry is None:
                    _build(dataset, size, folder, key)
                    entry = _load(folder, key)
    if entry is None:
        raise DataError(
            f"{folder}: the cache entry was written and reads back differently; check the disk, "
            "or name another cache folder"
        )
    return entry


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
def _explained(cache_root: Path) -> Iterator[None]:
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


def _build(dataset: SegmentationDataset, size: tuple[int, int], folder: Path, key: str) -> None:
    """Write the entry beside its place, flush it and rename it into place."""
    h, w = size
    count = len(dataset.all_ids)
    # One name under the entry's lock: what a killed process left behind is cleared away.
    temporary = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        histogram = np.zeros(256, dtype=np.int64)
        # Plain writes, not a writable memory map: a full disk is then an OSError and not a SIGBUS.
        with (
            (temporary / "images.npy").open("wb") as images,
            (temporary / "labels.npy").open("wb") as labels,
        ):
            _header(images, (count, h, w, 3))
            _header(labels, (count, h, w))
            for position in range(count):
                image, label = dataset.read(position, size)
                image, label = resize(image, label, size)
                histogram += np.bincount(label.ravel(), minlength=256)
                images.write(image.tobytes())
                labels.write(label.tobytes())
            for file in (images, labels):
                file.flush()
                os.fsync(file.fileno())
        digests = {name: file_digest(temporary / name) for name in ("images.npy", "labels.npy")}
        write_json(
            temporary / "meta.json",
            {
                "key": key,
                "sha256": digests,
                "histogram": histogram.tolist(),
                "ids": dataset.all_ids,
            },
        )
        if folder.exists():  # damaged, or `_load` would have taken it
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _load(folder: Path, key: str) -> CacheEntry | None:
    """The entry, or None where it is missing or not as it was written.

    Reading it whole to compare digests takes a second for 1.5 GB and leaves it in the page cache
    for the training.
    """
    with suppress(OSError, ValueError, KeyError, TypeError, EOFError):
        meta: dict[str, Any] = json.loads((folder / "meta.json").read_text())
        if meta["key"] != key:
            return None
        digests = {name: file_digest(folder / name) for name in meta["sha256"]}
        if digests != meta["sha256"]:
            return None
        return CacheEntry(
            folder=folder,
            images=np.load(folder / "images.npy", mmap_mode="r"),
            labels=np.load(folder / "labels.npy", mmap_mode="r"),
            histogram=list(meta["histogram"]),
            fingerprint=hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest(),
        )
    return None
