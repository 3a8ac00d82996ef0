"""The tables of Gul 2023, recomputed: scores, wins, folds and convergence."""

from functools import partial
from typing import cast

import pandas as pd

from losslab.analysis.audit.findings import (
    as_table,
    count_finding,
    dice_of,
    finding,
    minus,
    of,
    wide,
)
from losslab.analysis.audit.names import data_set_name, loss_name
from losslab.analysis.scores import METRICS
from losslab.losses.presets import PRESETS

SIX = ("4.1", "4.2", "4.3", "4.4", "4.5", "4.6")
SEVEN = (*SIX, "4.12")
"""The tables of scores: six settings, and one of them again with another seed."""

FOLDS = tuple(f"A.{number}" for number in range(1, 7))

OURS = "distance"
_IOU, _DICE = PRESETS["gul2023_iou_as_run"], PRESETS["gul2023_dice_as_run"]
_SCORES = ("boundary_iou", "iou", "dice")
_COMBO, _DICE_FOCAL = PRESETS["gul2023_combo_as_run"], PRESETS["gul2023_dice_focal_as_run"]
_row = partial(finding, "gul2023")
_count = partial(count_finding, "gul2023")
Rows = list[dict[str, object]]


def audit_gul(table: pd.DataFrame) -> pd.DataFrame:
    """Gul 2023: brackets, superiorities, Dice, wins, the text's margins, folds, convergence."""
    scores = wide(of(table, "gul2023", *SEVEN), ["dataset", "table", "loss"], "metric")
    parts = (_cells(scores), _wins(table), _text(scores), _margins(scores))
    parts = (*parts, _seeds(scores), _folds(table))
    return as_table([row for part in (*parts, _epochs(table)) for row in part])


def _cells(scores: pd.DataFrame) -> Rows:
    rows = []
    for metric in (*_SCORES, "superiority"):
        lead = scores[metric].xs(OURS, level="loss")
        groups = scores[metric].groupby(["dataset", "table"])
        gap = groups.transform(lambda s, lead=lead: lead[s.name]) - scores[metric]
        holds = (scores[f"{metric}_difference"] - gap).dropna().abs() < 1e-9
        rows.append(_count("4.1-4.6, 4.12", f"bracketed differences of {metric}", holds))
    shares = scores["superiority"].dropna()
    sums = shares.groupby("table").sum()
    rows.append(_count("4.1-4.6, 4.12", "superiorities add up to 100 %", (sums - 100).abs() < 0.03))
    epochs = cast(pd.Series, 0.6 * shares)
    whole = (epochs - epochs.round()).abs() < 0.005
    rows.append(_count("4.1-4.6, 4.12", "superiorities are whole epochs of 60", whole))
    gap = dice_of(scores["iou"]) - scores["dice"]
    for dataset, part in gap.groupby("dataset"):
        of_what = "pictures or batches" if dataset == "celebamask_hq" else "classes"
        note = f"it lies {part.min():.4f} to {part.max():.4f} under: both are means over {of_what}"
        claim = f"{dataset}: Dice is at most 2 IoU / (1 + IoU), as for means it must be"
        rows.append(_count("4.1-4.6, 4.12", claim, part > -0.0001, note=note))
    return rows


def wins_table(table: pd.DataFrame) -> pd.DataFrame:
    """Table 4.7, how often each loss is best, rebuilt from the seven tables of scores.

    A row per data set, score and loss: printed, derived. Losses that share the best score both
    have it.
    """
    scores = wide(of(table, "gul2023", *SEVEN), ["dataset", "table", "loss"], "metric")
    measured = scores[[*_SCORES, "superiority"]]
    best = measured == measured.groupby(["dataset", "table"]).transform("max")
    sums = best.groupby(["dataset", "loss"]).sum().add_prefix("wins_")
    wins = cast(pd.Series, sums.stack())
    printed = of(table, "gul2023", "4.7").set_index(["dataset", "loss", "metric"])["value"]
    both = pd.DataFrame({"printed": printed, "derived": wins.reindex(printed.index)})
    return both.reset_index()


def show_wins(wins: pd.DataFrame) -> pd.DataFrame:
    """`wins_table` for people, shaped like Table 4.7; "1 → 0" is printed 1 and derived 0."""
    texts = [
        f"{row['printed']:.0f}"
        if row["printed"] == row["derived"]
        else f"{row['printed']:.0f} → {row['derived']:.0f}"
        for row in wins.to_dict("records")
    ]
    scores = [METRICS.get(name, name) for name in wins["metric"].str.removeprefix("wins_")]
    names = [f"{data_set_name(d)}, {s}" for d, s in zip(wins["dataset"], scores, strict=True)]
    losses = [loss_name(loss) for loss in wins["loss"]]
    shown = pd.DataFrame({"loss": losses, "score": names, "text": texts})
    shown = shown.pivot(index="loss", columns="score", values="text")
    shown = shown.loc[list(dict.fromkeys(losses)), list(dict.fromkeys(names))]
    return shown.rename_axis(columns=None).reset_index()


