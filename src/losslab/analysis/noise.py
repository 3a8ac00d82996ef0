"""The noise floor: how far runs of the same spec and seed lie apart, and runs of other seeds by
class and by the means of their images.
"""

import math
from itertools import combinations

import pandas as pd

from losslab.analysis.claims import points
from losslab.analysis.scores import (
    PAIR,
    check_score,
    class_names,
    select_scores,
    with_setting,
    without_repeats,
)
from losslab.analysis.statistics import seed_noise
from losslab.metrics.scores import MEAN


def repeat_noise(
    results: pd.DataFrame, *, metric: str = "iou", level: str = "dataset"
) -> pd.DataFrame:
    """How far runs lie apart that differ in `repeat` alone: what no seed decides, such as the order
    in which a GPU adds up. On a CPU it is 0 unless something is wrong.

    `results` is the table of `losslab.study.load_results`. A row per setting: pairs (of runs that
    were compared), largest and mean (absolute difference of their scores, fractions; NaN without a
    pair). Raises StudyError for an unknown metric or level.
    """
    wanted = (results["definition"] == check_score(metric, level)) & (results["class"] == MEAN)
    return _apart(results[wanted & (results["image"].fillna("") == "")])


def class_noise(
    results: pd.DataFrame, *, metric: str = "iou", level: str = "dataset"
) -> pd.DataFrame:
    """`seed_noise` of each class by itself, with the column `class`."""
    names = class_names(results)
    scores = select_scores(results, metric=metric, level=level, classes=names)
    parts = [
        seed_noise(part).assign(**{"class": name})
        for name, part in scores.groupby("class", sort=False)
    ]
    return pd.concat(parts, ignore_index=True)


def image_noise(results: pd.DataFrame, *, metric: str = "iou") -> tuple[pd.DataFrame, pd.DataFrame]:
    """`seed_noise` and `repeat_noise` of each run's mean over its images' scores.

    It is what a mean difference of `image_comparison` is to be read against.
    """
    wanted = (results["level"] == "per_image") & (results["metric"] == metric)
    images = results[wanted & (results["class"] == MEAN)].dropna(subset=["value"])
    keys = [name for name in images if name not in ("image", "value")]
    means = images.groupby(keys, dropna=False, sort=False)["value"].mean().reset_index()
    return seed_noise(with_setting(without_repeats(means))), _apart(means)


def _apart(scores: pd.DataFrame) -> pd.DataFrame:
    """How far scores of the same loss, fold and seed lie apart, by setting."""
    rows = []
    for setting, part in with_setting(scores).groupby("setting", sort=False):
        apart = [
            abs(one - other)
            for _, runs in part.dropna(subset=["value"]).groupby(["loss", *PAIR])
            for one, other in combinations(runs["value"], 2)
        ]
        largest = max(apart, default=math.nan)
        mean = sum(apart) / len(apart) if apart else math.nan
        rows.append({"setting": setting, "pairs": len(apart), "largest": largest, "mean": mean})
    return pd.DataFrame(rows, columns=["setting", "pairs", "largest", "mean"])


def read_repeats(floor: pd.DataFrame) -> str:
    """Reads `repeat_noise`: how often the same seed was run twice, and what that changed."""
    known = floor[floor["pairs"] > 0]
    if known.empty:
        return "No run was repeated with its own seed, so the noise of the machine is not known."
    pairs, largest = int(known["pairs"].sum()), float(known["largest"].max())
    runs = "1 pair of runs" if pairs == 1 else f"{pairs} pairs of runs"
    if largest == 0:
        return f"{runs} with the same seed agree to the last digit."
    return f"{runs} with the same seed lie up to {points(largest, 2, sign=False)} points apart."
