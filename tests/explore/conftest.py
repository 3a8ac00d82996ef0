"""Finished runs to look at: of generated pictures, and of files on a canvas with bars."""

import shutil
from pathlib import Path

import pytest

from losslab.data.fixtures import write_fixture
from losslab.files import write_json
from losslab.spec import RunSpec
from losslab.study.smoke import SMALLEST, smoke_runs
from losslab.training import train

FILES = {
    "dataset": "camvid",
    "dataset_options": {"partial": True},
    "size": (48, 48),
    "fit": "pad",
    "epochs": 1,
    "task": "Car+Road",
}
"""Pictures of 480x360 with bars above and below; a binary task."""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("explored")
    smoke_runs(home / "scenes", losses=("ce", "iou", "dice"), seeds=1)
    smoke_runs(home / "scenes", losses=("ce", "iou"))
    write_fixture("camvid", home / "data", 36)  # a quarter tests: more than the six samples
    for loss in ("ce", "dice"):
        spec, run_dir = RunSpec(**SMALLEST | FILES, loss=loss), home / "files" / loss
        where = {"data_root": home / "data", "cache_root": home / "cache", "device": "cpu"}
        facts = train(spec, run_dir, **where)
        write_json(run_dir / "done.json", {"status": facts["status"], "reason": facts["reason"]})
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy of the runs, which a test may change."""
    shutil.copytree(made, tmp_path / "home")
    return tmp_path / "home"
