"""Epochs to a threshold as survival data."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy

from losslab.analysis import epochs_to_reach
from losslab.analysis.survival import kaplan_meier, log_rank, restricted_means
from losslab.analysis.survival_sentences import read_survival, read_sweep, show_survival
from losslab.analysis.sweep import SHARES, sweep
from losslab.errors import StudyError
from tests.analysis.synthetic import synthetic_histories


def runs_of(**losses: list[int]) -> pd.DataFrame:
    """A row per run: its epoch, or minus its last epoch where it never arrives."""
    rows = [
        {"setting": "a", "loss": loss, "fold": 0, "seed": seed, "threshold": 0.5}
        | {"epoch": float(value) if value > 0 else math.nan, "last": abs(value)}
        | {"censored": value < 0}
        for loss, values in losses.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_kaplan_meier_agrees_with_a_hand_computed_case() -> None:
    # 5 runs: one arrives at 2, one at 3 while one ends there, one arrives at 5, one ends at 8.
    table = kaplan_meier(runs_of(ce=[2, 3, -3, 5, -8]))
    assert table["epoch"].tolist() == [0, 2, 3, 5, 8]
    assert table["running"].tolist() == [5, 5, 4, 2, 1]
    assert table["arrived"].tolist() == [0, 1, 1, 1, 0]
    assert table["censored"].tolist() == [0, 0, 1, 0, 1]
    assert table["share"].tolist() == pytest.approx([0, 1 / 5, 2 / 5, 7 / 10, 7 / 10])


def test_the_restricted_mean_agrees_with_a_hand_computed_case() -> None:
    row = restricted_means(runs_of(ce=[2, 3, -3, 5, -8])).iloc[0]
    # Steps 1, 4/5, 3/5, 3/10 over 2, 1, 2 and 3 epochs.
    assert row["mean"] == pytest.approx(2 + 0.8 + 1.2 + 0.9)
    # Areas beyond 2, 3 and 5: 2.9, 2.1, 0.9; arrivals 1 of 5, 1 of 4, 1 of 2.
    variance = 2.9**2 / 20 + 2.1**2 / 12 + 0.9**2 / 2
    assert row["se"] == pytest.approx(math.sqrt(variance * 3 / 2))
    assert (row["runs"], row["reached"], row["horizon"], row["early"]) == (5, 3, 8, 1)
    # Were the run that ended at 3 never to arrive: 2, 3, 5, 8 and 8 epochs.
    assert row["at_most"] == pytest.approx((2 + 3 + 5 + 8 + 8) / 5)


def test_without_censoring_the_restricted_mean_is_the_mean() -> None:
    epochs = [3, 7, 4, 9, 4]
    row = restricted_means(runs_of(ce=epochs)).iloc[0]
    assert row["mean"] == pytest.approx(np.mean(epochs))
    assert row["se"] == pytest.approx(np.std(epochs, ddof=1) / math.sqrt(5))
    assert row["at_most"] == row["mean"]


def test_with_equal_training_the_restricted_mean_is_that_of_the_cut_epochs() -> None:
    rng = np.random.default_rng(0)
    epochs = [int(value) for value in rng.integers(1, 60, 40)]
    row = restricted_means(runs_of(ce=[value if value <= 30 else -30 for value in epochs])).iloc[0]
    assert row["mean"] == pytest.approx(np.minimum(epochs, 30).mean())
    assert row["at_most"] == pytest.approx(row["mean"])
    assert row["early"] == 0


def test_losses_share_the_horizon_up_to_which_all_are_known() -> None:
    table = restricted_means(runs_of(ce=[4, -20], iou=[5, -9])).set_index("loss")
    assert table["horizon"].tolist() == [9, 9]
    assert table["mean"].to_dict() == pytest.approx({"ce": 6.5, "iou": 7})
    given = restricted_means(runs_of(ce=[4, -20], iou=[5, -9]), horizon=5)
    assert given["mean"].tolist() == [4.5, 5]


def test_a_loss_that_never_arrives_has_the_horizon_as_its_mean_and_no_interval() -> None:
    table = restricted_means(runs_of(ce=[4, 5], iou=[-9, -9])).set_index("loss")
    assert table.loc["iou", "mean"] == 9
    assert table.loc["iou", ["se", "low", "high"]].isna().all()


def test_the_interval_of_the_restricted_mean_holds_what_it_states() -> None:
    rng = np.random.default_rng(4)
    held = []
    for _ in range(400):
        epochs = np.ceil(rng.gamma(9, 1.0, 10)).astype(int)
        row = restricted_means(runs_of(ce=[int(t) if t <= 14 else -14 for t in epochs])).iloc[0]
        held.append(row["low"] <= 9.386 <= row["high"])  # of ceil(gamma(9)), cut at 14
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_the_truth_of_the_coverage_test_is_the_mean_of_the_cut_epochs() -> None:
    epochs = np.arange(1, 15)
    later = scipy.stats.gamma(9).sf(epochs - 1)  # P(T >= epoch)
    assert later.sum() == pytest.approx(9.386, abs=0.001)


def test_the_log_rank_test_agrees_with_statsmodels_and_with_all_ways_of_dealing() -> None:
    row = log_rank(runs_of(ce=[2, 3, 5, 6, -9], iou=[6, 7, 8, -9, -9]), "ce").iloc[0]
    assert row["chi2_p"] == pytest.approx(scipy.stats.chi2.sf(row["chi2"], 1))
    assert row["p_min"] == pytest.approx(2 / 252)
    assert row["sooner"] < 0
    # Freireich's 6-MP trial in Cox (1972), as many textbooks print it: chi2 = 16.79.
    treated = [6, 6, 6, 7, 10, 13, 16, 22, 23, -6, -9, -10, -11, -17, -19, -20, -25, -32, -32]
    treated += [-34, -35]
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    found = log_rank(runs_of(ce=placebo, iou=treated), "ce").iloc[0]
    assert found["chi2"] == pytest.approx(16.79, abs=0.005)
    assert found["sooner"] == pytest.approx(9 - 19.25, abs=0.005)
    assert found["p"] < 0.001


def test_the_permutation_p_is_that_of_every_way_of_dealing_the_runs_out() -> None:
    from itertools import combinations

    from statsmodels.duration.survfunc import _survdiff

    table = runs_of(ce=[2, 3, 5, -6], iou=[4, 7, -9])
    time = np.array([2, 3, 5, 6, 4, 7, 9])
    seen = np.array([1, 1, 1, 0, 1, 1, 0])

    def sooner(chosen: tuple[int, ...]) -> float:
        side = np.isin(np.arange(7), chosen).astype(int)
        # observed minus expected of the group that is named first
        return float(_survdiff(time, seen, 1 - side, None, np.array([0, 1]), None)[0][0])

    every = np.array([sooner(chosen) for chosen in combinations(range(7), 3)])
    mine = sooner((4, 5, 6))
    two_sided = 2 * min((every <= mine + 1e-9).mean(), (every >= mine - 1e-9).mean())
    row = log_rank(table, "ce").iloc[0]
    assert abs(row["sooner"]) == pytest.approx(abs(mine))
    assert row["p"] == pytest.approx(min(1.0, two_sided))


def test_false_positives_of_the_log_rank_test_stay_at_or_under_the_level() -> None:
    rng = np.random.default_rng(6)
    rejected = []
    for _ in range(600):
        epochs = np.ceil(rng.gamma(4, 2.0, 10)).astype(int)
        drawn = [int(t) if t <= 10 else -10 for t in epochs]
        rejected.append(log_rank(runs_of(ce=drawn[:5], iou=drawn[5:]), "ce")["p"].iloc[0] <= 0.05)
    assert np.mean(rejected) < 0.05 + 2 * math.sqrt(0.05 * 0.95 / 600)


def test_runs_are_swapped_within_pairs_where_these_are_named() -> None:
    ce = [4, 14, 24, 34, 44, 54]
    table = runs_of(ce=ce, iou=[value - 2 for value in ce])
    apart = log_rank(table, "ce").iloc[0]
    paired = log_rank(table, "ce", pairs=("fold", "seed")).iloc[0]
    assert paired["p"] == paired["p_min"] == pytest.approx(2 / 64)
    assert apart["p"] > 0.5


def test_a_threshold_that_no_run_reaches_has_no_p_and_says_why() -> None:
    row = log_rank(runs_of(ce=[-9, -9], iou=[-9, -9]), "ce").iloc[0]
    assert math.isnan(row["p"])
    assert row["reason"] == "no run reaches the threshold"
    same = log_rank(runs_of(ce=[4, 4], iou=[4, 4]), "ce").iloc[0]
    assert same["reason"] == "all runs are there at the same epoch"


def test_holm_corrects_over_the_losses() -> None:
    table = log_rank(runs_of(ce=[2, 2, 3, 3, 4], iou=[7, 7, 8, 8, 9], dice=[8, 9, 9, 9, 9]), "ce")
    assert table["p"].tolist() == pytest.approx([2 / 252] * 2)
    assert table["p_holm"].tolist() == pytest.approx([4 / 252] * 2)


def test_a_table_without_epochs_is_an_error_that_says_what_is_needed() -> None:
    table = runs_of(ce=[4, 5]).assign(epoch=math.nan)
    with pytest.raises(StudyError, match="`epoch` is needed where `censored` is false"):
        kaplan_meier(table)


def test_the_sweep_holds_the_mean_at_every_threshold() -> None:
    histories = synthetic_histories()
    table = sweep(histories, "ce")
    assert len(table) == 5 * len(SHARES)
    assert table["horizon"].unique().tolist() == [20]
    at = table[table["share"] == 0.9].set_index("loss")
    alone = restricted_means(epochs_to_reach(histories, "ce", share=0.9)).set_index("loss")
    assert at["mean"].to_dict() == pytest.approx(alone["mean"].to_dict())
    for _, part in table.groupby("loss"):
        assert part.sort_values("share")["mean"].is_monotonic_increasing
    assert "soonest" in read_sweep(table)


def test_the_sweep_takes_scores_themselves_as_thresholds() -> None:
    histories = synthetic_histories()
    table = sweep(histories, "ce", thresholds=(0.3, 0.47))
    assert sorted(table["threshold"].unique()) == [0.3, 0.47]
    alone = epochs_to_reach(histories, "ce", threshold=0.47)
    assert alone["threshold"].unique().tolist() == [0.47]
    means = restricted_means(alone).set_index("loss")["mean"]
    found = table[table["threshold"] == 0.47].set_index("loss")["mean"]
    assert found.to_dict() == pytest.approx(means.to_dict())


def test_early_stopping_is_named_as_what_flatters_a_loss() -> None:
    table = runs_of(ce=[4, 5, 6, 7, 20], iou=[9, 12, 15, 15, -3])
    means, tests = restricted_means(table), log_rank(table, "ce")
    shown = show_survival(means, tests).set_index("loss")
    assert shown.loc["iou", "reached"] == "4 of 5"
    text = read_survival(means, tests)
    assert "1 run of `iou` stopped before epoch 15" in text
    assert "informative" in text or "flatters" in text
