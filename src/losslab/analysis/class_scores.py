"""Which classes a loss gains or loses on."""

from collections.abc import Mapping

import pandas as pd

from losslab.analysis.scores import class_names, select_scores
from losslab.analysis.statistics import paired_comparison


def class_differences(
    results: pd.DataFrame,
    baseline: str,
    *,
    metric: str = "iou",
    level: str = "dataset",
    ratios: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """`paired_comparison` of each class by itself, with `beyond_zero`: its interval excludes 0.

    Exploratory: with c classes and k losses there are c * k intervals, of which one in twenty
    excludes 0 by chance alone. Classes keep their stored order; `ratios` are those of
    `paired_comparison`.
    """
    names = class_names(results)
    scores = select_scores(results, metric=metric, level=level, classes=names)
    found = paired_comparison(scores, baseline, by=("setting", "class"), ratios=ratios)
    found["beyond_zero"] = (found["low"] > 0) | (found["high"] < 0)
    place = {name: number for number, name in enumerate(names)}
    return found.sort_values("class", key=lambda column: column.map(place), kind="stable")
