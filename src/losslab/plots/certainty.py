"""Figures of how sure a comparison is: shares of wins, relevance, and what an interval is over.

Each `plot_*` takes the tidy table of one setting and an Axes, and returns the Axes; each `*_figure`
has a panel per setting.
"""

import math
from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from losslab.analysis.claims import points
from losslab.analysis.equivalence import PRACTICAL
from losslab.plots.comparison import draw_noise
from losslab.plots.figures import panels
from losslab.plots.style import LossStyle, loss_styles

Styles = Mapping[str, LossStyle]

_WRAP = 20  # characters of a loss's name in a line of its tick label
_LABEL = 36  # characters of an axis's label in a line
_ZERO = "#555555"
_BAND = "#e4e4e4"
_UNITS = {
    "seeds": ("s", "#0072B2"),
    "images": ("^", "#D55E00"),
    "seeds and images": ("o", "#000000"),
}
"""Marker and colour of each unit, of Okabe & Ito 2008."""


def plot_improvement(comparison: pd.DataFrame, axes: Axes, *, styles: Styles | None = None) -> Axes:
    """Share of the pairs that each loss wins, with its 95 % interval; a line at one half.

    `comparison` is the table of `paired_comparison`.
    """
    styles = styles or loss_styles(comparison["loss"])
    rows = comparison.sort_values(["improvement", "difference"]).reset_index(drop=True)
    axes.axvline(50, color=_ZERO, linewidth=0.8, zorder=1)
    for place, row in enumerate(rows.to_dict("records")):
        look = styles[row["loss"]]
        ends = (100 * row["improvement_low"], 100 * row["improvement_high"])
        _bar(axes, ends, place, look.colour, 1.6)
        _mark(axes, 100 * row["improvement"], place, look.marker, look.colour)
        share = points(row["improvement"], 0, sign=False)
        _at_right(axes, place, f"{share} % of {row['n']}")
    axes.set_xlim(-4, 104)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_xlabel(f"pairs of runs above {rows['baseline'].iloc[0]}, %")
    axes.grid(axis="x")
    return _name_losses(axes, rows["loss"])


def plot_relevance(
    relevant: pd.DataFrame,
    axes: Axes,
    *,
    band: float = math.nan,
    floor: float = math.nan,
    label: str = "score",
    styles: Styles | None = None,
) -> Axes:
    """Differences with their 90 % (thick) and 95 % intervals on the region of equivalence, beside
    the noise of seeds.

    `relevant` is the table of `relevance`, `band` that of `seed_noise` and `floor` the largest
    difference of `repeat_noise` (fractions). An interval that leaves the frame ends in an arrow.
    """
    styles = styles or loss_styles([*relevant["loss"], *relevant["baseline"]])
    rows = relevant.sort_values("difference").reset_index(drop=True)
    rope = 100 * float(rows["rope"].iloc[0])
    frame = _frame(rows, max(rope, 0.0 if math.isnan(band) else 100 * band))
    text = f"of no practical matter: ±{points(rope / 100, sign=False)} points"
    axes.axvspan(-rope, rope, color=_BAND, linewidth=0, zorder=0, label=text)
    draw_noise(axes, band, floor, lines=True)
    axes.axvline(0, color=_ZERO, linewidth=0.8, zorder=1)
    for place, row in enumerate(rows.to_dict("records")):
        look = styles[row["loss"]]
        _bar(axes, (100 * row["low"], 100 * row["high"]), place, look.colour, 1.0, frame)
        _bar(axes, (100 * row["low_90"], 100 * row["high_90"]), place, look.colour, 3.0, frame)
        _mark(axes, 100 * row["difference"], place, look.marker, look.colour)
        _at_right(axes, place, PRACTICAL[row["practical"]])
    for width, name in ((3.0, "90 % interval"), (1.0, "95 %")):
        axes.plot([], [], color=_ZERO, linewidth=width, label=name)
    axes.set_xlim(frame)
    axes.set_xlabel(_difference(label, rows["baseline"].iloc[0]))
    _legend(axes, ncols=1)
    return _name_losses(axes, rows["loss"])


def plot_units(
    units: pd.DataFrame,
    axes: Axes,
    *,
    band: float = math.nan,
    floor: float = math.nan,
    label: str = "score",
) -> Axes:
    """One difference per loss with its 95 % interval over seeds, over images and over both, on the
    noise of seeds.

    `units` is the table of `intervals_by_unit`; colours are the units', as losses are named. `band`
    and `floor` are those of `image_noise` (fractions).
    """
    order = units.groupby("loss")["difference"].mean().sort_values().index
    offsets = dict(zip(_UNITS, (0.22, 0.0, -0.22), strict=True))
    frame = _frame(units, 0.0 if math.isnan(band) else 100 * band)
    draw_noise(axes, band, floor)
    axes.axvline(0, color=_ZERO, linewidth=0.8, zorder=1)
    for unit, (marker, colour) in _UNITS.items():
        rows = units[units["unit"] == unit].set_index("loss")
        for place, loss in enumerate(order):
            if loss not in rows.index:
                continue
            row, height = rows.loc[loss], place + offsets[unit]
            _bar(axes, (100 * row["low"], 100 * row["high"]), height, colour, 1.4, frame)
            _mark(axes, 100 * row["difference"], height, marker, colour)
        name = {"seeds": "over seeds", "seeds and images": "both"}.get(unit, unit)
        axes.plot([], [], marker=marker, color=colour, markersize=4, label=name)
    axes.set_xlim(frame)
    axes.set_xlabel(_difference(label, units["baseline"].iloc[0]))
    _legend(axes, ncols=1)
    return _name_losses(axes, order)


