"""Figures of a comparison: scores per seed, differences against seed noise, classes, costs.

Each function takes the tidy table of one setting and an Axes, and returns the Axes.
"""

import math
from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from losslab.analysis.claims import points
from losslab.plots.style import LossStyle, loss_styles

_WRAP = 20  # characters of a loss's name in a line of its tick label


def plot_scores(
    scores: pd.DataFrame,
    axes: Axes,
    *,
    label: str = "score",
    styles: Mapping[str, LossStyle] | None = None,
) -> Axes:
    """Every run's score as a mark and each loss's mean as a bar; equal seeds sit at equal heights.

    `scores` is the table of `losslab.analysis.select_scores`.
    """
    styles = styles or loss_styles(scores["loss"])
    order = scores.groupby("loss")["value"].mean().sort_values().index
    runs = sorted(set(zip(scores["fold"], scores["seed"], strict=True)))
    offsets = dict(zip(runs, _spread(len(runs), 0.5), strict=True))
    for place, loss in enumerate(order):
        part = scores[scores["loss"] == loss]
        heights = [place + offsets[key] for key in zip(part["fold"], part["seed"], strict=True)]
        look = styles[loss]
        axes.scatter(100 * part["value"], heights, s=14, color=look.colour, marker=look.marker)
        mean = 100 * part["value"].mean()
        axes.plot([mean, mean], [place - 0.38, place + 0.38], color=look.colour, linewidth=1.8)
    axes.set_xlabel(f"{label}, %")
    axes.margins(x=0.07)
    axes.grid(axis="x")
    return _name_losses(axes, order)


def plot_differences(
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    band: float,
    axes: Axes,
    *,
    floor: float = math.nan,
    label: str = "score",
    noun: str = "pair of runs",
    styles: Mapping[str, LossStyle] | None = None,
) -> Axes:
    """Mean difference from the baseline with its 95 % interval, on the band of seed noise.

    `comparison` is the table of `paired_comparison`, `differences` of `paired_differences` (small
    open marks, one per pair), `band` the half-width of `seed_noise` and `floor` the largest
    difference of `repeat_noise`, both fractions (NaN: not drawn). An interval that leaves the frame
    ends in an arrow; the numbers at the right are whole.
    """
    styles = styles or loss_styles([*comparison["loss"], *comparison["baseline"]])
    rows = comparison.sort_values("difference").reset_index(drop=True)
    baseline = rows["baseline"].iloc[0]
    limit = _limit(rows, differences, band)
    draw_noise(axes, band, floor)
    axes.axvline(0, color="#555555", linewidth=0.8, zorder=1)
    for place, row in enumerate(rows.to_dict("records")):
        look = styles[row["loss"]]
        pairs = 100 * differences.loc[differences["loss"] == row["loss"], "difference"]
        if len(pairs) <= 60:
            heights = place + _spread(len(pairs), 0.3) + 0.02
            face = {"facecolors": "none", "edgecolors": look.colour, "linewidths": 0.6}
            axes.scatter(pairs, heights, s=9, zorder=3, **face)
        _draw_interval(axes, row, place, look, limit)
        interval = f"[{points(row['low'])}, {points(row['high'])}]"
        interval = "no interval" if math.isnan(row["low"]) else interval
        text = f"{points(row['difference'])}\n{interval}"
        right = axes.get_yaxis_transform()
        axes.text(1.02, place, text, transform=right, fontsize=7, va="center", clip_on=False)
    axes.scatter([], [], s=9, facecolors="none", edgecolors="#555555", label=f"one {noun}")
    axes.set_xlim(-limit, limit)
    axes.set_xlabel(fill(f"{label}: difference from {baseline}, points", 50))
    options = {"borderaxespad": 0.1, "handlelength": 1.2, "labelspacing": 0.2}
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), **options)
    return _name_losses(axes, rows["loss"])


