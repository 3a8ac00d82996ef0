"""What the text of Gul 2023 says of its scores, against its tables of scores."""

from functools import partial
from typing import cast

import pandas as pd

from losslab.analysis.audit.findings import Row, count_finding, finding, of, signed, untold, wide
from losslab.analysis.audit.names import OURS, loss_name
from losslab.analysis.scores import METRICS
from losslab.losses import PRESETS

_PAPER = "gul2023"
_SIX, _SEVEN = "4.1-4.6", "4.1-4.6, 4.12"
_SCORES = ("boundary_iou", "iou", "dice")
_IOU, _DICE = PRESETS["gul2023_iou_as_run"], PRESETS["gul2023_dice_as_run"]
_COMBO, _DICE_FOCAL = PRESETS["gul2023_combo_as_run"], PRESETS["gul2023_dice_focal_as_run"]
_row = partial(finding, _PAPER)
_count = partial(count_finding, _PAPER)

_UNET, _DEEPLAB = ["4.1", "4.2", "4.3"], ["4.4", "4.5", "4.6"]
"""The settings with each network, by encoder: ResNet-34, ResNet-50, MobileNetV2."""


def text_findings(table: pd.DataFrame, scores: pd.DataFrame) -> list[Row]:
    """The claims of the abstract, and of sections 3.1, 4.3 and 4.4.1.

    `table` is that of `load_published`; `scores` has data set, table and loss down, metrics across.
    """
    lead = scores["boundary_iou"].unstack("loss")
    faces = cast(pd.DataFrame, lead.loc["celebamask_hq"])
    streets = cast(pd.DataFrame, lead.loc["cityscapes"])
    parts = (_abstract(streets), _example(table), _faces(faces), _face_margins(scores))
    parts = (*parts, _streets(streets), _networks(streets), _superiority(scores), _seeds(scores))
    return [row for part in (*parts, _memory()) for row in part]


def _best_other(streets: pd.DataFrame) -> pd.Series:
    return streets.drop(columns=OURS).max(axis=1)


def _abstract(streets: pd.DataFrame) -> list[Row]:
    says = (
        'Abstract: "surpassed other commonly used loss functions by 0.0561 for the Cityscapes '
        'dataset with U-Net models"'
    )
    lead = (streets[OURS] - _best_other(streets)).loc[_UNET]
    note = signed("; ".join(f"Table {number} {value:+.4f}" for number, value in lead.items()))
    claim = "Cityscapes: lead in boundary IoU over the next best, U-Net ResNet-34"
    whole = "Cityscapes: encoders with which U-Net is best with distance"
    return [
        _row("4.1", says, claim, "0.0561", lead["4.1"]),
        _count("4.1-4.3", says, whole, lead > 0, note=note),
    ]


def _example(table: pd.DataFrame) -> list[Row]:
    """Table 3.1: the values of four losses for three predictions."""
    values = wide(of(table, _PAPER, "3.1"), ["variant"])
    higher = values.drop(columns=OURS).lt(values[OURS], axis=0).sum()
    growth = values.iloc[1:].div(values.iloc[0]).mean()
    above = [f"{loss_name(str(loss))} on {count}" for loss, count in higher.items()]
    grows = [f"{loss_name(str(loss))} {growth[loss]:.1f}" for loss in higher.index]
    note = (
        f"values of different losses have no common scale: it is above {', '.join(above)} of "
        f"{len(values)}; from prediction 1 to the other two, on average, it grows "
        f"{growth[OURS]:.1f}-fold, {', '.join(grows)}"
    )
    says = '3.1: "penalizes more for the boundary shape of the object by assigning higher values"'
    return [untold(_PAPER, "3.1", says, "a boundary costs more than with other losses", "", note)]


def _faces(faces: pd.DataFrame) -> list[Row]:
    six = faces.drop(index="4.12")
    rank = six.rank(axis=1, ascending=False, method="min")[OURS]
    gap = cast(pd.DataFrame, six.rsub(six[OURS], axis=0))
    beaten = cast(pd.Series, gap[["ce", _COMBO, _DICE_FOCAL]].stack())
    close = cast(pd.Series, gap[[_IOU, _DICE]].stack())
    behind = close[close < 0]
    ranks = '4.3.1: "ranks third three times, ranks second twice, and ranks first once"'
    above = '4.3.1: "outperform those trained with Dice & Focal loss, CE loss, and Combo loss"'
    fourth = '4.3.1: "surpassed only in the fourth significant figure in terms of bIoU metric"'
    note = f"by up to {-behind.min():.4f}; they are ahead in {len(behind)} of {len(close)}"
    claim = "CelebAMask-HQ: times that distance is number"
    places = ((3, "3"), (2, "2"), (1, "1"))
    counts = [(f"{claim} {place}", text, float((rank == place).sum())) for place, text in places]
    return [
        *(_row(_SIX, ranks, name, printed, value) for name, printed, value in counts),
        _count(_SIX, above, "CelebAMask-HQ: boundary IoU above theirs", beaten > 0),
        _count(
            *(_SIX, fourth, "CelebAMask-HQ: where IoU or Dice is ahead, by less than 0.001"),
            behind > -0.001,
            note=note,
        ),
    ]


