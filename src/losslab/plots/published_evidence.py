"""Figures behind the findings of the audit: one a paper, drawn from the printed cells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from losslab.analysis.audit.chen import CLASS_TABLES, by_class
from losslab.analysis.audit.findings import dice_of, of, wide
from losslab.analysis.audit.gul import SEVEN, SIX, folds_of, scores_of
from losslab.analysis.audit.names import OURS, data_set_name, loss_name, model_name
from losslab.analysis.audit.rahman import COMMON
from losslab.analysis.audit.van_beers import pairs_of
from losslab.plots.style import PAGE, figure_style, new_figure

_BLUE, _RED, _GREEN, _BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"


def plot_rahman_means(cells: pd.DataFrame, axes: Axes) -> Axes:
    """IoU of the 20 classes of Table 3 by loss, their mean, and the mean that is printed."""
    third = wide(of(cells, "rahman2016", "3"), ["class"])
    classes = third.drop(index="mean")
    for place, loss in enumerate(("ce", "iou")):
        heights = place + np.linspace(-0.22, 0.22, len(classes))
        _marks(axes, classes[loss], heights, "o", "#777777", "a class")
        mean = float(classes[loss].mean())
        axes.plot([mean, mean], [place - 0.34, place + 0.34], color=_BLUE, label="their mean")
        printed = float(cast(Any, third.loc["mean", loss]))
        axes.plot(printed, place, "X", color=_RED, markersize=6, label="the mean printed")
    _rows(axes, ["cross-entropy", "IoU loss"])
    return _legend(axes, "IoU on VOC 2011, % (Table 3)")


def plot_rahman_camvid(cells: pd.DataFrame, axes: Axes) -> Axes:
    """Gains on CamVid by class and split (Table 4); the common classes come first."""
    fourth = wide(of(cells, "rahman2016", "4"), ["class", "split"])
    gain = cast(pd.DataFrame, (fourth["iou"] - fourth["ce"]).unstack("split"))
    names = [*COMMON, *(name for name in gain.index if name not in COMMON)]
    for split, marker, colour in (("val", "o", _BLUE), ("test", "s", _RED)):
        _marks(axes, gain.loc[names, split], np.arange(len(names)), marker, colour, split)
    _rows(axes, [f"{name} ({'common' if name in COMMON else 'rare'})" for name in names])
    return _legend(axes, "gain in IoU on CamVid, points (Table 4)")


def plot_van_beers(cells: pd.DataFrame, metric: str, label: str, axes: Axes) -> Axes:
    """Difference of the two losses in each of the 16 settings; section 5.1's oddities are open."""
    pairs = pairs_of(cells, metric).sort_values(["model", "dataset", "class", "variant"])
    difference = (pairs["iou"] - pairs["ce"]).to_numpy() * (1 if metric == "epochs" else 100)
    places = np.arange(len(pairs))
    odd = pairs["odd"].to_numpy()
    axes.axvline(0, color="#555555", linewidth=0.8)
    _two_kinds(axes, difference, places, odd, ("a setting", "called an aberration"))
    names = [
        f"{model_name(row['model'])}, {data_set_name(row['dataset'])}, {row['variant']}, "
        f"{'no hair' if 'without' in row['class'] else 'hair'}"
        for row in pairs.to_dict("records")
    ]
    _rows(axes, names)
    if metric == "iou":
        return _legend(axes, label)
    axes.set_xlabel(label)
    return axes


def plot_kim_gains(cells: pd.DataFrame, axes: Axes) -> Axes:
    """Gain in mean IoU of a CRF after the network, and of the level set loss (Tables 1-3)."""
    rows = of(cells, "kim2019", "1", "2", "3").copy()
    crf = rows["variant"].str.contains("CRF")
    rows["way"] = np.where(crf, "CRF", np.where(rows["loss"] == "ce", "ce", "level set"))
    rows["variant"] = rows["variant"].str.replace(r"(; )?dense CRF", "", regex=True)
    keys = ["dataset", "model", "variant"]
    table = rows.pivot(index=keys, columns="way", values="value").sort_index()
    places = np.arange(len(table))
    axes.axvline(0, color="#555555", linewidth=0.8)
    for way, marker, colour in (("CRF", "s", _RED), ("level set", "^", _GREEN)):
        _marks(axes, table[way] - table["ce"], places, marker, colour, way)
    names = [
        f"{data_set_name(dataset)}, {model_name(model)}{', MSC' if variant else ''}"
        for dataset, model, variant in table.index
    ]
    _rows(axes, names)
    return _legend(axes, "gain in mean IoU, points (Tables 1-3)")


