"""Gul's tables of epochs to converge, read as what they are: right-censored at 60 epochs."""

import math
from typing import Any

import numpy as np
import pandas as pd
import scipy

from losslab.analysis.audit.findings import of
from losslab.analysis.audit.gul import OURS
from losslab.analysis.published import load_published

EPOCHS = 60
"""Epochs of every run; a loss that is not there by then is censored."""

TABLES = ("4.9", "4.10")

_SETTING = ["dataset", "model", "encoder", "variant"]


def epochs_table(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """A row per run: dataset, model, encoder, variant, loss, epochs (60: censored), reached."""
    cells = load_published() if table is None else table
    rows = of(cells, "gul2023", *TABLES)
    reached = rows["value"].notna()
    found = rows[[*_SETTING, "loss"]].assign(epochs=rows["value"].fillna(EPOCHS), reached=reached)
    return found.reset_index(drop=True)


def convergence(epochs: pd.DataFrame) -> pd.DataFrame:
    """How soon each loss reaches Gul's threshold, and how it does against the distance loss.

    `epochs` is the table of `epochs_table`. A row per data set and loss: runs, reached, median (of
    the Kaplan-Meier curve; NaN where it lies beyond 60 epochs), and setting by setting against the
    distance loss: sooner and later (it is), undecided (both censored, or equal), p (two-sided sign
    test of the decided ones; 7 settings cannot give less than 0.016) and p_holm over the data set's
    five losses. A mean over the runs that converge would leave out just the slow ones.
    """
    from statsmodels.stats.multitest import multipletests

    rows = []
    for dataset, part in epochs.groupby("dataset", sort=False):
        # Later than any epoch that is seen, so that censored runs compare as the slowest.
        time = part["epochs"].where(part["reached"], EPOCHS + 1)
        by_setting = part.assign(time=time).pivot(index=_SETTING, columns="loss", values="time")
        of_set = []
        for loss in part["loss"].unique():
            runs = part[part["loss"] == loss]
            row = {"dataset": dataset, "loss": loss, "runs": len(runs)}
            row |= {"reached": int(runs["reached"].sum()), "median": median_epochs(runs)}
            gap = by_setting[loss] - by_setting[OURS]
            sooner, later = int((gap > 0).sum()), int((gap < 0).sum())
            decided = sooner + later
            p = float(scipy.stats.binomtest(sooner, decided).pvalue) if decided else math.nan
            row |= {"sooner": sooner, "later": later, "undecided": len(gap) - decided, "p": p}
            of_set.append(row)
        known = [row for row in of_set if not math.isnan(row["p"])]
        if known:
            corrected: Any = multipletests([row["p"] for row in known], method="holm")[1]
            for row, p in zip(known, corrected, strict=True):
                row["p_holm"] = float(p)
        rows += of_set
    return pd.DataFrame(rows)


def median_epochs(runs: pd.DataFrame) -> float:
    """The epoch by which half of the runs are there, by Kaplan & Meier; NaN beyond the last."""
    if not runs["reached"].any():
        return math.nan
    there = runs["epochs"].to_numpy(float)
    seen = runs["reached"].to_numpy(bool)
    curve = scipy.stats.ecdf(scipy.stats.CensoredData(there[seen], right=there[~seen])).sf
    below = np.flatnonzero(curve.probabilities <= 0.5 + 1e-9)
    return float(curve.quantiles[below[0]]) if len(below) else math.nan
