"""Kim's and Gul's cells: CRF and times, seeds, folds, superiority, convergence, wins, noise."""

import math
from pathlib import Path

import pandas as pd
import pytest

from losslab.analysis.reproduction import reproduction_table
from losslab.errors import DataError
from tests.analysis.reproduced import GUL, LARGEFOV, SIX, MadeRuns, as_published, one


def with_crf(folder: Path, run_id: str, name: str, tables: dict[int, tuple[float, float]]) -> None:
    """Counts of one image and class after so many iterations: IoU and seconds."""
    home = folder / run_id / "crf" / name
    home.mkdir(parents=True)
    for iterations, (iou, seconds) in tables.items():
        counts = {"image": "a", "class": "cat", "pixels": 2000, "boundary_width": 1}
        counts |= {"tp": 1000 * iou, "fp": 0, "fn": 1000 * (1 - iou), "seconds": seconds}
        frame = pd.DataFrame([counts | {f"boundary_{k}": 0 for k in ("tp", "fp", "fn")}])
        frame.to_parquet(home / f"counts-{iterations}.parquet")


def test_kims_crf_cells_come_from_the_runs_folder(tmp_path: Path) -> None:
    made = MadeRuns()
    ce = made.add(**LARGEFOV, loss="ce", scores={("iou@dataset", "mean"): 0.62})
    ours = made.add(**LARGEFOV, loss="ce + 0.0004*levelset")
    with_crf(tmp_path, ce, "largefov", {0: (0.6, 0.02), 5: (0.65, 0.2), 10: (0.7, 0.3)})
    with_crf(tmp_path, ours, "largefov", {0: (0.6, 0.04)})
    table = reproduction_table("kim2019", ["1", "4"], made.finished(tmp_path))
    plain = one(table, table="1", model="deeplab_largefov", loss="ce", variant="")
    assert plain["measured"] == pytest.approx(62.0)
    crf = one(table, table="1", model="deeplab_largefov", variant="dense CRF")
    assert crf["measured"] == pytest.approx(70.0)
    keys = {"table": "4", "model": "deeplab_largefov"}
    five = {**keys, "variant": "dense CRF, 5 iterations"}
    assert one(table, **five, metric="iou")["measured"] == pytest.approx(65.0)
    assert one(table, **five, metric="seconds_per_image")["measured"] == pytest.approx(0.22)
    assert one(table, **five, metric="relative_time")["measured"] == pytest.approx(0.22 / 0.04)
    alone = one(table, **keys, variant="", metric="seconds_per_image")
    assert alone["measured"] == pytest.approx(0.04)
    msc = one(table, table="1", model="deeplab_largefov", variant="multi-scale input; dense CRF")
    assert msc["reason"] == "no run on several scales"


def test_a_crf_that_was_not_run_is_asked_for_with_its_parameters() -> None:
    made = MadeRuns()
    run_id = made.add(**LARGEFOV, loss="ce", model_options={"multi_scale": True})
    table = reproduction_table("kim2019", ["1"], made.finished())
    crf = one(table, model="deeplab_largefov", variant="multi-scale input; dense CRF")
    assert crf["reason"] == f"needs `losslab crf {run_id} --parameters msc`"


def test_guls_faces_are_scored_by_image_and_his_streets_over_the_set() -> None:
    made = MadeRuns()
    both = {("dice@image", "mean"): 0.98, ("dice@dataset", "mean"): 0.81}
    made.add(**GUL, loss="ce", seed=42, scores=both)
    face = GUL | {"dataset": "celebamask_hq", "facts": {}, "task": "face"}
    made.add(**face, dataset_options={"division": "gul2023"}, loss="ce", seed=42, scores=both)
    table = reproduction_table("gul2023", ["4.1"], made.finished())
    streets = one(table, dataset="cityscapes", loss="ce", metric="dice")
    faces = one(table, dataset="celebamask_hq", loss="ce", metric="dice")
    assert (streets["measured"], faces["measured"]) == (0.81, 0.98)


