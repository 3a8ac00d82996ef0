"""Made-up data of known truth: intervals hold it as often as they say, and tests err no more often.

A share of 4000 draws is known to 0.35 points (one standard error at 95 %), of 2000 to 0.5.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from losslab.analysis import (
    interquartile_means,
    mixed_comparison,
    paired_comparison,
    relevance,
    seed_noise,
)
from losslab.analysis.critical_difference import friedman, nemenyi_quantile
from losslab.analysis.effects import share_interval
from losslab.analysis.folds import assumed_ratio, corrected_t
from losslab.analysis.intervals import bootstrap_interval, t_interval
from losslab.analysis.p_values import holm, sign_flip_p, wilcoxon_p
from losslab.analysis.power import pairs_needed
from losslab.analysis.resampling import crossed_interval, nested_interval, satterthwaite
from tests.analysis.by_hand import images_of

DRAWS = 4000
NEAR = 0.02  # how far a coverage may be from 95 %
SLACK = 0.012  # three standard errors and more of a share of 5 % in 4000 draws

Draw = Callable[[tuple[int, ...]], np.ndarray]


def normal(rng: np.random.Generator) -> Draw:
    return lambda shape: rng.normal(size=shape)


def skewed(rng: np.random.Generator) -> Draw:
    return lambda shape: rng.exponential(size=shape) - 1


def held(low: np.ndarray, high: np.ndarray, truth: float = 0.0) -> float:
    return float(np.mean((low <= truth) & (truth <= high)))


def many_losses(values: np.ndarray) -> pd.DataFrame:
    """Scores of a baseline at 0 and of a loss per row of `values`, a seed per column."""
    losses, seeds = values.shape
    rows = {"loss": np.repeat([f"l{n}" for n in range(losses)], seeds), "value": values.ravel()}
    table = pd.DataFrame({**rows, "seed": np.tile(np.arange(seeds), losses)})
    baseline = pd.DataFrame({"loss": "ce", "value": 0.0, "seed": np.arange(seeds)})
    return pd.concat([table, baseline]).assign(setting="s", fold=0)


def test_five_seeds_a_t_interval_holds_95_percent() -> None:
    values = np.random.default_rng(0).normal(size=(DRAWS, 5))
    found = pd.DataFrame([t_interval(row) for row in values])
    assert held(found["low"], found["high"]) == pytest.approx(0.95, abs=0.01)


def test_of_losses_like_the_baseline_no_test_finds_more_than_the_level() -> None:
    values = np.random.default_rng(1).normal(size=(900, 8))
    found = paired_comparison(many_losses(values), "ce")
    assert held(found["low"], found["high"]) == pytest.approx(0.95, abs=NEAR)
    for test in ("t_p", "wilcoxon_p", "permutation_p"):
        assert np.mean(found[test] < 0.05) < 0.05 + 0.022, test


def test_sign_flips_and_wilcoxon_hold_the_level_where_tails_are_long() -> None:
    values = np.random.default_rng(2).standard_cauchy(size=(1000, 8))
    for test in (wilcoxon_p, sign_flip_p):
        assert np.mean([test(row) < 0.05 for row in values]) < 0.05 + 0.02


def test_random_sign_patterns_hold_the_level_too() -> None:
    values = np.random.default_rng(3).normal(size=(200, 16))
    assert np.mean([sign_flip_p(row) < 0.05 for row in values]) < 0.05 + 0.046


@pytest.mark.parametrize("real", [0.0, 3.0])
def test_holm_lets_one_of_five_losses_err_no_more_often_than_the_level(real: float) -> None:
    # All against the same baseline's seeds; the first loss may truly differ.
    rng = np.random.default_rng(4)
    gains = rng.normal(size=(DRAWS, 5, 6)) - rng.normal(size=(DRAWS, 1, 6))
    gains[:, 0] += real
    p = stats.ttest_1samp(gains, 0, axis=2).pvalue
    corrected = np.array([holm(row) for row in p])
    false = corrected[:, 1:] if real else corrected
    assert np.mean((false < 0.05).any(axis=1)) < 0.05 + SLACK
    assert np.mean((p[:, 1:] < 0.05).any(axis=1)) > 0.1  # without it, more


def test_two_losses_at_the_edge_of_the_region_are_called_alike_no_more_often_than_the_level() -> (
    None
):
    rope = 0.01
    values = np.random.default_rng(5).normal(rope, 0.004, (DRAWS, 5))
    rows = [{"difference": row.mean(), "df": 4, **t_interval(row)} for row in values]
    verdicts = relevance(pd.DataFrame(rows), rope)["practical"]
    assert np.mean(verdicts == "negligible") == pytest.approx(0.05, abs=SLACK)
    assert np.mean(verdicts == "larger") < 0.025 + SLACK
    assert np.mean(verdicts == "smaller") == 0


def test_two_equal_losses_are_called_alike_when_there_are_enough_seeds() -> None:
    values = np.random.default_rng(6).normal(0, 0.004, (500, 8))
    rows = [{"difference": row.mean(), "df": 7, **t_interval(row)} for row in values]
    verdicts = relevance(pd.DataFrame(rows), 0.01)["practical"]
    assert np.mean(verdicts == "negligible") > 0.95
    assert not {"larger", "smaller"} & set(verdicts)


@pytest.mark.parametrize("effect", [0.4, 0.8, 1.5])
def test_as_many_pairs_as_needed_find_four_of_five_effects(effect: float) -> None:
    needed = int(pairs_needed(effect))
    rng = np.random.default_rng(7)
    for pairs, enough in ((needed, True), (needed - 1, False)):
        values = rng.normal(effect, 1, (20_000, pairs))
        power = np.mean(stats.ttest_1samp(values, 0, axis=1).pvalue < 0.05)
        assert (power > 0.8 - 0.009) if enough else (power < 0.8 + 0.009)


@pytest.mark.parametrize(
    ("kind", "images"), [(normal, 60), (skewed, 120)], ids=["normal-60", "skewed-120"]
)
def test_a_bca_interval_over_images_holds_95_percent(kind: Callable, images: int) -> None:
    rng = np.random.default_rng(8)
    values = kind(rng)((2000, images))
    found = pd.DataFrame([bootstrap_interval(row, 999, rng) for row in values])
    assert held(found["low"], found["high"]) == pytest.approx(0.95, abs=NEAR)


def tables_of(
    shape: tuple[int, int], spreads: tuple[float, float, float], draw: Draw, count: int = DRAWS
) -> np.ndarray:
    """Tables of mean 0, seeds by images: normal seeds and rest, images drawn by `draw`."""
    rng, (seeds, images, rest) = np.random.default_rng(9), spreads
    rows, columns = shape
    table = seeds * rng.normal(size=(count, rows, 1)) + images * draw((count, 1, columns))
    return table + rest * rng.normal(size=(count, rows, columns))


@pytest.mark.parametrize("kind", [normal, skewed])
@pytest.mark.parametrize("shape", [(5, 40), (5, 120), (10, 40)])
@pytest.mark.parametrize("spreads", [(1, 3.5, 3), (1, 1, 3), (1, 10, 5), (0, 1, 1), (1, 1, 1)])
def test_over_seeds_and_images_an_interval_holds_95_percent(
    spreads: tuple[float, float, float], shape: tuple[int, int], kind: Callable
) -> None:
    draw = kind(np.random.default_rng(10))
    found = crossed_interval(tables_of(shape, spreads, draw))
    assert held(found.low, found.high) == pytest.approx(0.95, abs=NEAR)


def test_of_three_seeds_it_holds_at_least_92_percent_and_of_noise_more() -> None:
    draw = normal(np.random.default_rng(11))
    for spreads in ((1, 3.5, 3), (1, 1, 1), (0, 1, 1)):
        found = crossed_interval(tables_of((3, 120), spreads, draw))
        assert 0.92 <= held(found.low, found.high) <= 0.98
    for shape in ((3, 40), (5, 40)):
        found = crossed_interval(tables_of(shape, (0, 0, 1), draw))
        assert 0.97 <= held(found.low, found.high) <= 0.995


def test_over_seeds_or_images_alone_an_interval_forgets_the_other() -> None:
    tables = tables_of((5, 120), (1, 1, 1), normal(np.random.default_rng(12)), count=1000)
    for axis, most in ((1, 0.5), (2, 0.99)):
        values = tables.mean(axis)
        half = stats.t.ppf(0.975, values.shape[1] - 1) * stats.sem(values, axis=1)
        share = held(values.mean(1) - half, values.mean(1) + half)
        assert share < most
    heavy = tables_of((5, 40), (0.1, 3, 1), normal(np.random.default_rng(12)), count=1000).mean(2)
    half = stats.t.ppf(0.975, 4) * stats.sem(heavy, axis=1)
    assert held(heavy.mean(1) - half, heavy.mean(1) + half) < 0.8


def test_nested_resampling_of_three_seeds_holds_far_less() -> None:
    tables = tables_of((3, 40), (1, 1, 1), normal(np.random.default_rng(13)), count=300)
    low, high = nested_interval(tables, 500, np.random.default_rng(14))
    assert held(low, high) < 0.8


def reml(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard error and df of the mixed model of balanced tables, from their mean squares.

    As the restricted likelihood has them where all components are positive, and with the seeds or
    the images left out where their moment estimate is not; NaN where both are.
    """
    _, rows, columns = tables.shape
    by_row, by_column = tables.mean(2, keepdims=True), tables.mean(1, keepdims=True)
    grand = tables.mean(axis=(1, 2), keepdims=True)
    dfs = rows - 1, columns - 1, (rows - 1) * (columns - 1)
    of_rows = columns * np.sum((by_row - grand) ** 2, (1, 2)) / dfs[0]
    of_columns = rows * np.sum((by_column - grand) ** 2, (1, 2)) / dfs[1]
    of_rest = np.sum((tables - by_row - by_column + grand) ** 2, (1, 2)) / dfs[2]
    no_rows, no_columns = of_rows <= of_rest, of_columns <= of_rest
    rest = np.where(no_rows, (of_rows * dfs[0] + of_rest * dfs[2]) / (dfs[0] + dfs[2]), of_rest)
    pooled = (of_columns * dfs[1] + of_rest * dfs[2]) / (dfs[1] + dfs[2])
    rest = np.where(no_columns, pooled, rest)
    size = rows * columns
    both = rest / size
    rows_, columns_ = np.where(no_rows, rest, of_rows), np.where(no_columns, rest, of_columns)
    total = (rows_ + columns_ - rest) / size
    df = satterthwaite(total, rows_ / size, columns_ / size, both, (rows, columns))
    return np.where(no_rows & no_columns, math.nan, np.sqrt(total)), df


