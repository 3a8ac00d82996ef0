"""Mixed models: components against mean squares, and the guards against a fit gone wrong."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools.sm_exceptions import ConvergenceWarning

from losslab.analysis import (
    hierarchical_comparison,
    hierarchical_over_settings,
    mixed_comparison,
    mixed_over_settings,
)
from losslab.analysis.components import fit_components, moments
from losslab.analysis.mixed import BUNDLES, _bundled
from tests.analysis.by_hand import images_of
from tests.analysis.test_hierarchical import gains_of, results_of, sets_of

GAINS = gains_of((5, 30), seeds=0.02, images=0.03, rest=0.02)


def mean_squares(table: np.ndarray) -> tuple[float, float, float]:
    """Of the seeds, the images and the rest, by the textbook's sums."""
    rows, columns = table.shape
    by_row, by_column = table.mean(1), table.mean(0)
    rest = table - by_row[:, None] - by_column + table.mean()
    return (
        columns * by_row.var(ddof=1),
        rows * by_column.var(ddof=1),
        float((rest**2).sum()) / ((rows - 1) * (columns - 1)),
    )


def test_components_of_a_balanced_table_are_those_of_its_mean_squares() -> None:
    of_rows, of_columns, of_rest = mean_squares(GAINS)
    found = fit_components([GAINS], between=False)
    assert found.mean == pytest.approx(GAINS.mean(), abs=1e-9)
    assert found.rest == pytest.approx(of_rest, rel=1e-3)
    assert found.run == pytest.approx((of_rows - of_rest) / 30, rel=1e-3)
    assert found.image == pytest.approx((of_columns - of_rest) / 5, rel=1e-3)
    total = (of_rows + of_columns - of_rest) / GAINS.size
    assert found.se == pytest.approx(math.sqrt(total), rel=1e-3)


def test_a_component_that_is_not_there_is_left_out_and_pooled_with_the_rest() -> None:
    table = gains_of((4, 25), seeds=0.0, images=0.03, rest=0.02)
    table -= table.mean(1, keepdims=True)  # no seed differs from another
    of_rows, of_columns, of_rest = mean_squares(table)
    found = fit_components([table], between=False)
    pooled = (of_rows * 3 + of_rest * 72) / 75
    assert found.run == 0
    assert found.rest == pytest.approx(pooled, rel=1e-3)
    assert found.image == pytest.approx((of_columns - pooled) / 4, rel=1e-3)


def test_moments_are_right_on_average_over_many_draws() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(600):
        tables = [
            3 * rng.normal()
            + 1.0 * rng.normal(size=(4, 1))
            + 2 * rng.normal(size=(1, 20))
            + 1.5 * rng.normal(size=(4, 20))
            for _ in range(6)
        ]
        found.append(list(moments(tables).values()))
    means, errors = np.mean(found, 0), np.std(found, 0) / math.sqrt(600)
    assert np.all(np.abs(means - [1, 4, 9, 2.25]) < 4 * errors)


def test_several_balanced_tables_have_the_mean_of_their_means() -> None:
    rng = np.random.default_rng(3)
    tables = [
        mean + 0.02 * rng.normal(size=(3, 1)) + 0.03 * rng.normal(size=(3, 12))
        for mean in (0.1, 0.2, -0.1, 0.3)
    ]
    found = fit_components(tables, between=True)
    assert found.mean == pytest.approx(np.mean(tables), abs=1e-7)
    assert found.set == pytest.approx(np.var([0.1, 0.2, -0.1, 0.3], ddof=1), rel=0.3)
    spread = np.std([t.mean() for t in tables], ddof=1) / 2
    assert found.se == pytest.approx(spread, rel=0.02)


def test_a_table_of_noise_alone_is_refused() -> None:
    table = GAINS - GAINS.mean(1, keepdims=True)
    table -= table.mean(0)
    with pytest.raises(ValueError, match="neither runs nor images vary"):
        fit_components([table], between=False)


def test_a_fixed_effect_that_is_not_the_mean_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # statsmodels#10239: exactly 0.0, and said to have converged
    fit = MixedLM.fit

    def wrong(*given: object, **options: object) -> object:
        found = fit(*given, **options)
        found._results.fe_params = np.zeros(1)
        return found

    monkeypatch.setattr(MixedLM, "fit", wrong)
    with pytest.raises(ValueError, match=r"the fixed effect 0 is not the mean 0\.0"):
        fit_components([GAINS], between=False)


def test_a_mean_of_nearly_nothing_is_no_failure() -> None:
    table = GAINS - GAINS.mean()
    assert fit_components([table], between=False).mean == pytest.approx(0, abs=1e-9)


def test_a_warning_of_the_fit_becomes_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def warns(*_: object, **__: object) -> None:
        warnings.warn("The MLE may be on the boundary", ConvergenceWarning, stacklevel=2)

    monkeypatch.setattr(MixedLM, "fit", warns)
    row = mixed_comparison(results_of(GAINS), "ce").iloc[0]
    assert row["reason"] == "no trusted fit: The MLE may be on the boundary"
    assert math.isnan(row["low"])
    assert math.isnan(row["p_holm"])


def test_the_interval_is_that_over_seeds_and_images() -> None:
    model = mixed_comparison(results_of(GAINS), "ce").iloc[0]
    both = hierarchical_comparison(results_of(GAINS), "ce").iloc[0]
    assert model["difference"] == pytest.approx(both["difference"], abs=1e-9)
    ends = (both["low"], both["high"])
    assert (model["low"], model["high"]) == pytest.approx(ends, rel=2e-3)
    assert model["df"] == pytest.approx(both["df"], rel=2e-3)
    assert (model["p"] < 0.05) == (model["low"] > 0)
    assert (model["seeds"], model["images"], model["bundles"]) == (5, 30, 30)