def test_a_cell_of_a_seed_takes_that_seed_and_the_noise_of_all() -> None:
    made = MadeRuns()
    for seed, value in ((42, 0.50), (1, 0.52), (2, 0.54)):
        made.add(**GUL, loss="ce", seed=seed, scores={("boundary_iou@dataset", "mean"): value})
    table = reproduction_table("gul2023", ["4.1"], made.finished())
    found = one(table, dataset="cityscapes", loss="ce", metric="boundary_iou")
    assert (found["measured"], found["runs"]) == (0.50, 1)
    assert found["noise"] == pytest.approx(0.02)
    assert found["noise_df"] == 2
    assert found["in_noise"] == pytest.approx((0.50 - 0.5008) / (0.02 * math.sqrt(2)))
    table = reproduction_table("gul2023", ["4.12"], made.finished())
    found = one(table, dataset="cityscapes", loss="ce", metric="boundary_iou")
    assert found["reason"].startswith("no run of DeepLabv3+")


def test_the_noise_is_pooled_over_losses_and_seeds_are_averaged_where_none_is_named() -> None:
    made = MadeRuns()
    for loss, values in {"ce": (0.60, 0.62), "ce + 0.0004*levelset": (0.66, 0.70)}.items():
        for seed, value in enumerate(values):
            made.add(**LARGEFOV, loss=loss, seed=seed, scores={("iou@dataset", "mean"): value})
    table = reproduction_table("kim2019", ["1"], made.finished())
    found = one(table, model="deeplab_largefov", loss="ce", variant="")
    assert (found["measured"], found["runs"]) == (pytest.approx(61.0), 2)
    assert found["sd"] == pytest.approx(math.sqrt(2))
    pooled = math.sqrt((2 + 8) / 2)
    assert (found["noise"], found["noise_df"]) == (pytest.approx(pooled), 2)
    expected = (61.0 - 62.8) / (pooled * math.sqrt(1.5))
    assert found["in_noise"] == pytest.approx(expected)


def test_guls_brackets_are_the_distance_losss_score_less_the_rows() -> None:
    made = MadeRuns()
    made.add(**GUL, loss="ce", seed=42, scores={("iou@dataset", "mean"): 0.70})
    table = reproduction_table("gul2023", ["4.1"], made.finished())
    bracket = {"dataset": "cityscapes", "loss": "ce", "metric": "iou_difference"}
    assert one(table, **bracket)["reason"] == "no run with the loss distance"
    made.add(**GUL, loss="distance", seed=42, scores={("iou@dataset", "mean"): 0.73})
    table = reproduction_table("gul2023", ["4.1"], made.finished())
    assert one(table, **bracket)["measured"] == pytest.approx(0.03)


def test_superiority_and_convergence_come_from_the_validation_curves() -> None:
    made = MadeRuns()
    for loss in SIX.values():
        curve = [0.40, 0.45, 0.46, 0.46]
        if loss == "distance":
            curve = [0.41, 0.42, 0.48, 0.49]
        made.add(**GUL, loss=loss, seed=42, curves={"val_boundary_iou": curve})
    table = reproduction_table("gul2023", ["4.1", "4.10"], made.finished())
    ours = one(table, table="4.1", loss="distance", metric="superiority")
    assert ours["measured"] == pytest.approx(75.0)
    ce = one(table, table="4.1", loss="ce", metric="superiority_difference")
    assert ce["measured"] == pytest.approx(75.0 - 5.0)
    keys = {"table": "4.10", "model": "unet", "encoder": "resnet34"}
    assert one(table, **keys, loss="distance")["measured"] == 3
    never = one(table, **keys, loss="ce")
    assert (never["measured_text"], never["reason"]) == (
        ">4",
        "never reached within 4 epochs: right-censored",
    )


def test_superiority_needs_all_six_losses() -> None:
    made = MadeRuns()
    for loss in ("ce", "distance"):
        made.add(**GUL, loss=loss, seed=42, curves={"val_boundary_iou": [0.1, 0.2]})
    table = reproduction_table("gul2023", ["4.1"], made.finished())
    found = one(table, loss="ce", metric="superiority")
    assert found["reason"].startswith("needs all 6 losses: iou(absent='zero'), dice(")


