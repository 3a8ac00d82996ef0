"""Seeds and images at once: variances by hand, by drawing, and what forbids an interval."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from losslab.analysis import (
    hierarchical_comparison,
    hierarchical_over_settings,
    image_comparison,
)
from losslab.analysis.resampling import crossed_interval, nested_interval
from losslab.analysis.units import intervals_by_unit
from tests.analysis.by_hand import images_of


def gains_of(shape: tuple[int, int], *, seeds: float, images: float, rest: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    rows, columns = shape
    table = seeds * rng.normal(size=(rows, 1)) + images * rng.normal(size=(1, columns))
    return 0.02 + table + rest * rng.normal(size=shape)


def results_of(gains: np.ndarray, **names: str) -> pd.DataFrame:
    base = np.linspace(0.3, 0.7, gains.shape[1]) + np.zeros_like(gains)
    return images_of({"ce": base, "iou": base + gains}, **names)


GAINS = gains_of((5, 40), seeds=0.01, images=0.03, rest=0.02)


def test_variances_are_mean_squares_of_the_two_way_table() -> None:
    # Two seeds by three images: row means 1, 3; column means 0, 2, 4; rest +-1, 0.
    table = np.array([[-2.0, 1, 4], [2, 3, 4]])
    found = crossed_interval(table[None])
    of_rows = (2 * 1) / (2 * 1)  # sum of squares of the row means over R (R - 1)
    of_columns = (4 + 0 + 4) / (3 * 2)
    of_both = (1 + 0 + 1) * 2 / (2 * 3 * 1 * 2)
    total = of_rows + of_columns - of_both
    df = total**2 / (of_rows**2 / 1 + of_columns**2 / 2 + of_both**2 / 2)
    assert found.se_rows[0] == pytest.approx(math.sqrt(of_rows))
    assert found.se_columns[0] == pytest.approx(math.sqrt(of_columns))
    assert found.df[0] == pytest.approx(df)
    half = stats.t.ppf(0.975, df) * math.sqrt(total)
    assert (found.low[0], found.high[0]) == pytest.approx((2 - half, 2 + half))


def test_the_closed_form_is_what_resampling_rows_and_columns_tends_to() -> None:
    rng = np.random.default_rng(1)
    rows, columns = GAINS.shape
    draws = 40_000
    by_row, by_column = (
        rng.multinomial(n - 1, np.full(n, 1 / n), size=draws) / (n - 1) for n in (rows, columns)
    )
    alone = np.var(by_row @ GAINS.mean(1)), np.var(by_column @ GAINS.mean(0))
    rest = GAINS - GAINS.mean(1, keepdims=True) - GAINS.mean(0) + GAINS.mean()
    both = np.var(np.einsum("dr,rc,dc->d", by_row, rest, by_column, optimize=True))
    found = crossed_interval(GAINS[None])
    assert (found.se_rows[0] ** 2, found.se_columns[0] ** 2) == pytest.approx(alone, rel=0.03)
    half = (found.high[0] - found.low[0]) / 2 / stats.t.ppf(0.975, found.df[0])
    assert half**2 == pytest.approx(sum(alone) - both, rel=0.03)


def test_images_alone_or_seeds_alone_are_the_limits() -> None:
    images = np.tile(np.random.default_rng(0).normal(size=30), (4, 1))
    found = crossed_interval(images[None])
    known = stats.ttest_1samp(images[0], 0).confidence_interval(0.95)
    assert (found.low[0], found.high[0]) == pytest.approx((known.low, known.high))
    found = crossed_interval(images.T[None])  # now it is the rows that vary
    assert (found.low[0], found.high[0]) == pytest.approx((known.low, known.high))


def test_a_comparison_is_the_interval_of_its_table_of_differences() -> None:
    row = hierarchical_comparison(results_of(GAINS), "ce").iloc[0]
    known = crossed_interval(GAINS[None])
    assert (row["seeds"], row["images"], row["over"]) == (5, 40, "seeds and images")
    assert row["difference"] == pytest.approx(GAINS.mean())
    assert (row["low"], row["high"]) == pytest.approx((known.low[0], known.high[0]))
    assert row["reason"] == ""


def test_an_image_that_one_run_lacks_is_left_out() -> None:
    results = results_of(GAINS)
    lacking = (results["image"] == "i0-3") & (results["seed"] == 2) & (results["loss"] == "iou")
    row = hierarchical_comparison(results[~lacking], "ce").iloc[0]
    assert row["images"] == 39
    assert row["difference"] == pytest.approx(np.delete(GAINS, 3, axis=1).mean())


def test_nested_resampling_draws_images_anew_for_each_seed() -> None:
    low, high = nested_interval(GAINS[None], 20_000, np.random.default_rng(0))
    between = GAINS.mean(1).var() / 5
    within = GAINS.var(1).mean() / GAINS.size
    half = stats.norm.ppf(0.975) * math.sqrt(between + within)
    assert (high[0] - low[0]) / 2 == pytest.approx(half, rel=0.05)
    row = hierarchical_comparison(results_of(GAINS), "ce", scheme="nested").iloc[0]
    assert (row["low"], row["high"]) == pytest.approx((low[0], high[0]), abs=5e-4)
    assert math.isnan(row["df"])


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((1, 9), "1 seed, where at least 3"),
        ((2, 9), "2 seeds, where at least 3"),
        ((3, 1), "1 image in all"),
    ],
)
def test_too_few_seeds_or_images_have_a_reason(shape: tuple[int, int], reason: str) -> None:
    row = hierarchical_comparison(results_of(GAINS[: shape[0], : shape[1]]), "ce").iloc[0]
    assert math.isnan(row["low"])
    assert row["reason"].startswith(reason)
    assert row["difference"] == pytest.approx(GAINS[: shape[0], : shape[1]].mean())


def test_folds_are_judged_by_the_corrected_t_of_their_means() -> None:
    means = np.array([0.01, 0.03, 0.05])
    parts = []
    for fold, mean in enumerate(means):
        base = np.full((2, 4), 0.5)
        parts.append(images_of({"ce": base, "iou": base + mean}, fold=fold))
    row = hierarchical_comparison(pd.concat(parts), "ce", ratios={}).iloc[0]
    half = stats.t.ppf(0.975, 2) * math.sqrt((1 / 3 + 1 / 2) * means.var(ddof=1))
    assert (row["over"], row["folds"], row["images"], row["df"]) == ("folds", 3, 12, 2)
    assert (row["low"], row["high"]) == pytest.approx((0.03 - half, 0.03 + half))


def settings_results(means: dict[str, float], *, images: int = 6) -> pd.DataFrame:
    """A setting per model, each with two seeds and a gain of its own on the same images."""
    spread = np.linspace(-0.01, 0.01, images)
    return pd.concat(
        [
            results_of(np.tile(mean + spread, (2, 1)), model=model.split("@")[0], dataset=dataset)
            for model, mean in means.items()
            for dataset in [model.split("@")[-1]]
        ]
    )


def sets_of(results: pd.DataFrame) -> dict[str, str]:
    pairs = results[["dataset", "model"]].drop_duplicates().to_records(index=False)
    return {f"{dataset}, {model}, resnet34": dataset for dataset, model in pairs}


def test_over_settings_each_test_set_counts_once() -> None:
    means = {"a@camvid": 0.01, "b@camvid": 0.03, "a@voc": 0.06, "a@helen": 0.01}
    results = settings_results(means)
    row = hierarchical_over_settings(results, "ce", sets_of(results)).iloc[0]
    known = stats.ttest_1samp([0.02, 0.06, 0.01], 0).confidence_interval(0.95)
    assert (row["over"], row["setting"]) == ("test sets", "all settings")
    assert row["difference"] == pytest.approx(0.03)
    assert (row["low"], row["high"]) == pytest.approx((known.low, known.high))
    assert row["images"] == 3 * 6  # of images with the same names on three test sets


def test_settings_on_one_test_set_are_crossed_with_its_images() -> None:
    means = {"a@camvid": 0.01, "b@camvid": 0.03, "c@camvid": 0.05}
    results = settings_results(means)
    row = hierarchical_over_settings(results, "ce", sets_of(results)).iloc[0]
    spread = np.linspace(-0.01, 0.01, 6)
    known = crossed_interval((np.array([[0.01], [0.03], [0.05]]) + spread)[None])
    assert row["over"] == "settings and images"
    assert (row["low"], row["high"]) == pytest.approx((known.low[0], known.high[0]))


def test_one_setting_is_not_compared_over_settings() -> None:
    results = settings_results({"a@camvid": 0.01})
    assert hierarchical_over_settings(results, "ce", sets_of(results)).empty


def test_two_settings_of_one_test_set_are_too_few() -> None:
    results = settings_results({"a@camvid": 0.01, "b@camvid": 0.03})
    row = hierarchical_over_settings(results, "ce", sets_of(results)).iloc[0]
    assert row["reason"].startswith("2 settings, where at least 3")


def test_the_same_difference_has_an_interval_over_each_unit() -> None:
    results = results_of(GAINS)
    both = hierarchical_comparison(results, "ce")
    units = intervals_by_unit(results, image_comparison(results, "ce"), both)
    assert units["unit"].tolist() == ["seeds", "images", "seeds and images"]
    assert units["difference"].to_numpy() == pytest.approx(np.full(3, GAINS.mean()))
    assert units["n"].tolist() == [5, 40, 200]
    for unit, means in (("seeds", GAINS.mean(1)), ("images", GAINS.mean(0))):
        row = units.set_index("unit").loc[unit]
        known = stats.ttest_1samp(means, 0).confidence_interval(0.95)
        assert (row["low"], row["high"]) == pytest.approx((known.low, known.high))


def test_one_seed_has_an_interval_over_images_only() -> None:
    results = results_of(GAINS[:1])
    both = hierarchical_comparison(results, "ce")
    units = intervals_by_unit(results, image_comparison(results, "ce"), both).set_index("unit")
    assert units["low"].notna().to_dict() == {
        "seeds": False,
        "images": True,
        "seeds and images": False,
    }


def test_settings_of_folds_have_no_units() -> None:
    base = np.full((2, 4), 0.5)
    parts = [images_of({"ce": base, "iou": base + 0.1 * f}, fold=f) for f in range(2)]
    results = pd.concat(parts)
    both = hierarchical_comparison(results, "ce")
    assert intervals_by_unit(results, image_comparison(results, "ce"), both).empty
