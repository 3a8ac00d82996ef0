"""Ways in which files of a data set go wrong, and the problem that is then found."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from losslab.data import open_dataset
from losslab.data.dataset import FileProblem

HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n" * 20

Spoil = Callable[[Path], object]


def problem_of(name: str, root: Path, **options) -> FileProblem:
    """The problem with which opening the set, or reading one of its pictures, ends."""
    with pytest.raises(FileProblem) as caught:
        read_all(name, root, **options)
    assert caught.value.dataset == name
    assert caught.value.remedy
    assert str(caught.value).startswith(f"{name}: {caught.value.file}: ")
    return caught.value


def read_all(name: str, root: Path, **options) -> list[np.ndarray]:
    """The label maps of all pictures."""
    data = open_dataset(name, root, split="all", partial=True, **options)
    return [data[index][1] for index in range(len(data))]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def web_page(path: Path) -> None:
    path.write_bytes(HTML)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def linked_outside(path: Path) -> None:
    other = path.parents[3] / f"elsewhere{path.suffix}"
    path.rename(other)
    path.symlink_to(other)


def in_mode(mode: str) -> Spoil:
    def spoil(path: Path) -> None:
        with Image.open(path) as picture:
            values = np.array(picture)
        if mode == "I;16":
            saved = Image.fromarray(values.astype(np.uint16))
        else:
            saved = Image.fromarray(values).convert(mode)
        saved.save(path)

    return spoil


def with_value(value: int) -> Spoil:
    """One pixel of the label map gets the value; all else stays, the palette too."""

    def spoil(path: Path) -> None:
        with Image.open(path) as picture:
            changed = picture.copy()
        changed.putpixel((7, 5), value)
        changed.save(path)

    return spoil


def saved_anew(path: Path) -> None:
    """The same colours under other indices, as an editor may save them."""
    with Image.open(path) as picture:
        label = np.array(picture)
        palette = np.array(picture.getpalette(), dtype=np.uint8).reshape(-1, 3)
    order = np.arange(256)
    order[:21] = np.roll(order[:21], 3)
    changed = Image.fromarray(order[label].astype(np.uint8))
    changed.putpalette(palette[np.argsort(order)].tobytes())
    changed.save(path)


def narrower(path: Path) -> None:
    with Image.open(path) as picture:
        cropped = picture.crop((0, 0, picture.width - 1, picture.height))
    cropped.save(path)


def turned(orientation: int) -> Spoil:
    """The picture asks to be turned or mirrored when it is shown."""

    def spoil(path: Path) -> None:
        with Image.open(path) as picture:
            exif = picture.getexif()
            exif[0x0112] = orientation
            picture.save(path, exif=exif, quality=90)

    return spoil


def line(text: str) -> Spoil:
    """The list gets one more line."""

    def spoil(path: Path) -> None:
        path.write_text(path.read_text() + text + "\n")

    return spoil


def latin1(path: Path) -> None:
    path.write_bytes(path.read_bytes() + "café\n".encode("latin-1"))


def windows(path: Path) -> None:
    """As Windows' editor saves it: a byte order mark, CRLF, and blank lines at the end."""
    text = path.read_text().replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n  \r\n")