def test_the_mixed_model_is_what_its_mean_squares_say() -> None:
    draw = normal(np.random.default_rng(15))
    tables = np.concatenate(
        [tables_of((4, 15), spreads, draw, 6) for spreads in ((1, 2, 2), (0, 1, 2), (0.3, 0, 2))]
    )
    base = np.zeros((4, 15))
    losses = {f"l{number:02d}": 0.01 * table for number, table in enumerate(tables)}
    found = mixed_comparison(images_of({"ce": base, **losses}), "ce").set_index("loss").sort_index()
    errors, df = reml(0.01 * tables)
    np.testing.assert_allclose(found["se"], errors, rtol=2e-3)
    known = ~np.isnan(errors)
    assert 8 <= known.sum() <= 17
    np.testing.assert_allclose(found["df"][known], df[known], rtol=2e-3)
    assert (found["sd_runs"][known] == 0).any()


@pytest.mark.parametrize("spreads", [(1, 3.5, 3), (1, 1, 3), (1, 1, 1)])
@pytest.mark.parametrize("shape", [(5, 40), (5, 100)])
def test_the_interval_of_the_mixed_model_holds_95_percent(
    spreads: tuple[float, float, float], shape: tuple[int, int]
) -> None:
    tables = tables_of(shape, spreads, normal(np.random.default_rng(16)))
    errors, df = reml(tables)
    half, mean = stats.t.ppf(0.975, df) * errors, tables.mean(axis=(1, 2))
    known = ~np.isnan(errors)
    assert known.mean() > 0.98
    assert held((mean - half)[known], (mean + half)[known]) == pytest.approx(0.95, abs=NEAR)


