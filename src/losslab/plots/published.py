"""Figures of the audit of the papers' tables: verdicts, gains, what they go with, convergence."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from losslab.analysis.audit.censored import EPOCHS
from losslab.analysis.audit.findings import VERDICTS
from losslab.analysis.audit.names import (
    comparison_name,
    data_set_name,
    loss_name,
    model_name,
    paper_name,
)
from losslab.analysis.scores import METRICS
from losslab.plots.style import PAGE, figure_style, loss_styles, new_figure

_LOOKS = (("#56B4E9", ""), ("#D55E00", "////"), ("#cccccc", "...."))
"""Colour and hatch of each verdict, so that grey print reads too."""

_PAPERS = {
    "rahman2016": ("o", "#0072B2"),
    "vanbeers2018": ("s", "#D55E00"),
    "kim2019": ("^", "#009E73"),
    "chen2020": ("D", "#CC79A7"),
    "gul2023": ("v", "#000000"),
}
"""Marker and colour of each paper."""

_ROW = ["paper", "comparison", "baseline"]

_SETTING = ["paper", "dataset", "split", "model", "encoder", "comparison", "metric"]


def plot_verdicts(found: pd.DataFrame, axes: Axes) -> Axes:
    """A bar per paper, split by verdict, with the counts in that order.

    `found` is the table of `audit`. Checks of ours, of which a paper says nothing, are left out.
    """
    papers = list(dict.fromkeys(found["paper"]))
    counts = (
        found[found["verdict"].isin(VERDICTS)]
        .groupby(["paper", "verdict"])
        .size()
        .unstack(fill_value=0)
    )
    start = np.zeros(len(papers))
    texts: list[list[str]] = [[] for _ in papers]
    for verdict, (colour, hatch) in zip(VERDICTS, _LOOKS, strict=True):
        widths = np.array([counts.get(verdict, {}).get(paper, 0) for paper in papers], float)
        options = {"left": start, "height": 0.66, "edgecolor": "white", "linewidth": 0.6}
        axes.barh(range(len(papers)), widths, color=colour, hatch=hatch, label=verdict, **options)
        start += widths
        texts = [[*before, f"{width:.0f}"] for before, width in zip(texts, widths, strict=True)]
    for place, (end, parts) in enumerate(zip(start, texts, strict=True)):
        axes.text(end + 1, place, " / ".join(parts), va="center", fontsize=6.5)
    axes.set_xlim(0, 1.32 * start.max())  # room for the counts
    axes.set_xlabel("printed statistics and claims")
    axes.legend(loc="lower right", bbox_to_anchor=(1.03, 1), ncols=3, columnspacing=0.8)
    return _rows(axes, [paper_name(paper) for paper in papers])


def plot_gains(gains: pd.DataFrame, summary: pd.DataFrame, axes: Axes) -> Axes:
    """Every pair's gain as an open mark, each row's mean with its 95 % t interval, in points.

    A row per row of `gain_summary`; `gains` is the table of `paired_gains`.
    """
    labels = []
    axes.axvline(0, color="#555555", linewidth=0.8, zorder=1)
    many = summary["paper"].nunique() > 1
    for place, row in enumerate(summary.to_dict("records")):
        marker, colour = _PAPERS[row["paper"]]
        same = (gains[_ROW] == [row[name] for name in _ROW]).all(axis=1)
        values = 100 * gains.loc[same, "gain"].to_numpy(float)
        heights = place + np.linspace(-0.26, 0.26, len(values)) if len(values) > 1 else [place]
        face = {"facecolors": "none", "edgecolors": colour, "linewidths": 0.6, "alpha": 0.75}
        axes.scatter(values, heights, s=8, marker=marker, zorder=2, **face)
        if not math.isnan(row["low"]):
            ends = [100 * row["low"], 100 * row["high"]]
            axes.plot(ends, [place, place], color=colour, linewidth=1.8, zorder=3)
        mean = [100 * row["difference"]] * 2
        axes.plot(mean, [place - 0.3, place + 0.3], color=colour, linewidth=1.2, zorder=4)
        first = paper_name(row["paper"]) if many else f"over {loss_name(row['baseline'])}"
        labels.append(f"{first}\n{comparison_name(row['comparison'])}")
    axes.grid(axis="x")
    axes.set_xlabel("gain of the proposed loss, points")
    return _rows(axes, labels)


def plot_settings(gains: pd.DataFrame, axes: Axes) -> Axes:
    """Gains over cross-entropy with data set, network and metric named; a colour per paper.

    A row per paper, data set, split, network, comparison and metric: open marks are pairs, the bar
    is their mean.
    """
    of_ce = gains[gains["baseline"] == "ce"]
    labels, seen = [], []
    axes.axvline(0, color="#555555", linewidth=0.8, zorder=1)
    for place, (_, part) in enumerate(of_ce.groupby(_SETTING, sort=False)):
        row = part.iloc[0]
        marker, colour = _PAPERS[row["paper"]]
        values = 100 * part["gain"].to_numpy(float)
        look = {"facecolors": "none", "edgecolors": colour, "linewidths": 0.6, "s": 9}
        name = "" if row["paper"] in seen else paper_name(row["paper"])
        axes.scatter(values, np.full(len(values), place), marker=marker, label=name or None, **look)
        mean = [values.mean()] * 2
        axes.plot(mean, [place - 0.36, place + 0.36], color=colour, linewidth=1.6, zorder=3)
        seen.append(row["paper"])
        seeds = part["variant"].str.contains("seed").any()
        kind = "seeds" if seeds else str(row["comparison"]).split()[-1]
        many = f", {len(values)} {kind}" if len(values) > 1 else ""
        where = f"{data_set_name(row['dataset'])} {row['split']}"
        network = model_name(row["model"], row["encoder"])
        labels.append(f"{where}, {network}, {METRICS[row['metric']]}{many}")
    axes.grid(axis="x")
    axes.set_xlabel("gain of the proposed loss over cross-entropy, points")
    axes.legend(loc="lower center", bbox_to_anchor=(0.2, 1), ncols=5, handletextpad=0.1)
    return _rows(axes, labels)


def plot_sparsity(gains: pd.DataFrame, axes: Axes) -> Axes:
    """Gain of a class against its background:object ratio; `gains` is that of `with_sparsity`."""
    axes.axhline(0, color="#555555", linewidth=0.8)
    looks = (("o", "#0072B2"), ("s", "#D55E00"))
    for (comparison, part), (marker, colour) in zip(
        gains.groupby("comparison"), looks, strict=False
    ):
        look = {"facecolors": "none", "edgecolors": colour, "marker": marker, "s": 16}
        axes.scatter(
            part["ratio"], 100 * part["gain"], label=comparison_name(str(comparison)), **look
        )
    for row in gains.loc[gains["gain"].abs().nlargest(4).index].to_dict("records"):
        place = (row["ratio"], 100 * row["gain"])
        axes.annotate(row["class"], place, (10, 1), textcoords="offset points", fontsize=6.5)
    axes.set_xscale("log")
    axes.set_xticks([25, 50, 100, 200, 400])
    axes.set_xlim(20, 480)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("background pixels for each pixel of the class")
    axes.set_ylabel("gain in IoU, points")
    low, high = axes.get_ylim()
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])
    axes.legend(loc="upper left", handletextpad=0.2)
    return axes


def plot_strength(gains: pd.DataFrame, axes: Axes) -> Axes:
    """Gain of each pair over cross-entropy against the baseline's score; a mark per paper."""
    axes.axhline(0, color="#555555", linewidth=0.8)
    for paper, part in gains[gains["baseline"] == "ce"].groupby("paper", sort=False):
        marker, colour = _PAPERS[str(paper)]
        look = {"facecolors": "none", "edgecolors": colour, "linewidths": 0.7, "s": 13}
        x, y = 100 * part["baseline_value"], 100 * part["gain"]
        axes.scatter(x, y, marker=marker, label=paper_name(str(paper)), **look)
    axes.set_xlabel("score with cross-entropy, %")
    axes.set_ylabel("gain, points")
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handletextpad=0.1, columnspacing=0.8
    )
    return axes


