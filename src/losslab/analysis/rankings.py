"""Whether the order of the losses survives another common definition of the score."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd
import scipy

from losslab.analysis.claims import ENOUGH_SEEDS
from losslab.analysis.definitions import (
    NAMES,
    by_distance,
    derived_from,
    is_derived,
    short_name,
)
from losslab.analysis.pair_differences import PairDifferences
from losslab.analysis.scores import PAIR, check_held, check_score, scores_under, with_setting
from losslab.metrics import DEFINITIONS

USUAL = (
    "iou@dataset",
    "iou@image",
    "boundary_iou@dataset",
    "boundary_iou@image",
    "accuracy@dataset",
)
"""Scores that papers rank losses by; Dice is left out: per class it is a function of IoU."""

_METRICS = list(NAMES)
COMMON = tuple(
    sorted(
        (name for name, score in DEFINITIONS.items() if score.is_quality),
        key=lambda name: _METRICS.index(DEFINITIONS[name].metric),
    )
)
"""All common definitions that losses can be ranked by, those of a metric together."""

EQUAL = 1e-12
"""Differences (fractions) below this are rounding."""


def rankings(
    results: pd.DataFrame,
    *,
    metric: str = "iou",
    level: str = "dataset",
    definitions: Iterable[str] = USUAL,
) -> pd.DataFrame:
    """Each loss's mean score and rank (1 is best) under the chosen definition and under others.

    `definitions` are keys of `losslab.metrics.DEFINITIONS`. Columns: setting, definition (short
    name), score (its key), chosen (whether it is the one asked for), derived (see `is_derived`),
    same_as (the key of an earlier definition that gives all these runs the same numbers, else ""),
    loss, runs, value (mean over these folds and seeds), rank (equal scores share the better one).
    Losses with unequal numbers of runs are ranked all the same. Definitions under which not all
    runs of the chosen one have a score are left out of their setting: see `left_out`. Raises
    StudyError where no run has the chosen score.
    """
    rows = []
    for setting, wide in _by_setting(results, metric, level, definitions).items():
        chosen, seen = str(wide.columns[0]), {}
        means, runs = wide.groupby("loss").mean(), wide.groupby("loss").size()
        for name in map(str, wide):
            same = seen.setdefault(tuple(wide[name].round(12)), name)
            row = {"setting": setting, "definition": short_name(DEFINITIONS[name]), "score": name}
            row |= {"chosen": name == chosen, "derived": is_derived(name, chosen)}
            row["same_as"] = "" if same == name else same
            ranks = means[name].round(12).rank(ascending=False, method="min")
            for loss, value, rank in zip(means.index, means[name], ranks, strict=True):
                of_loss = {"loss": loss, "runs": int(runs[loss]), "value": value}
                rows.append(row | of_loss | {"rank": int(rank)})
    return pd.DataFrame(rows)


def left_out(
    results: pd.DataFrame,
    *,
    metric: str = "iou",
    level: str = "dataset",
    definitions: Iterable[str] = USUAL,
) -> pd.DataFrame:
    """The definitions that `rankings` leaves out, and why: setting, score, reason.

    Reasons: "not stored" (no run of the setting has counts of that metric: they were made by an
    older version), "no such classes" (the definition asks for one class, for several or for a
    background), "no pixels" (nothing is left to score in any run), "not all runs".
    """
    names = list(dict.fromkeys([check_score(metric, level), *definitions]))
    scores = scores_under(results, names)
    every = with_setting(results[results["image"].fillna("") == ""])
    kept = _by_setting(results, metric, level, names)
    rows = []
    for setting, wide in kept.items():
        held = set(scores.loc[scores["setting"] == setting, "score"])
        metrics = set(every.loc[every["setting"] == setting, "metric"])
        for name in names:
            if name in wide:
                continue
            stored = DEFINITIONS[name].metric in metrics
            of_all = DEFINITIONS[name].classes in ("mean", "pixels")
            reason = "no pixels" if of_all else "no such classes"
            reason = reason if stored else "not stored"
            reason = "not all runs" if name in held else reason
            rows.append({"setting": setting, "score": name, "reason": reason})
    return pd.DataFrame(rows, columns=["setting", "score", "reason"])


def ranking_flips(
    results: pd.DataFrame,
    *,
    metric: str = "iou",
    level: str = "dataset",
    definitions: Iterable[str] = USUAL,
    ratios: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Pairs of losses whose order under the chosen score reverses under another definition.

    Columns: setting, definition (short name), score (its key), better (the loss ahead under the
    chosen score), worse, difference (better minus worse over the runs that share fold and seed, by
    the chosen score) with low and high, other_difference (under `definition`, negative) with
    other_low and other_high, seeds, clear (whether both 95 % intervals exclude 0, given
    `ENOUGH_SEEDS`). No flip is told twice: definitions that `rankings` marks same_as have no rows,
    and those that it marks derived have the pairs alone that do not flip under what they follow
    from (`derived_from`). `ratios` are those of `paired_comparison`. Nothing is corrected for the
    number of pairs and definitions.
    """
    rows = []
    for setting, wide in _by_setting(results, metric, level, definitions).items():
        chosen, ratio = str(wide.columns[0]), (ratios or {}).get(setting)
        own = PairDifferences(wide[chosen], ratio)
        ahead, told = own.pairs(), dict[str, set[tuple[str, str]]]()
        for name in _each_once(wide, chosen):
            row = {"setting": setting, "definition": short_name(DEFINITIONS[name]), "score": name}
            other = PairDifferences(wide[name], ratio)
            turned = {
                pair if difference < 0 else (pair[1], pair[0]): None  # ordered, unlike a set
                for pair, difference in other.pairs().items()
                if abs(difference) > EQUAL < abs(ahead[pair]) and difference * ahead[pair] < 0
            }
            told[name] = set(turned)
            known = told.get(derived_from(name, chosen), ()) if is_derived(name, chosen) else ()
            for pair in turned:
                if pair not in known:
                    both = _both(own.compared(*pair), other.compared(*pair))
                    rows.append(row | dict(zip(("better", "worse"), pair, strict=True)) | both)
    return pd.DataFrame(rows, columns=[*_FLIP, *_BOTH])


