"""Gul's tables of epochs to converge, read as what they are: right-censored at 60 epochs."""

import pandas as pd

from losslab.analysis.audit.findings import of
from losslab.analysis.audit.names import OURS
from losslab.analysis.intervals import t_interval
from losslab.analysis.published import load_published
from losslab.analysis.survival import kaplan_meier, log_rank, restricted_means

EPOCHS = 60
"""Epochs of every run; a loss that is not there by then is censored."""

TABLES = ("4.9", "4.10")

_PAIR = ["model", "encoder", "variant"]
_SETTING = ["dataset", *_PAIR]
_TESTED = ["loss", "p", "p_min", "p_holm"]


def epochs_table(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """A row per run of Tables 4.9 and 4.10, as `losslab.analysis.survival` takes them.

    Columns: dataset, model, encoder, variant, loss, epoch (NaN: not reached), last (60), censored.
    """
    cells = load_published() if table is None else table
    rows = of(cells, "gul2023", *TABLES)
    found = rows[[*_SETTING, "loss"]].assign(epoch=rows["value"], last=EPOCHS)
    return found.assign(censored=rows["value"].isna()).reset_index(drop=True)


def convergence(epochs: pd.DataFrame) -> pd.DataFrame:
    """How soon each loss reaches Gul's threshold, and how it does against the distance loss.

    `epochs` is the table of `epochs_table`. A row per data set and loss: runs, reached, median (of
    the Kaplan-Meier curve; NaN where it lies beyond 60 epochs), mean, low and high (of
    `restricted_means`: epochs of the 60, with a 95 % interval over the settings); and setting by
    setting against the distance loss: sooner and later (it is), undecided (both censored, or
    equal), p (log-rank, swapped within settings: exact, two-sided), p_min (the least that so many
    settings can give) and p_holm over the data set's five losses. The settings share their
    pictures, and two of the seven are one setting with two seeds: intervals and p take them for
    independent. earlier, earlier_low and earlier_high are how many of the 60 epochs sooner it is on
    average, with a 95 % paired t interval: all runs are seen to epoch 60, so the difference of the
    restricted means is known for each setting.
    """
    steps = kaplan_meier(epochs, by=("dataset", "loss"))
    half = steps[steps["share"] >= 0.5 - 1e-9].groupby(["dataset", "loss"], sort=False)["epoch"]
    medians = half.first().rename("median").reset_index()
    means = restricted_means(epochs, by=("dataset", "loss"), horizon=EPOCHS)
    means = means[["dataset", "loss", "runs", "reached", "mean", "low", "high"]]
    found = means.merge(medians, on=["dataset", "loss"], how="left")
    tested = []
    for dataset, part in epochs.groupby("dataset", sort=False):
        against = log_rank(part, OURS, by=(), pairs=_PAIR)
        tested.append(against[_TESTED].assign(dataset=dataset))
    found = found.merge(_duels(epochs), on=["dataset", "loss"])
    return found.merge(pd.concat(tested), on=["dataset", "loss"], how="left")


def _duels(epochs: pd.DataFrame) -> pd.DataFrame:
    """Settings in which the distance loss is sooner and later than each loss, or neither."""
    # Later than any epoch that is seen, so that censored runs compare as the slowest.
    time = epochs["epoch"].fillna(EPOCHS + 1)
    by_setting = epochs.assign(time=time).pivot(index=_SETTING, columns="loss", values="time")
    rows = []
    for dataset, part in by_setting.groupby("dataset", sort=False):
        for loss in part:
            gap = part[loss] - part[OURS]
            row = {"dataset": dataset, "loss": loss, "sooner": int((gap > 0).sum())}
            row |= {"later": int((gap < 0).sum()), "undecided": int((gap == 0).sum())}
            earlier = (part[loss].clip(upper=EPOCHS) - part[OURS].clip(upper=EPOCHS)).to_numpy()
            row["earlier"] = float(earlier.mean())
            ends = t_interval(earlier)
            rows.append(row | {f"earlier_{end}": value for end, value in ends.items()})
    return pd.DataFrame(rows)