def _wins(table: pd.DataFrame) -> Rows:
    wins = wins_table(table)
    agree = wins["printed"] == wins["derived"]
    note = "4.1-4.6 and 4.12: the seven experiments are six settings and a second seed of one"
    rows = [_count("4.7", "cells that its seven tables give", agree, note=note)]
    for row in wins[~agree].to_dict("records"):
        claim = f"{row['dataset']} {row['metric'].replace('_', ' ', 1)} {loss_name(row['loss'])}"
        rows.append(_row("4.7", claim, f"{row['printed']:.0f}", float(row["derived"])))
    return rows


def _text(scores: pd.DataFrame) -> Rows:
    """Ranks and margins that section 4.3 puts in words."""
    lead = scores["boundary_iou"]
    rank = lead.groupby(["dataset", "table"]).rank(ascending=False, method="min")
    ranks = rank.xs(OURS, level="loss")
    faces = ranks["celebamask_hq"].loc[list(SIX)]
    rows = [
        _row("4.1-4.6", f"CelebAMask-HQ: times that distance is number {place}", printed,
             float((faces == place).sum()))
        for place, printed in ((3, "3"), (2, "2"), (1, "1"))
    ]  # fmt: skip
    for number, other, name, printed in (
        *(("4.4", _COMBO, "combo", "0.0018"), ("4.6", _DICE_FOCAL, "Dice & focal", "0.0119")),
        *(("4.1", _IOU, "IoU", "-0.0001"), ("4.3", _DICE, "Dice", "-0.0005")),
    ):
        cells = scores.xs(("celebamask_hq", number), level=("dataset", "table")).T
        gap = minus(cast(pd.DataFrame, cells), OURS, other)
        same = [metric for metric in _SCORES if abs(gap[metric] - float(printed)) < 1e-9]
        note = f"it is the margin in {same[0]}" if same else ""
        claim = f"CelebAMask-HQ: margin over {name} in boundary IoU"
        rows.append(_row(number, claim, printed, float(gap["boundary_iou"]), note=note))
    streets = lead.loc["cityscapes"].unstack("loss")
    firsts = streets.idxmax(axis=1).value_counts()
    for loss, printed in ((OURS, "4"), (_IOU, "1"), (_DICE, "1"), ("ce", "1")):
        claim = f"Cityscapes: times that {loss_name(loss)} is first"
        rows.append(_row("4.1-4.6, 4.12", claim, printed, float(firsts.get(loss, 0))))
    for number, printed, other in (
        *(("4.2", "0.0155", None), ("4.3", "0.129", None), ("4.6", "0.029", _DICE)),
        *(("4.4", "-0.0198", _IOU), ("4.5", "-0.0323", _DICE)),
    ):
        rest = streets.loc[number].drop(OURS)
        gap = float((rest.max() if other is None else rest[other]) - streets.loc[number, OURS])
        claim = f"Cityscapes: distance under {loss_name(other) if other else 'the best'}"
        rows.append(_row(number, claim, printed, gap))
    share = scores["superiority"].dropna().xs("cityscapes", level="dataset").unstack("loss")
    other = share.index[share.idxmax(axis=1) != OURS]
    claim = "number of the one table in which distance does not lead in superiority"
    rows.append(_row("4.1-4.6, 4.12", claim, "4.3", float(other[0])))
    return rows


