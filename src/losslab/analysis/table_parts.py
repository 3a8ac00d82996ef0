"""Pieces that tables for people share."""

import math

import pandas as pd

from losslab.analysis.claims import points


def for_one_setting(table: pd.DataFrame) -> pd.DataFrame:
    """The table without its column `setting` where that is the same in every row."""
    return table.drop(columns="setting") if table["setting"].nunique() <= 1 else table


def mean_sd(mean: float, sd: float, digits: int = 2) -> str:
    """Mean and standard deviation of fractions, in percent: "61.20 ± 0.45"."""
    text = points(mean, digits, sign=False)
    return text if math.isnan(sd) else f"{text} ± {points(sd, digits, sign=False)}"
