"""A run, from its spec to its scores, on every data set in its own layout."""

import json
from pathlib import Path

import pandas as pd
import pytest

from losslab.data.fixtures import WRITERS, write_fixture
from losslab.data.sets import DATASETS
from losslab.files import write_json
from losslab.spec import RunSpec
from losslab.study.smoke import SMALLEST
from losslab.study.store import load_group_scores
from losslab.training import train


def test_every_data_set_but_the_generated_one_has_a_fixture() -> None:
    assert {*WRITERS, "scenes"} == {*DATASETS}


@pytest.mark.parametrize("name", WRITERS)
def test_a_run_on_the_fixture_of_a_data_set_ends_with_its_scores(name: str, tmp_path: Path) -> None:
    write_fixture(name, tmp_path / "data", 4)
    options = {} if name == "folder" else {"partial": True}
    given = {"dataset": name, "dataset_options": options, "fit": "pad", "epochs": 1}
    spec = RunSpec(**SMALLEST | given)
    run_dir = tmp_path / "runs" / spec.run_id
    facts = train(spec, run_dir, data_root=tmp_path / "data", cache_root=tmp_path / "cache")
    assert facts["status"] == "finished"
    stored = json.loads((run_dir / "run.json").read_text())["dataset"]
    counts = pd.read_parquet(run_dir / "counts.parquet")
    assert list(counts["class"].unique()) == stored["class_names"]
    assert counts["image"].nunique() == stored["test"]
    write_json(run_dir / "done.json", {"status": "finished", "reason": None})
    groups = load_group_scores(tmp_path / "runs")
    assert set(groups["class"]) == set(DATASETS[name].groups)