@pytest.mark.parametrize(
    ("kind", "least"), [(normal, 0.93), (skewed, 0.89)], ids=["normal", "skewed"]
)
@pytest.mark.parametrize("settings", [1, 6, 20])
def test_intervals_of_interquartile_means_hold_what_they_say(
    settings: int, kind: Callable, least: float
) -> None:
    count = {1: 1200, 6: 700, 20: 400}[settings]
    draw = kind(np.random.default_rng(17))
    level = 3 * np.linspace(-1, 1, settings) if settings > 1 else np.zeros(1)
    values = draw((count, settings, 5)) + level[:, None]
    truth = stats.trim_mean((draw((20_000, settings)) + level).ravel(), 0.25)
    number = np.indices(values.shape)
    names = np.array([f"s{n}" for n in range(settings)])
    frame = pd.DataFrame(
        {"loss": number[0].ravel(), "setting": names[number[1].ravel()], "value": values.ravel()}
    )
    found = interquartile_means(frame, resamples=500)
    share = held(found["low"], found["high"], truth)
    assert least <= share <= 0.98


@pytest.mark.parametrize(("overlap", "high"), [(1.0, 0.96), (0.5, 0.985), (0.0, 0.999)])
def test_the_corrected_t_of_folds_holds_at_least_95_percent(overlap: float, high: float) -> None:
    # Fold differences correlate by ratio / (1 + ratio) as it supposes, half as much, or not at all.
    folds = 5
    ratio = assumed_ratio(folds)
    shared = overlap * ratio / (1 + ratio)
    rng = np.random.default_rng(18)
    common = math.sqrt(shared) * rng.normal(size=(DRAWS, 1))
    values = common + math.sqrt(1 - shared) * rng.normal(size=(DRAWS, folds))
    found = pd.DataFrame([corrected_t(row, ratio) for row in values])
    assert 0.94 <= held(found["low"], found["high"]) <= high
    assert np.mean(found["t_p"] < 0.05) < 0.05 + SLACK
    plain = stats.ttest_1samp(values, 0, axis=1).pvalue
    assert (np.mean(plain < 0.05) > 0.08) == (overlap > 0)


