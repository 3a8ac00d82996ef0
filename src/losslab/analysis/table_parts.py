"""Pieces that tables for people share."""

import math

import pandas as pd

from losslab.analysis.claims import points
from losslab.analysis.scores import setting_order


def for_one_setting(table: pd.DataFrame) -> pd.DataFrame:
    """The table without its column `setting` where that is the same in every row."""
    return table.drop(columns="setting") if table["setting"].nunique() <= 1 else table


def best_first(rows: pd.DataFrame, column: str = "difference") -> pd.DataFrame:
    """The rows setting by setting, in each from the largest value of the column to the smallest."""
    return rows.sort_values(["setting", column], ascending=[True, False], key=setting_order)


def span(low: float, high: float, digits: int = 2, *, sign: bool = True) -> str:
    """An interval of fractions in points, "+0.40 to +1.20", or "–" where there is none."""
    if math.isnan(low):
        return "–"
    return f"{points(low, digits, sign=sign)} to {points(high, digits, sign=sign)}"


def spans(rows: pd.DataFrame, low: str = "low", high: str = "high") -> list[str]:
    """`span` of each row."""
    return [span(a, b) for a, b in zip(rows[low], rows[high], strict=True)]


def mean_sd(mean: float, sd: float, digits: int = 2) -> str:
    """Mean and standard deviation of fractions, in percent: "61.20 ± 0.45"."""
    text = points(mean, digits, sign=False)
    return text if math.isnan(sd) else f"{text} ± {points(sd, digits, sign=False)}"
