"""Small generated copies of a data set's layout on disk, for tests and rehearsals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from losslab.constants import IGNORE_INDEX
from losslab.data import camvid
from losslab.data.base import SPLITS
from losslab.data.dials import KINDS, Dials
from losslab.data.preparation import DATASETS, parse_options
from losslab.data.scenes import SPLIT_START, generate
from losslab.errors import DataError, unknown

FOLDER_SHAPE = (96, 128)
FOLDER_CLASSES = tuple(kind.name for kind in KINDS[:6])


def write_fixture(
    name: str, directory: Path, count: int, options: Mapping[str, Any] | None = None
) -> None:
    """Write `count` generated pictures in the official layout of data set `name`.

    Half of them train, a quarter each validates and tests. `directory` must be new or empty, and
    serves as data root afterwards (with partial=True where a full set has known counts). `options`
    are the data set's: a folder's class names and colours are honoured.
    """
    writers = {"camvid": _write_camvid, "folder": _write_folder}
    if name not in writers:
        if name in DATASETS:
            choices = ", ".join(writers)
            raise DataError(f"{name} is generated and needs no files; fixtures: {choices}")
        raise DataError(unknown("fixture", name, writers))
    parsed = parse_options(name, options or {})
    if count < 4:
        raise DataError(f"fixture count: at least 4 pictures fill three splits, got {count}")
    quarter = count // 4
    counts = {"train": count - 2 * quarter, "val": quarter, "test": quarter}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise DataError(f"{directory}: a fixture goes into a new or empty folder; name another")
        writers[name](directory, counts, parsed)
    except OSError as error:
        raise DataError(
            f"{directory}: the fixture cannot be written ({error.strerror}); name another folder"
        ) from error


def _write_camvid(directory: Path, counts: dict[str, int], options: Any) -> None:
    dials = Dials(classes=len(KINDS), void_rim=2)
    for split in SPLITS:
        lines = []
        for i in range(counts[split]):
            image, label = generate(dials, SPLIT_START[split] + i, camvid.SHAPE)
            label = _spread(label, len(camvid.CLASSES))
            label[label == IGNORE_INDEX] = camvid.VOID
            file = f"{split}_{i:05d}.png"
            _save(image, directory / split / file)
            _save(label, directory / f"{split}annot" / file)
            lines.append(f"/SegNet/CamVid/{split}/{file} /SegNet/CamVid/{split}annot/{file}\n")
        (directory / f"{split}.txt").write_text("".join(lines))


def _write_folder(directory: Path, counts: dict[str, int], options: Any) -> None:
    home = directory / options.name
    names = options.classes or FOLDER_CLASSES
    dials = Dials(classes=min(len(names), len(KINDS)), void_rim=0)
    for split in SPLITS:
        lines = []
        for i in range(counts[split]):
            image, label = generate(dials, SPLIT_START[split] + i, FOLDER_SHAPE)
            label = _spread(label, len(names))
            if options.colours is not None:
                label = np.array(options.colours, dtype=np.uint8)[label]
            _save(image, home / "images" / f"{split}_{i:05d}.png")
            _save(label, home / "masks" / f"{split}_{i:05d}.png")
            lines.append(f"{split}_{i:05d}\n")
        (home / f"{split}.txt").write_text("".join(lines))
    (home / "classes.txt").write_text("".join(f"{name}\n" for name in names))


def _spread(label: UInt8[np.ndarray, "h w"], classes: int) -> UInt8[np.ndarray, "h w"]:
    """Classes beyond the kinds of generated object cut bands out of the background, so that all
    occur.
    """
    label = label.copy()
    extra = classes - len(KINDS)
    if extra > 0:
        band = np.arange(label.shape[0]) * (extra + 1) // label.shape[0]
        bands = np.where(band == 0, 0, len(KINDS) - 1 + band)[:, None]
        label = np.where(label == 0, bands, label).astype(np.uint8)
    return label


def _save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
