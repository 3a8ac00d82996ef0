"""Folders of arrays in the cache: built once and whole, and compared with their digests when they
are opened.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock

from losslab.errors import DataError
from losslab.files import file_digest, write_json

LOCK_SECONDS = 3600
"""How long to wait for another process that builds the same entry."""


def open_entry(
    folder: Path, key: str, arrays: frozenset[str], build: Callable[[Path], dict[str, Any]]
) -> dict[str, Any]:
    """What the entry's meta.json holds, with the arrays' digests under "sha256"; the entry is built
    where it is missing or damaged.

    `build(folder)` writes the arrays, .npy files of the names `arrays`, and returns what else
    meta.json is to hold;
    `key` tells this entry from others of its folder's name. Two processes that ask at once build it
    once. Raises what the file system raises; nothing half-written stays.
    """
    meta = _verified(folder, key, arrays)
    if meta is None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock"), timeout=LOCK_SECONDS):
            meta = _verified(folder, key, arrays)
            if meta is None:
                _build(folder, key, build)
                meta = _verified(folder, key, arrays)
    if meta is None:
        raise DataError(
            f"{folder}: the cache entry was written and reads back differently; check the disk, "
            "or name another cache folder"
        )
    return meta


@contextmanager
def array_file(path: Path, shape: tuple[int, ...], kind: type[np.generic]) -> Iterator[BinaryIO]:
    """A .npy file to which the values are written in order; on the disk when the context ends.

    Plain writes, not a writable memory map: a full disk is then an OSError and not a SIGBUS.
    """
    with path.open("wb") as file:
        descr = np.lib.format.dtype_to_descr(np.dtype(kind))
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        yield file
        file.flush()
        os.fsync(file.fileno())


def _build(folder: Path, key: str, build: Callable[[Path], dict[str, Any]]) -> None:
    """Write the entry beside its place, flush it and rename it into place."""
    # One name under the entry's lock: what a killed process left behind is cleared away.
    temporary = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        described = build(temporary)
        digests = {path.name: file_digest(path) for path in sorted(temporary.glob("*.npy"))}
        write_json(temporary / "meta.json", {"key": key, "sha256": digests, **described})
        if folder.exists():  # damaged, or `_verified` would have taken it
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _verified(folder: Path, key: str, arrays: frozenset[str]) -> dict[str, Any] | None:
    """The entry's meta.json, or None where the entry is missing or not as it was written.

    Reading it whole to compare digests takes a second for 1.5 GB and leaves it in the page cache
    for the training.
    """
    with suppress(OSError, ValueError, KeyError, TypeError, EOFError, AttributeError):
        meta: dict[str, Any] = json.loads((folder / "meta.json").read_text())
        if meta["key"] != key or meta["sha256"].keys() != arrays:
            return None
        if all(file_digest(folder / name) == digest for name, digest in meta["sha256"].items()):
            return meta
    return None