def plot_kim_times(cells: pd.DataFrame, axes: Axes) -> Axes:
    """Seconds an image of Table 4, with the printed ratio at each mark."""
    fourth = of(cells, "kim2019", "4")
    table = wide(fourth, ["model", "loss", "variant"], "metric").reset_index()
    table = table.sort_values(["model", "seconds_per_image"])
    places = np.arange(len(table))
    _marks(axes, table["seconds_per_image"], places, "o", _BLUE, "")
    for place, row in zip(places, table.to_dict("records"), strict=True):
        text = f"×{row['relative_time']:g}"
        at = (row["seconds_per_image"], place)
        axes.annotate(text, at, (6, -2.5), textcoords="offset points", fontsize=6.5)
    ways = table["variant"].str.replace("dense ", "").str.replace("iterations", "it.")
    names = zip(table["model"], ways, strict=True)
    _rows(axes, [f"{model_name(model)}, {way or 'level set'}" for model, way in names])
    axes.set_xlim(0, 0.62)
    axes.set_xlabel("seconds an image (Table 4)")
    return axes


def plot_chen_dice(cells: pd.DataFrame, axes: Axes) -> Axes:
    """F1 of every class against what its IoU gives (Tables 2 and 3): they lie on the diagonal."""
    for number, marker, colour in (("2", "o", _BLUE), ("3", "s", _RED)):
        scores = by_class(cells, number).drop(index="mean", level="class")
        expected = dice_of(cast(pd.Series, scores["iou"]), 100)
        _marks(axes, expected, scores["dice"], marker, colour, CLASS_TABLES[number])
    axes.axline((60, 60), slope=1, color="#555555", linewidth=0.8)
    ticks = [60, 70, 80, 90, 100]
    axes.set(xlim=(54, 101), ylim=(54, 101), xticks=ticks, yticks=ticks)
    axes.set_ylabel("F1 as printed, % (Tables 2, 3)")
    return _legend(axes, "2 IoU / (1 + IoU), %")


def plot_chen_gains(cells: pd.DataFrame, axes: Axes) -> Axes:
    """Gain of each class in IoU and in E-measure (Tables 2 and 3)."""
    labels = []
    axes.axvline(0, color="#555555", linewidth=0.8)
    for number, name in CLASS_TABLES.items():
        scores = by_class(cells, number)
        gain = scores.loc["semeda"].drop(index="mean") - scores.loc["ce"].drop(index="mean")
        for metric, title in (("iou", "IoU"), ("e_measure", "E-measure")):
            heights = len(labels) + np.linspace(-0.3, 0.3, len(gain))
            loses = (gain[metric] < -1e-9).to_numpy()
            _two_kinds(
                axes, gain[metric].to_numpy(float), heights, loses, ("a class", "that loses")
            )
            labels.append(f"{name}\n{title}")
    _rows(axes, labels)
    return _legend(axes, "gain, points (Tables 2, 3)")


def plot_chen_weightings(cells: pd.DataFrame, axes: Axes) -> Axes:
    """Gain of each weighting of SEMEDA and of Sobel over cross-entropy (Table 1)."""
    labels = []
    axes.axvline(0, color="#555555", linewidth=0.8)
    for dataset, rows in of(cells, "chen2020", "1").groupby("dataset", sort=False):
        base = float(rows.loc[rows["loss"] == "ce", "value"].iloc[0])
        for kind, colour, marker in (("sobel", _RED, "s"), ("semeda", _BLUE, "o")):
            values = rows.loc[rows["loss"].str.contains(kind), "value"] - base
            heights = len(labels) + np.linspace(-0.25, 0.25, len(values))
            _marks(axes, values, heights, marker, colour, "")
            name = "SEMEDA" if kind == "semeda" else "Sobel"
            labels.append(f"{data_set_name(str(dataset))}\n{name}")
    _rows(axes, labels)
    axes.set_xlabel("gain, points (Table 1)")
    return axes


