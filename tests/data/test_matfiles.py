"""Label maps in MAT-files: what is read, and what damage does."""

import random
import struct
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse
from scipy.io import savemat

from losslab.data.dataset import FileProblem
from losslab.data.matfiles import check_tags, read_mat

LABEL = np.arange(24, dtype=np.uint16).reshape(4, 6) * 19


def structure():
    cells = np.empty((3, 1), dtype=object)
    for i in range(3):
        cells[i, 0] = sparse.csc_matrix(np.equal(LABEL % 3, i))
    return {"Boundaries": cells, "Segmentation": LABEL, "Note": "as it was"}


@pytest.fixture(params=[True, False], ids=["compressed", "plain"])
def file(request, tmp_path):
    path = tmp_path / "label.mat"
    values = {"LabelMap": LABEL, "GTcls": structure(), "empty": np.zeros((0, 0))}
    savemat(path, values, do_compression=request.param)
    return path


@pytest.fixture
def plain(tmp_path):
    """A file without compression, so without a checksum."""
    path = tmp_path / "plain.mat"
    savemat(path, {"GTcls": structure()})
    return path


def test_matrix_and_field_of_a_structure_are_read(file):
    for value in (read_mat(file, "LabelMap"), read_mat(file, "GTcls", "Segmentation")):
        assert value.dtype == np.uint16
        assert (value == LABEL).all()


def test_other_key_is_refused_with_what_the_file_holds(file):
    with pytest.raises(FileProblem, match="label map is in Labels, this file holds LabelMap, GTc"):
        read_mat(file, "Labels")


def test_other_field_is_refused(file):
    with pytest.raises(FileProblem, match=r"the label map is in GTcls\.Labels, this file holds"):
        read_mat(file, "GTcls", "Labels")


def test_text_is_no_label_map(file):
    with pytest.raises(FileProblem, match=r"GTcls\.Note is a matrix of whole numbers, this one is"):
        read_mat(file, "GTcls", "Note")


def test_file_that_has_gone_is_named(tmp_path):
    with pytest.raises(FileProblem, match="the file has gone; restore it"):
        read_mat(tmp_path / "none.mat", "LabelMap")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MATLAB",
        b"<html>" * 100,
        b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" * 9,
        struct.pack("<5i", 0, 2, 2, 0, 2) + b"x\0" + bytes(150),
    ],
    ids=["nothing", "short", "web page", "version 7.3", "version 4"],
)
def test_what_is_no_mat_file_of_version_5_is_refused(tmp_path, content):
    path = tmp_path / "label.mat"
    path.write_bytes(content)
    with pytest.raises(FileProblem, match="cannot be read as a MAT-file"):
        read_mat(path, "LabelMap")


def test_every_shortened_file_is_refused(file):
    content = file.read_bytes()
    for length in range(0, len(content) - 1, 37):
        file.write_bytes(content[:length])
        with pytest.raises(FileProblem):
            read_mat(file, "empty")


def test_file_of_the_other_byte_order_passes_the_check_of_its_tags():
    check_tags(b"MATLAB 5.0".ljust(124) + b"\x01\x00MI" + _big_endian())


def _big_endian() -> bytes:
    body = struct.pack(">IIII", 6, 8, 9, 0)  # flags: uint8
    body += struct.pack(">IIii", 5, 8, 2, 2)  # shape
    body += struct.pack(">HH4s", 1, 1, b"x")  # name, within its tag
    body += struct.pack(">HH4B", 4, 2, 1, 2, 3, 4)  # values, within their tag
    return struct.pack(">II", 14, len(body)) + body


@pytest.mark.parametrize("seed", range(3))
def test_damage_without_a_checksum_is_an_error_or_other_numbers_but_never_ends_the_process(
    plain, seed
):
    """Without the check of the tags, scipy 1.17 reads memory that is not its own in one of ten."""
    content = plain.read_bytes()
    draw = random.Random(seed)
    refused = 0
    for _ in range(150):
        damaged = bytearray(content)
        start = draw.randrange(128, len(damaged))
        damaged[start : start + 32] = bytes(len(damaged[start : start + 32]))
        plain.write_bytes(damaged)
        try:
            assert read_mat(plain, "GTcls", "Segmentation").ndim == 2
        except FileProblem:
            refused += 1
    assert 50 < refused < 150


def test_reading_in_threads_leaves_the_warning_filters_as_they_were(file):
    before, interval = list(warnings.filters), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: read_mat(file, "LabelMap"), range(400)))
    finally:
        sys.setswitchinterval(interval)
    assert warnings.filters == before