def plot_class_differences(
    classes: pd.DataFrame,
    axes: Axes,
    *,
    noise: Mapping[str, float] | None = None,
    label: str = "score",
    limit: float | None = None,
) -> Axes:
    """Difference from the baseline of each class (row) and loss (column), in points.

    `classes` is the table of `class_differences`. Bold: the 95 % interval over the paired runs
    excludes 0. Orange is a loss, purple a gain; `limit` (fraction) is where the colours end.
    `noise`, the band of `class_noise` by class, makes a last column without colour. A column
    `share` of the table is written behind the classes' names.
    """
    names = list(dict.fromkeys(classes["class"]))
    losses = list(classes.groupby("loss")["difference"].mean().sort_values().index[::-1])
    wide = classes.pivot(index="class", columns="loss", values="difference").loc[names, losses]
    sure = classes.pivot(index="class", columns="loss", values="beyond_zero").loc[names, losses]
    end = limit or max(0.01, float(np.nanmax(np.abs(wide.to_numpy(float)))))
    values = 100 * wide.to_numpy(float)
    axes.imshow(values, cmap="PuOr", vmin=-100 * end, vmax=100 * end, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        weight = "bold" if sure.to_numpy()[row, column] else "normal"
        colour = "white" if abs(value) > 65 * end else "black"
        look: dict = {"ha": "center", "va": "center", "color": colour, "fontweight": weight}
        axes.text(column, row, points(value / 100), fontsize=6.5, **look)
    heads = [fill(loss, 12) for loss in losses]
    if noise is not None:
        heads.append("seed alone")
        axes.set_xlim(-0.5, len(losses) + 0.5)
        for row, name in enumerate(names):
            band = noise.get(name, math.nan)
            text = "–" if math.isnan(band) else f"±{points(band, sign=False)}"
            look = {"ha": "center", "va": "center", "color": "#555555", "fontsize": 6.5}
            axes.text(len(losses), row, text, **look)
    axes.set_xticks(range(len(heads)), heads)
    axes.set_yticks(range(len(names)), [_with_share(name, classes) for name in names])
    axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    lines = [f"{label}: difference from {classes['baseline'].iloc[0]}, points"]
    lines.append("bold: 95 % interval excludes 0")
    if noise is not None:
        lines.append("seed alone: 95 % of pairs of runs within")
    if "share" in classes:
        lines.append("in brackets: % of the test pixels")
    axes.set_xlabel("\n".join(lines))
    return axes


def _with_share(name: str, classes: pd.DataFrame) -> str:
    if "share" not in classes:
        return name
    share = 100 * float(classes.loc[classes["class"] == name, "share"].iloc[0])
    return name if math.isnan(share) else f"{name} ({share:.{0 if share >= 10 else 1}f})"


def plot_cost(
    costs: pd.DataFrame,
    axes: Axes,
    *,
    column: str,
    scale: float,
    label: str,
    styles: Mapping[str, LossStyle] | None = None,
) -> Axes:
    """One measured cost of each loss as a bar from zero, its value beside it.

    `costs` is the table of `losslab.analysis.costs`; `scale` turns its unit into that of `label`.
    """
    styles = styles or loss_styles(costs["loss"])
    rows = costs.sort_values("loss", ascending=False).reset_index(drop=True)
    values = rows[column].astype(float) * scale
    colours = [styles[loss].colour for loss in rows["loss"]]
    axes.barh(range(len(rows)), values.fillna(0), color=colours, height=0.62)
    for place, value in enumerate(values):
        text = "not measured" if math.isnan(value) else f"{value:.3g}"
        start = 0 if math.isnan(value) else value
        axes.annotate(text, (start, place), (3, 0), textcoords="offset points", va="center", size=7)
    top = float(values.max())
    axes.set_xlim(0, 1.28 * top if top > 0 else 1)
    axes.set_xlabel(label)
    return _name_losses(axes, rows["loss"])


def draw_noise(axes: Axes, band: float, floor: float, *, lines: bool = False) -> None:
    """What a change of seed alone does, and what the same seed twice does, as bands around 0; the
    first as dotted lines where the figure has another band. Both are fractions (NaN: not drawn).
    """
    text = f"runs that differ in seed only: 95 % in ±{points(band, sign=False)}"
    if not math.isnan(band) and lines:
        for place, label in ((-100 * band, text), (100 * band, None)):
            axes.axvline(place, color="#777777", linewidth=0.9, linestyle=":", label=label)
    elif not math.isnan(band):
        axes.axvspan(-100 * band, 100 * band, color="#e4e4e4", linewidth=0, zorder=0, label=text)
    if not math.isnan(floor):
        ends, text = (-100 * floor, 100 * floor), "the same seed twice: equal"
        if floor:
            text = f"the same seed twice: ±{points(floor, 2, sign=False)}"
        look: dict = {"color": "#a0a0a0", "linewidth": 1.0, "zorder": 0.5}
        axes.axvspan(*ends, label=text, **look)


def _draw_interval(axes: Axes, row: dict, place: int, look: LossStyle, limit: float) -> None:
    low, centre, high = (100 * row[name] for name in ("low", "difference", "high"))
    if not math.isnan(low):
        ends = [max(low, -limit), min(high, limit)]
        axes.plot(ends, [place, place], color=look.colour, linewidth=1.6, zorder=4)
        for value, end, marker in ((low, ends[0], "<"), (high, ends[1], ">")):
            shape = "|" if value == end else marker
            axes.plot(end, place, marker=shape, color=look.colour, markersize=5, clip_on=False)
    options = {"markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.5, "zorder": 5}
    axes.plot(centre, place, marker=look.marker, color=look.colour, **options)


def _limit(rows: pd.DataFrame, differences: pd.DataFrame, band: float) -> float:
    """Half-width of the frame in points: all marks and the band, and intervals up to 2.5 x them."""
    marks = [*rows["difference"].abs()]
    if len(differences) <= 60 * len(rows):
        marks += [*differences["difference"].abs()]
    inner = max([*marks, 0.0 if math.isnan(band) else band, 1e-4])
    outer = np.nanmax([inner, *rows["low"].abs(), *rows["high"].abs()])
    return 108 * min(float(outer), 2.5 * inner)


def _name_losses(axes: Axes, losses: pd.Series | pd.Index) -> Axes:
    axes.set_yticks(range(len(losses)), [fill(str(loss), _WRAP) for loss in losses])
    axes.set_ylim(-0.6, len(losses) - 0.4)
    axes.tick_params(axis="y", length=0)
    return axes


def _spread(count: int, width: float) -> np.ndarray:
    return np.linspace(width / 2, -width / 2, count) if count > 1 else np.zeros(count)
