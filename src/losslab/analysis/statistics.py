"""Paired comparisons of losses: how large a difference is and how sure one can be of it.

Two sources of chance are kept apart. `paired_comparison` pairs runs by fold and seed and asks what
another seed would have given. `image_comparison` pairs images, after averaging over seeds, and asks
what other images would have given these same networks.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import scipy  # its stats load on first use: every run imports this package through its figures
from jaxtyping import Float
from numpy import ndarray

from losslab.analysis.scores import PAIR, check_baseline, with_setting
from losslab.errors import StudyError

LEVEL = 0.95
"""Confidence level of every interval."""

_NO_SPREAD = 1e-12
"""Differences (fractions) whose standard deviation is below this are equal but for rounding."""


def paired_comparison(
    scores: pd.DataFrame, baseline: str, *, by: Iterable[str] = ("setting",)
) -> pd.DataFrame:
    """What each loss gains over the baseline, run against run with the same fold and seed.

    `scores` is the table of `select_scores`. Returns a row per group of `by` and loss: n (pairs),
    seeds and folds (distinct ones among them), mean, baseline_mean, difference (loss minus baseline
    over the pairs), low and high (95 % Student t interval over the pairs; NaN where they are
    equal), effect_size (`hedges_gz`), t_p and wilcoxon_p (two-sided), t_p_holm and wilcoxon_p_holm
    (corrected over all rows), wilcoxon_p_min (the smallest p that n pairs can give), and reason
    (why a number is missing, else ""). Scores are fractions. Pairs of different folds share
    training images, so intervals over folds are too narrow and their p too small (Nadeau & Bengio
    2003); nothing corrects for that here. Raises StudyError for a baseline that was not run.
    """
    groups = list(by)
    differences = paired_differences(scores, baseline, by=groups)
    rows = []
    for keys, part in differences.groupby([*groups, "loss"], sort=False):
        values = part["difference"].to_numpy(float)
        row = dict(zip([*groups, "loss"], keys, strict=True))
        row |= {"baseline": baseline, "mean": part["value"].mean()}
        row |= {"baseline_mean": part["baseline_value"].mean(), **_compare(values)}
        row |= {"seeds": part["seed"].nunique(), "folds": part["fold"].nunique()}
        rows.append(row | _t_interval(values))
    columns = [*groups, "loss", "baseline", "n", "seeds", "folds", *_COLUMNS]
    return _corrected(pd.DataFrame(rows, columns=columns))


_COLUMNS = (
    *("mean", "baseline_mean", "difference", "low", "high", "effect_size"),
    *("t_p", "t_p_holm", "wilcoxon_p", "wilcoxon_p_holm", "wilcoxon_p_min", "reason"),
)


def paired_differences(
    scores: pd.DataFrame, baseline: str, *, by: Iterable[str] = ("setting",)
) -> pd.DataFrame:
    """Each run's score minus that of the baseline's run with the same fold and seed.

    Returns the columns of `by`, loss, fold, seed, value, baseline_value, difference. Runs without a
    partner are left out. Raises StudyError where the baseline is unknown or the only loss.
    """
    check_baseline(scores, baseline)
    if scores["loss"].nunique() == 1:
        raise StudyError(f"only {baseline!r} was run: a comparison needs another loss beside it")
    keys = [*by, *PAIR]
    reference = scores.loc[scores["loss"] == baseline, [*keys, "value"]]
    others = scores.loc[scores["loss"] != baseline, [*keys, "loss", "value"]]
    pairs = others.merge(reference.rename(columns={"value": "baseline_value"}), on=keys)
    pairs["difference"] = pairs["value"] - pairs["baseline_value"]
    return pairs


def image_comparison(
    results: pd.DataFrame,
    baseline: str,
    *,
    metric: str = "iou",
    resamples: int = 9999,
    seed: int = 0,
) -> pd.DataFrame:
    """What each loss gains over the baseline, image against image, each averaged over the seeds.

    `results` is the table of `losslab.study.load_results`. Columns as in `paired_comparison`, with
    n images, low and high from a BCa bootstrap over images (Efron 1987) and `better`, the share of
    images on which the loss scores higher. It holds for these trained networks: it says nothing
    of what another seed would give.
    """
    differences = image_differences(results, baseline, metric=metric)
    rows = []
    for (setting, loss), part in differences.groupby(["setting", "loss"], sort=False):
        values = part["difference"].to_numpy(float)
        row = {"setting": setting, "loss": loss, "baseline": baseline}
        row |= {"mean": part["value"].mean(), "baseline_mean": part["baseline_value"].mean()}
        row |= {**_compare(values), "better": float(np.mean(values > 0))}
        rows.append(row | bootstrap_interval(values, resamples, np.random.default_rng(seed)))
    columns = ["setting", "loss", "baseline", "n", *_COLUMNS, "better"]
    return _corrected(pd.DataFrame(rows, columns=columns))


def image_differences(results: pd.DataFrame, baseline: str, *, metric: str = "iou") -> pd.DataFrame:
    """Each image's score minus the baseline's, both averaged over the seeds that the two share."""
    wanted = (results["level"] == "per_image") & (results["metric"] == metric)
    images = with_setting(results[wanted & (results["class"] == "mean")].dropna(subset=["value"]))
    paired = paired_differences(images, baseline, by=("setting", "image"))
    keys = ["setting", "loss", "fold", "image"]
    columns = ["value", "baseline_value", "difference"]
    return paired.groupby(keys, sort=False)[columns].mean().reset_index()


def seed_noise(scores: pd.DataFrame) -> pd.DataFrame:
    """The spread that a change of seed alone gives, pooled over the losses of a setting.

    `sd` is the root of the mean variance within (loss, fold), weighted by its degrees of freedom
    `df`; it supposes that all losses are equally noisy (`lowest` and `highest` show by how much
    that fails). `band` is the half-width within which 95 % of the differences between two single
    runs of one loss at two seeds lie: t(df) * sqrt(2) * sd. All NaN with one run per loss.
    """
    rows = []
    for setting, part in scores.groupby("setting", sort=False):
        groups = part.groupby(["loss", "fold"])["value"]
        spread = pd.DataFrame({"variance": groups.var(ddof=1), "df": groups.size() - 1})
        spread = spread[spread["df"] > 0]
        df = int(spread["df"].sum())
        pooled = float((spread["variance"] * spread["df"]).sum() / df) if df else math.nan
        half = (
            float(scipy.stats.t.ppf((1 + LEVEL) / 2, df)) * math.sqrt(2 * pooled)
            if df
            else math.nan
        )
        row = {"setting": setting, "sd": math.sqrt(pooled), "df": df, "band": half}
        row["lowest"] = math.sqrt(spread["variance"].min()) if df else math.nan
        row["highest"] = math.sqrt(spread["variance"].max()) if df else math.nan
        rows.append(row)
    return pd.DataFrame(rows, columns=["setting", "sd", "df", "band", "lowest", "highest"])


def pool_settings(scores: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """One score per setting and loss, so that `paired_comparison` pairs settings instead of seeds.

    Each is the mean over the folds and seeds at which every loss of that setting has a score; a
    setting stands where a seed stood, as in the tests of van Beers (2018). A setting without the
    baseline, or without a fold and seed at which all its losses have a score, is left out; no row
    is left where that holds for all.
    """
    rows = []
    for number, (_, part) in enumerate(scores.groupby("setting", sort=True)):
        losses = part["loss"].nunique()
        complete = part.groupby(list(PAIR))["loss"].transform("nunique") == losses
        if losses < 2 or baseline not in set(part.loc[complete, "loss"]):
            continue
        means = part[complete].groupby("loss", as_index=False)["value"].mean()
        rows.append(means.assign(setting="all settings", fold=0, seed=number))
    return pd.concat(rows, ignore_index=True) if rows else scores.head(0)


def hedges_gz(differences: Float[ndarray, " n"]) -> float:
    """Hedges' g_z: the mean difference in units of the differences' own standard deviation.

    Cohen's d_z times the exact small-sample factor of Hedges (1981, eq. 6e) at n - 1 degrees of
    freedom. NaN below three pairs (the factor is 0 at two) and where all differences are equal.
    """
    n = len(differences)
    if n < 3 or (spread := float(np.std(differences, ddof=1))) < _NO_SPREAD:
        return math.nan
    half = (n - 1) / 2
    factor = math.exp(math.lgamma(half) - math.lgamma(half - 0.5)) / math.sqrt(half)
    return factor * float(np.mean(differences)) / spread


def smallest_wilcoxon_p(n: int) -> float:
    """The smallest two-sided p that Wilcoxon's signed-rank test can give on n pairs."""
    return min(1.0, 2.0 ** (1 - n))


