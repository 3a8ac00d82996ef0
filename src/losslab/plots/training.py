"""Figures of training: validation curves with their range over seeds."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from losslab.plots.style import LossStyle, loss_styles


def plot_curves(
    curves: pd.DataFrame,
    axes: Axes,
    *,
    label: str = "validation score, %",
    scale: float = 100.0,
    threshold: float | None = None,
    threshold_label: str = "",
    styles: Mapping[str, LossStyle] | None = None,
) -> Axes:
    """The mean over seeds at each epoch, shaded from the lowest to the highest run.

    `curves` is the table of `losslab.analysis.curves` for one setting; `threshold` (in its units)
    is drawn as a thin line, named in the legend.
    """
    styles = styles or loss_styles(curves["loss"])
    for loss, part in curves.groupby("loss"):
        look = styles[str(loss)]
        part = part.sort_values("epoch")
        epochs, mean = part["epoch"], scale * part["mean"]
        axes.fill_between(
            epochs, scale * part["low"], scale * part["high"], color=look.colour, alpha=0.13,
            linewidth=0,
        )  # fmt: skip
        every = max(1, len(part) // 6)
        line: dict = {"color": look.colour, "linestyle": look.line, "marker": look.marker}
        axes.plot(epochs, mean, markevery=every, markersize=3.5, label=str(loss), **line)
    if threshold is not None:
        axes.axhline(scale * threshold, color="#555555", linewidth=0.7, label=threshold_label)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(axis="y")
    return axes
