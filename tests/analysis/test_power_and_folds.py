"""Pairs that a difference needs, and differences over folds."""

import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.power import TTestPower

from losslab.analysis.folds import assumed_ratio, corrected_t, fold_means, fold_ratios
from losslab.analysis.intervals import t_interval
from losslab.analysis.power import pairs_needed, pairs_needed_as_seen, power_of
from tests.analysis.by_hand import folds_of


@pytest.mark.parametrize("effect", [0.1, 0.3, 0.8, 1.5, -2.0])
def test_pairs_needed_are_those_of_statsmodels(effect: float) -> None:
    exact = TTestPower().solve_power(abs(effect), alpha=0.05, power=0.8)
    assert pairs_needed(effect) == math.ceil(exact)


def test_cohens_table_needs_34_pairs_for_a_medium_effect() -> None:
    assert pairs_needed(0.5) == 34  # G*Power 3.1, paired t, two-sided, d_z = 0.5


def test_power_is_that_of_statsmodels_and_is_known_where_that_is_nan() -> None:
    for effect, n in ((0.2, 20), (1.0, 5), (5.0, 3)):
        assert power_of(effect, n) == pytest.approx(TTestPower().power(effect, n, 0.05, df=n - 1))
    powers = [power_of(effect, 2) for effect in np.linspace(1, 60, 60)]
    assert np.all(np.diff(powers) > 0)


def test_an_effect_of_nothing_needs_no_number() -> None:
    assert math.isnan(pairs_needed(0.0))
    assert math.isnan(pairs_needed(math.nan))
    assert math.isnan(pairs_needed_as_seen(np.array([0.02])))
    assert math.isnan(pairs_needed_as_seen(np.array([0.02, 0.02])))


def test_a_tiny_effect_is_answered_by_the_normal_approximation() -> None:
    near = pairs_needed(0.0281)  # just beyond where the exact count ends
    exact = TTestPower().solve_power(0.0281, alpha=0.05, power=0.8)
    assert near == pytest.approx(exact, rel=3e-4)


def test_a_huge_effect_needs_two_pairs() -> None:
    assert pairs_needed(1e6) == 2


def test_pairs_needed_as_seen_take_mean_and_spread_from_the_differences() -> None:
    differences = np.array([0.01, 0.03, 0.02, 0.04])
    assert pairs_needed_as_seen(differences) == pairs_needed(0.025 / differences.std(ddof=1))


def test_a_fold_counts_once_however_many_seeds_it_has() -> None:
    table = folds_of(iou=[[0.1, 0.3], [0.6]])
    frame = table.rename(columns={"value": "difference"}).assign(value=0.0, baseline_value=0.0)
    assert fold_means(frame)["difference"].tolist() == pytest.approx([0.2, 0.6])


def test_without_shared_images_the_corrected_t_is_the_plain_one() -> None:
    values = np.array([0.01, 0.04, 0.02, -0.01])
    found = corrected_t(values, 0.0)
    assert {name: found[name] for name in ("low", "high")} == pytest.approx(t_interval(values))


def test_ten_folds_widen_the_interval_by_the_root_of_one_and_ten_ninths() -> None:
    values = np.random.default_rng(0).normal(size=10)
    plain = t_interval(values)
    found = corrected_t(values, assumed_ratio(10))
    wider = (found["high"] - found["low"]) / (plain["high"] - plain["low"])
    assert wider == pytest.approx(math.sqrt(1 + 10 / 9))


def test_equal_folds_have_no_interval() -> None:
    assert all(math.isnan(value) for value in corrected_t(np.array([0.1, 0.1]), 0.5).values())


def test_ratio_of_test_to_training_images_is_read_from_the_runs() -> None:
    names = {"dataset": "camvid", "task": None, "model": "unet", "encoder": "resnet34"}
    rows = [
        {**names, "fold": fold, "data_train": 70.0, "data_test": test}
        for fold, test in enumerate((20.0, 21.0))
    ]
    runs = pd.DataFrame(rows)
    assert fold_ratios(runs) == pytest.approx({"camvid, unet, resnet34": 20.5 / 70})
    assert fold_ratios(runs.drop(columns="data_test")) == {}
