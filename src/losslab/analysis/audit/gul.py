"""The tables of Gul 2023, recomputed: brackets, wins, folds, convergence, and our checks."""

from functools import partial
from typing import cast

import pandas as pd

from losslab.analysis.audit.findings import (
    Row,
    as_table,
    check,
    count_finding,
    dice_of,
    finding,
    of,
    wide,
)
from losslab.analysis.audit.gul_text import text_findings
from losslab.analysis.audit.names import OURS, data_set_name, loss_name
from losslab.analysis.scores import METRICS
from losslab.losses import PRESETS

SIX = ("4.1", "4.2", "4.3", "4.4", "4.5", "4.6")
SEVEN = (*SIX, "4.12")
"""The tables of scores: six settings, and one of them again with another seed."""

FOLDS = tuple(f"A.{number}" for number in range(1, 7))

THRESHOLDS = {"celebamask_hq": 0.72, "cityscapes": 0.47}
"""Boundary IoU of the validation pictures that counts as converged (Tables 4.9 and 4.10)."""

_PAPER = "gul2023"
_SEVEN = "4.1-4.6, 4.12"
_SCORES = ("boundary_iou", "iou", "dice")
_row = partial(finding, _PAPER)
_count = partial(count_finding, _PAPER)
_check = partial(check, _PAPER)


def scores_of(table: pd.DataFrame) -> pd.DataFrame:
    """The seven tables of scores: data set, table and loss down, metrics across."""
    return wide(of(table, _PAPER, *SEVEN), ["dataset", "table", "loss"], "metric")


def folds_of(table: pd.DataFrame) -> pd.DataFrame:
    """The folds of Tables A.1 to A.6: table (a loss each) and fold down, metrics across."""
    rows = of(table, _PAPER, *FOLDS)
    return wide(rows[rows["variant"].str.startswith("fold")], ["table", "variant"], "metric")


def audit_gul(table: pd.DataFrame) -> pd.DataFrame:
    """Gul 2023: brackets, wins, what the text says, folds, convergence, and our checks."""
    scores = scores_of(table)
    parts = (_brackets(scores), [_wins(table)], text_findings(table, scores), _folds(table))
    parts = (*parts, _epochs(table), _checks(table, scores))
    return as_table([row for part in parts for row in part])


def _brackets(scores: pd.DataFrame) -> list[Row]:
    rows = []
    for metric in (*_SCORES, "superiority"):
        lead = scores[metric].xs(OURS, level="loss")
        groups = scores[metric].groupby(["dataset", "table"])
        gap = groups.transform(lambda s, lead=lead: lead[s.name]) - scores[metric]
        holds = (scores[f"{metric}_difference"] - gap).dropna().abs() < 1e-9
        claim = f"differences of {METRICS.get(metric, metric)} to distance"
        rows.append(_count(_SEVEN, "Tables, in brackets", claim, holds))
    return rows


def wins_table(table: pd.DataFrame) -> pd.DataFrame:
    """Table 4.7, how often each loss is best, rebuilt from the seven tables of scores.

    A row per data set, score and loss: printed, derived. Losses that share the best score both
    have it.
    """
    measured = scores_of(table)[[*_SCORES, "superiority"]]
    best = measured == measured.groupby(["dataset", "table"]).transform("max")
    sums = best.groupby(["dataset", "loss"]).sum().add_prefix("wins_")
    wins = cast(pd.Series, sums.stack())
    printed = of(table, _PAPER, "4.7").set_index(["dataset", "loss", "metric"])["value"]
    both = pd.DataFrame({"printed": printed, "derived": wins.reindex(printed.index)})
    return both.reset_index()


def _wins(table: pd.DataFrame) -> Row:
    wins = wins_table(table)
    agree = wins["printed"] == wins["derived"]
    texts = [
        f"{data_set_name(row['dataset'])}, {row['metric'].removeprefix('wins_')}, "
        f"{loss_name(row['loss'])}: {row['printed']:.0f} printed, {row['derived']:.0f} derived"
        for row in wins[~agree].to_dict("records")
    ]
    claim = "cells that the tables of scores give"
    return _count("4.7", "Table 4.7", claim, agree, note="; ".join(texts))


