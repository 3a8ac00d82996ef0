"""Small trees of pictures and label maps."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from losslab.data.fixtures import write_fixture

CLASSES = ("background", "cat", "dog")


def save(array, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def tree(tmp_path):
    """A folder data set of 12 pictures of 20x16 with three classes and some void."""
    home = tmp_path / "data" / "pets"
    rng = np.random.default_rng(0)
    for i in range(12):
        label = rng.integers(0, 3, (4, 5)).repeat(4, 0).repeat(4, 1)
        label[0, :3] = 255
        save(rng.integers(0, 256, (16, 20, 3)), home / "images" / f"p{i:02d}.png")
        save(label, home / "masks" / f"p{i:02d}.png")
    (home / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    return home


@pytest.fixture(scope="session")
def fixture_of(tmp_path_factory):
    """Data root of a fixture of `count` pictures of the data set of a name; not to be changed."""
    roots = {}

    def root(name, count=8):
        key = name, count
        if key not in roots:
            roots[key] = tmp_path_factory.mktemp("fixture") / name
            write_fixture(name, roots[key], count)
        return roots[key]

    return root


@pytest.fixture
def copy_of(fixture_of, tmp_path):
    """Data root of a copy of such a fixture that a test may spoil."""

    def copied(name, count=8):
        shutil.copytree(fixture_of(name, count), tmp_path / "data")
        return tmp_path / "data"

    return copied
