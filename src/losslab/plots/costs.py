"""What losses cost: time by itself and within a step, memory, and a CRF instead of a loss."""

import math
from itertools import cycle
from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from losslab.errors import StudyError
from losslab.plots.style import COLUMN, PAGE, figure_style, new_figure

# Okabe & Ito 2008; the markers differ too.
_LOOKS = (("#000000", "o"), ("#0072B2", "s"), ("#D55E00", "^"), ("#009E73", "D"), ("#CC79A7", "v"))
_BASE = "#0072B2"
_LOGITS = "#9ecae1"
_PRINTED = "#D55E00"
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def ratios_figure(bench: pd.DataFrame) -> Figure:
    """Time and peak memory of each loss by itself, a mark a shape: see `plot_ratios`.

    `bench` is a table of `losslab bench losses`, or some of its rows.
    """
    names = _by_ratio(bench)
    with figure_style():
        height = 0.75 + _height(names, _WIDE)
        figure, ((times, memory),) = new_figure(1, 2, width=PAGE, height=height)
        plot_ratios(bench, times, names=names)
        plot_ratios(bench, memory, names=names, column="memory")
        _rows(times, names, wrap=_WIDE)
        times.set_xlabel("time, × torch's cross-entropy (log scale)")
        memory.set_xlabel("peak memory, × the logits (log scale)")
        memory.set_yticklabels([])
        handles, labels = times.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure


def plot_ratios(
    bench: pd.DataFrame, axes: Axes, *, names: list[str], column: str = "ratio"
) -> Axes:
    """Draw a column of `losslab bench losses` on a logarithmic axis, a row a loss, a mark a shape.

    Time lies between the least and the greatest of the processes; the line is at cross-entropy.
    """
    shapes = list(dict.fromkeys(zip(bench["shape"], bench["size"], strict=True)))
    for number, (shape, size) in enumerate(shapes):
        colour, marker = _LOOKS[number % len(_LOOKS)]
        rows = bench[bench["shape"] == shape].dropna(subset=[column])
        shift = 0.16 * (number - (len(shapes) - 1) / 2)
        places = [names.index(name) + shift for name in _names(rows)]
        if column == "ratio":
            axes.hlines(places, rows["ratio_low"], rows["ratio_high"], color=colour, linewidth=0.8)
        look = {"color": colour, "markersize": 2.8, "label": str(size).replace("x", "×")}
        axes.plot(rows[column], places, marker, **look)
    base = bench[bench["library"] == "torch"]
    base = base[base["loss"].str.contains("cross_entropy")][column].median()
    if not math.isnan(base):
        axes.axvline(base, color="#777777", linewidth=0.6, zorder=0)
    return _rows(_log(axes), names)


def held_figure(held: pd.DataFrame) -> Figure:
    """What losses keep from the forward to the backward pass: see `plot_held`."""
    _check(held)
    with figure_style():
        height = 0.85 + _height(_names(held))
        figure, ((axes,),) = new_figure(width=COLUMN, height=height)
        plot_held(held, axes)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2, handlelength=1)
    return figure


