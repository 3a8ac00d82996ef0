"""How soon each loss trains at every threshold, where one threshold is a choice that may decide."""

from collections.abc import Sequence

import pandas as pd

from losslab.analysis.convergence import best_of, first_epochs, of_metric
from losslab.analysis.survival import restricted_means

SHARES = tuple(percent / 100 for percent in range(50, 101, 2))
"""Shares of the baseline's best score, from where all losses soon are to where few ever come."""


def sweep(
    histories: pd.DataFrame,
    baseline: str,
    metric: str = "val_iou",
    *,
    shares: Sequence[float | int] = SHARES,
    thresholds: Sequence[float | int] | None = None,
    horizon: float | int | None = None,
) -> pd.DataFrame:
    """The restricted mean of epochs to each threshold: see `restricted_means` for its columns.

    `shares` are of the baseline's best score (see `epochs_to_reach`); `thresholds`, where given,
    are scores themselves and replace them, in settings that hold the baseline. The horizon is the
    same at all thresholds of a setting. Further columns: threshold, share (of the baseline's best)
    and rank (1: the loss with the lowest mean; equal means share a mean rank).
    """
    rows = of_metric(histories, metric)
    best = best_of(rows, baseline)
    levels = [(share, share * best) for share in shares]
    if thresholds is not None:
        levels = [(None, pd.Series(float(value), index=best.index)) for value in thresholds]
    tables = []
    for share, heights in levels:
        means = restricted_means(first_epochs(rows, heights), horizon=horizon)
        means["threshold"] = means["setting"].map(heights)
        means["share"] = means["threshold"] / means["setting"].map(best)
        if share is not None:
            means["share"] = share
        tables.append(means)
    table = pd.concat(tables, ignore_index=True)
    table["rank"] = table.groupby(["setting", "threshold"])["mean"].rank()
    return table
