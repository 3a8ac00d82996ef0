"""Figures of what a definition decides: ranks under each one, IoU near edges and away from them."""

import math
from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, NullLocator

from losslab.analysis.definitions import LEVEL_NAMES, brief, by_distance
from losslab.analysis.regions import TRIMAPS
from losslab.metrics import DEFINITIONS
from losslab.plots.figures import panels
from losslab.plots.style import COLUMN, PAGE, LossStyle, figure_style, loss_styles, new_figure

_MOVED = "#D55E00"
_SMALL = 6  # points: up to forty rows have to go on a page


def plot_rankings(ranked: pd.DataFrame, agreed: pd.DataFrame, axes: Axes) -> Axes:
    """The rank of each loss (column) under each definition (row), the chosen one on top.

    `ranked` and `agreed` are the tables of `rankings` and `agreement` for one setting. Dark is
    first; an orange frame marks a rank that is not that of the chosen definition. At the right
    Kendall's tau and the pairs of losses that change places. Definitions that give the same
    numbers, and widths beside each other that give the same ranks, share a row.
    """
    rows = _rows(ranked, agreed)
    first = ranked[ranked["chosen"]].sort_values(["rank", "loss"])
    losses = list(first["loss"])
    ranks = np.array([[row["ranks"][loss] for loss in losses] for row in rows], float)
    axes.imshow(-ranks, cmap="Blues", vmin=-len(losses) - 0.5, vmax=-0.2, aspect="auto")
    for (row, column), rank in np.ndenumerate(ranks):
        dark = rank <= (len(losses) + 1) / 3
        look: dict = {"color": "white" if dark else "black", "fontsize": _SMALL}
        axes.text(column, row, f"{rank:g}", ha="center", va="center", **look)
        if rank != ranks[0, column]:
            frame: dict = {"fill": False, "edgecolor": _MOVED, "linewidth": 0.9}
            axes.add_patch(Rectangle((column - 0.43, row - 0.4), 0.86, 0.8, **frame))
    _beside(axes, -0.9, "τ", "flips")
    for number, row in enumerate(rows):
        tau = "–" if np.isnan(row["tau"]) else f"{row['tau']:.2f}".replace("-", "−")
        flips = f"{row['flips']:g}" if row["flips"] else ""
        flips = f"derived {flips}".strip() if row["derived"] else flips
        flips += "*" if row["clear"] else ""
        _beside(axes, number, tau, flips)
    axes.set_xticks(range(len(losses)), [_broken(loss) for loss in losses], rotation=90)
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows], fontsize=_SMALL)
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.axhline(0.5, color="black", linewidth=0.8)
    groups = [by_distance(row["score"]) for row in rows]
    if True in groups[1:]:
        axes.axhline(groups.index(True, 1) - 0.5, color="black", linewidth=0.8)
    axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    return axes


def _beside(axes: Axes, row: float | int, tau: str, flips: str) -> None:
    """Kendall's tau and the flips at the right of a row."""
    for points, text in ((5, tau), (27, flips)):
        where: dict = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
        axes.annotate(text, (1, row), (points, 0), fontsize=_SMALL, va="center", **where)


def _broken(loss: str) -> str:
    """A long loss expression on two lines."""
    width = max(14, math.ceil(len(loss) / 2) + 2)
    return fill(loss, width, break_long_words=False, break_on_hyphens=False)


_MANY = 8  # losses for which a column is too narrow
_CHARACTER = 0.062  # inches: of the larger type


def _is_wide(losses: pd.Series) -> bool:
    """Whether these losses need a page's width: they are many or have long names."""
    return losses.nunique() > _MANY or bool((losses.str.len() > 14).any())


def rankings_figure(ranked: pd.DataFrame, agreed: pd.DataFrame) -> Figure:
    """Ranks under all definitions: see `plot_rankings`."""
    places = agreed.groupby("setting", sort=False)
    parts = {str(setting): part for setting, part in places}

    def draw(setting: str, rows: pd.DataFrame, axes: Axes) -> Axes:
        return plot_rankings(rows, parts[setting], axes)

    groups = ranked.groupby("setting", sort=False)
    most = max((len(_rows(part, parts[str(name)])) for name, part in groups), default=0)
    heads = max(len(line) for loss in ranked["loss"] for line in _broken(loss).splitlines())
    figure = panels(ranked, draw, height=0.6 + _CHARACTER * heads + 0.14 * most)
    if _is_wide(ranked["loss"]):
        figure.set_figwidth(PAGE)
    with figure_style():
        for axes in figure.axes:  # the names of rows need the room at the left
            title = axes.get_title(loc="left")
            axes.set_title("", loc="left")
            axes.set_title(title, loc="right", multialignment="left")
        figure.supxlabel(_LEGEND, fontsize=_SMALL)
        figure.set_figheight(figure.get_figheight() + 0.35)
    return figure


