"""Figures of cost: they fit, and they hold what was measured and what is printed."""

from itertools import pairwise

import pandas as pd
import pytest

from losslab.analysis.published_costs import printed_costs, published_crf
from losslab.errors import StudyError
from losslab.plots.costs import crf_figure, held_figure, ratios_figure, steps_figure
from losslab.plots.style import COLUMN, PAGE
from tests.analysis.test_cost_tables import HELD, bench, steps
from tests.plots.test_figures import outside

LONG = "active_boundary, maps made on the fly"


def test_ratios_of_every_shape_fit_a_page_and_names_do_not_overlap() -> None:
    ratios = {f"{LONG} {number}": (1.0 + number, 2.0 + number) for number in range(6)}
    figure = ratios_figure(bench(iou=(1.1, 1.2), **ratios))
    assert figure.get_figwidth() == pytest.approx(PAGE)
    assert outside(figure) == []
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    boxes.sort(key=lambda box: box.y0)
    assert all(one.y1 <= other.y0 + 1 for one, other in pairwise(boxes))


def test_every_ratio_is_drawn_at_its_value() -> None:
    axes = ratios_figure(bench(iou=(1.1, 1.3))).axes[0]
    drawn = sorted(float(x) for line in axes.lines[:2] for x in line.get_xdata())
    assert drawn == pytest.approx([1, 1, 1.1, 1.3])


def test_bars_of_what_is_kept_end_at_its_sum_with_the_logits() -> None:
    figure = held_figure(HELD)
    axes = figure.axes[0]
    ends = {round(bar.get_x() + bar.get_width(), 3) for bar in axes.patches}
    assert {4.0, 9.0, 12.0} <= ends
    assert figure.get_figwidth() == pytest.approx(COLUMN)
    assert outside(figure) == []


def test_a_printed_ratio_stands_in_the_row_of_its_loss() -> None:
    loss = "ce + 0.0004*levelset"
    taken = steps(**{loss: (1.0, 1.1, 1.3), "iou": (0.9, 1.0, 1.1)})
    figure = steps_figure(taken, printed_costs(taken, bench(), HELD))
    axes = figure.axes[0]
    (mark,) = [line for line in axes.lines if line.get_marker() == "D"]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[int(mark.get_ydata()[0])] == loss
    assert mark.get_xdata()[0] == pytest.approx(1.18, abs=0.001)
    assert outside(figure) == []


def test_kims_table_is_a_panel_a_network() -> None:
    table = published_crf()
    figure = crf_figure(table.assign(panel=table["model"]))
    assert len(figure.axes) == 2
    drawn = [tuple(line.get_xdata()) for line in figure.axes[0].lines]
    assert (0.272, 0.387) in drawn
    assert outside(figure) == []


@pytest.mark.parametrize("panels", [1, 4])
def test_panels_of_any_number_fit(panels: int) -> None:
    table = published_crf().head(3)
    many = pd.concat([table.assign(panel=f"network {number}") for number in range(panels)])
    assert outside(crf_figure(many)) == []


def test_a_table_without_rows_is_an_error() -> None:
    with pytest.raises(StudyError, match="nothing to draw"):
        held_figure(HELD.head(0))
