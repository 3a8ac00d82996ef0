"""Figures of a single run: its pictures and its curves."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from losslab.data import RunData
from losslab.plots.pictures import plot_overlay
from losslab.plots.style import PAGE, figure_style, new_figure

LINES = (("#000000", "-"), ("#0072B2", "--"), ("#D55E00", "-."), ("#009E73", ":"))


def samples_figure(data: RunData, count: int = 6) -> Figure:
    """The first training pictures, each above its label map laid over it."""
    count = min(count, len(data.train.ids))
    binary = data.num_classes == 1
    colours = np.asarray(data.colours, np.uint8)
    if binary:
        colours = np.concatenate([np.full((1, 3), 120, np.uint8), colours])
    with figure_style():
        figure, grid = new_figure(2, count, width=PAGE, height=2.5)
        for image, label, above, below in zip(
            data.train.images, data.train.labels, *grid, strict=False
        ):
            above.imshow(image)
            above.set_axis_off()
            plot_overlay(np.asarray(image), np.asarray(label), colours, below)
    return figure


def training_figure(history: pd.DataFrame) -> Figure:
    """Losses at the left, validation scores in percent at the right, over epochs."""
    with figure_style():
        figure, ((losses, scores),) = new_figure(1, 2, width=PAGE, height=2.4)
        _plot_lines(history[history["metric"].isin(["train_loss", "val_loss"])], losses)
        losses.set_ylabel("loss")
        named = history[history["metric"].isin(["val_iou", "val_boundary_iou", "val_accuracy"])]
        _plot_lines(named.assign(value=100 * named["value"]), scores)
        scores.set_ylabel("validation score, %")
    return figure


def _plot_lines(rows: pd.DataFrame, axes: Axes) -> Axes:
    """One line per metric over epochs."""
    for (metric, part), (colour, line) in zip(rows.groupby("metric"), LINES, strict=False):
        name = str(metric).replace("_", " ")
        axes.plot(
            part["epoch"], part["value"], color=colour, linestyle=line, marker=".", label=name
        )
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    axes.legend()
    return axes