def _face_margins(scores: pd.DataFrame) -> list[Row]:
    """The four margins of section 4.3.1, which are those of another column."""
    rows = []
    for number, other, name, printed, says in (
        ("4.4", _COMBO, "combo", "0.0018", "ranging from 0.0018"),
        ("4.6", _DICE_FOCAL, "Dice & focal", "0.0119", "to 0.0119 [...] in terms of bIoU metric"),
        ("4.1", _IOU, "IoU", "-0.0001", "with margins ranging from 0.0001"),
        ("4.3", _DICE, "Dice", "-0.0005", "to 0.0005 [...] in terms of the bIoU score"),
    ):
        cells = cast(pd.DataFrame, scores.xs(("celebamask_hq", number), level=(0, 1)))
        gap = cells.loc[OURS, list(_SCORES)] - cells.loc[other, list(_SCORES)]
        same = [metric for metric in _SCORES if abs(gap[metric] - float(printed)) < 1e-9]
        note = f"it is the margin in {METRICS[same[0]]}" if same else ""
        claim = f"CelebAMask-HQ: margin over {name} in boundary IoU"
        says = f'4.3.1: "{says}"'
        rows.append(_row(number, says, claim, printed, gap["boundary_iou"], note=note))
    return rows


def _streets(streets: pd.DataFrame) -> list[Row]:
    firsts = streets.idxmax(axis=1)
    says = (
        '4.3.2: "our loss ranked first four times, while IoU loss, Dice loss, and CE loss ranked '
        'first once in terms of bIoU score"'
    )
    rows = [
        _row(
            *(_SEVEN, says, f"Cityscapes: times that {loss_name(loss)} is first", printed),
            float((firsts == loss).sum()),
        )
        for loss, printed in ((OURS, "4"), (_IOU, "1"), (_DICE, "1"), ("ce", "1"))
    ]
    for number, printed, other, words in (
        ("4.2", "0.0155", "ce", "our loss underperformed by 0.0155 and 0.129"),
        ("4.3", "0.129", _IOU, "our loss underperformed by 0.0155 and 0.129"),
        ("4.4", "-0.0198", _IOU, "exceeded the second-best loss, IoU, by 0.0198"),
        ("4.5", "-0.0323", _DICE, "surpassed the second-best loss, Dice, by 0.0323"),
        ("4.6", "0.029", _DICE, "underperformed the best-performing loss, Dice, by 0.029"),
    ):
        place = streets.loc[number]
        claim = f"Cityscapes: boundary IoU of {loss_name(other)} over that of distance"
        gap = float(place[other] - place[OURS])  # type: ignore[arg-type]
        rows.append(_row(number, f'4.3.2: "{words}"', claim, printed, gap))
    return [*rows, _boost(streets)]


def _boost(streets: pd.DataFrame) -> Row:
    """How far each loss leads where it is first."""
    ordered = streets.apply(lambda row: row.nlargest(2).to_numpy(), axis=1, result_type="expand")
    lead = (ordered[0] - ordered[1]).groupby(streets.idxmax(axis=1)).agg(["mean", "size"])
    texts = [
        f"{loss_name(str(loss))} {row['mean']:.4f} ({row['size']:.0f})"
        for loss, row in lead.iterrows()
    ]
    note = f"mean lead over the next best where first (times): {', '.join(texts)}"
    says = '4.3.2: "our loss exhibited a greater performance boost than other losses"'
    smaller = lead.drop(index=OURS)["mean"] < lead.loc[OURS, "mean"]
    claim = "Cityscapes: losses that lead by less, where they are first, than distance"
    return _count(_SEVEN, says, claim, cast(pd.Series, smaller), note=note)


