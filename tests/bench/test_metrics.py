"""`losslab bench metrics`: the rows compute what they say, and what is made of their times."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
import torch

from losslab.bench import score_rows as rows_module
from losslab.bench.inputs import make_maps
from losslab.bench.metrics import COLUMNS, Setting, measure, tabulate
from losslab.bench.report import metrics_text
from losslab.bench.score_rows import missing_references, score_rows
from losslab.bench.targets import CONFUSION, E_OF_LIBRARY, ERODED, SCORE_TARGETS, SUITE
from losslab.bench.timing import Timing
from losslab.metrics import boundary_counts, e_measure_of_counts, region_counts

SIZE = (130, 170)
CLASSES = 6


@pytest.fixture
def maps():
    return make_maps(CLASSES, SIZE)


@pytest.fixture
def results(maps):
    """What each row's call returns."""
    logits = torch.zeros(1, CLASSES, *SIZE)
    return {(row.loss, row.library): row.call() for row in score_rows(maps, logits, CLASSES)}


def named(results, name):
    (value,) = (value for (score, _), value in results.items() if score == name)
    return value


def test_maps_are_regions_with_a_little_void_that_mostly_agree(maps) -> None:
    pred, labels = maps
    assert pred.dtype == labels.dtype == torch.uint8
    assert 0.01 < (labels == 255).float().mean() < 0.06
    assert pred.max() < CLASSES
    assert 0.5 < (pred == labels)[labels != 255].float().mean() < 0.98
    assert (labels[..., 1:] != labels[..., :-1]).float().mean() < 0.15


def test_both_confusion_matrices_hold_the_region_counts(maps, results) -> None:
    counts = region_counts(*maps, num_classes=CLASSES)
    matrices = [value for (name, _), value in results.items() if name.startswith("confusion")]
    assert len(matrices) == 2
    for matrix in map(np.asarray, matrices):
        np.testing.assert_array_equal(matrix.diagonal(), counts["tp"][0])
        np.testing.assert_array_equal(matrix.sum(0), (counts["tp"] + counts["fp"])[0])
        np.testing.assert_array_equal(matrix.sum(1), (counts["tp"] + counts["fn"])[0])


@pytest.mark.parametrize("with_opencv", [True, False])
def test_eroding_every_class_by_itself_counts_what_one_pass_counts(
    maps, monkeypatch: pytest.MonkeyPatch, with_opencv: bool
) -> None:
    if with_opencv:
        pytest.importorskip("cv2", reason="OpenCV is not installed")
    else:
        monkeypatch.setattr(rows_module, "find_spec", lambda name: None)
    library, erode = rows_module.eroder()
    assert library == ("OpenCV" if with_opencv else "scipy")
    pred, labels = (layer[0].numpy() for layer in maps)
    counts = boundary_counts(*maps, num_classes=CLASSES)
    found = rows_module.eroded_counts(pred, labels, CLASSES, erode)
    np.testing.assert_array_equal(found, [counts[name][0] for name in ("tp", "fp", "fn")])


def test_the_suite_is_the_sum_of_its_parts(maps, results) -> None:
    table, values, accuracy = results[SUITE, "losslab"]
    counts = region_counts(*maps, num_classes=CLASSES)
    assert accuracy == int(counts["tp"].sum()) / int(counts["pixels"])
    np.testing.assert_array_equal(values, e_measure_of_counts(table))
    np.testing.assert_array_equal(values, named(results, "e_measure_of_counts"))
    trimaps = named(results, "trimap_counts, all widths")
    np.testing.assert_array_equal(table["trimap_10_fp"], trimaps[10]["fp"][0])


def test_pysodmetrics_is_given_the_same_maps() -> None:
    pytest.importorskip("py_sod_metrics", reason="PySODMetrics is not installed")
    maps = make_maps(CLASSES, SIZE)
    whole = maps._replace(labels=maps.labels.masked_fill(maps.labels == 255, 0))  # it knows no void
    logits = torch.zeros(1, CLASSES, *SIZE)
    results = {row.loss: row.call() for row in score_rows(whole, logits, CLASSES)}
    np.testing.assert_allclose(results[E_OF_LIBRARY], results["e_measure_of_counts"], atol=1e-12)


def test_libraries_that_are_missing_are_named_and_left_out(
    maps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "find_spec", lambda name: None)
    rows = list(score_rows(maps, torch.zeros(1, CLASSES, *SIZE), CLASSES))
    assert {row.library for row in rows} == {"torch", "losslab", "numpy", "scipy"}
    notes = " ".join(missing_references())
    for name in ("PySODMetrics", "torchmetrics", "OpenCV", "scipy"):
        assert name in notes
    monkeypatch.setattr(rows_module, "find_spec", lambda name: name)
    assert missing_references() == []


def timings(ratios: Mapping[str, float]) -> dict[tuple[str, str], Timing]:
    libraries = {CONFUSION: "torch", ERODED: "OpenCV", E_OF_LIBRARY: "PySODMetrics"}
    return {
        (name, libraries.get(name, "losslab")): Timing(2 * ratio, ratio, 0)
        for name, ratio in ratios.items()
    }


def test_targets_are_about_the_ratio_to_their_own_row_process_by_process() -> None:
    one = timings({CONFUSION: 1, "boundary_counts": 2, ERODED: 7, SUITE: 5})
    other = timings({CONFUSION: 1, "boundary_counts": 4, ERODED: 14, SUITE: 9})
    table = tabulate(Setting(), [one, other])
    assert tuple(table.columns) == COLUMNS
    lines = table.set_index("score")
    assert lines.loc["boundary_counts", "ratio"] == 3
    assert lines.loc["boundary_counts", "target_ratio"] == pytest.approx(2 / 7)
    assert lines.loc["boundary_counts", "met"] == "yes"
    assert lines.loc[SUITE, "met"] == "no"
    assert (lines.loc[SUITE, "ratio_low"], lines.loc[SUITE, "ratio_high"]) == (5, 9)
    text = metrics_text(table, {"threads": 1}, ["A note."])
    assert "1 of 2 targets are met." in text
    assert "3 times as fast as: Boundary IoU, every class eroded by itself" in text
    assert "3.5 ×" in text
    assert f"at most 6 × {CONFUSION}" in text
    assert text.endswith("A note.\n")


def test_there_is_no_verdict_without_the_row_that_a_target_is_about() -> None:
    table = tabulate(Setting(), [timings({CONFUSION: 1, "boundary_counts": 2})])
    assert table["met"].isna().all()
    on_a_gpu = tabulate(Setting(device="cuda"), [timings({CONFUSION: 1, SUITE: 2})])
    assert on_a_gpu["met"].isna().all()


def test_every_target_is_about_rows_that_are_measured() -> None:
    found = measure(Setting((24, 30), 3, repeats=1), 0)
    names = {name for name, _ in found}
    assert set(SCORE_TARGETS) <= names
    assert {CONFUSION, ERODED} <= names
    assert all(timing.milliseconds > 0 for timing in found.values())
    assert found[CONFUSION, "torch"].ratio == 1
    assert isinstance(tabulate(Setting(), [found]), pd.DataFrame)
