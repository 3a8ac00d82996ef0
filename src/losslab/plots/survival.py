"""Figures of how soon losses train: runs at a threshold by epoch, all thresholds, epochs ahead.

Each `plot_*` takes the tidy table of one setting and an Axes, and returns the Axes; each `*_figure`
has a panel per setting.
"""

import math
from collections.abc import Mapping
from textwrap import fill, wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from losslab.plots.comparison import plot_scores
from losslab.plots.figures import panels
from losslab.plots.style import LossStyle, figure_style, loss_styles

Styles = Mapping[str, LossStyle]

_APART = 1.1  # percent of the runs between two losses' lines, which else hide each other
_HANDLE, _LETTER = 0.42, 0.052  # inches of a legend's line, and of a letter beside it at 7 pt
_BAR: dict = {"marker": "|", "markersize": 8, "markeredgewidth": 1.4}
_LINE = "#555555"
_BAND = "#e4e4e4"


def plot_survival(
    curves: pd.DataFrame,
    axes: Axes,
    *,
    label: str = "runs at the threshold",
    styles: Styles | None = None,
) -> Axes:
    """The share of runs that have reached a threshold by each epoch, a stepped line per loss.

    `curves` is the table of `kaplan_meier`; `label` names the threshold. A marker is an epoch at
    which runs arrive, a bar one at which runs end without arriving. As few runs make equal shares,
    the lines are drawn a little apart.
    """
    styles = styles or loss_styles(curves["loss"])
    last = float(curves["epoch"].max())
    losses = list(dict.fromkeys(curves["loss"]))
    shifts = _APART * (np.arange(len(losses))[::-1] - (len(losses) - 1) / 2)
    for loss, shift in zip(losses, shifts, strict=True):
        rows = curves[curves["loss"] == loss].sort_values("epoch")
        look, heights = styles[loss], 100 * rows["share"] + shift
        line: dict = {"color": look.colour, "linestyle": look.line}
        mark: dict = {"color": look.colour, "linestyle": "none", "zorder": 4}
        ends = [last] if rows["share"].iloc[-1] > 1 - 1e-9 else []  # all are there, and stay
        levels = [*heights, *heights.tail(len(ends))]
        axes.step([*rows["epoch"], *ends], levels, where="post", zorder=3, **line)
        for happened, shape in (
            ("arrived", {"marker": look.marker, "ms": 3.5}),
            ("censored", _BAR),
        ):
            where = rows[happened] > 0
            axes.plot(rows["epoch"][where], heights[where], **mark, **shape)
        axes.plot([], [], marker=look.marker, markersize=3.5, label=loss, **line)
    if curves["censored"].any():
        axes.plot([], [], color=_LINE, linestyle="none", label="run ends", **_BAR)
    axes.set_xlim(0, last * 1.02)
    axes.set_ylim(-5, 105)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set_xlabel("epoch")
    axes.set_ylabel(fill(f"{label}, %", 34))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(axis="y")
    return axes


def plot_sweep(
    table: pd.DataFrame,
    axes: Axes,
    *,
    baseline: str,
    score: str = "score",
    mark: float = math.nan,
    styles: Styles | None = None,
) -> Axes:
    """The restricted mean of epochs against the threshold, a line per loss.

    `table` is that of `sweep`; the grey band is the 95 % interval of the baseline's mean, the thin
    line at the top the horizon. `mark`, a share, is where a threshold was chosen.
    """
    styles = styles or loss_styles(table["loss"])
    base = table[(table["loss"] == baseline)].sort_values("share")
    shares = 100 * base["share"]
    if base["low"].notna().any():
        band: dict = {"color": _BAND, "linewidth": 0, "zorder": 0}
        axes.fill_between(shares, base["low"], base["high"], label="95 % interval", **band)
    for loss, rows in table.groupby("loss", sort=False):
        look, rows = styles[str(loss)], rows.sort_values("share")
        line: dict = {"color": look.colour, "linestyle": look.line, "marker": look.marker}
        every = max(1, len(rows) // 6)
        axes.plot(
            100 * rows["share"], rows["mean"], markevery=every, ms=3.5, label=str(loss), **line
        )
    horizon = float(table["horizon"].iloc[0])
    if float(table["mean"].max()) > 0.7 * horizon:
        axes.axhline(horizon, color=_LINE, linewidth=0.7)
        words: dict = {"color": _LINE, "fontsize": 7, "va": "top", "ha": "left"}
        axes.text(shares.min(), 0.985 * horizon, "last epoch counted", **words)
    if not math.isnan(mark):
        axes.axvline(100 * mark, color=_LINE, linewidth=0.7, linestyle=":", zorder=1)
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
    axes.set_xlabel(fill(f"threshold, % of {baseline}'s best {score}", 44))
    axes.set_ylabel("mean epochs to the threshold")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(axis="y")
    return axes


def plot_superiority(
    shares: pd.DataFrame,
    axes: Axes,
    *,
    score: str = "validation Boundary IoU",
    styles: Styles | None = None,
) -> Axes:
    """Share of epochs at which each loss is ahead, a mark per run, and the share if all were alike.

    `shares` is the table of `superiority`.
    """
    plot_scores(shares.assign(value=shares["share"]), axes, label="epochs ahead", styles=styles)
    even = 100 / shares["loss"].nunique()
    axes.axvline(even, color=_LINE, linewidth=0.8, zorder=0.5, label=f"even share: {even:.0f} %")
    axes.set_xlim(-4, 104)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_xlabel(fill(f"epochs with the best {score} of all losses, %", 38))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1, handlelength=1.2)
    return axes


def survival_figure(curves: pd.DataFrame, *, label: str, styles: Styles) -> Figure:
    """Runs at a threshold by epoch: see `plot_survival`."""

    def draw(_: str, rows: pd.DataFrame, axes: Axes) -> Axes:
        return plot_survival(rows, axes, label=label, styles=styles)

    return _legend_above(panels(curves, draw, height=2.3))


def sweep_figure(
    table: pd.DataFrame, *, baseline: str, score: str, mark: float = math.nan, styles: Styles
) -> Figure:
    """Mean epochs to every threshold: see `plot_sweep`."""
    options: dict = {"baseline": baseline, "score": score, "mark": mark, "styles": styles}

    def draw(_: str, rows: pd.DataFrame, axes: Axes) -> Axes:
        return plot_sweep(rows, axes, **options)

    return _legend_above(panels(table, draw, height=2.4))


def superiority_figure(shares: pd.DataFrame, *, styles: Styles) -> Figure:
    """Epochs ahead of all other losses: see `plot_superiority`."""

    def draw(_: str, rows: pd.DataFrame, axes: Axes) -> Axes:
        return plot_superiority(rows, axes, styles=styles)

    most = int(shares.groupby("setting")["loss"].nunique().max()) if len(shares) else 0
    lines = max((len(wrap(loss, 20)) for loss in shares["loss"]), default=1)  # of a tick label
    return panels(shares, draw, height=0.75 + max(0.3, 0.14 * lines) * max(2, most))


def _legend_above(figure: Figure) -> Figure:
    """One legend for all panels, and the height that it takes."""
    named = {}
    for axes in figure.axes:
        named |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    longest = _HANDLE + _LETTER * max(map(len, named))
    ncols = max(1, min(6, math.floor(figure.get_figwidth() / longest)))
    with figure_style():
        figure.legend(
            named.values(), named.keys(), loc="outside upper center", ncols=ncols, handlelength=2.6
        )
        extra = 0.18 * math.ceil(len(named) / ncols)
        figure.set_figheight(figure.get_figheight() + extra)
    return figure
