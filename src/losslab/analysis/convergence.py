"""How fast each loss trains: validation curves and the first epoch at a common threshold."""

import math

import pandas as pd

from losslab.analysis.scores import PAIR, check_baseline, with_setting, without_repeats
from losslab.errors import StudyError, unknown


def curves(histories: pd.DataFrame, metric: str = "val_iou") -> pd.DataFrame:
    """The mean and the range over folds and seeds of one metric at each epoch.

    `histories` is the table of `losslab.study.load_histories`. Columns: setting, loss, epoch, mean,
    low and high (smallest and largest run), n.
    """
    rows = of_metric(histories, metric)
    groups = rows.groupby(["setting", "loss", "epoch"])["value"]
    found = groups.agg(mean="mean", low="min", high="max", n="size")
    return found.reset_index()


def of_finished(histories: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The histories without those of runs that diverged, whose best score is no measure."""
    return histories[histories["run_id"].isin(runs.loc[runs["status"] == "finished", "run_id"])]


def epochs_to_reach(
    histories: pd.DataFrame,
    baseline: str,
    *,
    metric: str = "val_iou",
    share: float | int = 0.95,
    threshold: float | int | None = None,
) -> pd.DataFrame:
    """The first epoch at which each run reaches a share of the baseline's best score.

    The threshold of a setting is `share` times the mean over the baseline's runs of their best
    value, or `threshold` itself (in the metric's units, such as the 0.72 of Gul 2023); a setting
    without the baseline is left out. Columns: setting, loss, fold, seed, threshold, epoch (NaN when
    never reached), last (the run's last epoch), censored (never reached: the epoch is known only to
    be later than `last`).
    """
    rows = of_metric(histories, metric)
    thresholds = share * best_of(rows, baseline)
    if threshold is not None:
        thresholds[:] = threshold
    return first_epochs(rows, thresholds)


def of_metric(histories: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of one metric with their setting, without repeats and undefined values.

    Raises StudyError for a metric that no run has and for two runs that nothing tells apart.
    """
    rows = histories[histories["metric"] == metric]
    if rows.empty:
        raise StudyError(unknown("history metric", metric, sorted(histories["metric"].unique())))
    rows = with_setting(without_repeats(rows.dropna(subset=["value"])))
    runs = rows[["setting", "loss", *PAIR, "run_id"]].drop_duplicates()
    twice = runs[runs.duplicated(["setting", "loss", *PAIR], keep=False)]
    if len(twice):
        raise StudyError(
            f"runs {', '.join(sorted(twice['run_id'].astype(str)))} share data set, task, model, "
            "loss, fold and seed, so their curves would be mixed: choose between them with "
            "run_ids, or name what differs with with_variants"
        )
    return rows


def best_of(rows: pd.DataFrame, baseline: str) -> pd.Series:
    """By setting, the mean over the baseline's runs of the best value of each."""
    check_baseline(rows, baseline)
    best = rows[rows["loss"] == baseline].groupby(["setting", *PAIR])["value"].max()
    return best.groupby("setting").mean()


def first_epochs(rows: pd.DataFrame, thresholds: pd.Series) -> pd.DataFrame:
    """`epochs_to_reach` for thresholds by setting and the rows of `of_metric`."""
    keys = ["setting", "loss", *PAIR]
    found = rows.groupby(keys)["epoch"].max().rename("last").reset_index()
    found["threshold"] = found["setting"].map(thresholds)
    found = found.dropna(subset=["threshold"])
    reached = rows[rows["value"] >= rows["setting"].map(thresholds)]
    first = reached.groupby(keys)["epoch"].min().rename("epoch").reset_index()
    found = found.merge(first, on=keys, how="left")
    found["censored"] = found["epoch"].isna()
    return found[[*keys, "threshold", "epoch", "last", "censored"]]


def median_epochs(reached: pd.DataFrame) -> pd.DataFrame:
    """The median first epoch of each loss, a censored run counting as later than the others.

    Columns: setting, loss, threshold, runs, reached (how many), median (NaN where half of the runs
    or more never got there), beyond (where it is NaN: the epoch that it lies beyond, which is the
    last one of the run at the median position).
    """
    rows = []
    for (setting, loss), part in reached.groupby(["setting", "loss"]):
        middle = float(part["epoch"].fillna(math.inf).median())
        row = {"setting": setting, "loss": loss, "threshold": part["threshold"].iloc[0]}
        row |= {"runs": len(part), "reached": int((~part["censored"]).sum())}
        known = math.isfinite(middle)
        row |= {"median": middle if known else math.nan}
        ordered = part.sort_values(["epoch", "last"], na_position="last")
        at = ordered.iloc[(len(part) - 1) // 2]  # the lower of two middle runs: a safe bound
        beyond = at["last"] if at["censored"] else at["epoch"]
        rows.append(row | {"beyond": math.nan if known else float(beyond)})
    columns = ["setting", "loss", "threshold", "runs", "reached", "median", "beyond"]
    return pd.DataFrame(rows, columns=columns)