def _compare(differences: ndarray) -> dict[str, object]:
    n = len(differences)
    row: dict[str, object] = {"n": n, "difference": float(np.mean(differences))}
    row |= {"effect_size": hedges_gz(differences), "t_p": math.nan, "wilcoxon_p": math.nan}
    row |= {"wilcoxon_p_min": smallest_wilcoxon_p(n), "reason": ""}
    if n < 2:
        row["reason"] = "one pair: no spread to judge the difference by"
    elif float(np.std(differences, ddof=1)) < _NO_SPREAD:
        row["reason"] = "all differences are equal: no spread to judge them by"
    else:
        row["t_p"] = _p_value(scipy.stats.ttest_1samp(differences, 0.0))
        row["wilcoxon_p"] = _p_value(scipy.stats.wilcoxon(differences))
        row["reason"] = "" if n > 2 else "two pairs: no corrected effect size"
    return row


def _p_value(result: Any) -> float:
    return float(result.pvalue)


def _t_interval(differences: ndarray) -> dict[str, float]:
    n = len(differences)
    if n < 2 or float(np.std(differences, ddof=1)) < _NO_SPREAD:
        return {"low": math.nan, "high": math.nan}
    half = (
        float(scipy.stats.t.ppf((1 + LEVEL) / 2, n - 1))
        * np.std(differences, ddof=1)
        / math.sqrt(n)
    )
    centre = float(np.mean(differences))
    return {"low": float(centre - half), "high": float(centre + half)}


def bootstrap_interval(
    differences: ndarray, resamples: int, rng: np.random.Generator
) -> dict[str, float]:
    """BCa bootstrap interval of the mean (Efron 1987), `low` and `high`; NaN without a spread."""
    if len(differences) < 2 or float(np.std(differences, ddof=1)) < _NO_SPREAD:
        return {"low": math.nan, "high": math.nan}
    interval = scipy.stats.bootstrap(
        (differences,),
        np.mean,
        n_resamples=resamples,
        batch=1000,  # bounds memory: images x batch float64
        confidence_level=LEVEL,
        method="BCa",
        rng=rng,
    ).confidence_interval
    return {"low": float(interval.low), "high": float(interval.high)}


def _corrected(rows: pd.DataFrame) -> pd.DataFrame:
    """Holm's correction over all rows of a table; a missing p takes no part in it."""
    from statsmodels.stats.multitest import multipletests  # half a second, like scipy.stats above

    for name in ("t_p", "wilcoxon_p"):
        rows[f"{name}_holm"] = math.nan
        known = rows[name].dropna().astype(float)
        if len(known):
            rows.loc[known.index, f"{name}_holm"] = multipletests(known, method="holm")[1]
    return rows
