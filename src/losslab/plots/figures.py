"""Whole figures of a comparison: a panel per setting, one legend, sizes that fit their content."""

import math
from collections.abc import Callable, Mapping
from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from losslab.analysis.costs import wall_unit
from losslab.analysis.scores import setting_order
from losslab.errors import StudyError
from losslab.plots.comparison import (
    plot_class_differences,
    plot_cost,
    plot_differences,
    plot_scores,
)
from losslab.plots.style import COLUMN, PAGE, LossStyle, figure_style, new_figure
from losslab.plots.training import plot_curves

Styles = Mapping[str, LossStyle]


def panels(
    table: pd.DataFrame, draw: Callable[[str, pd.DataFrame, Axes], object], *, height: float
) -> Figure:
    """A figure with a panel of `height` inches per setting: one column wide, or a page for more.

    `draw(setting, rows, axes)` draws one panel. With several settings each panel is titled. Raises
    StudyError for a table without rows.
    """
    _check_rows(table)
    table = table.sort_values("setting", kind="stable", key=setting_order)
    groups = list(table.groupby("setting", sort=False))
    columns = min(2, len(groups))
    rows = math.ceil(len(groups) / columns)
    with figure_style():
        figure, grid = new_figure(
            rows, columns, width=COLUMN if columns == 1 else PAGE, height=height * rows
        )
        cells = [axes for line in grid for axes in line]
        for axes, (setting, part) in zip(cells, groups, strict=False):
            draw(str(setting), part, axes)
            if len(groups) > 1:
                axes.set_title(
                    fill(str(setting), 44), loc="left", pad=27 if axes.get_legend() else 6
                )
        for axes in cells[len(groups) :]:
            axes.set_visible(False)
    return figure


def scores_figure(scores: pd.DataFrame, *, label: str, styles: Styles) -> Figure:
    """Scores per seed: see `plot_scores`."""

    def draw(_: str, rows: pd.DataFrame, axes: Axes) -> Axes:
        return plot_scores(rows, axes, label=label, styles=styles)

    return panels(scores, draw, height=_rows_height(scores))


def differences_figure(
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    noise: pd.DataFrame,
    floor: pd.DataFrame,
    *,
    label: str,
    styles: Styles,
    noun: str = "pair of runs",
) -> Figure:
    """Differences on the bands of `seed_noise` and `repeat_noise`: see `plot_differences`.

    Also of images, with `image_comparison`, `image_differences` and the noise of runs' means over
    images.
    """
    bands = noise.set_index("setting")["band"]
    floors = floor.set_index("setting")["largest"]

    def draw(setting: str, rows: pd.DataFrame, axes: Axes) -> Axes:
        pairs = differences[differences["setting"] == setting]
        band, least = (float(of.get(setting, math.nan)) for of in (bands, floors))
        options: dict = {"label": label, "noun": noun, "styles": styles}
        return plot_differences(rows, pairs, band, axes, floor=least, **options)

    return panels(comparison, draw, height=0.55 + _rows_height(comparison))


def classes_figure(classes: pd.DataFrame, noise: pd.DataFrame, *, label: str) -> Figure:
    """Differences of each class beside `class_noise`: see `plot_class_differences`; one colour
    scale for all panels.
    """
    _check_rows(classes)
    end = max(0.01, float(classes["difference"].abs().max()))

    def draw(setting: str, rows: pd.DataFrame, axes: Axes) -> Axes:
        own = noise[noise["setting"] == setting]
        bands = dict(zip(own["class"], own["band"], strict=True))
        return plot_class_differences(rows, axes, noise=bands, label=label, limit=end)

    most = int(classes.groupby("setting")["class"].nunique().max())
    return panels(classes, draw, height=1.0 + 0.19 * most)


def curves_figure(
    curves: pd.DataFrame,
    thresholds: pd.DataFrame,
    *,
    label: str,
    styles: Styles,
    threshold_label: str = "",
) -> Figure:
    """Validation curves with the threshold of `median_epochs`: see `plot_curves`."""
    lines = thresholds.groupby("setting")["threshold"].first()

    def draw(setting: str, rows: pd.DataFrame, axes: Axes) -> Axes:
        height = lines.get(setting)
        options: dict = {"threshold": height, "threshold_label": threshold_label}
        return plot_curves(rows, axes, label=label, styles=styles, **options)

    figure = panels(curves, draw, height=2.3)
    handles, names = figure.axes[0].get_legend_handles_labels()
    with figure_style():
        ncols = 3 if figure.get_figwidth() < PAGE else 6
        figure.legend(handles, names, loc="outside upper center", ncols=ncols, handlelength=2.6)
        extra = 0.18 * math.ceil(len(names) / ncols)
        figure.set_figheight(figure.get_figheight() + extra)
    return figure


def costs_figure(costs: pd.DataFrame, *, styles: Styles) -> Figure:
    """Wall time, step time and peak memory side by side, a row of panels per setting and device."""
    scale, unit = wall_unit(costs["wall_seconds"])
    columns = (
        ("wall_seconds", scale, f"wall time of a run, {unit}"),
        ("step_seconds", 1000.0, "training step, ms"),
        ("peak_memory_bytes", 2.0**-30, "peak memory, GiB"),
    )
    groups = list(costs.groupby(["setting", "device"], sort=False))
    with figure_style():
        height = len(groups) * _rows_height(costs)
        figure, grid = new_figure(len(groups), len(columns), width=PAGE, height=height)
        for line, ((setting, device), rows) in zip(grid, groups, strict=True):
            for axes, (column, scale, label) in zip(line, columns, strict=True):
                plot_cost(rows, axes, column=column, scale=scale, label=label, styles=styles)
            for axes in line[1:]:
                axes.set_yticklabels([])
            if len(groups) > 1:
                line[0].set_title(f"{setting} on {device}", loc="left")
    return figure


def _check_rows(table: pd.DataFrame) -> None:
    if table.empty:
        raise StudyError(
            "nothing to draw: no loss shares a fold and seed with the baseline; run the missing "
            "seeds, or name another baseline"
        )


def _rows_height(table: pd.DataFrame) -> float:
    _check_rows(table)
    return 0.65 + 0.32 * max(2, int(table.groupby("setting")["loss"].nunique().max()))