def _margins(scores: pd.DataFrame) -> Rows:
    """How far distance lies over and under the other losses in boundary IoU, in words."""
    lead = scores["boundary_iou"].unstack("loss")
    faces = lead.loc["celebamask_hq"].loc[list(SIX)]
    gap = cast(pd.DataFrame, faces.rsub(faces[OURS], axis=0))
    beaten = gap[["ce", _COMBO, _DICE_FOCAL]].stack()
    under = gap[[_IOU, _DICE]].stack()
    under = under[under < 0]
    claim = "CelebAMask-HQ: above cross-entropy, combo and Dice & focal"
    rows = [_count("4.1-4.6", claim, beaten > 0)]
    claim = "CelebAMask-HQ: where IoU or Dice is ahead, by less than 0.001 (the fourth digit)"
    note = f"by up to {-under.min():.4f}, in {len(under)} of {2 * len(gap)} comparisons"
    rows.append(_count("4.1-4.6", claim, under > -0.001, note=note))
    streets = lead.loc["cityscapes"]
    place = float(streets.loc["4.6"].rank(ascending=False)[OURS])
    rows.append(_row("4.6", "Cityscapes: rank of distance", "3", place))
    ours = streets.loc[list(SIX), OURS].to_numpy()
    unet, deeplab = pd.Series(ours[:3]), pd.Series(ours[3:])
    claim = "Cityscapes: encoders whose boundary IoU is higher with DeepLabv3+ than with U-Net"
    note = f"mean {deeplab.mean():.3f} against {unet.mean():.3f}"
    return [*rows, _count("4.1-4.6", claim, deeplab > unet, note=note)]


def _seeds(scores: pd.DataFrame) -> Rows:
    """The one setting that is trained with two seeds (Tables 4.5 and 4.12)."""
    values = scores[list(_SCORES)]
    ranks = values.groupby(["dataset", "table"]).rank(ascending=False, method="min")
    first = ranks.loc[("celebamask_hq", "4.5", OURS)]
    rows = [_count("4.5", "CelebAMask-HQ: scores in which distance is third", first == 3)]
    again = ranks.loc[("celebamask_hq", "4.12", OURS)]
    for metric, printed in (("boundary_iou", "1"), ("iou", "2"), ("dice", "2")):
        claim = f"CelebAMask-HQ, other seed: rank of distance by {metric}"
        rows.append(_row("4.12", claim, printed, float(again[metric])))
    ours = values.xs(OURS, level="loss").stack().unstack("table")
    change = ours["4.12"] - ours["4.5"]
    note = f"changes of {change.min():+.4f} to {change.max():+.4f}".replace("-", "−")
    claim = 'scores that the other seed "did not decrease", on two data sets'
    rows.append(_count("4.5, 4.12", claim, change >= 0, note=note))
    return rows


def _folds(table: pd.DataFrame) -> Rows:
    appendix = of(table, "gul2023", *FOLDS)
    fold = appendix["variant"].str.startswith("fold")
    groups = appendix[fold].groupby(["loss", "metric"])["value"]
    printed = wide(of(table, "gul2023", "4.11"), ["loss", "metric"], "variant")
    rows = []
    for name, value in (("mean", groups.mean()), ("standard deviation", groups.std())):
        gap = (value - printed[f"{name} of 5 folds"]).abs()
        note = f"the largest gap is {gap.max():.5f}; the folds are rounded to 0.0001"
        rows.append(_count("4.11", f"{name} of the folds of A.1-A.6", gap < 1.5e-4, note=note))
    means = printed["mean of 5 folds"].unstack("metric")
    rows.append(
        _row("4.11", "mean boundary IoU of distance", "0.7461", means.loc[OURS, "boundary_iou"])
    )
    second = means["boundary_iou"].drop(OURS)
    rows.append(_row("4.11", "second-highest mean boundary IoU", "0.7401", second.max()) | {
        "note": f"that of {loss_name(str(second.idxmax()))}; the text says IoU"})  # fmt: skip
    for metric in ("iou", "dice"):
        place = float(means[metric].rank(ascending=False)[OURS])
        rows.append(_row("4.11", f"rank of distance by mean {metric}", "2", place))
    cells = wide(appendix[fold], ["table", "variant"], "metric")
    above = cells["dice"] - dice_of(cells["iou"])
    holds = above <= 1e-4
    note = (
        f"up to {above.max():.4f} above: IoU and Dice are not of the same predictions or pictures"
    )
    claim = "Dice is at most 2 IoU / (1 + IoU), as for means over the same pictures it must be"
    return [*rows, _count("A.1-A.6", claim, holds, note=note)]


def _epochs(table: pd.DataFrame) -> Rows:
    rows = []
    for number, printed, second in (("4.9", "5", (_IOU, "3")), ("4.10", "4", ("ce", "2"))):
        epochs = wide(of(table, "gul2023", number), ["model", "encoder", "variant"])
        first = epochs.eq(epochs.min(axis=1), axis=0).sum()
        missing = int(epochs.isna().to_numpy().sum())
        note = f"{missing} of {epochs.size} never get there in 60 epochs: censored, not missing"
        for loss, text in ((OURS, printed), second):
            claim = f"settings of 7 in which {loss_name(loss)} converges first"
            rows.append(_row(number, claim, text, float(first[loss]), note=note))
    return rows
