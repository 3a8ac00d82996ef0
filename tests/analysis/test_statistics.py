"""Paired comparisons against hand computations, scipy and degenerate input."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from losslab.analysis import (
    hedges_gz,
    image_comparison,
    paired_comparison,
    paired_differences,
    pool_settings,
    seed_noise,
    select_scores,
)
from losslab.analysis.effects import interquartile_mean, probability_of_improvement, share_interval
from losslab.analysis.intervals import bootstrap_interval
from losslab.analysis.p_values import holm, sign_flip_p, smallest_wilcoxon_p, wilcoxon_p
from losslab.errors import StudyError
from tests.analysis.by_hand import folds_of, scores_of
from tests.analysis.synthetic import SETTINGS, synthetic_results


def test_difference_interval_and_p_agree_with_scipy_paired_t() -> None:
    ce, iou = [0.50, 0.52, 0.49, 0.55], [0.53, 0.53, 0.54, 0.56]
    row = paired_comparison(scores_of(ce=ce, iou=iou), "ce").iloc[0]
    reference = stats.ttest_rel(iou, ce)
    interval = reference.confidence_interval(0.95)
    assert row["n"] == 4
    assert row["difference"] == pytest.approx(0.025)
    assert row["t_p"] == pytest.approx(reference.pvalue)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))


def test_wilcoxon_of_three_equal_signs_is_a_quarter() -> None:
    row = paired_comparison(scores_of(ce=[0.5, 0.5, 0.5], iou=[0.51, 0.53, 0.56]), "ce").iloc[0]
    assert row["wilcoxon_p"] == pytest.approx(0.25)
    assert row["wilcoxon_p_min"] == pytest.approx(0.25)


def test_hedges_gz_is_cohens_dz_times_the_small_sample_factor() -> None:
    differences = np.array([0.01, 0.02, 0.06])
    cohen = differences.mean() / differences.std(ddof=1)
    # J(2) = gamma(1) / (sqrt(1) gamma(1/2)) = 1 / sqrt(pi)
    assert hedges_gz(differences) == pytest.approx(cohen / math.sqrt(math.pi))


def test_holm_multiplies_the_smallest_p_by_the_number_of_losses() -> None:
    rng = np.random.default_rng(0)
    losses = {name: list(0.5 + rng.normal(0.01, 0.02, 6)) for name in ("ce", "a", "b", "c")}
    table = paired_comparison(scores_of(**losses), "ce").sort_values("t_p")
    assert table["t_p_holm"].iloc[0] == pytest.approx(min(1, 3 * table["t_p"].iloc[0]))
    assert (table["t_p_holm"] >= table["t_p"]).all()
    assert table["t_p_holm"].is_monotonic_increasing


def test_holm_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    for p in (rng.random(7), np.array([0.03, 0.01, 0.03, 0.5]), np.array([0.2]), np.array([])):
        known = multipletests(p, method="holm")[1] if len(p) else []
        np.testing.assert_allclose(holm(p), known)


def test_one_pair_gives_a_difference_and_a_reason_but_no_interval() -> None:
    row = paired_comparison(scores_of(ce=[0.5], iou=[0.6]), "ce").iloc[0]
    assert row["difference"] == pytest.approx(0.1)
    assert math.isnan(row["low"])
    assert math.isnan(row["t_p"])
    assert row["reason"].startswith("one pair")


def test_equal_differences_give_a_reason_instead_of_a_p_of_zero() -> None:
    row = paired_comparison(scores_of(ce=[0.5, 0.6], iou=[0.6, 0.7]), "ce").iloc[0]
    assert math.isnan(row["t_p"])
    assert math.isnan(row["low"])
    assert "equal" in row["reason"]


def test_identical_losses_give_a_reason_and_no_warning() -> None:
    row = paired_comparison(scores_of(ce=[0.5, 0.6, 0.4], iou=[0.5, 0.6, 0.4]), "ce").iloc[0]
    assert row["difference"] == 0
    assert math.isnan(row["wilcoxon_p_holm"])


def test_a_run_without_a_partner_is_left_out() -> None:
    table = scores_of(ce=[0.5, 0.6, 0.4], iou=[0.6, 0.7])
    assert paired_comparison(table, "ce")["n"].tolist() == [2]
    assert paired_differences(table, "ce")["seed"].tolist() == [0, 1]


def test_an_unknown_baseline_is_an_error_that_names_the_losses() -> None:
    with pytest.raises(StudyError, match=r"unknown baseline 'cee': one of ce, iou .*'ce'"):
        paired_comparison(scores_of(ce=[0.5], iou=[0.6]), "cee")


def test_a_baseline_alone_is_an_error() -> None:
    with pytest.raises(StudyError, match="only 'ce' was run"):
        paired_comparison(scores_of(ce=[0.5, 0.6]), "ce")


def test_seed_noise_pools_variances_over_losses() -> None:
    noise = seed_noise(scores_of(ce=[0.50, 0.52], iou=[0.60, 0.66])).iloc[0]
    pooled = math.sqrt((0.0002 + 0.0018) / 2)
    assert noise["sd"] == pytest.approx(pooled)
    assert noise["df"] == 2
    assert noise["band"] == pytest.approx(stats.t.ppf(0.975, 2) * math.sqrt(2) * pooled)
    assert (noise["lowest"], noise["highest"]) == pytest.approx((0.02 / 2**0.5, 0.06 / 2**0.5))


def test_seed_noise_is_unknown_with_one_seed() -> None:
    noise = seed_noise(scores_of(ce=[0.5], iou=[0.6])).iloc[0]
    assert math.isnan(noise["sd"])
    assert math.isnan(noise["band"])


def test_pooling_settings_makes_each_setting_one_pair() -> None:
    second = ("camvid", "Car", "unet", "resnet34")
    results = synthetic_results(settings=(*SETTINGS, second), seeds=2)
    scores = select_scores(results)
    pooled = paired_comparison(pool_settings(scores, "ce"), "ce")
    each = paired_comparison(scores, "ce").groupby("loss")["difference"].mean()
    assert (pooled["n"] == 2).all()
    assert pooled.set_index("loss")["difference"].to_dict() == pytest.approx(each.to_dict())


def test_images_are_averaged_over_seeds_before_they_are_paired() -> None:
    results = synthetic_results(effects={"ce": 0.0, "iou": 0.02}, seeds=3, images=15)
    row = image_comparison(results, "ce", resamples=999).iloc[0]
    means = results[(results["level"] == "per_image") & (results["class"] == "mean")]
    means = means[means["metric"] == "iou"].groupby(["loss", "image"])["value"].mean()
    assert row["n"] == 15
    assert row["difference"] == pytest.approx((means["iou"] - means["ce"]).mean())
    assert row["low"] < row["difference"] < row["high"]


def test_image_bootstrap_is_the_same_for_the_same_seed() -> None:
    results = synthetic_results(seeds=2)
    first, second = (image_comparison(results, "ce", resamples=499, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_holm_counts_the_losses_of_every_setting() -> None:
    rng = np.random.default_rng(0)
    one = scores_of(**{name: list(0.5 + rng.normal(0.01, 0.02, 6)) for name in ("ce", "a", "b")})
    two = one.assign(setting="t", value=one["value"] + rng.normal(0, 0.01, len(one)))
    table = paired_comparison(pd.concat([one, two]), "ce").sort_values("t_p")
    assert table["t_p_holm"].iloc[0] == pytest.approx(min(1, 4 * table["t_p"].iloc[0]))


def test_pooling_leaves_out_a_setting_without_the_baseline() -> None:
    one = scores_of(ce=[0.5, 0.6], iou=[0.6, 0.7])
    other = scores_of(iou=[0.6], dice=[0.7]).assign(setting="t")
    assert paired_comparison(pool_settings(pd.concat([one, other]), "ce"), "ce")["n"].item() == 1


def test_pooling_without_a_complete_fold_and_seed_leaves_no_row() -> None:
    table = scores_of(ce=[0.5, 0.6], iou=[0.6, 0.7])
    apart = table[(table["loss"] == "ce") == (table["seed"] == 0)]
    assert pool_settings(apart, "ce").empty


def test_sign_flips_of_few_pairs_are_counted_one_by_one() -> None:
    differences = np.array([0.01, 0.03, -0.02, 0.05])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1)
    means = np.abs((signs * differences[:, None]).mean(0))
    assert sign_flip_p(differences) == np.mean(means >= differences.mean() - 1e-15)


def test_sign_flips_of_fourteen_pairs_are_exact_and_of_twenty_close_to_t() -> None:
    rng = np.random.default_rng(2)
    fourteen = np.abs(rng.normal(size=14))
    assert sign_flip_p(fourteen) == pytest.approx(2**-13)
    twenty = rng.normal(0.3, 1, 20)
    assert sign_flip_p(twenty) == pytest.approx(stats.ttest_1samp(twenty, 0).pvalue, abs=0.01)


def test_no_p_of_wilcoxon_or_sign_flips_lies_below_the_smallest_possible() -> None:
    for n in (2, 5, 9):
        same_sign = np.arange(1.0, n + 1)
        assert wilcoxon_p(same_sign) == pytest.approx(smallest_wilcoxon_p(n))
        assert sign_flip_p(same_sign) == pytest.approx(smallest_wilcoxon_p(n))


def test_wilcoxon_p_of_the_plants_of_darwin_is_the_published_one() -> None:
    # Cross- less self-fertilised heights of Zea mays in eighths of an inch (Fisher 1935, sec. 17):
    # t = 2.148, p = 0.0497; all 2^15 sign patterns: 1726 as extreme, p = 0.05267 (sec. 21).
    heights = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], float)
    row = paired_comparison(scores_of(self=[0.0] * 15, cross=list(heights)), "self").iloc[0]
    assert row["t_p"] == pytest.approx(0.0497, abs=5e-5)
    assert row["permutation_p"] == pytest.approx(1726 / 2**15, abs=0.004)
    assert row["wilcoxon_p"] == pytest.approx(stats.wilcoxon(heights).pvalue)


def test_improvement_is_the_share_of_wins_and_ties_count_half() -> None:
    assert probability_of_improvement(np.array([0.1, 0.2, 0.0, -0.1])) == 0.625


def test_interval_of_a_share_is_clopper_and_pearsons() -> None:
    for hits, n in ((0, 5), (3, 5), (5, 5), (17, 40)):
        exact = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
        assert share_interval(hits / n, n) == pytest.approx((exact.low, exact.high))


def test_five_of_five_wins_do_not_exclude_one_half_and_six_of_six_do() -> None:
    assert share_interval(1.0, 5)[0] < 0.5 < share_interval(1.0, 6)[0]


def test_interquartile_mean_leaves_out_a_quarter_at_each_end() -> None:
    assert interquartile_mean(np.array([9.0, 1, 2, 3, 4, 5, 6, -90])) == 3.5
    assert interquartile_mean(np.array([1.0, 2, 9])) == 4  # below four values: the mean


def test_several_folds_count_once_each_with_the_interval_of_nadeau_and_bengio() -> None:
    # Gains by fold and seed, in points: means 1, 2, 3, 6; mean 3, variance 14 / 3.
    gains = np.array([[0, 2], [1, 3], [3, 3], [5, 7]]) / 100
    table = folds_of(ce=(0.5 + 0 * gains).tolist(), iou=(0.5 + gains).tolist())
    row = paired_comparison(table, "ce", ratios={"s": 0.25}).iloc[0]
    error = math.sqrt((1 / 4 + 0.25) * 14 / 3) / 100
    half = stats.t.ppf(0.975, 3) * error
    assert (row["n"], row["folds"], row["seeds"], row["df"]) == (8, 4, 2, 3)
    assert row["difference"] == pytest.approx(0.03)
    assert (row["low"], row["high"]) == pytest.approx((0.03 - half, 0.03 + half))
    assert row["t_p"] == pytest.approx(2 * stats.t.sf(0.03 / error, 3))
    assert "0.25" in row["correction"]


def test_several_folds_leave_out_what_supposes_independent_pairs() -> None:
    gains = np.array([[0, 2], [1, 3], [3, 3], [-5, 7]]) / 100
    table = folds_of(ce=(0.5 + 0 * gains).tolist(), iou=(0.5 + gains).tolist())
    row = paired_comparison(table, "ce").iloc[0]
    missing = ["wilcoxon_p", "permutation_p", "needed", "improvement_low", "improvement_high"]
    assert row[missing].isna().all()
    assert row["improvement"] == (6 + 0.5) / 8  # of pairs, like n
    assert "not independent" in row["reason"]


def test_a_bca_interval_is_that_of_scipy_and_leans_to_the_long_tail() -> None:
    values = np.random.default_rng(0).exponential(size=60)
    found = bootstrap_interval(values, 4000, np.random.default_rng(1))
    options = {"n_resamples": 4000, "method": "BCa", "rng": np.random.default_rng(2)}
    known = stats.bootstrap((values,), np.mean, **options).confidence_interval
    assert (found["low"], found["high"]) == pytest.approx((known.low, known.high), abs=0.02)
    assert found["high"] - values.mean() > values.mean() - found["low"]


def test_fifteen_images_are_not_resampled_and_sixty_are() -> None:
    effects = {"ce": 0.0, "iou": 0.02}
    few = synthetic_results(effects=effects, seeds=1, images=15)
    many = synthetic_results(effects=effects, seeds=1, images=60)
    assert image_comparison(few, "ce")["interval"].item() == "t"
    assert image_comparison(many, "ce", resamples=199)["interval"].item() == "BCa"
