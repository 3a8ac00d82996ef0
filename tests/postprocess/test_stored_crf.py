"""What `losslab crf` left in the folders of runs, read without their networks and data."""

from pathlib import Path

import pandas as pd
import pytest

from losslab.postprocess import smoke
from losslab.postprocess.crf import CRFError
from losslab.postprocess.smoke import smoke_crf
from losslab.postprocess.table import crf_table, stored_crf_table
from losslab.study.smoke import smoke_runs
from losslab.study.store import load_runs
from losslab.training.finished import reopen


def test_the_stored_table_is_that_of_the_command(tmp_path: Path) -> None:
    pytest.importorskip("pydensecrf", reason="pydensecrf (the extra `crf`) is not installed")
    ids = smoke_runs(tmp_path, losses=("ce", "dice"), seeds=1)
    assert smoke_crf(tmp_path, ids) == ""
    stored = stored_crf_table(tmp_path, load_runs(tmp_path))
    results = []
    for name in sorted(ids):
        folder = tmp_path / name / "crf" / "resnet101"
        files = {n: folder / f"counts-{n}.parquet" for n in (0, 5, 10)}
        results.append((reopen(tmp_path / name, cache_root=tmp_path / "cache"), files))
    assert set(stored["parameters"]) == {"resnet101"}
    pd.testing.assert_frame_equal(stored.drop(columns="parameters"), crf_table(results))


def test_runs_without_a_crf_have_no_rows(tmp_path: Path) -> None:
    runs = pd.DataFrame([{"run_id": "a"}])
    assert stored_crf_table(tmp_path, runs).empty
    (tmp_path / "a" / "crf" / "msc").mkdir(parents=True)  # begun, and nothing written yet
    assert stored_crf_table(tmp_path, runs).empty


def test_without_the_library_a_sentence_says_so(tmp_path: Path, monkeypatch) -> None:
    def missing() -> None:
        raise CRFError("the dense CRF needs pydensecrf")

    monkeypatch.setattr(smoke, "check_library", missing)
    assert smoke_crf(tmp_path, ["a"]) == "The CRF is left out: the dense CRF needs pydensecrf."