def test_wins_count_over_seven_whole_experiments() -> None:
    made = as_published("gul2023")
    table = reproduction_table("gul2023", ["4.7"], made.finished())
    wins = table[(table["metric"] == "wins_boundary_iou") & (table["dataset"] == "cityscapes")]
    expected = {"ce": 1, SIX["iou"]: 1, SIX["dice"]: 1, "distance": 4}
    found = dict(zip(wins["loss"], wins["measured"], strict=True))
    assert found == {loss: expected.get(loss, 0) for loss in SIX.values()}
    made.runs = [run for run in made.runs if run["spec"]["encoder"] != "resnet34"]
    table = reproduction_table("gul2023", ["4.7"], made.finished())
    assert (table.loc[wins.index, "reason"] == "5 of 7 experiments have all their losses").all()


def test_a_mean_over_folds_needs_all_five_and_a_fold_only_itself() -> None:
    made = MadeRuns()
    fields = GUL | {"dataset": "celebamask_hq", "facts": {}, "task": "face", "encoder": "resnet50"}
    fields |= {"dataset_options": {"division": "gul2023"}, "split": "folds", "loss": "ce"}
    values = (0.60, 0.62, 0.64, 0.66, 0.68)
    for fold, value in enumerate(values[:4]):
        made.add(**fields, fold=fold, scores={("boundary_iou@image", "mean"): value})
    table = reproduction_table("gul2023", ["4.11", "A.1"], made.finished())
    assert one(table, variant="fold 2", metric="boundary_iou")["measured"] == pytest.approx(0.62)
    assert one(table, variant="fold 5", metric="boundary_iou")["reason"] == (
        "no run of fold 5 (there is fold 1, fold 2, fold 3, fold 4)"
    )
    mean = {"table": "4.11", "loss": "ce", "metric": "boundary_iou"}
    assert one(table, **mean, variant="mean of 5 folds")["reason"] == (
        "over 5 folds, of which 1, 2, 3, 4 were run"
    )
    made.add(**fields, fold=4, scores={("boundary_iou@image", "mean"): values[4]})
    table = reproduction_table("gul2023", ["4.11"], made.finished())
    assert one(table, **mean, variant="mean of 5 folds")["measured"] == pytest.approx(0.64)
    spread = one(table, **mean, variant="standard deviation of 5 folds")
    assert spread["measured"] == pytest.approx(math.sqrt(0.001))
    assert math.isnan(spread["sd"])


def test_two_runs_that_differ_in_something_else_are_no_measurement() -> None:
    made = MadeRuns()
    for lr in (1e-3, 1e-4):
        made.add(**LARGEFOV, loss="ce", lr=lr, scores={("iou@dataset", "mean"): 0.6})
    found = one(
        reproduction_table("kim2019", ["1"], made.finished()),
        model="deeplab_largefov", loss="ce", variant="",
    )  # fmt: skip
    assert math.isnan(found["measured"])
    assert "differ in lr: choose between them with run_ids" in found["reason"]


def test_a_repeat_and_a_diverged_run_are_no_measurements() -> None:
    made = MadeRuns()
    mean = {("iou@dataset", "mean"): 0.6}
    made.add(**LARGEFOV, loss="ce", scores=mean)
    made.add(**LARGEFOV, loss="ce", scores={("iou@dataset", "mean"): 0.9}, repeat=1)
    made.add(**{**LARGEFOV, "facts": {"status": "diverged"}}, loss="ce", seed=3)
    found = one(
        reproduction_table("kim2019", ["1"], made.finished()),
        model="deeplab_largefov", loss="ce", variant="",
    )  # fmt: skip
    assert (found["measured"], found["runs"]) == (pytest.approx(60.0), 1)


def test_an_unknown_table_is_refused_with_the_papers_own() -> None:
    with pytest.raises(DataError, match=r"unknown table of rahman2016 '5': one of 1, 2, 3, 4"):
        reproduction_table("rahman2016", ["5"], as_published("rahman2016").finished())