def plot_gul_dice(cells: pd.DataFrame, axes: Axes) -> Axes:
    """Dice less what the IoU beside it gives: means can only lie at or under 0."""
    seven, folds = scores_of(cells), folds_of(cells)
    axes.axvline(0, color="#555555", linewidth=0.8)
    groups = {
        "CelebAMask-HQ\n4.1-4.6, 4.12": seven.loc["celebamask_hq"],
        "Cityscapes\n4.1-4.6, 4.12": seven.loc["cityscapes"],
        "CelebAMask-HQ\nfolds, A.1-A.6": folds,
    }
    for place, scores in enumerate(groups.values()):
        gap = 100 * (scores["dice"] - dice_of(scores["iou"])).to_numpy(float)
        heights = place + np.linspace(-0.3, 0.3, len(gap))
        _two_kinds(axes, gap, heights, gap > 0.01, ("a run or fold", "above 0"))
    _rows(axes, list(groups))
    return _legend(axes, "Dice − 2 IoU / (1 + IoU), points")


def plot_gul_margins(cells: pd.DataFrame, axes: Axes) -> Axes:
    """Margin of the distance loss on CelebAMask-HQ in boundary IoU, and in Dice (4.1-4.6)."""
    rows = of(cells, "gul2023", *SIX).query("dataset == 'celebamask_hq'")
    scores = wide(rows, ["table", "loss"], "metric")
    losses = [loss for loss in rows["loss"].unique() if loss != OURS]
    axes.axvline(0, color="#555555", linewidth=0.8)
    for metric, marker, colour, name in (
        ("boundary_iou", "o", _BLUE, "boundary IoU"),
        ("dice", "x", _RED, "Dice"),
    ):
        values = scores[metric].unstack("loss")
        for place, loss in enumerate(losses):
            gap = 100 * (values[OURS] - values[loss])
            heights = place + np.linspace(-0.25, 0.25, len(gap))
            label = name if place == 0 else ""
            _marks(axes, gap, heights, marker, colour, label)
    _rows(axes, [f"over {loss_name(loss)}" for loss in losses])
    return _legend(axes, "CelebAMask-HQ: margin, points")


def plot_gul_leads(cells: pd.DataFrame, axes: Axes) -> Axes:
    """Boundary IoU of the distance loss on Cityscapes less that of the best other, by setting."""
    streets = cast(pd.DataFrame, scores_of(cells)["boundary_iou"].unstack("loss").loc["cityscapes"])
    lead = 100 * (streets[OURS] - streets.drop(columns=OURS).max(axis=1)).loc[list(SEVEN)]
    axes.axvline(0, color="#555555", linewidth=0.8)
    places, behind = np.arange(len(lead)), (lead < 0).to_numpy()
    _two_kinds(axes, lead.to_numpy(float), places, behind, ("ahead", "behind"))
    rows = of(cells, "gul2023", *SEVEN).drop_duplicates("table").set_index("table")
    names = [
        f"{model_name(row['model'], row['encoder'])}{', other seed' if number == '4.12' else ''}"
        for number, row in rows.loc[lead.index].iterrows()
    ]
    _rows(axes, names)
    return _legend(axes, "Cityscapes: distance − best other, points")


def plot_gul_seeds(cells: pd.DataFrame, axes: Axes) -> Axes:
    """Boundary IoU of one setting with another seed, less that with the first, by loss."""
    rows = of(cells, "gul2023", "4.5", "4.12").query("metric == 'boundary_iou'")
    values = wide(rows, ["dataset", "loss"], "table")[["4.5", "4.12"]]
    change = 100 * (values["4.12"] - values["4.5"])
    axes.axvline(0, color="#555555", linewidth=0.8)
    losses = list(rows["loss"].unique())
    for dataset, marker, colour in (("celebamask_hq", "o", _BLUE), ("cityscapes", "s", _RED)):
        of_set = cast(pd.Series, change.loc[dataset])
        name = data_set_name(dataset)
        _marks(axes, of_set.loc[losses], np.arange(len(losses)), marker, colour, name)
    _rows(axes, [loss_name(loss) for loss in losses])
    return _legend(axes, "change with the seed, points")


