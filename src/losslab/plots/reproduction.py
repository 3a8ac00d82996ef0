"""Published against measured scores, settings, gains by sparsity, and outputs side by side."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from losslab.analysis.reproduction.layout import family, metric_name
from losslab.analysis.reproduction.sentences import in_percent
from losslab.analysis.reproduction.t_tests import METRICS
from losslab.plots.style import COLUMN, PAGE, LossStyle, figure_style, loss_styles, new_figure

_BLUE, _RED, _GREY = "#0072B2", "#D55E00", "#555555"


def plot_published_measured(
    rows: pd.DataFrame, axes: Axes, *, styles: Mapping[str, LossStyle], column: str = "measured"
) -> Axes:
    """Measured scores, or their differences, against published ones, percent, by kind of loss.

    `rows` is `in_percent` of the table with a column `kind`. A bar is the standard deviation over
    runs, where there is one; the line is where both are equal.
    """
    for kind, part in rows.groupby("kind", sort=False):
        look = styles[str(kind)]
        axes.errorbar(
            part["published"], part[column], yerr=part["sd"].fillna(0), fmt="none",
            ecolor=look.colour, elinewidth=0.6,
        )  # fmt: skip
        face: dict[str, Any] = {"facecolors": "none", "edgecolors": look.colour, "s": 15}
        axes.scatter(
            part["published"], part[column], marker=look.marker, linewidths=0.7, label=str(kind),
            **face,
        )  # fmt: skip
    low, high = _ends(rows["published"])
    axes.set_xlim(low, high)
    if column == "measured":
        axes.axline((low, low), slope=1, color=_GREY, linewidth=0.7, zorder=0)
        axes.set_ylabel("measured, %")
    else:
        axes.axhline(0, color=_GREY, linewidth=0.7, zorder=0)
        axes.set_ylabel("measured − published, points")
    axes.set_xlabel("published, %")
    axes.grid(True)
    return axes


def _ends(values: pd.Series) -> tuple[float, float]:
    """The range of the values and a little beyond."""
    low, high = float(values.min()), float(values.max())
    pad = max(1.0, 0.05 * (high - low))
    return low - pad, high + pad


def plot_setting_pairs(pairs: pd.DataFrame, axes: Axes, *, scale: float, label: str) -> Axes:
    """IoU loss less cross-entropy in each of van Beers' settings, published and measured.

    `pairs` holds the rows of `setting_pairs` of one metric. Open circles are published, filled
    squares measured.
    """
    places = np.arange(len(pairs))
    axes.axvline(0, color=_GREY, linewidth=0.8)
    hollow: dict[str, Any] = {"facecolors": "none", "edgecolors": _RED, "linewidths": 0.8}
    axes.scatter(scale * pairs["published"], places - 0.12, s=16, label="published", **hollow)
    axes.scatter(
        scale * pairs["measured"], places + 0.12, s=13, marker="s", color=_BLUE, label="measured"
    )
    axes.set_yticks(places, list(pairs["name"]), fontsize=6.5)
    axes.set_ylim(len(pairs) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label)
    axes.grid(axis="y")
    return axes


def plot_sparsity(rows: pd.DataFrame, axes: Axes) -> Axes:
    """Rahman & Wang's gain of IoU loss over cross-entropy against the background:object ratio that
    they print: columns class, ratio, published, measured (points).
    """
    axes.axhline(0, color=_GREY, linewidth=0.7)
    hollow: dict[str, Any] = {"facecolors": "none", "edgecolors": _RED, "linewidths": 0.8}
    axes.scatter(rows["ratio"], rows["published"], s=16, label="published", **hollow)
    axes.scatter(rows["ratio"], rows["measured"], s=13, marker="s", color=_BLUE, label="measured")
    axes.set_xscale("log")
    axes.set_xlabel("background pixels per pixel of the class (Table 2)")
    axes.set_ylabel("gain in IoU, points")
    axes.set_xticks([25, 50, 100, 200, 300], ["25", "50", "100", "200", "300"])
    axes.minorticks_off()
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handletextpad=0.1)
    return axes


def published_measured_figure(table: pd.DataFrame) -> Figure:
    """Measured against published scores, and their differences, side by side."""
    rows = in_percent(table)
    rows = rows.assign(kind=[family(loss) for loss in rows["loss"]])
    kinds = dict(zip(rows["loss"], rows["kind"], strict=True))
    # The basic losses keep the style that they have in all figures.
    names = {kind: loss if loss in ("ce", "iou") else kind for loss, kind in kinds.items()}
    by_name = loss_styles(names.values())
    styles = {kind: by_name[name] for kind, name in names.items()}
    with figure_style():
        figure, [grid] = new_figure(1, 2, width=PAGE, height=3.1)
        for axes, column in zip(grid, ("measured", "difference"), strict=True):
            plot_published_measured(rows, axes, styles=styles, column=column)
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=6, handletextpad=0.1)
    return figure


def setting_pairs_figure(pairs: pd.DataFrame) -> Figure:
    """`plot_setting_pairs` of the three metrics side by side."""
    found = [metric for metric in METRICS if (pairs["metric"] == metric).any()]
    most = int(pairs.groupby("metric").size().max())
    with figure_style():
        figure, [grid] = new_figure(1, len(found), width=PAGE, height=0.8 + 0.14 * most)
        for number, (metric, axes) in enumerate(zip(found, grid, strict=True)):
            unit = "epochs" if metric == "epochs" else f"{metric_name(metric)}, points"
            scale = 1.0 if metric == "epochs" else 100.0
            plot_setting_pairs(pairs[pairs["metric"] == metric], axes, scale=scale, label=unit)
            if number:
                axes.set_yticklabels([])
        handles, names = grid[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=2, handletextpad=0.1)
    return figure


def sparsity_figure(rows: pd.DataFrame) -> Figure:
    """`plot_sparsity` at column width."""
    with figure_style():
        figure, [[axes]] = new_figure(height=2.5)
        plot_sparsity(rows, axes)
    return figure


def outputs_figure(pictures: Mapping[str, np.ndarray]) -> Figure:
    """Predicted label maps side by side, titled, as van Beers' Figs. 5.1 and 5.2; no photograph."""
    with figure_style():
        height, width = next(iter(pictures.values())).shape[:2]
        inches = 0.25 + (COLUMN / len(pictures) - 0.1) * height / width
        figure, [grid] = new_figure(1, len(pictures), height=inches)
        for axes, (title, picture) in zip(grid, pictures.items(), strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=max(1, int(picture.max())))
            axes.set_title(title)
            axes.axis("off")
    return figure
