"""The papers' gains with other units than pairs, and without cells whose reading is doubtful."""

import math

import numpy as np
import pandas as pd
import scipy

from losslab.analysis.audit.gains import associations
from losslab.analysis.audit.names import ALL
from losslab.analysis.intervals import has_spread, t_interval

FEWEST = 3
"""Units below which no interval is given: with two, Student's t reaches 13 standard errors."""

UNITS = {
    "pairs": ["paper", "comparison", "dataset", "pair"],
    "networks on data sets": ["paper", "model", "encoder", "collection"],
    "data sets": ["paper", "collection"],
}
"""Rows whose gains are averaged to one, by unit. A finer mean is taken of each comparison first."""


def unit_gains(gains: pd.DataFrame) -> pd.DataFrame:
    """The mean gain over cross-entropy with pairs, networks or data sets as the units.

    `gains` is the table of `paired_gains`. A row per paper and unit, also of each of van Beers's
    networks by itself, and of all papers together with data sets and with papers as units. Columns:
    paper, part ("" or a network), units, n, difference, low, high (Student's t over the units; NaN
    below three, and where all are equal), p (two-sided). Editions of VOC hold the pictures of those
    before them: they count as one data set. Scores of different metrics are averaged as they are
    where a unit has several.
    """
    of_ce = gains[gains["baseline"] == "ce"].copy()
    of_ce["pair"] = range(len(of_ce))
    of_ce["collection"] = of_ce["dataset"].str.replace(r"^voc.*", "voc", regex=True)
    rows = []
    for paper, part in of_ce.groupby("paper", sort=False):
        rows += [_row(part, str(paper), "", name) for name in UNITS]
        if paper == "vanbeers2018":
            for model, of_model in part.groupby("model", sort=False):
                names = ("pairs", "data sets")
                rows += [_row(of_model, str(paper), str(model), name) for name in names]
    by_set = of_ce.groupby(["paper", "comparison", "collection"], as_index=False)["gain"].mean()
    by_set = by_set.groupby(["paper", "collection"], as_index=False)["gain"].mean()
    for name, column in (("data sets", "collection"), ("papers", "paper")):
        rows.append(_mean(by_set.groupby(column)["gain"].mean(), ALL, "", name))
    return pd.DataFrame(rows)


def _row(part: pd.DataFrame, paper: str, network: str, name: str) -> dict[str, object]:
    keys = UNITS[name]
    finer = [*keys, *({"comparison", "dataset"} - set(keys))]
    values = part.groupby(finer, as_index=False)["gain"].mean().groupby(keys)["gain"].mean()
    return _mean(values, paper, network, name)


def _mean(values: pd.Series, paper: str, network: str, name: str) -> dict[str, object]:
    row = {"paper": paper, "part": network, "units": name, "n": len(values)}
    row["difference"] = float(values.mean())
    known = values.to_numpy(float) if len(values) >= FEWEST else np.empty(0)
    row |= t_interval(known)
    row["p"] = float(scipy.stats.ttest_1samp(known, 0).pvalue) if has_spread(known) else math.nan
    return row


def without_doubtful(gains: pd.DataFrame) -> pd.DataFrame:
    """What one doubtful cell decides: each comparison that has one, with it and without it.

    `gains` is the table of `with_sparsity`. Columns: paper, comparison, without (the classes left
    out, "" of all), n, difference, gain_p (paired t), wilcoxon_p, and those of `associations` of
    the gain with the background:object ratio: rho, low, high, p.
    """
    doubtful = gains.loc[gains["doubtful"], "comparison"].unique()
    rows = []
    for name in doubtful:
        every = gains[gains["comparison"] == name]
        left_out = ", ".join(every.loc[every["doubtful"], "class"])
        for without, part in (("", every), (left_out, every[~every["doubtful"]])):
            (found,) = associations(part, "ratio").to_dict("records")
            row = {"paper": found["paper"], "comparison": name, "without": without, "n": len(part)}
            row["difference"] = float(part["gain"].mean())
            row["gain_p"] = float(scipy.stats.ttest_1samp(part["gain"], 0).pvalue)
            row["wilcoxon_p"] = float(scipy.stats.wilcoxon(part["gain"].round(9)).pvalue)
            rows.append(row | {key: found[key] for key in ("rho", "low", "high", "p")})
    return pd.DataFrame(rows)
