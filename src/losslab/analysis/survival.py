"""Epochs to a threshold as survival data: "never" is a right-censored run, not a missing one.

The input is any table with a row per run and the columns epoch (NaN: not reached), last (the run's
last epoch) and censored (not reached by then), such as that of `epochs_to_reach`. Epochs are whole
numbers, so runs tie; at a tie those that arrive come before those that are censored.

All of it supposes that a run's end says nothing of when it would have arrived. That holds where all
runs train equally long. A run stopped early because it no longer improved would arrive later than
the others, if ever: the curves then flatter its loss, and `restricted_means` says how many such
runs there are and where the mean lies if none of them arrives. Runs of several folds share training
pictures, so they are no independent witnesses: then there is neither an interval nor a p.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from losslab.analysis.arrivals import several_folds, times_of
from losslab.analysis.intervals import t_quantile
from losslab.analysis.log_rank import log_rank as log_rank
from losslab.errors import StudyError

_GROUPS = ("setting", "loss")


def kaplan_meier(reached: pd.DataFrame, by: Iterable[str] = _GROUPS) -> pd.DataFrame:
    """The share of runs that have reached the threshold by each epoch (Kaplan & Meier 1958).

    Columns: those of `by`, epoch (0 and each at which a run arrives or ends), running (still under
    way before it), arrived, censored (runs at that epoch) and share, a fraction from 0.
    """
    groups = list(by)
    rows = []
    for keys, part in reached.groupby(groups, sort=False):
        names = dict(zip(groups, keys, strict=True))
        time, seen = times_of(part)
        curve = _survival(time, seen)
        for epoch in (0.0, *np.unique(time)):
            share = 1 - float(curve.left[np.searchsorted(curve.at, epoch, side="right")])
            row = {"epoch": epoch, "running": int((time >= epoch).sum())}
            row |= {"arrived": int((seen & (time == epoch)).sum())}
            row |= {"censored": int((~seen & (time == epoch)).sum()), "share": share}
            rows.append(names | row)
    return pd.DataFrame(rows, columns=[*groups, *_STEPS])


_STEPS = ("epoch", "running", "arrived", "censored", "share")


def common_horizon(reached: pd.DataFrame) -> float:
    """The epoch up to which every loss has a run in training, whether that has arrived or not.

    It depends on no threshold. Where all runs train equally long it is their last epoch.
    """
    return float(reached.groupby("loss")["last"].max().min())


def restricted_means(
    reached: pd.DataFrame, *, by: Iterable[str] = _GROUPS, horizon: float | int | None = None
) -> pd.DataFrame:
    """The mean number of epochs to the threshold, counting no more than `horizon` of them.

    It is the area under the Kaplan-Meier curve of runs not yet there (Irwin 1949; Royston & Parmar
    2013), which is known where the plain mean is not: a mean of the runs that arrive leaves out
    just the slow ones. `horizon` is the same for all losses of a setting: `common_horizon` unless
    given. Where a loss has no run under way up to it the curve is held level, as if none of those
    that stopped arrived (Gill 1980).

    Columns: those of `by`, runs, reached (how many, by the horizon), horizon, mean, se, low, high,
    early (runs stopped before the horizon without arriving) and at_most (the mean if none of those
    arrives). se is Greenwood's, times the root of m / (m - 1) for m arrivals (Klein & Moeschberger
    2003, section 4.5; without censoring the usual sd / sqrt(n)); low and high are 95 %, Student t
    with m - 1 degrees of freedom, within 0 and the horizon. The three are NaN below two arrivals,
    where all runs arrive at one epoch, and of several folds. In simulations of 5 to 20 runs the
    interval holds 93 to 97 % where epochs are spread as a normal or a gamma of shape 9 and up to a
    quarter of the runs are cut off, 94 to 99 % with half of them. As skewed as an exponential and
    none cut off it holds 88 to 92 %, as any t interval. Raises StudyError for a horizon below 1.
    """
    if horizon is not None and horizon < 1:
        raise StudyError(f"horizon {horizon:g}: epochs count from 1; give an epoch to count up to")
    groups = list(by)
    outer = [name for name in groups if name != "loss"]
    rows = []
    for _, whole in reached.groupby(outer, sort=False) if outer else [("", reached)]:
        end = common_horizon(whole) if horizon is None else float(horizon)
        for keys, part in whole.groupby(groups, sort=False):
            time, seen = times_of(part)
            arrived, early = seen & (time <= end), ~seen & (time < end)
            row: dict[str, object] = dict(zip(groups, keys, strict=True))
            row |= {"runs": len(part), "reached": int(arrived.sum()), "horizon": end}
            row |= _restricted(np.minimum(time, end), arrived, end)
            if several_folds(part):
                row |= dict.fromkeys(("se", "low", "high"), math.nan)
            never = np.where(early, end, np.minimum(time, end))
            row |= {"early": int(early.sum()), "at_most": float(never.mean())}
            rows.append(row)
    return pd.DataFrame(rows, columns=[*groups, *_MEANS])


_MEANS = ("runs", "reached", "horizon", "mean", "se", "low", "high", "early", "at_most")


class _Curve(NamedTuple):
    """A Kaplan-Meier curve of runs not yet there."""

    at: Float[ndarray, " e"]
    """Epochs at which a run arrives."""
    left: Float[ndarray, " s"]
    """The share not yet there before the first of them and after each: one more than `at`."""
    running: Float[ndarray, " e"]
    arrived: Float[ndarray, " e"]
    """Runs under way before each of those epochs, and those that arrive at it."""


def _survival(time: Float[ndarray, " n"], seen: ndarray) -> _Curve:
    from statsmodels.duration.survfunc import SurvfuncRight  # half a second

    if not seen.any():
        return _Curve(np.empty(0), np.ones(1), np.empty(0), np.empty(0))
    found = SurvfuncRight(time, seen.astype(int))
    left = np.concatenate([[1.0], found.surv_prob])
    counts = (found.n_risk.astype(float), found.n_events.astype(float))
    return _Curve(found.surv_times.astype(float), left, *counts)


def _restricted(time: Float[ndarray, " n"], seen: ndarray, end: float) -> dict[str, float]:
    curve = _survival(time, seen)
    areas = curve.left * np.diff(np.concatenate([[0.0], curve.at, [end]]))
    mean, arrivals = float(areas.sum()), int(seen.sum())
    row = {"mean": mean, "se": math.nan, "low": math.nan, "high": math.nan}
    if arrivals < 2:
        return row
    after = np.cumsum(areas[::-1])[::-1][1:]  # what is left of the area after each arrival
    some = curve.running > curve.arrived
    running, arrived = curve.running[some], curve.arrived[some]
    variance = float((after[some] ** 2 * arrived / (running * (running - arrived))).sum())
    se = math.sqrt(variance * arrivals / (arrivals - 1))
    if se < 1e-9:
        return row
    half = t_quantile(arrivals - 1) * se
    return row | {"se": se, "low": max(0.0, mean - half), "high": min(end, mean + half)}