def improvement_figure(comparison: pd.DataFrame, *, styles: Styles) -> Figure:
    """Shares of wins: see `plot_improvement`."""

    def draw(_: str, rows: pd.DataFrame, axes: Axes) -> Axes:
        return plot_improvement(rows, axes, styles=styles)

    return panels(comparison, draw, height=_height(comparison, 0.3))


def relevance_figure(
    relevant: pd.DataFrame,
    noise: pd.DataFrame,
    floor: pd.DataFrame,
    *,
    label: str,
    styles: Styles,
) -> Figure:
    """Differences against the region of practical equivalence and the noise of `seed_noise` and
    `repeat_noise`: see `plot_relevance`.
    """

    def draw(setting: str, rows: pd.DataFrame, axes: Axes) -> Axes:
        options: dict = {"label": label, "styles": styles, **_noise(setting, noise, floor)}
        return plot_relevance(rows, axes, **options)

    return panels(relevant, draw, height=0.8 + _height(relevant, 0.3))


def units_figure(
    units: pd.DataFrame, noise: pd.DataFrame, floor: pd.DataFrame, *, label: str
) -> Figure:
    """What an interval is over, on the two tables of `image_noise`: see `plot_units`."""

    def draw(setting: str, rows: pd.DataFrame, axes: Axes) -> Axes:
        return plot_units(rows, axes, label=label, **_noise(setting, noise, floor))

    return panels(units, draw, height=0.8 + _height(units, 0.42))


def _noise(setting: str, noise: pd.DataFrame, floor: pd.DataFrame) -> dict[str, float]:
    band = noise.set_index("setting")["band"].get(setting, math.nan)
    least = floor.set_index("setting")["largest"].get(setting, math.nan)
    return {"band": float(band), "floor": float(least)}


def _bar(
    axes: Axes,
    ends: tuple[float, float],
    place: float | int,
    colour: str,
    width: float,
    frame: tuple[float, float] = (-math.inf, math.inf),
) -> None:
    """An interval as a line; an end outside the frame is an arrow on its edge."""
    if math.isnan(ends[0]):
        return
    seen = [max(ends[0], frame[0]), min(ends[1], frame[1])]
    axes.plot(seen, [place] * 2, color=colour, linewidth=width, zorder=3, solid_capstyle="butt")
    for value, end, marker in zip(ends, seen, "<>", strict=True):
        if value != end:
            axes.plot(end, place, marker=marker, color=colour, markersize=4, clip_on=False)


def _mark(axes: Axes, centre: float, place: float | int, marker: str, colour: str) -> None:
    options = {"markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.5, "zorder": 5}
    axes.plot(centre, place, marker=marker, color=colour, linestyle="none", **options)


def _at_right(axes: Axes, place: float | int, text: str) -> None:
    look: dict = {"transform": axes.get_yaxis_transform(), "fontsize": 7, "va": "center"}
    axes.text(1.02, place, text, clip_on=False, **look)


def _difference(label: str, baseline: str) -> str:
    text = f"difference from {baseline}, points"
    if len(label) < _LABEL:
        return f"{label}:\n{fill(text, _LABEL, break_on_hyphens=False)}"
    return fill(f"{label}: {text}", _LABEL, break_on_hyphens=False)


def _legend(axes: Axes, *, ncols: int) -> None:
    options = {"borderaxespad": 0.1, "handlelength": 1.2, "labelspacing": 0.2, "ncols": ncols}
    options |= {"columnspacing": 0.9, "handletextpad": 0.4}
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), **options)


def _frame(rows: pd.DataFrame, band: float) -> tuple[float, float]:
    """Both ends of the frame in points: 0, the band, all means, and of an interval that reaches far
    out as much again as these take."""
    means = 100 * rows["difference"]
    inner = min(float(means.min()), -band, 0.0), max(float(means.max()), band, 0.0)
    room = max(inner[1] - inner[0], 0.01)
    low = np.nanmin([inner[0], *(100 * rows["low"]).clip(lower=inner[0] - room)])
    high = np.nanmax([inner[1], *(100 * rows["high"]).clip(upper=inner[1] + room)])
    margin = 0.06 * (high - low) or 0.01
    return float(low - margin), float(high + margin)


def _height(table: pd.DataFrame, row: float) -> float:
    if table.empty:
        return 1.0
    return 0.65 + row * max(2, int(table.groupby("setting")["loss"].nunique().max()))


def _name_losses(axes: Axes, losses: pd.Series | pd.Index) -> Axes:
    axes.set_yticks(
        range(len(losses)), [fill(str(loss), _WRAP, break_on_hyphens=False) for loss in losses]
    )
    axes.set_ylim(-0.6, len(losses) - 0.4)
    axes.tick_params(axis="y", length=0)
    return axes
