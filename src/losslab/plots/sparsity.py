"""Scores and gains against the share of the foreground."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from losslab.analysis.scores import LEVELS
from losslab.plots.style import PAGE, LossStyle, figure_style, loss_styles, new_figure

Styles = Mapping[str, LossStyle]


def plot_scores_by_ratio(
    scores: pd.DataFrame, axes: Axes, *, label: str = "score, %", styles: Styles | None = None
) -> Axes:
    """The mean score of each loss at each ratio, shaded from the lowest to the highest run.

    `scores` are rows of `scores_by_ratio` of one subject and level.
    """
    styles = styles or loss_styles(scores["loss"])
    for loss, part in scores.groupby("loss", sort=False):
        found = part.groupby("ratio")["value"].agg(["mean", "min", "max"])
        look, x = styles[str(loss)], found.index.to_numpy(float)
        ends = (100 * found["min"].to_numpy(float), 100 * found["max"].to_numpy(float))
        axes.fill_between(x, *ends, color=look.colour, alpha=0.13, linewidth=0)
        line: dict[str, Any] = {"color": look.colour, "linestyle": look.line, "marker": look.marker}
        axes.plot(x, 100 * found["mean"].to_numpy(float), label=str(loss), **line)
    axes.set_ylabel(label)
    axes.grid(axis="y")
    return _ratio_axis(axes, scores["ratio"])


def plot_gains_by_ratio(
    gains: pd.DataFrame, axes: Axes, *, label: str = "score", styles: Styles | None = None
) -> Axes:
    """The gain of each loss over the baseline at each ratio with its 95 % interval over seeds, on
    the region of practical equivalence.

    `gains` are rows of `gains_by_ratio` of one subject and level.
    """
    styles = styles or loss_styles(gains["loss"])
    rope = 100 * float(gains["rope"].iloc[0])
    text = f"of no practical matter: ±{rope:.1f} points"
    axes.axhspan(-rope, rope, color="#e4e4e4", linewidth=0, zorder=0, label=text)
    axes.axhline(0, color="#555555", linewidth=0.8, zorder=1)
    losses = list(dict.fromkeys(gains["loss"]))
    apart = 1.035 ** (np.arange(len(losses)) - (len(losses) - 1) / 2)  # side by side, not stacked
    for loss, factor in zip(losses, apart, strict=True):
        part = gains[gains["loss"] == loss].sort_values("ratio")
        look, x = styles[loss], part["ratio"].to_numpy(float) * factor
        low, high = (100 * part[end].to_numpy(float) for end in ("low", "high"))
        axes.vlines(x, low, high, color=look.colour, linewidth=1.3, zorder=3)
        line: dict[str, Any] = {"color": look.colour, "linestyle": look.line, "marker": look.marker}
        y = 100 * part["difference"].to_numpy(float)
        axes.plot(x, y, linewidth=0.9, zorder=4, label=loss, **line)
    axes.set_ylabel(f"{label}:\ngain over {gains['baseline'].iloc[0]}, points")
    axes.grid(axis="y")
    return _ratio_axis(axes, gains["ratio"])


def sparsity_figure(
    scores: pd.DataFrame, gains: pd.DataFrame, *, name: str, styles: Styles
) -> Figure:
    """A row of panels for each subject and level: scores at the left, gains at the right.

    `name` is the metric's.
    """
    groups = list(gains.groupby(["subject", "level"], sort=False))
    with figure_style():
        figure, grid = new_figure(len(groups), 2, width=PAGE, height=2.5 * len(groups))
        for ((subject, level), rows), (left, right) in zip(groups, grid, strict=True):
            own = scores[(scores["subject"] == subject) & (scores["level"] == level)]
            of = f"{name} ({LEVELS[str(level)]})"
            plot_scores_by_ratio(own, left, label=f"{of}, %", styles=styles)
            plot_gains_by_ratio(rows, right, label=of, styles=styles)
            if gains["subject"].nunique() > 1:
                left.set_title(str(subject), loc="left")
        handles = {}
        for axes in figure.axes:
            handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        figure.legend(
            handles.values(), handles.keys(), loc="outside upper center", ncols=4, handlelength=2.6
        )
        extra = 0.18 * -(-len(handles) // 4)
        figure.set_figheight(figure.get_figheight() + extra)
    return figure


def _ratio_axis(axes: Axes, ratios: pd.Series) -> Axes:
    values = sorted(ratios.unique())
    axes.set_xscale("log")
    axes.set_xticks(values, [f"1:{value:g}" for value in values])
    axes.minorticks_off()
    axes.set_xlabel("object pixels : background pixels")
    return axes