def _each_once(wide: pd.DataFrame, chosen: str) -> list[str]:
    """The columns without those that repeat the numbers of an earlier one, derived ones last."""
    first: dict[tuple, str] = {}
    for name in map(str, wide):
        first.setdefault(tuple(wide[name].round(12)), name)
    return sorted(first.values(), key=lambda name: is_derived(name, chosen))


_FLIP = ("setting", "definition", "score", "better", "worse")
_BOTH = (
    *("difference", "low", "high", "other_difference", "other_low", "other_high"),
    *("seeds", "clear"),
)


def agreement(ranked: pd.DataFrame, flips: pd.DataFrame) -> pd.DataFrame:
    """How far each definition orders the losses as the chosen one does.

    Of the tables of `rankings` and `ranking_flips`: setting, definition, score, chosen, derived,
    same_as, tau (Kendall's tau-b of the two rankings, -1 to 1; NaN with one loss or where all are
    equal), flips (pairs of losses that change places), clear (those of them told from chance).
    """
    rows = []
    for setting, part in ranked.groupby("setting", sort=False):
        wide = part.pivot(index="loss", columns="score", values="rank")
        first = wide[part.loc[part["chosen"], "score"].iloc[0]]
        for name, of_name in part.groupby("score", sort=False):
            row = of_name.iloc[0][["setting", "definition", "score", "chosen", "derived"]].to_dict()
            row |= {"same_as": of_name["same_as"].iloc[0], "tau": _tau(first, wide[name])}
            like = row["same_as"] or name
            mine = flips[(flips["setting"] == setting) & (flips["score"] == like)]
            rows.append(row | {"flips": len(mine), "clear": int(mine["clear"].sum())})
    return pd.DataFrame(rows)


class Rankings(NamedTuple):
    """All that several definitions make of some runs."""

    ranked: pd.DataFrame
    """Of `rankings`."""
    flips: pd.DataFrame
    """Of `ranking_flips`."""
    agreed: pd.DataFrame
    """Of `agreement`."""
    missing: pd.DataFrame
    """Of `left_out`."""


def rank_all(
    results: pd.DataFrame,
    *,
    metric: str = "iou",
    level: str = "dataset",
    definitions: Iterable[str] = COMMON,
    ratios: Mapping[str, float] | None = None,
) -> Rankings:
    """The rankings under all common definitions, and where they part."""
    asked: dict = {"metric": metric, "level": level, "definitions": list(definitions)}
    ranked = rankings(results, **asked)
    flips = ranking_flips(results, **asked, ratios=ratios)
    return Rankings(ranked, flips, agreement(ranked, flips), left_out(results, **asked))


def of_pictures(found: Rankings) -> Rankings:
    """What definitions of whole pictures with numbers of their own make of the runs, and the chosen
    one: without trimaps and without definitions that repeat another's numbers.
    """
    kept = found.agreed["chosen"] | ~found.agreed["score"].map(by_distance).astype(bool)
    names = found.agreed[kept & (found.agreed["same_as"] == "")][["setting", "score"]]
    parts = (table.merge(names, on=["setting", "score"]) for table in found[:3])
    return Rankings(*parts, missing=found.missing)


def _by_setting(
    results: pd.DataFrame, metric: str, level: str, definitions: Iterable[str]
) -> dict[str, pd.DataFrame]:
    """The scores of each setting: a row per loss, fold and seed, a column per definition under
    which all runs of the chosen one have a score; that one first.
    """
    chosen = check_score(metric, level)
    names = list(dict.fromkeys([chosen, *definitions]))
    scores = scores_under(results, names)
    check_held(scores, chosen)
    found = {}
    for setting, part in scores.groupby("setting", sort=False):
        wide = part.pivot(index=["loss", *PAIR], columns="score", values="value")
        if chosen in wide:
            runs = wide[wide[chosen].notna()]
            found[str(setting)] = runs[[name for name in names if name in runs]].dropna(axis=1)
    return found


def _both(chosen: Mapping[str, float], other: Mapping[str, float]) -> dict[str, object]:
    seeds = int(min(chosen["seeds"], other["seeds"]))
    sure = seeds >= ENOUGH_SEEDS and chosen["low"] > 0 > other["high"]
    ends = {f"other_{name}": other[name] for name in ("difference", "low", "high")}
    own = {name: chosen[name] for name in ("difference", "low", "high")}
    return {**own, **ends, "seeds": seeds, "clear": bool(sure)}


def _tau(first: pd.Series, second: pd.Series) -> float:
    if len(first) < 2 or first.nunique() == 1 or second.nunique() == 1:
        return math.nan
    return round(float(scipy.stats.kendalltau(first, second).statistic), 12)  # no 0.999...
