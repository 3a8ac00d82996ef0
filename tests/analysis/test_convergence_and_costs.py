"""First epochs at a threshold, with censoring; costs and failures."""

import math

import pandas as pd
import pytest

from losslab.analysis import (
    costs,
    curves,
    epochs_to_reach,
    failures,
    median_epochs,
    of_finished,
    tables,
)
from losslab.analysis.sentences import read_costs, read_curves, read_failures
from losslab.errors import StudyError
from tests.analysis.synthetic import SETTINGS, run_columns, synthetic_histories, synthetic_runs


def history_of(**runs: list[list[float]]) -> pd.DataFrame:
    """The validation IoU of each loss's runs at epochs 1, 2, ..."""
    return pd.DataFrame(
        [
            {**run_columns(SETTINGS[0], loss, seed), "epoch": epoch, "metric": "val_iou"}
            | {"value": value}
            for loss, seeds in runs.items()
            for seed, values in enumerate(seeds)
            for epoch, value in enumerate(values, start=1)
        ]
    )


def test_first_epoch_is_the_first_at_or_above_the_share_of_the_baselines_best() -> None:
    table = history_of(ce=[[0.2, 0.5, 1.0]], iou=[[0.4, 0.95, 0.7]])
    reached = epochs_to_reach(table, "ce", share=0.95).set_index("loss")
    assert reached["threshold"].tolist() == [0.95, 0.95]
    assert reached["epoch"].to_dict() == {"ce": 3, "iou": 2}


def test_a_run_that_never_reaches_the_threshold_is_censored() -> None:
    table = history_of(ce=[[0.2, 1.0]], iou=[[0.4, 0.5]])
    row = epochs_to_reach(table, "ce").set_index("loss").loc["iou"]
    assert row["censored"]
    assert math.isnan(row["epoch"])
    assert row["last"] == 2


def test_a_censored_run_counts_as_later_than_all_others() -> None:
    iou = [[1.0, 1.0], [0.1, 0.1], [0.1, 1.0]]
    medians = median_epochs(epochs_to_reach(history_of(ce=[[0.5, 1.0]], iou=iou), "ce"))
    assert medians.set_index("loss").loc["iou", "median"] == 2
    worse = median_epochs(epochs_to_reach(history_of(ce=[[0.5, 1.0]], iou=iou[1:]), "ce"))
    assert math.isnan(worse.set_index("loss")["median"]["iou"])
    assert "never reach it" in read_curves(worse, 0.95)


def test_curves_hold_mean_and_range_over_seeds() -> None:
    row = curves(history_of(ce=[[0.2], [0.4], [0.9]])).iloc[0]
    assert (row["mean"], row["low"], row["high"], row["n"]) == pytest.approx((0.5, 0.2, 0.9, 3))


def test_an_unknown_history_metric_is_an_error_with_the_choices() -> None:
    with pytest.raises(StudyError, match="unknown history metric 'val_iuo': one of train_loss"):
        curves(synthetic_histories(seeds=1), "val_iuo")


def test_two_runs_that_nothing_tells_apart_are_an_error_that_names_them() -> None:
    table = history_of(ce=[[0.2, 1.0]], iou=[[0.4, 1.0]])
    again = table[table["loss"] == "ce"].assign(run_id="ce-with-another-lr")
    with pytest.raises(
        StudyError, match=r"runs ce-with-another-lr, scenes-.*-ce-s0 share data set"
    ):
        epochs_to_reach(pd.concat([table, again]), "ce")


def test_a_threshold_may_be_the_baselines_best_itself() -> None:
    table = history_of(ce=[[0.2, 0.5, 1.0]], iou=[[0.4, 1.0, 0.7]])
    assert epochs_to_reach(table, "ce", share=1)["epoch"].tolist() == [3, 2]


def test_costs_are_medians_with_ratios_to_the_baseline() -> None:
    table = costs(synthetic_runs(), "ce").set_index("loss")
    assert table.loc["ce", "step_ratio"] == 1
    assert table["step_ratio"]["iou"] == pytest.approx(0.053 / 0.051)
    assert table["runs"]["dice + 0.5*ce"] == 2


def test_costs_on_another_device_have_no_ratio() -> None:
    runs = synthetic_runs()
    runs.loc[runs["loss"] == "iou", "device"] = "other"
    table = costs(runs, "ce").set_index("loss")
    assert math.isnan(table["step_ratio"]["iou"])


def test_unmeasured_memory_stays_unmeasured() -> None:
    table = costs(synthetic_runs().assign(peak_memory_bytes=None), "ce")
    assert table["peak_memory_bytes"].isna().all()
    assert "peak memory" not in read_costs(table, "ce")


def test_failures_are_listed_with_their_reason() -> None:
    table = failures(synthetic_runs())
    assert table["reason"].tolist() == ["loss is nan at epoch 3"]


def test_the_report_says_which_runs_are_missing() -> None:
    runs = synthetic_runs()
    assert "1 of 15 runs diverged (of `dice + 0.5*ce`)" in read_failures(runs)
    assert "1 run that was asked for is not done" in read_failures(runs, ["never-done"])
    assert "2 runs asked for are not done" in read_failures(runs, ["never-done", "nor-this"])
    assert read_failures(runs[runs["status"] == "finished"]) == "All 14 runs finished."


def test_a_censored_median_lies_beyond_the_last_epoch_of_the_run_in_the_middle() -> None:
    iou = [[0.1] * 9, [0.1] * 30, [0.1] * 8]  # stopped early at 8 and 9
    medians = median_epochs(epochs_to_reach(history_of(ce=[[0.5, 1.0]], iou=iou), "ce"))
    assert medians.set_index("loss")["beyond"]["iou"] == 9
    shown = tables.show_epochs(medians).set_index("loss")["median epoch"]
    assert shown.to_dict() == {"ce": "2", "iou": ">9"}


def test_where_half_of_the_runs_arrive_the_median_lies_beyond_the_last_of_these() -> None:
    medians = median_epochs(
        epochs_to_reach(history_of(ce=[[0.1, 1.0], [0.1, 1.0]], iou=[[0.1] * 3, [0.1, 1.0]]), "ce")
    )
    assert medians.set_index("loss")["beyond"]["iou"] == 2


def test_a_setting_without_the_baseline_has_no_threshold_and_no_row() -> None:
    table = history_of(ce=[[0.2, 1.0]], iou=[[0.4, 1.0]])
    other = table[table["loss"] == "iou"].assign(model="fcn")
    reached = epochs_to_reach(pd.concat([table, other]), "ce")
    assert reached["setting"].nunique() == 1


def test_runs_that_diverged_leave_the_histories() -> None:
    histories, runs = synthetic_histories(), synthetic_runs()
    failed = runs.loc[runs["status"] == "diverged", "run_id"].item()
    assert failed in set(histories["run_id"])
    assert set(of_finished(histories, runs)["run_id"]) == set(runs["run_id"]) - {failed}


def test_costs_without_a_baseline_have_no_ratio() -> None:
    runs = synthetic_runs()
    table = costs(runs[runs["loss"] != "ce"], "ce")
    assert table["step_ratio"].isna().all()
    assert table["step_seconds"].notna().all()
