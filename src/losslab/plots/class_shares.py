"""The gain of each loss on each class against how much of the pictures the class takes."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator

from losslab.plots.style import PAGE, LossStyle, figure_style, loss_styles, new_figure

Styles = Mapping[str, LossStyle]

_MARKERS = "osD^vPX<"
"""One for each setting, as far as they go."""


def plot_class_shares(
    classes: pd.DataFrame,
    slopes: pd.DataFrame,
    axes: Axes,
    *,
    colour: str = "#000000",
    settings: Sequence[str] = (),
) -> Axes:
    """One loss: the difference from the baseline of each class against its share, with the line of
    `share_slopes`; of one setting with 95 % intervals over runs, of several without.

    `classes` are the loss's rows of `with_shares`, `slopes` those of `share_slopes`; `settings` are
    all of the figure, in the order of their marks.
    """
    names = list(settings) or list(dict.fromkeys(classes["setting"]))
    axes.axhline(0, color="#555555", linewidth=0.8, zorder=1)
    known = classes[classes["share"] > 0].dropna(subset=["difference"])
    for setting, part in known.groupby("setting", sort=False):
        x, y = 100 * part["share"].to_numpy(float), 100 * part["difference"].to_numpy(float)
        mark = _mark(names.index(str(setting)))
        if len(names) == 1:
            low, high = (100 * part[end].to_numpy(float) for end in ("low", "high"))
            axes.vlines(x, low, high, color=colour, linewidth=0.9, alpha=0.7, zorder=2)
        axes.plot(x, y, mark, color=colour, markersize=3, zorder=3)
        for slope in slopes.loc[slopes["setting"] == setting, "difference"]:
            rarity = -np.log10(x)
            ends = np.array([rarity.min(), rarity.max()])
            line = y.mean() + 100 * slope * (ends - rarity.mean())
            axes.plot(10.0**-ends, line, color=colour, linewidth=1.1, zorder=3)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="y")
    return axes


def class_shares_figure(
    classes: pd.DataFrame, slopes: pd.DataFrame, *, label: str, styles: Styles | None = None
) -> Figure:
    """A panel for each loss, on the same axes: see `plot_class_shares`.

    Of the settings that `share_slopes` has rows for.
    """
    styles = styles or loss_styles(classes["loss"])
    shown = classes[classes["setting"].isin(slopes["setting"])]
    settings = list(dict.fromkeys(shown["setting"]))
    losses = list(slopes.groupby("loss")["difference"].mean().sort_values().index[::-1])
    columns = 3 if len(losses) in (3, 5, 6, 9) else min(4, len(losses))
    rows = -(-len(losses) // columns)
    with figure_style():
        figure, grid = new_figure(rows, columns, width=PAGE, height=0.7 + 1.35 * rows)
        cells = [axes for line in grid for axes in line]
        for axes, loss in zip(cells, losses, strict=False):
            if axes is not cells[0]:
                axes.sharex(cells[0])
                axes.sharey(cells[0])
            own, lines = (table[table["loss"] == loss] for table in (shown, slopes))
            look: dict = {"colour": styles[str(loss)].colour, "settings": settings}
            plot_class_shares(own, lines, axes, **look)
            axes.set_title(fill(str(loss), 27, break_on_hyphens=False), loc="left")
        cells[0].invert_xaxis()  # once, as the panels share it: rarer classes are further right
        for axes in cells[len(losses) :]:
            axes.set_visible(False)
        figure.supxlabel(
            "share of the test pixels that the class takes, % (rarer to the right)", fontsize=8
        )
        baseline = slopes["baseline"].iloc[0]
        figure.supylabel(f"{label}: gain over {baseline}, points", fontsize=8)
        if len(settings) > 1:
            marks = [
                Line2D(
                    [],
                    [],
                    color="#555555",
                    linewidth=0,
                    marker=_mark(place),
                    markersize=3,
                    label=name,
                )
                for place, name in enumerate(settings)
            ]
            figure.legend(handles=marks, loc="outside upper left", ncols=min(2, len(marks)))
            figure.set_figheight(figure.get_figheight() + 0.18 * -(-len(marks) // 2))
    return figure


def _mark(place: int) -> str:
    return _MARKERS[place % len(_MARKERS)]
