"""Paired comparisons of losses: how large a difference is and how sure one can be of it.

Two sources of chance are kept apart. `paired_comparison` pairs runs by fold and seed and asks what
another seed would have given. `image_comparison` pairs images, after averaging over seeds, and asks
what other images would have given these same networks. Both at once: `hierarchical`, `mixed`.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from numpy import ndarray

from losslab.analysis.effects import (
    hedges_gz,
    interquartile_mean,
    probability_of_improvement,
    share_interval,
)
from losslab.analysis.folds import assumed_ratio, corrected_t, fold_means
from losslab.analysis.intervals import has_spread, t_interval, t_quantile
from losslab.analysis.p_values import (
    sign_flip_p,
    smallest_wilcoxon_p,
    t_test_p,
    wilcoxon_p,
    with_holm,
)
from losslab.analysis.power import pairs_needed_as_seen
from losslab.analysis.scores import PAIR, check_baseline
from losslab.errors import StudyError

_P_VALUES = ("t_p", "wilcoxon_p", "permutation_p")


def paired_comparison(
    scores: pd.DataFrame,
    baseline: str,
    *,
    by: Iterable[str] = ("setting",),
    ratios: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """What each loss gains over the baseline, run against run with the same fold and seed.

    `scores` is the table of `select_scores`. Returns a row per group of `by` and loss; scores are
    fractions. Raises StudyError for a baseline that was not run.

    - n (pairs), seeds and folds (distinct ones among them), mean, baseline_mean, difference (loss
      minus baseline over the pairs), iqm and baseline_iqm (`interquartile_mean` of the runs);
    - low and high: 95 % Student t interval over the pairs, NaN where they are equal. Of five pairs
      normal differences a BCa or percentile bootstrap holds 84 % in simulation, t 95, so few pairs
      are not resampled; df: its degrees of freedom;
    - effect_size (`hedges_gz`), improvement (`probability_of_improvement`, of the pairs) with
      improvement_low and improvement_high (`share_interval`), needed (`pairs_needed_as_seen`);
    - t_p, wilcoxon_p and permutation_p (`sign_flip_p`), two-sided, and each with `_holm`, corrected
      over all rows; wilcoxon_p_min (the smallest p that n pairs can give that and sign flips);
    - correction, and reason (why a number is missing), else "".

    Pairs of several folds share training images. There each fold counts once, by the mean over its
    seeds; low, high and t_p are those of `corrected_t`, `correction` says so, and what supposes
    independent pairs is NaN. `ratios` gives test over training images by setting, as `fold_ratios`
    finds them; else all folds but the tested one are taken to be trained on.
    """
    groups = list(by)
    differences = paired_differences(scores, baseline, by=groups)
    rows = []
    for keys, part in differences.groupby([*groups, "loss"], sort=False):
        row: dict[str, object] = dict(zip([*groups, "loss"], keys, strict=True))
        row |= {"baseline": baseline, "n": len(part)}
        row |= {"seeds": part["seed"].nunique(), "folds": part["fold"].nunique()}
        row["iqm"] = interquartile_mean(part["value"].to_numpy(float))
        row["baseline_iqm"] = interquartile_mean(part["baseline_value"].to_numpy(float))
        if row["folds"] == 1:
            rows.append(row | _over_pairs(part))
        else:
            ratio = (ratios or {}).get(str(row.get("setting")))
            rows.append(row | _over_folds(part, ratio))
    columns = [*groups, "loss", "baseline", "n", "seeds", "folds", *_COLUMNS]
    return with_holm(pd.DataFrame(rows, columns=columns), _P_VALUES)


_COLUMNS = (
    *("mean", "baseline_mean", "difference", "low", "high", "df", "effect_size"),
    *("t_p", "t_p_holm", "wilcoxon_p", "wilcoxon_p_holm", "wilcoxon_p_min"),
    *("permutation_p", "permutation_p_holm", "improvement", "improvement_low", "improvement_high"),
    *("iqm", "baseline_iqm", "needed", "correction", "reason"),
)


def _over_pairs(part: pd.DataFrame) -> dict[str, object]:
    values = part["difference"].to_numpy(float)
    row = _means(part) | compare(values) | t_interval(values) | _improvement(values)
    row["permutation_p"] = sign_flip_p(values) if has_spread(values) else math.nan
    return row | {"needed": pairs_needed_as_seen(values), "correction": ""}


def _over_folds(part: pd.DataFrame, ratio: float | None) -> dict[str, object]:
    folds = fold_means(part)
    values = folds["difference"].to_numpy(float)
    used = assumed_ratio(len(values)) if ratio is None else ratio
    row = _means(folds) | compare(values) | corrected_t(values, used)
    unknown = ("wilcoxon_p", "wilcoxon_p_min", "permutation_p", "needed")
    unknown += ("improvement_low", "improvement_high")
    row |= dict.fromkeys(unknown, math.nan)
    row["improvement"] = probability_of_improvement(part["difference"].to_numpy(float))
    row["reason"] = row["reason"] or "folds are not independent: only t is corrected for that"
    return row | {"correction": f"Nadeau-Bengio, test:training = {used:.2f}"}


def _means(part: pd.DataFrame) -> dict[str, object]:
    return {"mean": part["value"].mean(), "baseline_mean": part["baseline_value"].mean()}


def _improvement(differences: ndarray) -> dict[str, object]:
    share = probability_of_improvement(differences)
    low, high = share_interval(share, len(differences))
    return {"improvement": share, "improvement_low": low, "improvement_high": high}


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


def seed_noise(scores: pd.DataFrame) -> pd.DataFrame:
    """The spread that a change of seed alone gives, pooled over the losses of a setting.

    `sd` is the root of the mean variance within (loss, fold), weighted by its degrees of freedom
    `df`; it supposes that all losses are equally noisy (`lowest` and `highest` show by how much
    that fails) and each by itself (where a seed moves all losses alike, sd is less sure than df
    says). `band` is the half-width within which 95 % of the differences between two single
    runs of one loss at two seeds lie: t(df) * sqrt(2) * sd. All NaN with one run per loss.
    """
    rows = []
    for setting, part in scores.groupby("setting", sort=False):
        groups = part.groupby(["loss", "fold"])["value"]
        spread = pd.DataFrame({"variance": groups.var(ddof=1), "df": groups.size() - 1})
        spread = spread[spread["df"] > 0]
        df = int(spread["df"].sum())
        pooled = float((spread["variance"] * spread["df"]).sum() / df) if df else math.nan
        half = t_quantile(df) * math.sqrt(2 * pooled) if df else math.nan
        row = {"setting": setting, "sd": math.sqrt(pooled), "df": df, "band": half}
        row["lowest"] = math.sqrt(spread["variance"].min()) if df else math.nan
        row["highest"] = math.sqrt(spread["variance"].max()) if df else math.nan
        rows.append(row)
    return pd.DataFrame(rows, columns=["setting", "sd", "df", "band", "lowest", "highest"])


def compare(differences: ndarray) -> dict[str, object]:
    """What any comparison says of its differences: size, t and Wilcoxon p, and what is missing."""
    n = len(differences)
    row: dict[str, object] = {"difference": float(np.mean(differences)), "df": n - 1}
    row |= {"effect_size": hedges_gz(differences), "t_p": math.nan, "wilcoxon_p": math.nan}
    row |= {"wilcoxon_p_min": smallest_wilcoxon_p(n), "reason": ""}
    if n < 2:
        row["reason"] = "one pair: no spread to judge the difference by"
    elif not has_spread(differences):
        row["reason"] = "all differences are equal: no spread to judge them by"
    else:
        row |= {"t_p": t_test_p(differences), "wilcoxon_p": wilcoxon_p(differences)}
        row["reason"] = "" if n > 2 else "two pairs: no corrected effect size"
    return row
