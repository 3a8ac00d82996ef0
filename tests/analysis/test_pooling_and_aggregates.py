"""Several settings as one comparison, the test sets that they share, interquartile means."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from losslab.analysis import (
    dependence,
    interquartile_means,
    paired_comparison,
    pool_settings,
    shared_sets,
)
from losslab.analysis.aggregates import stratified_means
from tests.analysis.by_hand import scores_of, settings_of


def runs_of(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Data set, model and fingerprint of each run."""
    return pd.DataFrame(
        [
            {"dataset": dataset, "task": "", "model": model, "encoder": "resnet34", "fold": 0}
            | {"data_fingerprint": fingerprint}
            for dataset, model, fingerprint in rows
        ]
    )


SHARED = runs_of(("camvid", "unet", "a"), ("camvid", "fcn8s", "b"), ("voc2012", "unet", "c"))


def test_settings_of_one_data_set_share_its_images() -> None:
    assert shared_sets(SHARED) == {
        "camvid, unet, resnet34": "camvid",
        "camvid, fcn8s, resnet34": "camvid",
        "voc2012, unet, resnet34": "voc2012",
    }


def test_equal_data_under_two_names_are_one_test_set() -> None:
    runs = runs_of(("voc2010", "unet", "a"), ("voc_copy", "unet", "a"), ("voc_copy", "fcn8s", "b"))
    assert set(shared_sets(runs).values()) == {"voc2010 = voc_copy"}


def test_runs_without_a_fingerprint_go_by_the_name_of_their_data() -> None:
    without = SHARED.assign(data_fingerprint=None)
    assert shared_sets(without) == shared_sets(SHARED)
    assert shared_sets(without.drop(columns="data_fingerprint")) == shared_sets(SHARED)


def test_shared_test_sets_are_warned_of_by_name() -> None:
    text = dependence(SHARED)
    assert "The 3 settings are tested on 2 test sets: 2 share camvid" in text
    assert "camvid, unet, resnet34; camvid, fcn8s, resnet34" in text
    assert "not independent" in text


def test_settings_with_test_sets_of_their_own_need_no_warning() -> None:
    assert dependence(runs_of(("camvid", "unet", "a"), ("voc2012", "unet", "c"))) == ""


def test_a_test_set_counts_once_by_the_mean_of_its_settings() -> None:
    scores = settings_of(("ce", "iou"), np.array([[0.5, 0.6], [0.5, 0.8], [0.4, 0.3]]))
    pooled = pool_settings(scores, "ce", {"s0": "camvid", "s1": "camvid", "s2": "voc"})
    row = paired_comparison(pooled, "ce").iloc[0]
    assert sorted(pooled["unit"].unique()) == ["camvid", "voc"]
    assert row["n"] == 2
    assert row["difference"] == pytest.approx(((0.1 + 0.3) / 2 - 0.1) / 2)


def test_a_loss_that_a_test_sets_other_settings_lack_is_left_out_of_it() -> None:
    scores = settings_of(("ce", "iou", "dice"), np.array([[0.5, 0.6, 0.9], [0.5, 0.8, 0.9]]))
    scores = scores[~((scores["setting"] == "s1") & (scores["loss"] == "dice"))]
    pooled = pool_settings(scores, "ce", {"s0": "camvid", "s1": "camvid"})
    assert sorted(pooled["loss"]) == ["ce", "iou"]


def test_sixteen_settings_on_two_test_sets_are_two_pairs() -> None:
    rng = np.random.default_rng(0)
    gains = np.repeat([0.02, -0.01], 8) + rng.normal(0, 0.002, 16)
    scores = settings_of(("ce", "iou"), np.stack([np.full(16, 0.5), 0.5 + gains], axis=1))
    sets = {f"s{place}": f"set{place // 8}" for place in range(16)}
    as_pairs = paired_comparison(pool_settings(scores, "ce"), "ce").iloc[0]
    as_sets = paired_comparison(pool_settings(scores, "ce", sets), "ce").iloc[0]
    assert (as_pairs["n"], as_sets["n"]) == (16, 2)
    assert as_sets["high"] - as_sets["low"] > 5 * (as_pairs["high"] - as_pairs["low"])


def test_interquartile_mean_is_over_the_runs_of_all_shared_settings() -> None:
    one = scores_of(ce=[0.1, 0.2, 0.3, 0.4], iou=[0.5, 0.6, 0.7, 0.8])
    two = scores_of(ce=[0.5, 0.6, 0.7, 0.8], iou=[0.5, 0.6, 0.7, 0.8]).assign(setting="t")
    other = scores_of(iou=[0.0, 0.0]).assign(setting="u")
    found = interquartile_means(pd.concat([one, two, other])).set_index("loss")
    assert found.loc["ce", "iqm"] == pytest.approx(np.mean([0.3, 0.4, 0.5, 0.6]))
    assert found.loc["iou", ["settings", "n"]].tolist() == [2, 8]
    assert found.loc["iou", "iqm"] == pytest.approx(0.65)


def test_of_one_small_setting_the_interval_is_that_of_t() -> None:
    values = [0.5, 0.52, 0.55]  # below four runs the interquartile mean is the mean
    found = interquartile_means(scores_of(ce=values), resamples=40_000).iloc[0]
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((known.low, known.high), abs=5e-4)


def test_single_or_equal_runs_have_no_interval() -> None:
    for values in ([0.5], [0.5, 0.5, 0.5]):
        row = interquartile_means(scores_of(ce=values)).iloc[0]
        assert math.isnan(row["low"])
        assert row["iqm"] == pytest.approx(0.5)


def test_without_a_shared_setting_there_is_no_row() -> None:
    apart = pd.concat([scores_of(ce=[0.1]), scores_of(iou=[0.2]).assign(setting="t")])
    assert interquartile_means(apart).empty


def test_resamples_keep_to_their_setting() -> None:
    strata = [np.array([0.0, 0.0, 0.0]), np.array([1.0, 1.0, 1.0])]
    drawn = stratified_means(strata, 50, np.random.default_rng(0))
    assert np.ptp(drawn) == 0
