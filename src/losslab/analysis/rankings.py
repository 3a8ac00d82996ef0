"""Whether the order of the losses survives another common definition of the score."""

import math
from itertools import combinations

import pandas as pd

from losslab.analysis.claims import ENOUGH_SEEDS
from losslab.analysis.scores import definition, select_scores
from losslab.analysis.statistics import paired_comparison

DEFINITIONS = (
    ("iou", "dataset"),
    ("iou", "image"),
    ("boundary_iou", "dataset"),
    ("boundary_iou", "image"),
    ("accuracy", "dataset"),
)
"""Scores that papers rank losses by; Dice is left out: per class it is a function of IoU."""


def rankings(results: pd.DataFrame, *, metric: str = "iou", level: str = "dataset") -> pd.DataFrame:
    """Each loss's mean score and rank (1 is best) under the chosen and every common definition.

    Columns: setting, definition, chosen (whether it is the one asked for), loss, value (mean over
    folds and seeds), rank. Definitions that the results do not hold are left out.
    """
    order = [(metric, level), *(pair for pair in DEFINITIONS if pair != (metric, level))]
    parts = []
    for name, at in order:
        scores = select_scores(results, metric=name, level=at)
        if scores.empty:
            continue
        means = scores.groupby(["setting", "loss"], as_index=False)["value"].mean()
        means["rank"] = means.groupby("setting")["value"].rank(ascending=False, method="min")
        parts.append(means.assign(definition=definition(name, at), chosen=(name, at) == order[0]))
    columns = ["setting", "definition", "chosen", "loss", "value", "rank"]
    return pd.concat(parts, ignore_index=True)[columns].astype({"rank": int})


def ranking_flips(
    results: pd.DataFrame, *, metric: str = "iou", level: str = "dataset"
) -> pd.DataFrame:
    """Pairs of losses whose order under the chosen score reverses under another definition.

    Columns: setting, definition, better (the loss ahead under the chosen score), worse, difference
    (better minus worse, chosen score), other_difference (under `definition`, negative), seeds (the
    fewer of those behind the two), clear (whether both 95 % intervals over the paired runs exclude
    0, given `ENOUGH_SEEDS`). Nothing is corrected for the number of pairs and definitions.
    """
    chosen = _all_pairs(select_scores(results, metric=metric, level=level))
    rows = []
    for name, at in DEFINITIONS:
        if (name, at) == (metric, level):
            continue
        other = _all_pairs(select_scores(results, metric=name, level=at))
        for key, (difference, seeds, sure) in chosen.items():
            other_difference, other_seeds, other_sure = other.get(key, (math.nan, 0, False))
            if not difference * other_difference < 0:
                continue
            setting, first, second = key
            better, worse = (first, second) if difference > 0 else (second, first)
            row = {"setting": setting, "definition": definition(name, at), "better": better}
            row |= {"worse": worse, "difference": abs(difference)}
            fewer = min(seeds, other_seeds)
            row |= {"other_difference": -abs(other_difference), "seeds": fewer}
            rows.append(row | {"clear": sure and other_sure and fewer >= ENOUGH_SEEDS})
    columns = ["setting", "definition", "better", "worse", "difference", "other_difference"]
    return pd.DataFrame(rows, columns=[*columns, "seeds", "clear"])


def _all_pairs(scores: pd.DataFrame) -> dict[tuple[str, str, str], tuple[float, int, bool]]:
    """(setting, loss, loss) -> (mean of first minus second, seeds, interval excludes 0)."""
    found = {}
    for setting, part in scores.groupby("setting"):
        for first, second in combinations(sorted(part["loss"].unique()), 2):
            two = part[part["loss"].isin([first, second])]
            for row in paired_comparison(two, second).to_dict("records"):
                sure = bool(row["low"] > 0 or row["high"] < 0)
                found[str(setting), first, second] = (row["difference"], int(row["seeds"]), sure)
    return found
