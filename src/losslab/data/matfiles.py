"""Label maps in MATLAB's MAT-files (version 5, which is also what MATLAB calls 6 and 7).

scipy reads them, but from a file whose parts are not compressed, and so have no checksum, damage
can make it read memory that is not its own and end the process. Therefore the tags of such parts
are checked first.
"""

import struct
import threading
import warnings
from io import BytesIO
from math import prod
from pathlib import Path

import numpy as np
from jaxtyping import Integer
from scipy.io import loadmat
from scipy.io.matlab import MatReadWarning

from losslab.data.dataset import FileProblem

HEADER = 128
ORDERS = {b"IM": "<", b"MI": ">"}

INT8, INT32, UINT32, MATRIX, COMPRESSED = 1, 5, 6, 14, 15
WIDTHS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
"""Bytes of one value, by the type in a tag."""
CELL, STRUCT, SPARSE, NUMBERS = 1, 2, 5, (4, *range(6, 16))
COMPLEX = 0x800

WARNINGS = threading.Lock()
"""Warning filters are the process's, not the thread's."""

Parts = list[tuple[int, memoryview]]


def read_mat(path: Path, key: str, field: str | None = None) -> Integer[np.ndarray, "h w"]:
    """The matrix of whole numbers that a MAT-file holds under `key`, or in `field` of the structure
    of that name.

    Raises `FileProblem` for a file that is no MAT-file, is damaged or holds something else.
    """
    try:
        content = path.read_bytes()
        check_tags(content)
        with WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", MatReadWarning)  # scipy only warns of some damage
            variables = loadmat(BytesIO(content))
    except FileNotFoundError:
        raise FileProblem(path, "the file has gone", "restore it") from None
    except Exception as error:  # scipy raises nearly any kind on a damaged file
        raise FileProblem(
            path,
            f"cannot be read as a MAT-file ({type(error).__name__}: {error})",
            "replace it by an intact copy",
        ) from error
    wanted = key if field is None else f"{key}.{field}"
    value = variables.get(key)
    if field is not None and value is not None:
        held = value.dtype.names or ()
        value = value[field].item() if field in held and value.size == 1 else None
    if value is None:
        names = ", ".join(name for name in variables if not name.startswith("__"))
        rule = f"the label map is in {wanted}, this file holds {names or 'nothing'}"
        raise FileProblem(path, rule, "take the official file")
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype.kind not in "iu":
        what = f"{value.dtype} of shape {value.shape}" if hasattr(value, "dtype") else type(value)
        rule = f"{wanted} is a matrix of whole numbers, this one is {what}"
        raise FileProblem(path, rule, "take the official file")
    return value


def check_tags(content: bytes) -> None:
    """Raise `ValueError` unless the parts of a MAT-file have the sizes that their tags announce.

    Compressed parts are left to zlib and its checksum.
    """
    order = ORDERS.get(content[126:HEADER])
    if order is None:
        raise ValueError("the header is not that of a MAT-file of version 5")
    for kind, body in _parts(memoryview(content)[HEADER:], order, padded=False):
        if kind == MATRIX:
            _check_matrix(body, order)
        elif kind != COMPRESSED:
            raise ValueError(f"a variable of type {kind}")


def _parts(data: memoryview, order: str, *, padded: bool = True) -> Parts:
    """The parts that follow one another in `data`: their types and contents."""
    found, at = [], 0
    while at < len(data):
        if len(data) - at < 8:
            raise ValueError("the file is truncated")
        kind, count = struct.unpack_from(order + "II", data, at)
        start = at + 8
        end = start + count
        if kind >> 16:  # up to four bytes are stored within the tag
            kind, count, start = kind & 0xFFFF, kind >> 16, at + 4
            end = at + 8
        elif padded:
            end += -count % 8
        if start + count > min(end, len(data)) or kind not in (*WIDTHS, MATRIX, COMPRESSED):
            raise ValueError("the file is truncated or a tag is damaged")
        found.append((kind, data[start : start + count]))
        at = end
    return found


def _check_matrix(data: memoryview, order: str) -> None:
    if not len(data):  # how an empty cell is stored
        return
    (flags, dims, name), rest = _split(_parts(data, order), 3)
    if (flags[0], len(flags[1]), dims[0], name[0]) != (UINT32, 8, INT32, INT8):
        raise ValueError("the head of a matrix is damaged")
    if len(dims[1]) < 8 or len(dims[1]) % 4:
        raise ValueError("the shape of a matrix is damaged")
    word = struct.unpack_from(order + "I", flags[1])[0]
    shape = struct.unpack(f"{order}{len(dims[1]) // 4}i", dims[1])
    if min(shape) < 0:
        raise ValueError(f"a matrix of shape {shape}")
    kind, count = word & 0xFF, 2 if word & COMPLEX else 1
    if kind in NUMBERS:
        _check_numbers(rest, count, prod(shape))
    elif kind == SPARSE:
        (rows, ends), values = _split(rest, 2)
        if rows[0] != INT32 or ends[0] != INT32 or len(ends[1]) != 4 * (shape[1] + 1):
            raise ValueError("a sparse matrix is damaged")
        places = struct.unpack(f"{order}{len(ends[1]) // 4}i", ends[1])
        if list(places) != sorted(places) or places[0] or 4 * places[-1] > len(rows[1]):
            raise ValueError("a sparse matrix is damaged")
        _check_numbers(values, count, None)
    elif kind in (CELL, STRUCT):
        fields = 1
        if kind == STRUCT:
            (width, names), rest = _split(rest, 2)
            if (width[0], len(width[1]), names[0]) != (INT32, 4, INT8):
                raise ValueError("the head of a structure is damaged")
            length = struct.unpack(order + "i", width[1])[0]
            if length < 1 or len(names[1]) % length:
                raise ValueError("the names of a structure are damaged")
            fields = len(names[1]) // length
        if len(rest) != fields * prod(shape) or any(part[0] != MATRIX for part in rest):
            raise ValueError("a cell or structure lacks a part")
        for part in rest:
            _check_matrix(part[1], order)
    else:
        raise ValueError(f"a matrix of class {kind}")


def _split(parts: Parts, count: int) -> tuple[Parts, Parts]:
    if len(parts) < count:
        raise ValueError("a matrix lacks a part")
    return parts[:count], parts[count:]


def _check_numbers(parts: Parts, count: int, values: int | None) -> None:
    """`count` parts of numbers, of `values` values each where that is known."""
    if len(parts) != count or any(kind not in WIDTHS for kind, _ in parts):
        raise ValueError("the values of a matrix are damaged")
    if values is not None and any(len(data) != values * WIDTHS[kind] for kind, data in parts):
        raise ValueError("a matrix has not as many values as its shape says")