def _folds(table: pd.DataFrame) -> list[Row]:
    appendix = of(table, _PAPER, *FOLDS)
    fold = appendix["variant"].str.startswith("fold")
    groups = appendix[fold].groupby(["loss", "metric"])["value"]
    printed = wide(of(table, _PAPER, "4.11"), ["loss", "metric"], "variant")
    rows = []
    for name, value in (("mean", groups.mean()), ("standard deviation", groups.std())):
        gap = (value - printed[f"{name} of 5 folds"]).abs()
        note = f"to {gap.max():.5f}; the folds are rounded to 0.0001"
        claim = f"{name} of the folds of A.1-A.6"
        rows.append(_count("4.11", f"Table 4.11, {name}", claim, gap < 1.5e-4, note=note))
    means = printed["mean of 5 folds"].unstack("metric")
    second = means["boundary_iou"].drop(OURS)
    says = '4.4.3: "our loss function achieved an average bIoU score of 0.7461"'
    next_best = '4.4.3: "The second-highest average bIoU score is 0.7401, achieved by the IoU loss"'
    ranks = '4.4.3: "In terms of IoU and Dice scores, our loss function ranks second"'
    claim = "mean boundary IoU of distance"
    rows.append(_row("4.11", says, claim, "0.7461", means.loc[OURS, "boundary_iou"]))
    claim = "second-highest mean boundary IoU"
    note = f"that of {loss_name(str(second.idxmax()))}"
    rows.append(_row("4.11", next_best, claim, "0.7401", second.max(), note=note))
    for metric in ("iou", "dice"):
        place = float(means[metric].rank(ascending=False)[OURS])
        claim = f"rank of distance by mean {METRICS[metric]}"
        rows.append(_row("4.11", ranks, claim, "2", place))
    return rows


def _epochs(table: pd.DataFrame) -> list[Row]:
    rows = []
    iou = PRESETS["gul2023_iou_as_run"]
    for number, claims in (
        (
            "4.9",
            (
                (OURS, "5", '"the fastest convergence to a bIoU score of 0.72 in five instances"'),
                (iou, "3", '"rapid convergence in three out of seven experiments"'),
            ),
        ),
        (
            "4.10",
            (
                (OURS, "4", '"the quickest to converge in four out of seven experiments"'),
                ("ce", "2", '"Cross-Entropy only outperformed the others in two out of seven"'),
            ),
        ),
    ):
        epochs = wide(of(table, _PAPER, number), ["model", "encoder", "variant"])
        lead = epochs.eq(epochs.min(axis=1), axis=0)
        shared = int((lead.sum(axis=1) > 1).sum())
        missing = int(epochs.isna().to_numpy().sum())
        note = f"{shared} settings are shared; " if shared else ""
        note += f"{missing} of {epochs.size} runs are censored at 60 epochs"
        for loss, printed, says in claims:
            claim = f"settings of 7 in which {loss_name(loss)} converges first"
            value = float(lead.sum()[loss])
            rows.append(_row(number, f"4.4.2: {says}", claim, printed, value, note=note))
    return rows


def _checks(table: pd.DataFrame, scores: pd.DataFrame) -> list[Row]:
    shares = scores["superiority"].dropna()
    sums = shares.groupby("table").sum()
    epochs = cast(pd.Series, 0.6 * shares)
    whole = (epochs - epochs.round()).abs() < 0.005
    rows = [
        _check(_SEVEN, "superiorities of a setting add up to 100 %", (sums - 100).abs() < 0.03),
        _check(_SEVEN, "superiorities are whole epochs of 60", whole),
    ]
    gap = dice_of(scores["iou"]) - scores["dice"]
    for dataset, part in gap.groupby("dataset"):
        of_what = "pictures or batches" if dataset == "celebamask_hq" else "classes"
        note = f"{part.min():.4f} to {part.max():.4f} under: both are means over {of_what}"
        claim = f"{data_set_name(str(dataset))}: Dice is at most 2 IoU / (1 + IoU), as means are"
        rows.append(_check(_SEVEN, claim, part > -1e-4, note=note))
    folds = folds_of(table)
    above = folds["dice"] - dice_of(folds["iou"])
    note = (
        f"up to {above.max():.4f} above in {(above > 1e-4).sum()} of {len(above)}: there IoU and "
        "Dice are not of the same predictions and pictures"
    )
    claim = "folds: Dice is at most 2 IoU / (1 + IoU), as means over the same pictures are"
    return [*rows, _check("A.1-A.6", claim, above <= 1e-4, note=note), _reached(table)]


def _reached(table: pd.DataFrame) -> Row:
    """Whether the runs that converge are those whose final score is above the threshold."""
    keys = ["dataset", "model", "encoder", "variant", "loss"]
    epochs = of(table, _PAPER, "4.9", "4.10").set_index(keys)["value"]
    final = of(table, _PAPER, *SEVEN).query("metric == 'boundary_iou'").set_index(keys)["value"]
    goal = pd.Series([THRESHOLDS[key[0]] for key in final.index], final.index)
    same = epochs.notna() == (final >= goal).reindex(epochs.index)
    claim = "a run converges where its score in the tables is above the threshold, and only there"
    return _check("4.9, 4.10", claim, same)
