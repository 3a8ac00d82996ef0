"""Figures of ranks under all definitions and of trimaps."""

import pandas as pd
import pytest

from losslab.analysis.rankings import Rankings, rank_all
from losslab.analysis.regions import trimap_table
from losslab.metrics.trimap import TRIMAP_WIDTHS
from losslab.plots import loss_styles, png_bytes
from losslab.plots.definitions import plot_rankings, rankings_figure, trimap_figure
from losslab.plots.style import COLUMN, new_figure
from tests.analysis.counted import results_of
from tests.analysis.test_rankings import runs_of
from tests.analysis.test_regions import counts


@pytest.fixture(scope="module")
def found() -> Rankings:
    """dice and iou change places between data-set and image level."""
    return rank_all(results_of({"iou": runs_of(0.95, 0.5), "dice": runs_of(0.8, 0.9, step=0.02)}))


@pytest.fixture(scope="module")
def regions() -> pd.DataFrame:
    losses = {"iou": [counts(0.5, 0.9)] * 2, "dice": [counts(0.8, 0.7), counts(0.6, 0.7)]}
    return results_of(losses)


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_the_matrix_has_the_chosen_definition_on_top_and_its_order_of_losses(
    found: Rankings,
) -> None:
    _, ((axes,),) = new_figure()
    plot_rankings(found.ranked, found.agreed, axes)
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows[0] == "IoU (set)"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["iou", "dice"]
    assert texts(axes)[2:4] == ["1", "2"]
    assert {"IoU (images)", "E-measure (images)"} <= set(rows)
    # The same numbers as others: no class is absent, and a tenth of each object is its band.
    assert not [name for name in rows if "absent are 1" in name or "Boundary" in name]


def test_ranks_that_differ_from_the_chosen_ones_are_framed(found: Rankings) -> None:
    _, ((axes,),) = new_figure()
    plot_rankings(found.ranked, found.agreed, axes)
    own = found.agreed[found.agreed["same_as"] == ""]["score"]
    shown = found.ranked[found.ranked["score"].isin(own)]
    first = shown[shown["chosen"]].set_index("loss")["rank"]
    moved = int((shown["rank"].to_numpy() != first[shown["loss"]].to_numpy()).sum())
    widths = [name for name in own if "trimap" in name or "nonboundary" in name]
    assert len(axes.patches) <= moved
    assert len(axes.patches) >= moved - 2 * len(widths)
    assert len(axes.patches) > 0


def test_widths_with_equal_ranks_share_a_row(regions: pd.DataFrame) -> None:
    found = rank_all(regions)
    _, ((axes,),) = new_figure()
    plot_rankings(found.ranked, found.agreed, axes)
    rows = [label.get_text() for label in axes.get_yticklabels()]
    # The same numbers up to 5 px, a tie at 10, and other numbers beyond it.
    near = [name for name in rows if "within" in name]
    assert near == [f"IoU within {w} px (set)" for w in ("1–5", "10", "20–40")]
    assert "IoU beyond 1–40 px (set)" in rows


def test_the_matrix_fits_a_column(found: Rankings) -> None:
    figure = rankings_figure(found.ranked, found.agreed)
    assert figure.get_figwidth() == pytest.approx(COLUMN)
    assert png_bytes(figure).startswith(b"\x89PNG")
    (axes,) = figure.axes
    assert axes.get_position().width > 0


def test_the_trimap_figure_has_both_regions_on_the_same_widths(regions: pd.DataFrame) -> None:
    table = trimap_table(regions)
    figure = trimap_figure(table, styles=loss_styles(table["loss"]))
    inner, outer = figure.axes
    assert inner.get_title(loc="left") == "within w px of edges"
    assert outer.get_title(loc="left") == "beyond w px of edges"
    assert inner.get_ylabel() == "mean IoU (data set), %"
    assert inner.get_xlim() == outer.get_xlim()
    assert inner.get_xscale() == "log"
    ticks = [label.get_text() for label in inner.get_xticklabels()]
    assert ticks == [str(width) for width in TRIMAP_WIDTHS]
    lines = {line.get_label(): line.get_ydata() for line in inner.get_lines()}
    assert lines["dice"][0] == pytest.approx(70)
    assert set(lines) == {"iou", "dice"}
    assert len(inner.collections) == 2  # the range of the seeds
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_several_settings_have_a_row_of_panels_each(regions: pd.DataFrame) -> None:
    both = pd.concat([regions, regions.assign(dataset="voc")])
    table = trimap_table(both)
    figure = trimap_figure(table, styles=loss_styles(table["loss"]))
    assert len(figure.axes) == 4
    found = rank_all(both)
    assert len(rankings_figure(found.ranked, found.agreed).axes) == 2
