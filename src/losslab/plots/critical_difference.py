"""The critical-difference diagram: mean ranks on an axis, bars along losses not told apart.

It is Demšar's (2006) turned on its side: a row per loss, so that a dozen long names can be read in
a column of text.
"""

from collections.abc import Mapping
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from losslab.analysis.critical_difference import CriticalDifference
from losslab.errors import StudyError
from losslab.plots.style import COLUMN, LossStyle, figure_style, loss_styles, new_figure

Styles = Mapping[str, LossStyle]

_WRAP = 24  # characters of a loss's name in a line of its tick label
_NOTE = 40  # characters of a note above the diagram in a line
_GREY, _GUIDE = "#555555", "#cccccc"
_TESTS = {"wilcoxon": "Wilcoxon, Holm", "nemenyi": "Nemenyi"}


def plot_critical_difference(
    found: CriticalDifference, axes: Axes, *, styles: Styles | None = None
) -> Axes:
    """Mean ranks, best at the top, and at the right a bar along each group that is not told apart.

    `found` is that of `critical_difference`. A dot on a bar is a loss of its group; a loss beside a
    bar without a dot is told apart from one that has a dot. The thin bar above the ranks is
    Nemenyi's critical difference.
    """
    styles = styles or loss_styles(found.ranks["loss"])
    losses, ranks = list(found.ranks["loss"]), list(found.ranks["rank"])
    last = len(losses)
    columns = _columns(found)
    step = 0.06 * (last - 1)
    right = last + step * (1 + max([-1, *(column for column, _ in columns)]))
    for place, (loss, rank) in enumerate(zip(losses, ranks, strict=True)):
        axes.plot([rank, right], [place] * 2, color=_GUIDE, linewidth=0.6, zorder=1)
        look = styles[loss]
        mark = {"marker": look.marker, "markeredgecolor": "white", "markeredgewidth": 0.5}
        axes.plot(rank, place, color=look.colour, markersize=6, zorder=5, **mark)
    for column, group in columns:
        rows = [losses.index(loss) for loss in group]
        xs = [last + step * (1 + column)] * len(rows)
        axes.plot(xs, rows, color="black", linewidth=2, marker="o", markersize=4, zorder=3)
    top = -0.6
    if found.method == "nemenyi" and len(found.pairs):
        top = -1.7
        ends = {"marker": "|", "markersize": 5, "color": _GREY, "linewidth": 0.9}
        axes.plot([1, 1 + found.distance], [-1.2] * 2, **ends)
        text = f"critical difference {found.distance:.2f}"
        axes.text(1 + found.distance + step / 2, -1.2, text, fontsize=7, va="center")
    _legend(found, axes)
    labels = [f"{_name(loss)}  {rank:.2f}" for loss, rank in zip(losses, ranks, strict=True)]
    axes.set_yticks(range(last), labels)
    axes.set_ylim(last - 0.4, top)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(1 - step / 2, right + step / 2)
    axes.set_xticks(range(1, last + 1))
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_bounds(1, last)
    axes.set_xlabel(f"mean rank (1 is best)\nover {_over(found)}")
    return axes


def critical_difference_figure(found: CriticalDifference, *, styles: Styles) -> Figure:
    """The diagram as a figure one column wide: see `plot_critical_difference`.

    Raises StudyError where nothing was ranked.
    """
    if not found.n:
        raise StudyError(f"nothing to draw: {found.reason}")
    lines = max(_name(loss).count("\n") + 1 for loss in found.ranks["loss"])
    height = 0.9 + (0.06 + 0.12 * lines) * len(found.ranks)
    with figure_style():
        figure, [[axes]] = new_figure(width=COLUMN, height=height)
        plot_critical_difference(found, axes, styles=styles)
    return figure


def _name(loss: str) -> str:
    return fill(loss, _WRAP, break_on_hyphens=False)


def _columns(found: CriticalDifference) -> list[tuple[int, tuple[str, ...]]]:
    """The groups, each with the first column at the right that is free along its rows."""
    places = {loss: place for place, loss in enumerate(found.ranks["loss"])}
    ends: list[int] = []  # the last row that each column's bars reach
    rows = []
    for group in found.groups:
        free = [column for column, end in enumerate(ends) if end < places[group[0]]]
        column = free[0] if free else len(ends)
        ends[column : column + 1] = [places[group[-1]]]
        rows.append((column, group))
    return rows


def _legend(found: CriticalDifference, axes: Axes) -> None:
    where = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.1}
    test = f"({_TESTS[found.method]}, {found.level:g})"
    if found.groups:
        look: dict = {"color": "black", "linewidth": 2, "marker": "o", "markersize": 4}
        axes.plot([], [], label=f"not told apart {test}", **look)
        axes.legend(**where, handlelength=1.6)
        return
    text = f"all told apart {test}"
    if found.pairs.empty:
        text = fill(found.reason, _NOTE)
    look = {"fontsize": 7, "va": "bottom", "ha": "right", "transform": axes.transAxes}
    axes.text(1, 1.01, text, **look)


def _over(found: CriticalDifference) -> str:
    over = f"{found.n} {found.unit}{'' if found.n == 1 else 's'}"
    if found.shared:
        over += f" on {found.test_sets} test set{'' if found.test_sets == 1 else 's'}"
    return over
