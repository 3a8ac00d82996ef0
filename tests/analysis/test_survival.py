"""Epochs to a threshold as survival data."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy

from losslab.analysis.log_rank import log_rank
from losslab.analysis.survival import common_horizon, kaplan_meier, restricted_means
from losslab.analysis.survival_sentences import read_survival, show_survival
from losslab.errors import StudyError


def runs_of(trained: int = 0, **losses: list[int]) -> pd.DataFrame:
    """A row per run: its epoch, or minus its last epoch where it never arrives.

    Runs that arrive train on up to epoch `trained`.
    """
    rows = [
        {"setting": "a", "loss": loss, "fold": 0, "seed": seed, "threshold": 0.5}
        | {"epoch": float(value) if value > 0 else math.nan}
        | {"last": max(value, trained) if value > 0 else -value, "censored": value < 0}
        for loss, values in losses.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def many(times: np.ndarray, last: int, losses: tuple[str, ...] = ("ce",)) -> pd.DataFrame:
    """A setting for each row of `times`, which are dealt to the losses in order; none after `last`
    is seen.
    """
    rows, columns = times.shape
    names = np.repeat(losses, columns // len(losses))
    table = pd.DataFrame({"setting": np.repeat(np.arange(rows), columns)})
    table = table.assign(loss=np.tile(names, rows), time=times.ravel(), last=last)
    return table.assign(epoch=table["time"].where(table["time"] <= last)).assign(
        censored=lambda frame: frame["epoch"].isna()
    )


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


def test_the_horizon_is_the_last_epoch_of_training_whether_or_not_runs_have_arrived() -> None:
    assert common_horizon(runs_of(9, ce=[4, 5], iou=[2, 3])) == 9
    assert common_horizon(runs_of(ce=[4, 5], iou=[-9, -9])) == 5  # no run of ce trains beyond


def test_a_loss_that_never_arrives_has_the_horizon_as_its_mean_and_no_interval() -> None:
    table = restricted_means(runs_of(9, ce=[4, 5], iou=[-9, -9])).set_index("loss")
    assert table.loc["iou", "mean"] == 9
    assert table.loc["iou", ["se", "low", "high"]].isna().all()


def gamma_epochs(runs: int, count: int, shape: float, scale: float, seed: int) -> np.ndarray:
    return np.ceil(np.random.default_rng(seed).gamma(shape, scale, (count, runs)))


@pytest.mark.parametrize("runs", [5, 10])
def test_the_interval_of_the_restricted_mean_holds_what_it_states(runs: int) -> None:
    last, count = 11, 600
    later = scipy.stats.gamma(9).sf(np.arange(last))  # P(T > 0), P(T > 1), ...
    truth = later.sum()  # the mean of the epochs, cut at `last`
    assert 0.15 < later[-1] < 0.35  # cut off: about a quarter
    means = restricted_means(many(gamma_epochs(runs, count, 9, 1, seed=4), last))
    known = means.dropna(subset=["low"])
    assert len(known) > 0.97 * count
    held = ((known["low"] <= truth) & (truth <= known["high"])).mean()
    assert 0.93 - 0.025 < held < 0.97 + 0.025  # 0.025: three standard errors of the simulation


def test_runs_stopped_at_random_leave_mean_and_interval_right() -> None:
    rng, horizon, count = np.random.default_rng(2), 12, 700
    truth = scipy.stats.gamma(9).sf(np.arange(horizon)).sum()
    table = many(gamma_epochs(10, count, 9, 1, seed=5), 99)
    table["last"] = rng.integers(6, 18, len(table))
    table["censored"] = table["time"] > table["last"]
    table["epoch"] = table["time"].where(~table["censored"])
    means = restricted_means(table, horizon=horizon)
    assert means["early"].mean() > 1
    error = means["mean"].std() / math.sqrt(count)
    assert means["mean"].mean() == pytest.approx(truth, abs=0.03 + 3 * error)
    known = means.dropna(subset=["low"])
    held = ((known["low"] <= truth) & (truth <= known["high"])).mean()
    assert 0.93 - 0.025 < held < 0.97 + 0.025


def test_curves_and_means_agree_with_statsmodels() -> None:
    from statsmodels.duration.survfunc import SurvfuncRight

    rng = np.random.default_rng(8)
    time, seen = rng.integers(1, 20, 60), rng.random(60) < 0.7
    time[0], seen[0] = 20, False
    table = runs_of(ce=[int(t) if s else -int(t) for t, s in zip(time, seen, strict=True)])
    curve = kaplan_meier(table)
    there = SurvfuncRight(time, seen.astype(int))
    at = curve.set_index("epoch")["share"].loc[there.surv_times]
    assert at.tolist() == pytest.approx((1 - there.surv_prob).tolist())
    steps = np.concatenate([[1.0], there.surv_prob])
    area = (steps * np.diff([0, *there.surv_times, 20])).sum()
    assert restricted_means(table)["mean"].item() == pytest.approx(area)


def test_folds_leave_the_mean_without_an_interval_and_the_test_without_a_p() -> None:
    table = runs_of(ce=[4, 5, 6], iou=[7, 8, 9])
    table["fold"] = table["seed"]
    assert restricted_means(table)[["se", "low", "high"]].isna().all(axis=None)
    assert restricted_means(table)["mean"].tolist() == pytest.approx([5, 6])  # up to epoch 6
    row = log_rank(table, "ce").iloc[0]
    assert math.isnan(row["p"])
    assert "folds share training pictures" in row["reason"]


def test_a_loss_that_stops_before_a_given_horizon_is_held_level() -> None:
    row = restricted_means(runs_of(ce=[3, -5, -5, -5]), horizon=9).iloc[0]
    assert row["mean"] == row["at_most"] == pytest.approx((3 + 3 * 9) / 4)
    assert row["early"] == 3


def test_a_horizon_before_the_first_epoch_is_an_error() -> None:
    with pytest.raises(StudyError, match="horizon 0: epochs count from 1"):
        restricted_means(runs_of(ce=[3, 4]), horizon=0)


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
    count = 400
    table = many(gamma_epochs(10, count, 4, 2, seed=6), 10, losses=("ce", "iou"))
    rejected = (log_rank(table, "ce")["p"] <= 0.05).mean()
    assert 0.01 < rejected < 0.05 + 2 * math.sqrt(0.05 * 0.95 / count)


def test_a_threshold_taken_from_the_baseline_keeps_the_level() -> None:
    rng, count, epochs = np.random.default_rng(7), 300, np.arange(1, 21)
    height = 0.6 + 0.01 * rng.normal(size=(count, 10, 1))
    rise = 1 - np.exp(-epochs / (4 * np.exp(0.2 * rng.normal(size=(count, 10, 1)))))
    values = height * rise + 0.01 * rng.normal(size=(count, 10, 20))
    best = 0.95 * values[:, :5].max(2).mean(1)  # of the first five: the baseline's
    above = values >= best[:, None, None]
    times = np.where(above.any(2), above.argmax(2) + 1, 99)
    found = log_rank(many(times, 20, losses=("ce", "iou")), "ce")
    assert (found["p"] <= 0.05).mean() < 0.05 + 2 * math.sqrt(0.05 * 0.95 / count)


def test_a_loss_that_is_sooner_is_found() -> None:
    times = np.hstack([gamma_epochs(5, 60, 9, 1, seed=1), gamma_epochs(5, 60, 9, 0.4, seed=2)])
    found = log_rank(many(times, 30, losses=("ce", "iou")), "ce")
    assert (found["p"] <= 0.05).mean() > 0.8
    assert (found["sooner"] > 0).mean() > 0.95


def test_many_runs_are_dealt_out_at_random_and_the_least_p_says_so() -> None:
    table = runs_of(ce=list(range(1, 21)), iou=list(range(30, 50)))
    row = log_rank(table, "ce").iloc[0]
    assert row["p"] == row["p_min"] == pytest.approx(2 / (2**14 + 1))


def test_arrivals_while_one_loss_alone_is_under_way_tell_nothing() -> None:
    row = log_rank(runs_of(ce=[-2, -2], iou=[5, 6]), "ce").iloc[0]
    assert row["sooner"] == pytest.approx(0)
    assert math.isnan(row["chi2"])
    assert row["p"] == 1


def test_runs_are_swapped_within_pairs_where_these_are_named() -> None:
    ce = [4, 14, 24, 34, 44, 54]
    table = runs_of(ce=ce, iou=[value - 2 for value in ce])
    apart = log_rank(table, "ce").iloc[0]
    paired = log_rank(table, "ce", pairs=("fold", "seed")).iloc[0]
    assert paired["p"] == paired["p_min"] == pytest.approx(2 / 64)
    assert apart["p"] > 0.5


def test_pairs_that_do_not_tell_runs_apart_are_an_error() -> None:
    table = runs_of(ce=[4, 5], iou=[6, 7])
    with pytest.raises(StudyError, match="pairs fold do not tell the runs of 'iou' apart"):
        log_rank(table, "ce", pairs=("fold",))


def test_runs_without_a_partner_take_no_part_in_pairs() -> None:
    table = runs_of(ce=[4, 14, 24], iou=[2, 12])
    row = log_rank(table, "ce", pairs=("fold", "seed")).iloc[0]
    assert (row["runs"], row["baseline_runs"]) == (2, 2)


def test_a_threshold_that_no_run_reaches_has_no_p_and_says_why() -> None:
    row = log_rank(runs_of(ce=[-9, -9], iou=[-9, -9]), "ce").iloc[0]
    assert math.isnan(row["p"])
    assert row["reason"] == "no run reaches the threshold"
    same = log_rank(runs_of(ce=[4, 4], iou=[4, 4]), "ce").iloc[0]
    assert same["reason"] == "all runs under way arrive at the same epoch"


def test_a_single_run_of_a_loss_has_no_p_and_says_why() -> None:
    for table in (runs_of(20, ce=[9], iou=[4]), runs_of(20, ce=[9, 8, 7], iou=[4])):
        (row,) = log_rank(table, "ce").to_dict("records")
        assert math.isnan(row["p"])
        assert row["sooner"] > 0
        assert row["reason"] == "a single run of a loss cannot be told from chance"
    (row,) = log_rank(runs_of(20, ce=[9], iou=[4]), "ce", pairs=["seed"]).to_dict("records")
    assert math.isnan(row["p"])
    means = restricted_means(runs_of(20, ce=[9], iou=[4]))
    text = read_survival(means, log_rank(runs_of(20, ce=[9], iou=[4]), "ce"))
    assert text == "`iou` is not tested: a single run of a loss cannot be told from chance."


def test_holm_corrects_over_the_losses() -> None:
    table = log_rank(runs_of(ce=[2, 2, 3, 3, 4], iou=[7, 7, 8, 8, 9], dice=[8, 9, 9, 9, 9]), "ce")
    assert table["p"].tolist() == pytest.approx([2 / 252] * 2)
    assert table["p_holm"].tolist() == pytest.approx([4 / 252] * 2)


def test_a_table_without_epochs_is_an_error_that_says_what_is_needed() -> None:
    table = runs_of(ce=[4, 5]).assign(epoch=math.nan)
    with pytest.raises(StudyError, match="`epoch` is needed where `censored` is false"):
        kaplan_meier(table)


def test_early_stopping_is_named_as_what_flatters_a_loss() -> None:
    table = runs_of(ce=[4, 5, 6, 7, 20], iou=[9, 12, 15, 15, -3])
    means, tests = restricted_means(table), log_rank(table, "ce")
    shown = show_survival(means, tests).set_index("loss")
    assert shown.loc["iou", "reached"] == "4 of 5"
    assert shown["stopped before"].to_dict() == {"ce": 0, "iou": 1}
    text = read_survival(means, tests)
    assert "1 run of `iou` stopped before epoch 15" in text
    assert "which flatters it (its mean is 13.2 if none ever would)" in text


def test_the_sentence_names_who_is_sooner_and_who_later_than_the_baseline() -> None:
    table = runs_of(
        ce=[9, 9, 10, 10, 11], iou=[2, 2, 3, 3, 4], dice=[-20] * 5, focal=[9, 9, 10, 10, 12]
    )
    means, tests = restricted_means(table, horizon=20), log_rank(table, "ce")
    text = read_survival(means, tests, "90 % of `ce`'s best IoU")
    assert text.startswith(
        "`iou` (2.8; Holm p = 0.024) reaches 90 % of `ce`'s best IoU sooner than `ce` (9.8 epochs"
    )
    assert "`dice` (20.0; Holm p = 0.024) reaches 90 % of `ce`'s best IoU later than `ce`" in text
    assert "`focal` cannot be told from it" in text
    shown = show_survival(means, tests)
    assert shown["loss"].tolist() == ["iou", "ce", "focal", "dice"]
    assert shown.set_index("loss").loc["ce", "log-rank p"] == "–"


def test_too_few_runs_to_tell_anything_are_named() -> None:
    table = runs_of(ce=[9, 10, 11], iou=[2, 3, 4], dice=[2, 3, 5])
    text = read_survival(restricted_means(table), log_rank(table, "ce"))
    assert "no loss can be told from `ce`" in text
    assert "p cannot fall below 0.1, or 0.2 once corrected for 2 comparisons" in text


def test_the_least_p_is_corrected_for_the_losses_of_all_settings() -> None:
    one = runs_of(ce=[9, 9, 10, 10, 11], iou=[2, 2, 3, 3, 4])
    table = pd.concat([one.assign(setting=name) for name in "abcdefg"])
    text = read_survival(restricted_means(table), log_rank(table, "ce"))
    assert text.count("p cannot fall below 0.0079, or 0.056 once corrected for 7 comparison") == 7


def test_what_is_not_tested_is_named_with_its_reason() -> None:
    table = runs_of(ce=[-9, -9], iou=[-9, -9])
    means, tests = restricted_means(table), log_rank(table, "ce")
    assert read_survival(means, tests) == "`iou` is not tested: no run reaches the threshold."
    assert show_survival(means, tests)["why no p"].tolist() == ["", "no run reaches the threshold"]


def test_several_settings_have_a_line_each() -> None:
    one = runs_of(ce=[9, 9, 10, 10, 11], iou=[2, 2, 3, 3, 4])
    table = pd.concat([one, one.assign(setting="b")])
    text = read_survival(restricted_means(table), log_rank(table, "ce"))
    assert text.startswith("- **a**: `iou`")
    assert "\n- **b**: `iou`" in text
    assert "setting" in show_survival(restricted_means(table), log_rank(table, "ce"))


def test_a_study_of_the_baseline_alone_has_a_sentence() -> None:
    table = runs_of(ce=[4, 5])
    text = read_survival(restricted_means(table), log_rank(table, "ce"))
    assert text == "No other loss ran beside the baseline."
