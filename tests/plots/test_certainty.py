"""Figures of certainty: what they hold, and that they fit their width."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from losslab import analysis, plots
from losslab.analysis.critical_difference import critical_difference
from losslab.analysis.noise import image_noise
from losslab.analysis.units import intervals_by_unit
from losslab.plots.certainty import (
    improvement_figure,
    plot_improvement,
    plot_relevance,
    plot_units,
    relevance_figure,
    units_figure,
)
from losslab.plots.critical_difference import critical_difference_figure, plot_critical_difference
from losslab.plots.style import COLUMN, PAGE, new_figure
from tests.analysis.by_hand import scores_of, settings_of
from tests.analysis.synthetic import SETTINGS, synthetic_results
from tests.analysis.test_critical_difference import DEMSAR, TREES
from tests.analysis.test_hierarchical import gains_of, results_of
from tests.plots.test_figures import TWO, outside

LONG = {"ce": 0.0, "iou": 0.02, "ce + 4e-4*levelset(epsilon=0.05)": 0.01}
TWELVE = (*LONG, "dice", "focal", "combo", "dice_focal", "lovasz", "distance", "boundary")
TWELVE += ("tversky(alpha=0.3, beta=0.7)", "ce + semeda(weights=(1, 1, 0))")


def axes_of() -> Axes:
    return new_figure()[1][0][0]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def lines_at(axes: Axes, height: float) -> list[np.ndarray]:
    """The ends of the horizontal lines at a height, left to right."""
    lines = [line for line in axes.lines if len(line.get_ydata()) == 2]
    flat = [
        np.asarray(line.get_xdata(), float) for line in lines if set(line.get_ydata()) == {height}
    ]
    return sorted(flat, key=lambda ends: ends[0])


@pytest.mark.parametrize(("settings", "seeds"), [(SETTINGS, 1), (SETTINGS, 3), (TWO, 3)])
def test_figures_of_certainty_fit_their_width(settings: tuple, seeds: int) -> None:
    results = synthetic_results(settings=settings, seeds=seeds, effects=LONG)
    comparison = analysis.paired_comparison(analysis.select_scores(results), "ce")
    both = analysis.hierarchical_comparison(results, "ce")
    units = intervals_by_unit(results, analysis.image_comparison(results, "ce"), both)
    styles = plots.loss_styles(results["loss"])
    noise = analysis.seed_noise(analysis.select_scores(results))
    floor = noise[["setting"]].assign(largest=0.001)
    for figure in (
        improvement_figure(comparison, styles=styles),
        relevance_figure(
            analysis.relevance(comparison), noise, floor, label="IoU (data set)", styles=styles
        ),
        units_figure(units, *image_noise(results), label="IoU of an image (mean over its classes)"),
    ):
        assert figure.get_figwidth() == (COLUMN if len(settings) == 1 else PAGE)
        assert outside(figure) == []


def compared(**gains: list[float]) -> pd.DataFrame:
    columns = {loss: [0.5 + gain for gain in column] for loss, column in gains.items()}
    return analysis.paired_comparison(scores_of(ce=[0.5] * 6, **columns), "ce")


SIX = compared(iou=[0.02, 0.03, 0.04, 0.03, 0.02, 0.01], dice=[0.01, -0.01, 0.0, 0.01, 0.0, -0.02])


def test_shares_of_wins_are_drawn_with_their_intervals_best_at_the_top() -> None:
    axes = plot_improvement(SIX, axes_of())
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dice", "iou"]
    assert texts(axes) == ["50 % of 6", "100 % of 6"]
    row = SIX.set_index("loss").loc["iou"]
    [ends] = lines_at(axes, 1)
    assert ends == pytest.approx([100 * row["improvement_low"], 100])
    assert axes.get_xlabel() == "pairs of runs above ce, %"


def test_relevance_is_drawn_as_two_intervals_on_the_region() -> None:
    relevant = analysis.relevance(SIX)
    axes = plot_relevance(relevant, axes_of(), label="IoU (data set)")
    assert texts(axes) == ["undecided", "relevant gain"]
    row = relevant.set_index("loss").loc["iou"]
    outer, inner = lines_at(axes, 1)
    assert outer == pytest.approx([100 * row["low"], 100 * row["high"]])
    assert inner == pytest.approx([100 * row["low_90"], 100 * row["high_90"]])
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "of no practical matter: ±1.0 points"


def test_an_interval_that_leaves_the_frame_ends_in_an_arrow() -> None:
    wide = compared(iou=[0.02, 0.03, 0.04, 0.03, 0.02, 0.01], dice=[0.9, -0.8, 0.3, -0.3, 0.0, 0.0])
    axes = plot_relevance(analysis.relevance(wide), axes_of())
    low, high = axes.get_xlim()
    assert -15 < low < high < 30
    arrows = [line.get_marker() for line in axes.lines if line.get_marker() in ("<", ">")]
    assert arrows.count("<") == arrows.count(">") == 2  # the ends of 90 and of 95 %


def test_each_unit_has_its_interval_and_colour() -> None:
    results = results_of(gains_of((5, 40), seeds=0.01, images=0.03, rest=0.02))
    both = analysis.hierarchical_comparison(results, "ce")
    units = intervals_by_unit(results, analysis.image_comparison(results, "ce"), both)
    axes = plot_units(units, axes_of(), label="IoU of an image (mean over its classes)")
    for row, height in zip(units.to_dict("records"), (0.22, 0.0, -0.22), strict=True):
        [ends] = lines_at(axes, height)
        assert ends == pytest.approx([100 * row["low"], 100 * row["high"]])
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["over seeds", "images", "both"]


def ranked(losses: tuple[str, ...], table: np.ndarray, sets: int, **options: str):
    test_sets = {f"s{place}": f"set{place % sets}" for place in range(len(table))}
    return critical_difference(settings_of(losses, table), test_sets, **options)


def test_ranks_are_drawn_with_a_bar_along_each_group() -> None:
    found = ranked(TREES, -DEMSAR, 14, method="nemenyi", level=0.10)
    axes = plot_critical_difference(found, axes_of())
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["C4.5+m+cf  1.96", "C4.5+m  2.00", "C4.5+cf  2.89", "C4.5  3.14"]
    assert texts(axes) == ["critical difference 1.12"]
    bars = [list(line.get_ydata()) for line in axes.lines if line.get_color() == "black"]
    assert sorted(bar for bar in bars if bar) == [[0, 1, 2], [2, 3]]
    [ends] = lines_at(axes, -1.2)
    assert np.ptp(ends) == pytest.approx(found.distance)
    assert axes.get_xlabel() == "mean rank (1 is best)\nover 14 settings"
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "not told apart (Nemenyi, 0.1)"


def test_untested_ranks_say_why_and_have_no_bar() -> None:
    found = ranked(("a", "b"), np.array([[0.5, 0.6]] * 3), 3)
    axes = plot_critical_difference(found, axes_of())
    assert "3 settings are too few to test ranks" in " ".join(texts(axes)).replace("\n", " ")
    assert axes.get_legend() is None


def test_losses_all_told_apart_have_no_bar_and_it_says_so() -> None:
    table = np.array([0.5, 0.6]) + np.random.default_rng(0).normal(0, 1e-3, (8, 2))
    axes = plot_critical_difference(ranked(("a", "b"), table, 8), axes_of())
    assert texts(axes) == ["all told apart (Wilcoxon, Holm, 0.05)"]


def test_shared_test_sets_stand_on_the_axis() -> None:
    table = np.random.default_rng(0).normal(0.5, 0.1, (16, 3))
    axes = plot_critical_difference(ranked(("a", "b", "c"), table, 2), axes_of())
    assert axes.get_xlabel().endswith("over 16 settings on 2 test sets")


@pytest.mark.parametrize("method", ["wilcoxon", "nemenyi"])
@pytest.mark.parametrize("losses", [TWELVE[:6], TWELVE])
def test_the_diagram_of_six_and_of_twelve_losses_fits_a_column(
    losses: tuple[str, ...], method: str
) -> None:
    gains = 0.004 * np.arange(len(losses))
    table = 0.5 + gains + np.random.default_rng(0).normal(0, 0.01, (16, len(losses)))
    found = ranked(losses, table, 2, method=method)
    figure = critical_difference_figure(found, styles=plots.loss_styles(losses))
    assert figure.get_figwidth() == COLUMN
    assert outside(figure) == []
    axes = figure.axes[0]
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    above = sorted(boxes, key=lambda box: -box.y0)
    assert all(low.y1 < high.y0 + 1 for high, low in pairwise(above))
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_window_extent().x1 <= figure.bbox.x1 + 1
