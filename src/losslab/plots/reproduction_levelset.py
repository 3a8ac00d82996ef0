"""Kim et al. 2019, Figs. 4 and 5: two losses and mIoU over training, Heavisides, the sweep."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from losslab.losses.region import Heaviside, heaviside_step
from losslab.plots.style import PAGE, LossStyle, figure_style, new_figure

HEAVISIDES: dict[Heaviside, tuple[str, str, str]] = {
    "tanh": ("tanh (MAHF)", "#000000", "-"),
    "arctan": ("arctan (AHF)", "#D55E00", "--"),
    "step": ("step (HF)", "#0072B2", ":"),
}
"""Name, colour and line of each; the colours are those of the paper's Fig. 5."""

_MARKERS = ("o", "s", "^", "D", "v", "P")


def plot_heavisides(epsilons: Mapping[Heaviside, float], axes: Axes) -> Axes:
    """H(φ) over the probability p = φ + 1/2 of each Heaviside, with its epsilon."""
    p = torch.linspace(0, 1, 401, dtype=torch.float64)
    for name, epsilon in epsilons.items():
        title, colour, line = HEAVISIDES[name]
        label = title if name == "step" else f"{title}, ε = {epsilon:g}"
        values = heaviside_step(name, float(epsilon))(p)
        axes.plot(p, values, color=colour, linestyle=line, label=label)
    axes.set_xlabel("probability p")
    axes.set_ylabel("H(p − 1/2)")
    return axes


def plot_by_epoch(
    terms: pd.DataFrame,
    column: str,
    label: str,
    axes: Axes,
    styles: Mapping[str, LossStyle],
    *,
    scale: float = 1.0,
) -> Axes:
    """Mean over runs of one column of `loss_terms` by epoch, a line per loss."""
    for loss, part in terms.dropna(subset=[column]).groupby("loss", sort=False):
        look = styles[str(loss)]
        mean = scale * part.groupby("epoch")[column].mean()
        every = max(1, len(mean) // 6)
        axes.plot(
            mean.index, mean, color=look.colour, linestyle=look.line, marker=look.marker,
            markevery=every, markersize=3.5, label=str(loss),
        )  # fmt: skip
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    return axes


def plot_terms(terms: pd.DataFrame, axes: Axes, styles: Mapping[str, LossStyle]) -> Axes:
    """The level set loss of each epoch against its validation mIoU (the paper's Fig. 4 c)."""
    for loss, part in terms.dropna(subset=["levelset", "miou"]).groupby("loss", sort=False):
        look = styles[str(loss)]
        axes.scatter(
            part["levelset"], 100 * part["miou"], s=9, marker=look.marker, facecolors="none",
            edgecolors=look.colour, linewidths=0.7,
        )  # fmt: skip
    axes.set_xlabel("level set loss, energy an image")
    axes.set_ylabel("validation mIoU, %")
    return axes


def plot_sweep(sweep: pd.DataFrame, axes: Axes) -> Axes:
    """Test score against lambda, a line per epsilon; cross-entropy is the dashed line.

    `sweep` holds the rows of `sweep_table` of one setting and the smooth Heaviside.
    """
    base = sweep.loc[sweep["weight"] == 0, "value"]
    if len(base):
        axes.axhline(100 * base.mean(), color="#555555", linestyle="--", linewidth=0.8)
        axes.annotate(
            "ce", (0.99, 100 * base.mean()), xycoords=("axes fraction", "data"), fontsize=6.5,
            ha="right", va="bottom",
        )  # fmt: skip
    colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")
    for number, (epsilon, part) in enumerate(sweep[sweep["weight"] != 0].groupby("epsilon")):
        of_weight = part.groupby("weight")["value"]
        mean, low, high = of_weight.mean(), of_weight.min(), of_weight.max()
        spread = [100 * (mean - low), 100 * (high - mean)]
        axes.errorbar(
            mean.index, 100 * mean, yerr=np.array(spread), color=colours[number % 6],
            marker=_MARKERS[number % 6], linewidth=1, elinewidth=0.7, label=f"ε = {epsilon:g}",
        )  # fmt: skip
    weights = sorted(set(sweep["weight"]) - {0})
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(weights, [f"{weight:g}" for weight in weights], fontsize=6.5)
    axes.set_xlabel("weight λ of the level set loss")
    axes.set_ylabel("test mIoU, %")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, columnspacing=0.8)
    return axes


def terms_figure(terms: pd.DataFrame, styles: Mapping[str, LossStyle]) -> Figure:
    """Cross-entropy and level set loss by epoch, and the latter against mIoU: Fig. 4 of the paper.

    `terms` is `loss_terms` of one setting.
    """
    with figure_style():
        figure, [grid] = new_figure(1, 3, width=PAGE, height=2.4)
        plot_by_epoch(terms, "ce", "cross-entropy, nats a pixel", grid[0], styles)
        plot_by_epoch(terms, "levelset", "level set loss, energy an image", grid[1], styles)
        plot_terms(terms, grid[2], styles)
        handles, names = grid[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=3, handlelength=2.6)
    return figure


def heavisides_figure(
    terms: pd.DataFrame, of_loss: Mapping[str, tuple[Heaviside, float]]
) -> Figure:
    """The Heavisides themselves, and validation mIoU by epoch with each: Fig. 5 of the paper.

    `of_loss` gives Heaviside and epsilon of the losses of `terms` that are drawn.
    """
    with figure_style():
        figure, [grid] = new_figure(1, 2, width=PAGE, height=2.7)
        plot_heavisides(dict(of_loss.values()), grid[0])
        for loss, (name, _) in of_loss.items():
            part = terms[terms["loss"] == loss]
            mean = 100 * part.groupby("epoch")["miou"].mean()
            title, colour, line = HEAVISIDES[name]
            grid[1].plot(mean.index, mean, color=colour, linestyle=line, label=title)
        grid[1].set_xlabel("epoch")
        grid[1].set_ylabel("validation mIoU, %")
        handles, names = grid[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=3, handlelength=2.6)
    return figure


def sweep_figure(sweep: pd.DataFrame) -> Figure:
    """`plot_sweep` of each setting side by side."""
    groups = list(sweep.groupby("setting", sort=False))
    with figure_style():
        width = PAGE if len(groups) > 1 else 0.55 * PAGE
        figure, [grid] = new_figure(1, len(groups), width=width, height=2.5)
        for axes, (setting, part) in zip(grid, groups, strict=True):
            plot_sweep(part, axes)
            if len(groups) > 1:
                axes.set_title(str(setting), loc="left", pad=20)
    return figure
