"""Values that were frozen before the code was rebuilt: the same numbers, whatever the code is."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from losslab.analysis.audit import audit
from losslab.analysis.published import load_published
from losslab.analysis.reproduction.cells import (
    as_cells,
    class_of,
    excused,
    task_of,
    variant_of,
)
from losslab.analysis.reproduction.definitions import definition_of
from tests.golden import values

EXACT = 1e-12
"""Relative; sums in another order may move the last digits of a float64."""


def frozen(name: str) -> Any:
    return json.loads((values.HERE / f"{name}.json").read_text())


def test_every_study_has_the_runs_that_it_had():
    assert values.run_ids() == frozen("run_ids")


def test_every_preset_stands_for_what_it_stood_for():
    assert values.presets() == frozen("presets")


def test_every_loss_has_the_value_and_the_gradient_that_it_had():
    before, now = frozen("losses"), values.losses()
    assert now.keys() == before.keys()
    wrong = {
        case: (before[case], now[case])
        for case in before
        if not all(map(_near, now[case], before[case], [before[case][1]] * 4))
    }
    assert not wrong


def _near(now: float, before: float, size: float) -> bool:
    """Projections of a gradient may cancel: they are as exact as the gradient's absolute sum."""
    return math.isclose(now, before, rel_tol=EXACT, abs_tol=EXACT * max(size, 1e-3))


def test_every_picture_and_label_map_of_the_fixtures_decodes_to_the_same_bytes(tmp_path: Path):
    before, now = frozen("decodes"), values.decodes(tmp_path)
    assert now.keys() == before.keys()
    for name in before:
        assert now[name] == before[name], name


@pytest.mark.parametrize("name", ["results", "scores", "comparison", "rankings", "flips"])
def test_tables_of_stored_counts_are_the_same(
    name: str, tables_of_counts: dict[str, pd.DataFrame], tmp_path: Path
):
    (tmp_path / "now.csv").write_text(values.as_csv(tables_of_counts[name]))
    before, now = pd.read_csv(values.HERE / f"{name}.csv"), pd.read_csv(tmp_path / "now.csv")
    pd.testing.assert_frame_equal(now, before, rtol=EXACT, atol=1e-15)


@pytest.fixture(scope="module")
def tables_of_counts() -> dict[str, pd.DataFrame]:
    return values.tables()


def test_the_audit_of_the_papers_reaches_the_verdicts_that_it_reached():
    before = pd.read_csv(values.HERE / "audit_findings.csv", dtype=str, keep_default_na=False)
    now = audit().astype(str).replace("nan", "")
    texts = [column for column in before if column != "derived"]
    pd.testing.assert_frame_equal(now[texts], before[texts])
    derived = [pd.to_numeric(table["derived"]) for table in (now, before)]
    pd.testing.assert_series_equal(*derived, rtol=EXACT)


def test_every_printed_cell_and_its_place_among_the_runs_is_the_same():
    before = pd.read_csv(
        values.HERE / "published_with_join_key.csv", dtype=str, keep_default_na=False
    )
    rows = []
    for cell in as_cells(load_published()):
        asked = variant_of(cell)
        key = {"task": task_of(cell), "score_class": class_of(cell)}
        key |= {"definition": definition_of(cell), **asked._asdict(), "excused": excused(cell)}
        rows.append({**cell._asdict(), **key})
    now = pd.DataFrame(rows).astype(object).map(lambda v: "" if pd.isna(v) else str(v))
    value = before["value"].map(lambda text: str(float(text)) if text else "")
    pd.testing.assert_frame_equal(now[list(before)], before.assign(value=value))