def plot_held(held: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the table of `held_memory` as bars, the logits after what the loss itself keeps."""
    names = list(reversed(_names(held)))
    rows = held.iloc[::-1]
    axes.barh(names, rows["held"], height=0.65, color=_BASE, label="kept by the loss")
    axes.barh(
        names,
        rows["logits"],
        left=rows["held"],
        height=0.65,
        color=_LOGITS,
        label="logits, kept too",
    )
    for place, total in enumerate(rows["held"] + rows["logits"]):
        axes.annotate(
            f"{total:.1f}",
            (total, place),
            (3, 0),
            textcoords="offset points",
            va="center",
            size=6.5,
        )
    axes.set_xlim(0, 1.15 * float((rows["held"] + rows["logits"]).max()))
    axes.set_xlabel("bytes a pixel and class, float32")
    return _rows(axes, names)


def steps_figure(steps: pd.DataFrame, printed: pd.DataFrame) -> Figure:
    """A training step with each loss: see `plot_steps`."""
    _check(steps)
    with figure_style():
        height = 1.0 + 1.15 * _height(_names(steps))
        figure, ((axes,),) = new_figure(width=COLUMN, height=height)
        plot_steps(steps, printed, axes)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=1)
    return figure


def plot_steps(steps: pd.DataFrame, printed: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the ratios of `losslab bench train` with their quartiles, and those that papers print.

    By parts is what the ratio would be if data, augmentation and loss alone took other times.
    `printed` is the table of `printed_costs`; of it the ratios of time are drawn as open marks.
    """
    rows = steps.sort_values("ratio", ascending=False, ignore_index=True)
    names = _names(rows)
    axes.axvline(1, color="#777777", linewidth=0.6, zorder=0)
    axes.hlines(range(len(rows)), rows["ratio_low"], rows["ratio_high"], color=_BASE, linewidth=1)
    axes.plot(rows["ratio"], range(len(rows)), "o", color=_BASE, label="whole step, with quartiles")
    look = {"color": "#000000", "markersize": 7, "markeredgewidth": 1.2}
    axes.plot(rows["ratio_by_parts"], range(len(rows)), "|", label="by parts", **look)
    known = printed[(printed["quantity"] == "time") & printed["ratio"].notna()]
    for row in known.to_dict("records"):
        if row["loss"] in names:
            look = {"color": _PRINTED, "markerfacecolor": "none", "markersize": 6}
            text = f"printed by {row['paper']}, {row['place']}"
            axes.plot(row["ratio"], names.index(row["loss"]), "D", label=text, **look)
    axes.set_xlabel("training step, × cross-entropy's")
    return _rows(axes, names)


def crf_figure(results: pd.DataFrame) -> Figure:
    """Time of an image and mean IoU, a panel a network: see `plot_crf`.

    `results` are tables of `published_crf` and `stored_crf_table` with a column panel.
    """
    _check(results)
    groups = list(results.groupby("panel", sort=False))
    columns = min(3, len(groups))
    lines = math.ceil(len(groups) / columns)
    with figure_style():
        width = COLUMN if columns == 1 else PAGE
        figure, grid = new_figure(lines, columns, width=width, height=0.3 + 1.9 * lines)
        cells = [axes for line in grid for axes in line]
        for axes, (panel, rows) in zip(cells, groups, strict=False):
            plot_crf(rows, axes, losses=sorted(results["loss"].unique()))
            axes.set_title(fill(str(panel), 38), loc="left")
        for axes in cells[len(groups) :]:
            axes.set_visible(False)
        handles = _crf_key(results)
        figure.legend(handles=handles, loc="outside lower center", ncols=min(5, len(handles)))
    return figure


def plot_crf(results: pd.DataFrame, axes: Axes, *, losses: list) -> Axes:
    """Draw mean IoU over the seconds of an image: a line a loss, a marker a number of iterations.

    `losses` are those of all panels, in the order of their colours.
    """
    for loss, rows in results.groupby("loss"):
        colour = _COLOURS[losses.index(loss) % len(_COLOURS)]
        means = rows.groupby("iterations")[["seconds", "miou"]].mean()
        axes.plot(means["seconds"], 100 * means["miou"], color=colour, linewidth=0.8)
        for iterations, row in means.iterrows():
            marker = _MARKERS.get(iterations, "v")
            axes.plot(row["seconds"], 100 * row["miou"], marker, color=colour, markersize=5)
    axes.margins(0.15)
    axes.grid(axis="both")
    axes.set_xlabel("seconds an image")
    axes.set_ylabel("mean IoU, %")
    return axes


_COLOURS = [colour for colour, _ in _LOOKS]
_MARKERS: dict[object, str] = {0: "o", 5: "s", 10: "D"}


def _crf_key(results: pd.DataFrame) -> list[Line2D]:
    """A line for each loss, a marker for each number of iterations."""
    losses = sorted(results["loss"].unique())
    lines = [
        Line2D([], [], color=colour, label=str(loss))
        for colour, loss in zip(cycle(_COLOURS), losses, strict=False)
    ]
    found = sorted(results["iterations"].unique())
    return lines + [
        Line2D(
            [],
            [],
            linestyle="",
            color="#777777",
            marker=_MARKERS.get(number, "v"),
            label=f"CRF, {number} iterations" if number else "network alone",
        )
        for number in found
    ]


def _by_ratio(bench: pd.DataFrame) -> list[str]:
    """The names of all rows, the dearest first: rows are drawn from below."""
    _check(bench)
    medians = bench.assign(name=_names(bench)).groupby("name")["ratio"].median()
    return [str(name) for name in medians.sort_values(ascending=False).index]


def _names(table: pd.DataFrame) -> list[str]:
    """The loss, and where it is no losslab's own its library."""
    pairs = zip(table["loss"], table["library"], strict=True)
    return [loss if library == "losslab" else f"{loss} ({library})" for loss, library in pairs]


_NARROW, _WIDE = 26, 42
"""Letters of a loss's name in a line, of a figure one column or a page wide."""


def _height(names: list[str], wrap: int = _NARROW) -> float:
    """Inches that rows of these names need: all as high as the highest."""
    lines = max(fill(name, wrap).count("\n") + 1 for name in names)
    return len(names) * (0.06 + 0.11 * lines)


def _rows(axes: Axes, names: list[str], *, wrap: int = _NARROW) -> Axes:
    axes.set_yticks(range(len(names)), [fill(name, wrap) for name in names])
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.tick_params(axis="y", length=0, labelsize=6.5)
    axes.grid(axis="x")
    return axes


def _log(axes: Axes) -> Axes:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in _TICKS if low <= tick <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    return axes


def _check(table: pd.DataFrame) -> None:
    if table.empty:
        raise StudyError("nothing to draw: the table of costs has no rows; measure a loss first")
