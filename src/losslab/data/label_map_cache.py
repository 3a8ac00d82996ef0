"""Maps of the labels of a whole split as memory maps, made once for all runs that read them.

They lie beside the cached pictures and are named by what they depend on: the labels as the task
shows them, the map's name, the number of classes and the version of the maps. The function that
makes a map is handed in, because losses stand above data and define the maps that they read.
"""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from losslab.data.entries import array_file, open_entry

LARGEST = 2**31
"""Bytes. Larger maps are not kept: comparing digests would take seconds at the start of each run,
and runs side by side would crowd each other's pictures out of the page cache. 2 GiB hold one map of
1400 pictures of 512 x 700 pixels.
"""


def cached_maps(
    labels: UInt8[np.ndarray, "n h w"],
    make: Callable[[UInt8[np.ndarray, "h w"]], Float32[np.ndarray, "..."]],
    *,
    name: str,
    num_classes: int,
    version: int,
    shape: tuple[int, ...],
    cache_root: Path,
    threads: int = 1,
) -> Float32[np.ndarray, "n ..."] | None:
    """The map `name` of each label map, an array of `shape`, made by `make(labels[i])` where it is
    missing or damaged; None where it is larger than `LARGEST` or its folder cannot be written.

    `threads` pictures are worked on at a time. Two processes that ask at once make it once.
    """
    if 4 * int(np.prod(shape, dtype=np.int64)) > LARGEST:
        return None
    cache_root = cache_root.expanduser().absolute()
    identity = {
        "version": version,
        "name": name,
        "num_classes": num_classes,
        "shape": shape,
        "labels": hashlib.sha256(np.ascontiguousarray(labels).data).hexdigest(),
    }
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    folder = cache_root / f"labels-{name}-{labels.shape[1]}x{labels.shape[2]}-{key[:16]}"

    def write(temporary: Path) -> dict[str, Any]:
        with (
            array_file(temporary / "maps.npy", shape, np.float32) as file,
            ThreadPoolExecutor(threads) as pool,
        ):
            # a few at a time: made faster than written, they would pile up
            for start in range(0, len(labels), 4 * threads):
                for made in pool.map(make, labels[start : start + 4 * threads]):
                    file.write(made.astype(np.float32, copy=False).tobytes())
        return identity

    try:
        open_entry(folder, key, frozenset({"maps.npy"}), write)
    except (
        OSError
    ):  # a folder of pictures that can be read and not written serves runs all the same
        return None
    return np.load(folder / "maps.npy", mmap_mode="r")
