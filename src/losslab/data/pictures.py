"""The one place that decodes pictures and label maps.

Decoders raise many kinds of exception on damaged files; here they become one `DataError` that names
the file.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from losslab.constants import IGNORE_INDEX
from losslab.data.problems import FileProblem

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
HEADED = (*SUFFIXES, ".ppm")
"""File name endings of what has a size and a mode."""
INDEX_MODES = ("L", "P", "1", "I", "I;16")
GREY_MODES = ("L", "RGB", "1")
ORIENTATION_TAG = 0x0112

Decoded = TypeVar("Decoded")


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """The picture in RGB, turned upright as its EXIF record asks."""

    def decode(picture: Image.Image) -> np.ndarray:
        if picture.mode.startswith(("I", "F")):
            raise FileProblem(
                path,
                f"a picture has 8 bits a channel, this one is of mode {picture.mode!r}",
                "convert it to 8 bits",
            )
        return np.array(ImageOps.exif_transpose(picture).convert("RGB"))

    return _opened(path, decode)


def read_indices(
    path: Path,
    modes: Sequence[str] = INDEX_MODES,
    remedy: str = "save it as 8-bit grey, or list the classes' colours if it is painted",
) -> UInt8[np.ndarray, "h w"]:
    """The label map of a file that holds class indices (grey levels, or palette indices).

    `modes` are those of the picture that are allowed, `remedy` what to do about another.
    """

    def decode(picture: Image.Image) -> np.ndarray:
        if picture.mode not in modes:
            listed = f"mode{'s' if len(modes) > 1 else ''} {', '.join(modes)}"
            raise FileProblem(
                path,
                f"a label map holds one class index a pixel ({listed}), this one is of mode "
                f"{picture.mode!r}",
                remedy,
            )
        values = np.array(ImageOps.exif_transpose(picture))
        if values.size and not 0 <= int(values.min()) <= int(values.max()) <= IGNORE_INDEX:
            raise FileProblem(
                path,
                f"label values lie in 0..255, this one holds {values.min()}..{values.max()}",
                "renumber the classes from 0",
            )
        return values.astype(np.uint8)

    return _opened(path, decode)


def read_colours(
    path: Path, colours: Sequence[tuple[int, int, int]], void: tuple[int, int, int] | None
) -> UInt8[np.ndarray, "h w"]:
    """The label map of a file that paints each class in its colour; `void` is that of void."""

    def decode(picture: Image.Image) -> np.ndarray:
        if picture.mode.startswith(("I", "F")):
            raise FileProblem(
                path,
                f"a painted label map has 8 bits a channel, this one is of mode {picture.mode!r}",
                "save it as 8-bit RGB",
            )
        return _pack(np.array(ImageOps.exif_transpose(picture).convert("RGB")))

    packed = _opened(path, decode)
    table = {code: index for index, code in enumerate(_pack(np.array(colours)).tolist())}
    if void is not None:
        table[_pack(np.array([void])).item()] = IGNORE_INDEX
    found, inverse = np.unique(packed, return_inverse=True)
    strange = [value for value in found.tolist() if value not in table]
    if strange:
        names = shown(f"({v >> 16}, {v >> 8 & 255}, {v & 255})" for v in strange)
        raise FileProblem(
            path,
            f"every colour of a label map is in the colour table, not so {names}",
            "add a class or a void_colour, and save label maps without lossy compression",
        )
    lookup = np.array([table[value] for value in found.tolist()], dtype=np.uint8)
    return lookup[inverse].reshape(packed.shape)


def read_palette(path: Path) -> UInt8[np.ndarray, "n 3"]:
    """The colours of a file of palette indices, by index; of another file none."""

    def decode(picture: Image.Image) -> np.ndarray:
        return np.array(picture.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)

    return _opened(path, decode)


def read_grey(path: Path) -> UInt8[np.ndarray, "h w"]:
    """The grey levels of a mask or map of 8 bits, stored in one channel or in three equal ones."""

    def decode(picture: Image.Image) -> np.ndarray:
        if picture.mode not in GREY_MODES:
            raise FileProblem(
                path,
                f"a mask holds 8-bit grey levels (modes {', '.join(GREY_MODES)}), this one is of "
                f"mode {picture.mode!r}",
                "take the official file",
            )
        if picture.mode == "L":
            return np.array(picture)
        red, green, blue = (np.array(band) for band in picture.convert("RGB").split())
        if (red != green).any() or (red != blue).any():
            raise FileProblem(
                path, "a mask is grey, this one is coloured", "take the official file"
            )
        return red

    return _opened(path, decode)


def header(path: Path) -> tuple[tuple[int, int], str]:
    """Size (width, height) and mode that a picture file declares; its pixels are not read."""
    return _opened(path, lambda picture: (picture.size, picture.mode))


def orientation(path: Path) -> int:
    """How the file's EXIF record asks to turn or mirror its pixels: 1 to 8, 1 for not at all."""
    return _opened(path, lambda picture: int(picture.getexif().get(ORIENTATION_TAG, 1)))


def shown(items: Iterable[object], limit: int = 3) -> str:
    """The first few of `items`, and how many more there are."""
    listed = [str(item) for item in items]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def resize(
    image: UInt8[np.ndarray, "h w 3"], label: UInt8[np.ndarray, "h w"], size: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "h2 w2 3"], UInt8[np.ndarray, "h2 w2"]]:
    """Both at `size` = (height, width): the picture bilinear and antialiased, the label by its
    nearest pixel.
    """
    if label.shape == size:
        return image, label
    shape = (size[1], size[0])
    picture = Image.fromarray(image).resize(shape, Image.Resampling.BILINEAR)
    return np.array(picture), np.array(
        Image.fromarray(label).resize(shape, Image.Resampling.NEAREST)
    )


def _pack(colours: np.ndarray) -> np.ndarray:
    """Colours (..., 3) as whole numbers 0xRRGGBB."""
    wide = colours.astype(np.int32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _opened(path: Path, decode: Callable[[Image.Image], Decoded]) -> Decoded:
    try:
        with Image.open(path) as picture:
            return decode(picture)
    except FileNotFoundError:
        raise FileProblem(path, "the file has gone", "restore it") from None
    except FileProblem:
        raise
    except Exception as error:  # damaged files have decoders raise nearly any kind
        raise FileProblem(
            path,
            f"cannot be read as a picture ({type(error).__name__}: {error})",
            "replace it by an intact copy",
        ) from error