@pytest.mark.parametrize("pairs", [3, 5, 10, 30])
def test_the_interval_of_a_share_of_wins_holds_at_least_95_percent(pairs: int) -> None:
    ends = np.array([share_interval(hits / pairs, pairs) for hits in range(pairs + 1)])
    for share in np.linspace(0.02, 0.98, 49):
        chance = stats.binom.pmf(np.arange(pairs + 1), pairs, share)
        inside = (ends[:, 0] <= share) & (share <= ends[:, 1])
        assert chance[inside].sum() >= 0.95


def test_ties_that_count_half_do_not_shorten_it_too_much() -> None:
    pairs = 8
    for win in (0.1, 0.3, 0.45):
        for tie in (0.1, 0.4):
            inside = 0.0
            for wins in range(pairs + 1):
                for ties in range(pairs + 1 - wins):
                    share = (wins + ties / 2) / pairs
                    low, high = share_interval(share, pairs)
                    counts = [wins, ties, pairs - wins - ties]
                    chance = stats.multinomial.pmf(counts, pairs, [win, tie, 1 - win - tie])
                    inside += chance * (low <= win + tie / 2 <= high)
            assert inside >= 0.95


def test_95_percent_of_reseeded_differences_lie_in_the_band_of_seed_noise() -> None:
    rng = np.random.default_rng(19)
    drawn = rng.normal(0.5, 0.01, (1000, 2, 4))
    number = np.indices(drawn.shape)
    columns = {"setting": number[0].ravel(), "loss": number[1].ravel(), "fold": 0}
    noise = seed_noise(pd.DataFrame({**columns, "value": drawn.ravel()}))
    apart = np.abs(np.diff(rng.normal(0.5, 0.01, (1000, 2)), axis=1)[:, 0])
    assert np.mean(apart < noise["band"]) == pytest.approx(0.95, abs=NEAR)


def test_ranks_of_equal_losses_are_told_apart_no_more_often_than_the_level() -> None:
    losses, settings = 5, 12
    values = np.random.default_rng(20).normal(size=(DRAWS, settings, losses))
    means = stats.rankdata(values, axis=2).mean(1)
    error = math.sqrt(losses * (losses + 1) / (6 * settings))
    nemenyi = np.ptp(means, axis=1) > nemenyi_quantile(losses) * error
    assert np.mean(nemenyi) < 0.05 + SLACK
    one, other = np.triu_indices(losses, 1)
    p = stats.wilcoxon(values[..., one] - values[..., other], axis=1).pvalue
    wilcoxon = [np.any(holm(row) < 0.05) for row in p]
    assert np.mean(wilcoxon) < 0.05 + SLACK


def test_friedmans_p_by_random_orders_is_the_share_of_equal_losses_that_look_as_far_apart() -> None:
    ranks = stats.rankdata(np.random.default_rng(21).normal(size=(50_000, 5, 4)), axis=2)
    sums = np.sum((ranks.sum(1) - 5 * 2.5) ** 2, axis=1)
    for one, total in zip(ranks[:40], sums[:40], strict=True):
        assert friedman(one)[1] == pytest.approx(np.mean(sums >= total), abs=0.015)
