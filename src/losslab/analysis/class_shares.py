"""Whether a loss gains more on classes that are rarer."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from losslab.analysis.claims import ALPHA, ENOUGH_SEEDS, p_text, points
from losslab.analysis.scores import PAIR, class_names, select_scores, with_setting
from losslab.analysis.slopes import least_squares_slopes
from losslab.analysis.statistics import paired_comparison
from losslab.analysis.table_parts import best_first, for_one_setting, spans

FEWEST = 4
"""Classes that a line is drawn through, at the least."""

SAME = 1e-6
"""Shares closer than this, in factors of ten, are the same."""


LEGEND = (
    "Whether a loss gains more on rarer classes: the slope of the gain on a class against the "
    "logarithm of its share of the test pixels, of each pair of runs; interval and p are over the "
    "pairs, Holm's correction over all rows. Rare classes are often small or thin as well, so that "
    "a slope does not say that it is rarity that matters; and it may rest on a single class, as "
    "the figure shows."
)
"""What stands above `show_share_slopes`."""


def with_shares(classes: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """`class_differences` with a column `share`, each setting's commonest class first.

    `shares` is the table of `losslab.study.store.load_class_shares`: the fraction of the test
    pixels, void left out, that each class takes.
    """
    known = _by_setting(shares)
    found = classes.merge(known, on=["setting", "class"], how="left", validate="many_to_one")
    return best_first(found, "share")


def share_slopes(
    results: pd.DataFrame,
    shares: pd.DataFrame,
    baseline: str,
    *,
    metric: str = "iou",
    level: str = "dataset",
    ratios: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """How much more a loss gains over the baseline on a class that is ten times rarer.

    For each run the least-squares slope of its classes' scores against -log10 of their shares;
    then `paired_comparison` of the slopes, whose `difference` is the slope of the gain (a fraction
    for each factor of ten). Column `classes`: how many each line goes through. Classes that a run
    has no score for are left out of all of its setting; settings with fewer than four classes, or
    with one share for all, have no rows.
    """
    names = class_names(results)
    scores = select_scores(results, metric=metric, level=level, classes=names)
    scores = scores.merge(_by_setting(shares), on=["setting", "class"], validate="many_to_one")
    runs, counts = [], {}
    for setting, part in scores[scores["share"] > 0].groupby("setting", sort=False):
        wide = part.pivot(index=["loss", *PAIR], columns="class", values="value").dropna(axis=1)
        rarity = -np.log10(part.groupby("class")["share"].first()[wide.columns].to_numpy(float))
        if len(rarity) < FEWEST or np.ptp(rarity) < SAME:
            continue
        counts[setting] = len(rarity)
        slopes = least_squares_slopes(wide, rarity)
        runs.append(wide.index.to_frame(index=False).assign(setting=setting, value=slopes))
    if not runs:
        return pd.DataFrame(columns=["setting", "classes", "loss", "baseline", "difference"])
    found = paired_comparison(pd.concat(runs, ignore_index=True), baseline, ratios=ratios)
    found.insert(1, "classes", found["setting"].map(counts))
    return found


def show_share_slopes(slopes: pd.DataFrame) -> pd.DataFrame:
    """`share_slopes` for people, in points for each factor of ten, the steepest first."""
    rows = slopes.sort_values("difference", ascending=False, kind="stable")
    shown = rows[["setting", "loss", "n", "classes"]].rename(columns={"n": "pairs of runs"})
    shown["points more on classes ten times rarer"] = [points(v, 2) for v in rows["difference"]]
    shown["95 % interval"] = spans(rows)
    shown["p, t, Holm"] = [p_text(p) for p in rows["t_p_holm"]]
    return for_one_setting(shown.reset_index(drop=True))


def read_share_slopes(slopes: pd.DataFrame) -> str:
    """Which losses gain more on rarer classes, setting by setting; "" without rows."""
    texts = []
    for setting, part in slopes.groupby("setting", sort=False):
        sure = part["t_p_holm"] < ALPHA
        more, less = part[sure & (part["difference"] > 0)], part[sure & (part["difference"] < 0)]
        clauses = [
            f"the gain of {', '.join(f'`{loss}`' for loss in rows['loss'])} {how}"
            for rows, how in ((more, "grows as classes get rarer"), (less, "shrinks with rarity"))
            if len(rows)
        ]
        rest = len(part) - len(more) - len(less)
        if rest:
            of = "any loss" if rest == len(part) else f"the other {rest}"
            clauses.append(f"no trend of {of} can be told from seeds")
        text = "; ".join(clauses)
        if sure.any() and int(part["seeds"].max()) < ENOUGH_SEEDS:
            text += f" (a hint: fewer than {ENOUGH_SEEDS} seeds)"
        text = f"{text[0].upper()}{text[1:]}."
        texts.append(f"{setting}: {text}" if slopes["setting"].nunique() > 1 else text)
    return "\n\n".join(texts)


def _by_setting(shares: pd.DataFrame) -> pd.DataFrame:
    own = with_setting(shares).groupby(["setting", "class"], sort=False)["share"].mean()
    return own.reset_index()