def test_standard_deviations_are_those_of_seeds_and_single_images() -> None:
    gains = gains_of((8, 400), seeds=0.02, images=0.05, rest=0.03)
    row = mixed_comparison(results_of(gains), "ce").iloc[0]
    assert row["bundles"] == 100
    assert row["difference"] == pytest.approx(gains.mean(), abs=1e-9)
    assert row["sd_images"] == pytest.approx(0.05, rel=0.2)
    assert row["sd_rest"] == pytest.approx(0.03, rel=0.1)
    assert row["sd_runs"] == pytest.approx(gains.mean(1).std(ddof=1), rel=0.05)


@pytest.mark.parametrize("images", [100, 101, 120, 199, 250, 1003])
def test_bundles_are_of_nearly_one_size_and_keep_the_mean_of_every_seed(images: int) -> None:
    values = np.random.default_rng(0).normal(size=(3, images)) ** 2
    bundles = _bundled(values, 0)
    size = images / bundles.shape[1]
    assert BUNDLES / 2 <= bundles.shape[1] <= BUNDLES
    np.testing.assert_allclose(bundles.mean(1), values.mean(1))
    noise = _bundled(np.random.default_rng(1).normal(size=(400, images)), 0)
    np.testing.assert_allclose(noise.var(), 1 / size, rtol=0.05)


@pytest.mark.parametrize(("seeds", "images"), [(1, 12), (2, 12), (3, 1)])
def test_too_few_seeds_or_images_have_a_reason(seeds: int, images: int) -> None:
    row = mixed_comparison(results_of(GAINS[:seeds, :images]), "ce").iloc[0]
    assert "at least" in row["reason"]
    assert row[["difference", "low", "p", "sd_runs"]].isna().all()


def test_folds_are_left_to_the_corrected_t() -> None:
    base = np.full((3, 4), 0.5)
    results = pd.concat([images_of({"ce": base, "iou": base + f / 10}, fold=f) for f in range(2)])
    assert "corrected t" in mixed_comparison(results, "ce").iloc[0]["reason"]


def test_identical_losses_have_a_reason_and_no_warning() -> None:
    row = mixed_comparison(results_of(np.zeros((3, 9))), "ce").iloc[0]
    assert row["reason"].startswith("no trusted fit")


def settings_of_sets(sets: int, models: int) -> tuple[pd.DataFrame, list[float]]:
    rng = np.random.default_rng(4)
    parts, means = [], []
    for place in range(sets):
        image = 0.02 * rng.normal(size=(1, 10))
        each = [
            0.05 * place + 0.02 * rng.normal() + image + 0.01 * rng.normal(size=(2, 10))
            for _ in range(models)
        ]
        parts += [
            results_of(table, dataset=f"set{place}", model=f"m{number}")
            for number, table in enumerate(each)
        ]
        means.append(float(np.mean(each)))
    return pd.concat(parts), means


def test_over_settings_the_test_sets_are_the_groups() -> None:
    results, means = settings_of_sets(4, 3)
    row = mixed_over_settings(results, "ce", sets_of(results)).iloc[0]
    assert row["reason"] == ""
    assert (row["over"], row["df"]) == ("test sets", 3)
    assert row["difference"] == pytest.approx(np.mean(means), abs=1e-7)
    assert row["se"] == pytest.approx(np.std(means, ddof=1) / 2, rel=0.02)
    assert row["sd_sets"] > row["sd_runs"] > 0


@pytest.mark.parametrize("models", [1, 2])
def test_one_setting_of_a_test_set_is_as_good_as_its_mean(models: int) -> None:
    results, means = settings_of_sets(4, models)
    alone = results[(results["model"] == "m0") | (results["dataset"] == "set0")]
    row = mixed_over_settings(alone, "ce", sets_of(alone)).iloc[0]
    assert row["reason"] == ""
    if models == 1:
        assert row["sd_runs"] == 0
        assert row["difference"] == pytest.approx(np.mean(means), abs=1e-7)
    assert row["low"] < row["difference"] < row["high"]


def test_two_test_sets_are_too_few_and_one_is_crossed() -> None:
    results, _ = settings_of_sets(2, 3)
    row = mixed_over_settings(results, "ce", sets_of(results)).iloc[0]
    assert row["reason"].startswith("2 test sets, where at least 3")
    one = results[results["dataset"] == "set0"]
    row = mixed_over_settings(one, "ce", sets_of(one)).iloc[0]
    assert row["over"] == "settings and images"
    assert row["reason"] == ""


def test_settings_of_a_test_set_without_a_common_image_have_no_model() -> None:
    results, _ = settings_of_sets(3, 2)
    apart = (results["dataset"] == "set0") & (results["model"] == "m1")
    results.loc[apart, "image"] = "other_" + results.loc[apart, "image"]
    row = mixed_over_settings(results, "ce", sets_of(results)).iloc[0]
    assert row["reason"] == "settings of one test set have no image in common"
    assert math.isnan(row["difference"])


def test_only_images_that_are_compared_are_counted() -> None:
    results, _ = settings_of_sets(1, 3)
    images = results.loc[results["image"] != "", "image"].unique()
    gone = (results["model"] == "m1") & results["image"].isin(images[:2])
    fewer = results[~gone]
    for compare in (mixed_over_settings, hierarchical_over_settings):
        row = compare(fewer, "ce", sets_of(fewer)).iloc[0]
        assert row["images"] == len(images) - 2
