"""The one place that decodes pictures and label maps.

Decoders raise five kinds of exception on damaged files; here they become one `DataError` that names
the file.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
INDEX_MODES = ("L", "P", "1", "I", "I;16")
DAMAGED = (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError)

Decoded = TypeVar("Decoded")


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """The picture in RGB, turned upright as its EXIF record asks."""

    def decode(picture: Image.Image) -> np.ndarray:
        if picture.mode.startswith(("I", "F")):
            raise DataError(
                f"{path}: a picture has 8 bits a channel, this one is of mode {picture.mode!r}; "
                "convert it to 8 bits"
            )
        return np.array(ImageOps.exif_transpose(picture).convert("RGB"))

    return _opened(path, decode)


def read_indices(path: Path) -> UInt8[np.ndarray, "h w"]:
    """The label map of a file that holds class indices (grey levels, or palette indices)."""

    def decode(picture: Image.Image) -> np.ndarray:
        if picture.mode not in INDEX_MODES:
            raise DataError(
                f"{path}: a label map holds one class index a pixel (modes "
                f"{', '.join(INDEX_MODES)}), this one is of "
                f"mode {picture.mode!r}; save it as 8-bit grey, or list the classes' colours if "
                "it is painted"
            )
        values = np.array(picture)
        if values.size and not 0 <= int(values.min()) <= int(values.max()) <= IGNORE_INDEX:
            raise DataError(
                f"{path}: label values lie in 0..255, this one holds "
                f"{int(values.min())}..{int(values.max())}; "
                "renumber the classes from 0"
            )
        return values.astype(np.uint8)

    return _opened(path, decode)


def read_colours(
    path: Path, colours: Sequence[tuple[int, int, int]], void: tuple[int, int, int] | None
) -> UInt8[np.ndarray, "h w"]:
    """The label map of a file that paints each class in its colour; `void` is the colour of
    unannotated pixels.
    """
    packed = _opened(path, lambda picture: _pack(np.array(picture.convert("RGB"))))
    table = {int(_pack(np.array(colour))): index for index, colour in enumerate(colours)}
    if void is not None:
        table[int(_pack(np.array(void)))] = IGNORE_INDEX
    found, inverse = np.unique(packed, return_inverse=True)
    strange = [value for value in found.tolist() if value not in table]
    if strange:
        shown = ", ".join(f"({v >> 16}, {v >> 8 & 255}, {v & 255})" for v in strange[:3])
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        raise DataError(
            f"{path}: every colour of a label map is in the colour table, not so {shown}{more}; "
            "add a class or a "
            "void_colour, and save label maps without lossy compression"
        )
    lookup = np.array([table[value] for value in found.tolist()], dtype=np.uint8)
    return lookup[inverse].reshape(packed.shape)


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
        raise DataError(f"{path}: the file has gone; restore it") from None
    except DAMAGED as error:
        raise DataError(
            f"{path}: cannot be read as a picture ({type(error).__name__}: {error}); replace it "
            "by an intact copy"
        ) from error