Panel = Callable[[pd.DataFrame, Axes], Axes]


def _van_beers(metric: str, label: str) -> Panel:
    return lambda cells, axes: plot_van_beers(cells, metric, label, axes)


@dataclass(frozen=True)
class Evidence:
    """The panels of a paper's figure, row by row, what they show, and its height in inches."""

    height: float
    panels: tuple[tuple[Panel, ...], ...]
    caption: str
    one_axis: bool = False
    """Whether all panels have the rows of the first."""


EVIDENCE = {
    "rahman2016": Evidence(
        1.9,
        ((plot_rahman_means, plot_rahman_camvid),),
        "Left: the 20 classes of Table 3, their mean, and the mean that is printed. Right: what "
        "IoU loss gains on CamVid by class.",
    ),
    "vanbeers2018": Evidence(
        2.8,
        (
            (
                _van_beers("iou", "difference in IoU, points"),
                _van_beers("accuracy", "in accuracy, points"),
                _van_beers("epochs", "in epochs"),
            ),
        ),
        "IoU loss less cross-entropy in each of the 16 settings. Crosses are the two that section "
        "5.1 calls aberrations.",
        one_axis=True,
    ),
    "kim2019": Evidence(
        2.6,
        ((plot_kim_gains, plot_kim_times),),
        "Left: what the level set loss gains over cross-entropy, and what a CRF after "
        "cross-entropy gains. Right: seconds an image, with the printed ratios.",
    ),
    "chen2020": Evidence(
        2.3,
        ((plot_chen_dice, plot_chen_gains, plot_chen_weightings),),
        "Left: F1 of each class against what its IoU gives. Middle: what SEMEDA gains in each "
        "class. Right: what each weighting gains over cross-entropy.",
    ),
    "gul2023": Evidence(
        4.2,
        ((plot_gul_leads, plot_gul_margins), (plot_gul_dice, plot_gul_seeds)),
        "Above: boundary IoU with the distance loss less that with the best other (left), and its "
        "margin over each loss in two scores, six settings (right). Below: Dice less what the IoU "
        "beside it gives, for means 0 at most (left), and boundary IoU with seed 1234 less that "
        "with seed 42 (right).",
    ),
}


def evidence_figure(paper: str, cells: pd.DataFrame) -> Figure:
    """What a paper's findings rest on, at page width; `cells` is the table of `load_published`."""
    shown = EVIDENCE[paper]
    size = len(shown.panels), len(shown.panels[0])
    with figure_style():
        figure, grid = new_figure(*size, width=PAGE, height=shown.height)
        for panels, places in zip(shown.panels, grid, strict=True):
            for number, (panel, axes) in enumerate(zip(panels, places, strict=True)):
                panel(cells, axes)
                if number and shown.one_axis:
                    axes.set_yticklabels([])
    return figure


def _two_kinds(axes: Axes, x: Any, y: Any, second: Any, labels: tuple[str, str]) -> None:
    """Blue circles, and red crosses where `second` is True."""
    _marks(axes, x[~second], y[~second], "o", _BLUE, labels[0])
    _marks(axes, x[second], y[second], "x", _RED, labels[1])


def _marks(axes: Axes, x: Any, y: Any, marker: str, colour: str, label: str) -> None:
    look: dict[str, Any] = {"s": 14, "marker": marker, "linewidths": 0.8, "label": label or None}
    look |= {"color": colour} if marker == "x" else {"facecolors": "none", "edgecolors": colour}
    axes.scatter(x, y, **look)


def _rows(axes: Axes, labels: list[str]) -> None:
    axes.set_yticks(range(len(labels)), labels, fontsize=6.5)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _legend(axes: Axes, label: str) -> Axes:
    axes.set_xlabel(label)
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    # From the right edge it can only grow over the names of the rows.
    place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.02, 1), "ncols": len(once)}
    axes.legend(list(once.values()), list(once), handletextpad=0.3, columnspacing=0.8, **place)
    return axes
