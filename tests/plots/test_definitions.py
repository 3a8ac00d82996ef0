"""Figures of ranks under all definitions and of trimaps."""

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from losslab.analysis.rankings import Rankings, rank_all
from losslab.analysis.regions import trimap_table
from losslab.metrics.trimap import TRIMAP_WIDTHS
from losslab.plots import loss_styles, png_bytes
from losslab.plots.definitions import plot_rankings, rankings_figure, trimap_figure
from losslab.plots.style import COLUMN, PAGE, figure_style, new_figure
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


LONG = "ce + 4e-4*levelset(epsilon=0.05)"


def cut_texts(figure: Figure) -> list[str]:
    """The texts that do not lie within the figure."""
    with figure_style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        boxes = [
            (text.get_text(), text.get_window_extent(canvas.get_renderer()))
            for text in figure.findobj(Text)
            if text.get_text() and text.get_visible()
        ]
    width, height = figure.bbox.width, figure.bbox.height
    within = [b.x0 >= 0 and b.y0 >= 0 and b.x1 <= width and b.y1 <= height for _, b in boxes]
    assert len(boxes) > 20
    return [text for (text, _), inside in zip(boxes, within, strict=True) if not inside]


def test_long_names_and_many_losses_take_a_page_and_nothing_is_cut(regions: pd.DataFrame) -> None:
    named = [regions.assign(loss=regions["loss"] + end) for end in ("", "_focal", f" + {LONG}")]
    many = pd.concat([part.assign(run_id=part["loss"]) for part in named])
    other = many.assign(encoder="with_decoder_channels_256_128_64_32_16_at_depth_5")
    for results, width in ((regions, COLUMN), (many, PAGE), (pd.concat([many, other]), PAGE)):
        found, table = rank_all(results), trimap_table(results)
        for figure in (
            rankings_figure(found.ranked, found.agreed),
            trimap_figure(table, styles=loss_styles(table["loss"])),
        ):
            assert figure.get_figwidth() == pytest.approx(width)
            assert cut_texts(figure) == []


def test_a_line_parts_whole_pictures_from_distances(regions: pd.DataFrame) -> None:
    found = rank_all(regions)
    _, ((axes,),) = new_figure()
    plot_rankings(found.ranked, found.agreed, axes)
    rows = [label.get_text() for label in axes.get_yticklabels()]
    first = next(place for place, name in enumerate(rows) if "within" in name)
    assert [line.get_ydata()[0] for line in axes.get_lines()] == [0.5, first - 0.5]


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