def _networks(streets: pd.DataFrame) -> list[Row]:
    """DeepLabv3+ against U-Net: its rank among the losses, and its score."""
    ranks = streets.rank(axis=1, ascending=False, method="min")[OURS]
    scores = streets[OURS]
    unet, deeplab = ranks.loc[_UNET].to_numpy(), ranks.loc[_DEEPLAB].to_numpy()
    higher = int((scores.loc[_DEEPLAB].to_numpy() > scores.loc[_UNET].to_numpy()).sum())
    says = '4.3.2: "superior performance with the DeepLabv3+ model compared to the U-Net model"'
    claim = "Cityscapes: encoders with which distance ranks no lower with DeepLabv3+"
    note = (
        f"read as its rank among the losses; its boundary IoU itself is higher in {higher} of 3, "
        f"mean {scores.loc[_DEEPLAB].mean():.3f} against {scores.loc[_UNET].mean():.3f}"
    )
    third = '4.3.2: "third for the experiment with the MobileNetV2 encoder"'
    return [
        _row("4.6", third, "Cityscapes: rank of distance", "3", float(ranks.loc["4.6"])),
        _count(_SIX, says, claim, pd.Series(deeplab <= unet), note=note),
    ]


def _superiority(scores: pd.DataFrame) -> list[Row]:
    share = cast(pd.DataFrame, scores["superiority"].loc["cityscapes"].unstack("loss"))
    others = share.index[share.idxmax(axis=1) != OURS]
    says = (
        '4.3.2: "consistently ranks first in terms of superiority bIoU (%) across all the seven '
        'experiments, with the exception of the U-Net with MobileNetV2 encoder"'
    )
    table = str(others[0])
    best = share.loc[table]
    note = (
        f"in Table {table}, DeepLabv3+ with MobileNetV2, {loss_name(str(best.idxmax()))} has "
        f"{best.max():g} % and distance {best[OURS]:g} %"
    )
    claim = "table of the one setting in which distance does not lead in superiority"
    return [_row(_SEVEN, says, claim, "4.3", float(table), note=note)]


def _seeds(scores: pd.DataFrame) -> list[Row]:
    """The one setting that is trained with two seeds (Tables 4.5 and 4.12)."""
    values = scores[list(_SCORES)]
    ranks = values.groupby(["dataset", "table"]).rank(ascending=False, method="min")
    of_ours = cast(pd.DataFrame, ranks.xs(OURS, level="loss"))
    faces, again, streets, later = (
        cast(pd.Series, of_ours.loc[key])
        for key in (
            *(("celebamask_hq", "4.5"), ("celebamask_hq", "4.12")),
            *(("cityscapes", "4.5"), ("cityscapes", "4.12")),
        )
    )
    second = '4.4.1: "our loss ranks first for bIoU score and second for IoU and Dice"'
    ours = cast(pd.DataFrame, values.xs(OURS, level="loss").stack().unstack("table"))
    change = ours["4.12"] - ours["4.5"]
    fell = int((later > streets).sum())
    note = signed(f"changes of {change.min():+.4f} to {change.max():+.4f}")
    note += f"; by rank on Cityscapes {fell} of 3 fall from first to second, boundary IoU does not"
    return [
        _count(
            *("4.5", '4.4.1: "our loss ranked third in terms of all three evaluation metrics"'),
            *("CelebAMask-HQ: scores in which distance is third", faces == 3),
        ),
        *(
            _row(
                *("4.12", second, f"CelebAMask-HQ: rank of distance by {METRICS[metric]}"),
                *(printed, float(again[metric])),
            )
            for metric, printed in (("boundary_iou", "1"), ("iou", "2"), ("dice", "2"))
        ),
        _count(
            *("4.5", '4.4.1: "Our loss ranked first for all three evaluation metrics"'),
            *("Cityscapes: scores in which distance is first", streets == 1),
        ),
        _row(
            *("4.12", '4.4.1: "our loss again ranked first for the bIoU score"'),
            *("Cityscapes: rank of distance by boundary IoU", "1", float(later["boundary_iou"])),
        ),
        _count(
            *("4.5, 4.12", '4.4.1: "did not cause any decrease in the performance of our loss"'),
            *("scores that do not fall with the other seed, on two data sets", change >= 0),
            note=note,
        ),
    ]


def _memory() -> list[Row]:
    """Memory of the GPUs, which section 4.3.3 reads from figures."""
    return [
        untold(_PAPER, "–", f'4.3.3: "{words}"', claim, printed, f"{figure} prints no numbers")
        for words, claim, printed, figure in (
            (
                *("consistent at 28.1% across all loss functions", "memory of GPU 1, %", "28.1"),
                "Figure 4.3",
            ),
            ("at 49.32%", "memory of GPU 0 with distance, %", "49.32", "Figure 4.3"),
            ("2.0% less than the second-best", "memory saved on GPU 0, %", "2.0", "Figure 4.3"),
            ("using 2.4% less GPU memory", "memory saved on Cityscapes, %", "2.4", "Figure 4.5"),
        )
    ]