_LEGEND = (
    "rank by mean score (1: best); orange: another rank than by the\nchosen definition (bold); "
    "flips: pairs of losses that change places,\n*: both 95 % intervals of one of them exclude 0"
)


def plot_trimap(
    table: pd.DataFrame,
    axes: Axes,
    *,
    styles: Mapping[str, LossStyle] | None = None,
) -> Axes:
    """IoU against the width of the trimap, shaded from the lowest to the highest run.

    `table` holds the rows of `trimap_table` of one setting and one region. Widths are in pixels on
    a logarithmic axis.
    """
    styles = styles or loss_styles(table["loss"])
    for loss, part in table.groupby("loss"):
        look = styles[str(loss)]
        part = part.sort_values("width")
        ends = (100 * part["low"], 100 * part["high"])
        axes.fill_between(part["width"], *ends, color=look.colour, alpha=0.13, linewidth=0)
        line: dict = {"color": look.colour, "linestyle": look.line, "marker": look.marker}
        axes.plot(part["width"], 100 * part["mean"], markersize=3.5, label=str(loss), **line)
    widths = sorted(table["width"].unique())
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(widths))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(widths, [f"{width:g}" for width in widths])
    axes.grid(axis="y")
    return axes


def trimap_figure(table: pd.DataFrame, *, styles: Mapping[str, LossStyle]) -> Figure:
    """IoU within the trimap and beyond it, a row of two panels per setting: see `plot_trimap`."""
    groups = list(table.groupby("setting", sort=False))
    level = LEVEL_NAMES[table["level"].iloc[0]]
    width = PAGE if len(groups) > 1 or _is_wide(table["loss"]) else COLUMN
    with figure_style():
        figure, grid = new_figure(len(groups), 2, width=width, height=2.1 * len(groups) + 0.45)
        for line, (setting, rows) in zip(grid, groups, strict=True):
            for axes, region in zip(line, TRIMAPS, strict=True):
                plot_trimap(rows[rows["region"] == region], axes, styles=styles)
                axes.set_title(f"{region} w px of edges", loc="left")
                axes.set_xlim(*_ends(rows["width"]))
            line[0].set_ylabel(f"mean IoU ({level}), %")
            if len(groups) > 1:
                line[0].set_title(f"{fill(str(setting), 44)}\nwithin w px of edges", loc="left")
        figure.supxlabel("w, pixels", fontsize=8)
        handles, names = grid[0][0].get_legend_handles_labels()
        fit = int(width / (_CHARACTER * max(map(len, names)) + 0.6))
        columns = max(1, min(len(names), fit))
        figure.legend(handles, names, loc="outside upper center", ncols=columns, handlelength=2.6)
        lines = math.ceil(len(names) / columns)
        figure.set_figheight(figure.get_figheight() + 0.16 * max(0, lines - 2))
    return figure


def _ends(widths: pd.Series) -> tuple[float, float]:
    """Both panels show all widths, though beyond the widest nothing may be left."""
    return 0.85 * float(widths.min()), 1.18 * float(widths.max())


def _rows(ranked: pd.DataFrame, agreed: pd.DataFrame) -> list[dict]:
    """name, ranks by loss, tau, flips, clear, derived of each row of the figure, chosen first."""
    ordered = agreed.sort_values("chosen", ascending=False, kind="stable")
    ranks = {name: part.set_index("loss")["rank"] for name, part in ranked.groupby("score")}
    kinds: dict[tuple[str, str], list[dict]] = {}
    for entry in ordered.to_dict("records"):
        kind, width = _kind(entry["score"])
        if entry["same_as"] and not (width and _kind(entry["same_as"])[0] == kind):
            continue
        if width is None or entry["chosen"]:
            kind = (entry["score"], "")
        row = {**entry, "ranks": ranks[entry["score"]].to_dict(), "widths": [width]}
        rows = kinds.setdefault(kind, [])
        if rows and all(rows[-1][key] == row[key] for key in ("ranks", "flips", "clear")):
            rows[-1]["widths"].append(width)
        else:
            rows.append(row)
    rows = [row for kind in kinds.values() for row in kind]
    return [row | {"name": _named(row["definition"], row["widths"])} for row in rows]


def _kind(name: str) -> tuple[tuple[str, str], int | None]:
    """Metric and level of a definition, and the width of its trimap, if it has one: definitions of
    a kind differ in their width alone.
    """
    score = DEFINITIONS[name]
    width = score.width if isinstance(score.width, int) else None
    return (score.metric.removesuffix(f"_{width}"), score.level), width


def _named(name: str, widths: list[int | None]) -> str:
    """A brief name; that of the first of some widths stands for all: "1–3 px"."""
    name = brief(name)
    if len(widths) < 2:
        return name
    return name.replace(f" {widths[0]} px", f" {widths[0]}–{widths[-1]} px")
