"""What losses reward: maps of their gradients, and their values over a changing prediction."""

import math
from collections.abc import Mapping
from textwrap import fill

import matplotlib
import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy import ndarray

from losslab.losses.card import Situation
from losslab.plots.style import PAGE, figure_style, new_figure

PUSH_MAP = LinearSegmentedColormap.from_list(
    "push", matplotlib.colormaps["PuOr"](np.linspace(0.12, 0.88, 256))
)
"""Diverging and readable with any colour vision: purple raises p(object), orange lowers it.

Without the darkest ends, on which outlines would vanish.
"""

FIELDS = {
    "shift": "shift, pixels",
    "hole": "radius of the hole, pixels",
    "confidence": "probability of the predicted class",
}
"""Label of the axis for each field of a situation that figures sweep."""


def plot_gradient(gradient: Float[ndarray, "h w"], situation: Situation, axes: Axes) -> Axes:
    """Draw where a step against the gradient moves p(object), on the loss's own scale.

    White is no gradient; the longest one is stated below. Outlines: the object (solid) and what
    is predicted (dashed).
    """
    known = gradient[np.isfinite(gradient)]
    peak = float(np.abs(known).max(initial=0.0))
    axes.imshow(-gradient, cmap=PUSH_MAP, norm=Normalize(-(peak or 1.0), peak or 1.0))
    below = f"peak {peak:.1e}" if peak else "no gradient"
    if known.size < gradient.size:
        below = "not finite"
    axes.set_xlabel(below, labelpad=2, fontsize=7)
    outline(situation.object(), axes, style="solid")
    outline(situation.predicted(), axes, style="dashed")
    return bare(axes)


def plot_failure(words: str, axes: Axes) -> Axes:
    """Say in the place of a picture what a loss raised."""
    axes.text(0.5, 0.5, fill(words, 18), fontsize=5, ha="center", va="center", clip_on=True)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_box_aspect(1)
    return bare(axes)


def plot_situation(situation: Situation, axes: Axes) -> Axes:
    """Draw the object (grey) and the outline of what is predicted (dashed), and say how sure."""
    axes.imshow(situation.object(), cmap="Greys", vmin=0, vmax=3)
    outline(situation.object(), axes, style="solid")
    outline(situation.predicted(), axes, style="dashed")
    axes.set_xlabel(f"p = {situation.confidence:.2f}", labelpad=2, fontsize=7)
    return bare(axes)


def plot_sweep(rows: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the values of one loss over one field, of `sweep`."""
    axes.plot(rows["x"], rows["value"], color="#0072B2", marker="o", markersize=2.5)
    axes.grid(axis="y")
    return axes


def outline(mask: Bool[ndarray, "h w"], axes: Axes, *, style: str) -> Axes:
    """Draw the edge of a mask."""
    if mask.any() and not mask.all():
        axes.contour(mask, levels=[0.5], colors="black", linewidths=0.7, linestyles=style)
    return axes


def bare(axes: Axes) -> Axes:
    """No ticks, a thin frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_linewidth(0.4)
    axes.spines[:].set_color("#999999")
    return axes


def gradients_figure(
    maps: Mapping[str, Float[ndarray, "h w"] | str], situation: Situation, *, columns: int = 6
) -> Figure:
    """The situation and the gradient of every loss side by side, each on its own scale; a text
    stands for itself.
    """
    rows = math.ceil((1 + len(maps)) / columns)
    with figure_style():
        lines = max((fill(name, 20).count("\n") for name in maps), default=0)
        height = rows * (PAGE / columns + 0.3 + 0.12 * lines) + 0.65
        figure, grid = new_figure(rows, columns, width=PAGE, height=height)
        cells = [axes for line in grid for axes in line]
        plot_situation(situation, cells[0]).set_title("object and prediction", fontsize=7)
        for axes, (name, gradient) in zip(cells[1:], maps.items(), strict=False):
            if isinstance(gradient, str):
                plot_failure(gradient, axes)
            else:
                plot_gradient(gradient, situation, axes)
            axes.set_title(fill(name, 20), fontsize=7)
        for axes in cells[1 + len(maps) :]:
            axes.set_visible(False)
        scale = ScalarMappable(norm=Normalize(-1, 1), cmap=PUSH_MAP)
        bar = figure.colorbar(
            scale, ax=cells, location="bottom", fraction=0.03, aspect=60, shrink=0.8
        )
        bar.set_ticks([-1, 0, 1], labels=["lowers p(object)", "no gradient", "raises p(object)"])
        bar.set_label("a step against the gradient, each map on the scale of its own peak")
    return figure


def sweeps_figure(table: pd.DataFrame) -> Figure:
    """A row per loss, a column per field of `sweep`'s rows: its value as the prediction changes.

    The panels of a row share their scale, so that the kinds of error can be weighed against each
    other. The fields are named above the first row and below the last one.
    """
    losses, fields = list(dict.fromkeys(table["loss"])), list(dict.fromkeys(table["field"]))
    with figure_style():
        height = 0.62 * len(losses) + 0.65
        figure, grid = new_figure(len(losses), len(fields), width=PAGE, height=height)
        for line, loss in zip(grid, losses, strict=True):
            mine = table[table["loss"] == loss]
            known = mine["value"][np.isfinite(mine["value"])]
            low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
            room = 0.08 * (high - low) or 0.5
            for axes, field in zip(line, fields, strict=True):
                rows = mine[mine["field"] == field]
                plot_sweep(rows, axes)
                axes.set_ylim(low - room, high + room)
                texts = [f"{low:.2g}", f"{high:.2g}"] if len(known) else ["", ""]
                axes.set_yticks([low, high], labels=texts)
                if not np.isfinite(rows["value"]).any():
                    words = fill(next(filter(None, rows["error"]), "not finite")[:60], 36)
                    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center")
                if axes is not line[0]:
                    axes.set_yticklabels([])
                if loss != losses[-1]:
                    axes.set_xticklabels([])
            name = fill(loss, 20)
            line[0].set_ylabel(name, rotation=0, ha="right", va="center")
            line[0].yaxis.set_label_coords(-0.25, 0.5)
        for above, below, field in zip(grid[0], grid[-1], fields, strict=True):
            name = FIELDS.get(str(field), str(field))
            above.set_title(name, fontsize=7)
            below.set_xlabel(name)
    return figure


def masks_figure(
    truth: Bool[ndarray, "h w"], predictions: Mapping[str, Bool[ndarray, "h w"]]
) -> Figure:
    """Hard predictions of one object side by side: the object in grey, what is predicted
    dashed.
    """
    with figure_style():
        tall = truth.shape[0] / truth.shape[1]
        width = PAGE / max(3, len(predictions))
        figure, grid = new_figure(1, len(predictions), width=PAGE, height=width * tall + 0.25)
        for axes, (name, mask) in zip(grid[0], predictions.items(), strict=True):
            axes.imshow(truth, cmap="Greys", vmin=0, vmax=3)
            outline(mask, axes, style="dashed")
            bare(axes).set_title(name, fontsize=7)
    return figure