def plot_reached(epochs: pd.DataFrame, axes: Axes, *, title: str = "") -> Axes:
    """Settings in which each loss is at the threshold by an epoch; the table of `epochs_table`."""
    styles = loss_styles(epochs["loss"])
    for number, (loss, part) in enumerate(epochs.groupby("loss")):
        seen = np.sort(part["epoch"].dropna().to_numpy(float))
        x = np.concatenate([[0], seen, [EPOCHS]])
        y = np.concatenate([np.arange(len(seen) + 1), [len(seen)]]) + 0.05 * (number - 2.5)
        look = styles[str(loss)]
        options: dict = {"color": look.colour, "linestyle": look.line, "linewidth": 1.2}
        axes.step(x, y, where="post", label=loss_name(str(loss)), **options)
        axes.plot(
            EPOCHS, y[-1], marker=look.marker, color=look.colour, markersize=3.5, clip_on=False
        )
    axes.set_xlim(0, EPOCHS)
    axes.set_ylim(-0.3, 7.4)
    axes.set_title(title, loc="left", fontsize=7, color="#555555")
    axes.set_xlabel("epoch")
    axes.set_ylabel("settings at the threshold, of 7")
    return axes


def verdicts_figure(found: pd.DataFrame) -> Figure:
    """`plot_verdicts` at column width."""
    with figure_style():
        figure, [[axes]] = new_figure(height=2.0)
        plot_verdicts(found, axes)
    return figure


def gains_figure(gains: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """`plot_gains` at column width."""
    with figure_style():
        figure, [[axes]] = new_figure(height=0.7 + 0.32 * len(summary))
        plot_gains(gains, summary, axes)
    return figure


def settings_figure(gains: pd.DataFrame) -> Figure:
    """`plot_settings` at page width."""
    with figure_style():
        rows = gains.loc[gains["baseline"] == "ce", _SETTING].drop_duplicates()
        figure, [[axes]] = new_figure(width=PAGE, height=0.8 + 0.145 * len(rows))
        plot_settings(gains, axes)
    return figure


def sparsity_figure(gains: pd.DataFrame) -> Figure:
    """`plot_sparsity` at column width."""
    with figure_style():
        figure, [[axes]] = new_figure()
        plot_sparsity(gains, axes)
    return figure


def strength_figure(gains: pd.DataFrame) -> Figure:
    """`plot_strength` at column width."""
    with figure_style():
        figure, [[axes]] = new_figure(height=2.9)
        plot_strength(gains, axes)
    return figure


def reached_figure(epochs: pd.DataFrame) -> Figure:
    """`plot_reached` of both data sets side by side, with one legend, at page width."""
    with figure_style():
        figure, [grid] = new_figure(1, 2, width=PAGE, height=2.6)
        for axes, (dataset, part) in zip(grid, epochs.groupby("dataset"), strict=True):
            plot_reached(part, axes, title=comparison_name(f"{dataset} validation"))
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=6, handlelength=2.6)
    return figure


def _rows(axes: Axes, labels: list[str]) -> Axes:
    """A row per label, from the top."""
    axes.set_yticks(range(len(labels)), labels, fontsize=6.5)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    return axes
