"""Figures of a data set: they draw what their tables say."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from losslab.analysis.data_sets import (
    boundary_shares,
    class_shares,
    count_labels,
    object_sizes,
    ratios,
)
from losslab.analysis.published_ratios import with_published
from losslab.data import open_dataset
from losslab.plots.data_sets import (
    boundaries_figure,
    picture_figure,
    plot_label,
    plot_names,
    plot_ratios,
    plot_shares,
    plot_sizes,
    ratios_figure,
    samples_figure,
    shares_figure,
    sizes_figure,
)
from losslab.plots.palette import REST, distinct_colours, shown_colours
from losslab.plots.style import COLUMN, PAGE
from tests.analysis.made import Made
from tests.plots.test_figures import outside

COLOURS = np.array([[120, 120, 120], [0, 114, 178], [230, 159, 0]], np.uint8)
NAMES = ("ground", "a", "b")


def counted():
    label = np.zeros((20, 20), np.uint8)
    label[2:8, 3:9] = 1
    label[12:14, 1:18] = 2
    label[0] = 255
    return count_labels(Made([label, np.zeros((20, 20), np.uint8)]))


def test_bars_are_as_long_as_the_shares_and_say_so() -> None:
    table = class_shares(counted())
    axes = Figure().subplots()
    assert plot_shares(table, axes, column="pixel_share", label="x") is axes
    widths = [patch.get_width() for patch in axes.patches]
    assert widths == pytest.approx((100 * table["pixel_share"]).to_list())
    assert [tick.get_text() for tick in axes.get_yticklabels()] == table["class"].to_list()
    assert [text.get_text() for text in axes.texts] == ["88.8", "4.5", "4.2", "2.5"]


def test_a_class_without_pixels_is_named_absent_where_a_share_of_it_is_asked() -> None:
    table = boundary_shares(count_labels(Made([[[0, 1]]])))
    axes = Figure().subplots()
    plot_shares(table, axes, column="boundary_share", label="x")
    assert axes.texts[2].get_text() == "absent"


def test_ratios_are_marked_at_their_values_with_the_published_ones() -> None:
    table = ratios(counted()).assign(published=[7.0, np.nan, np.nan])
    axes = Figure().subplots()
    plot_ratios(table, axes)
    marks = {marks.get_label(): marks.get_offsets() for marks in axes.collections}
    for column, label in (
        ("ratio", "all pictures"),
        ("ratio_own", "pictures that contain it"),
        ("published", "Rahman & Wang, Table 2"),
    ):
        drawn = np.ma.filled(marks[label][:, 0], np.nan)
        np.testing.assert_allclose(drawn, table[column].to_numpy(float))
    assert axes.get_xscale() == "log"


def test_without_published_ratios_none_are_drawn_or_named() -> None:
    axes = Figure().subplots()
    plot_ratios(with_published(ratios(counted()), "camvid"), axes)
    assert len(axes.collections) == 2


def test_sizes_are_drawn_from_their_quantiles() -> None:
    table = object_sizes(counted())
    axes = Figure().subplots()
    plot_sizes(table, axes)
    thin, thick, dots = axes.collections
    ends = [path.vertices[:, 0] for path in thin.get_paths()]
    np.testing.assert_allclose(ends, 100 * table[["p05", "p95"]])
    np.testing.assert_allclose(
        [path.vertices[:, 0] for path in thick.get_paths()], 100 * table[["p25", "p75"]]
    )
    np.testing.assert_allclose(dots.get_offsets()[:, 0], 100 * table["p50"])


def test_figures_fit_their_width_order_their_classes_and_say_what_was_counted() -> None:
    counts = counted()
    figures = {
        shares_figure(class_shares(counts), "made: 2 pictures"): ["ground", "a", "b", "void"],
        ratios_figure(ratios(counts), "made: 2 pictures"): ["ground", "a", "b"],
        sizes_figure(object_sizes(counts), "made: 2 pictures"): ["ground", "a", "b"],
        boundaries_figure(boundary_shares(counts), "made: 2 pictures"): ["ground", "a", "b"],
    }
    for figure, order in figures.items():
        assert figure.get_figwidth() == pytest.approx(PAGE, abs=PAGE - COLUMN + 0.01)
        assert outside(figure) == []
        first = figure.axes[0]
        assert first.get_title(loc="left") == "made: 2 pictures"
        assert [label.get_text() for label in first.get_yticklabels()] == order


def test_void_comes_last_whatever_its_share() -> None:
    table = class_shares(count_labels(Made([np.array([[255, 255, 255, 0]])])))
    labels = shares_figure(table, "made").axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["ground", "a", "b", "void"]


def test_many_classes_make_a_taller_figure_that_still_fits() -> None:
    names = tuple(f"class number {number}" for number in range(60))
    counts = count_labels(Made([np.arange(60).repeat(4).reshape(12, 20)], names))
    figure = shares_figure(class_shares(counts), "made")
    figure.draw_without_rendering()
    assert outside(figure) == []
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    overlap = [a.y0 - b.y1 for a, b in pairwise(boxes)]
    assert min(overlap) > -1, "labels do not run into each other"


def test_a_label_map_is_drawn_in_its_colours_and_void_in_white() -> None:
    axes = Figure().subplots()
    plot_label(np.array([[0, 1, 2, 255]], np.uint8), COLOURS, axes)
    drawn = np.asarray(axes.get_images()[0].get_array())
    np.testing.assert_array_equal(drawn[0, :3], COLOURS)
    np.testing.assert_array_equal(drawn[0, 3], [255, 255, 255])


def test_each_class_that_is_there_is_named_inside_itself() -> None:
    label = np.zeros((30, 30), np.uint8)
    label[4:9, 20:27] = 2
    label[25] = 255
    axes = Figure().subplots()
    plot_names(label, NAMES, axes)
    found = {text.get_text(): text.get_position() for text in axes.texts}
    assert set(found) == {"ground", "b"}
    for name, (x, y) in found.items():
        assert label[int(y), int(x)] == NAMES.index(name)


def test_a_name_at_the_edge_is_written_towards_the_middle_and_a_band_is_named_in_its_middle() -> (
    None
):
    label = np.zeros((30, 40), np.uint8)
    label[10:20, :3] = 1
    label[25:] = 2
    axes = Figure().subplots()
    plot_names(label, NAMES, axes)
    found = {text.get_text(): text for text in axes.texts}
    assert found["a"].get_horizontalalignment() == "left"
    assert found["b"].get_horizontalalignment() == "center"
    assert 15 < found["b"].get_position()[0] < 25


def test_samples_of_different_sizes_and_long_names_fit_the_page() -> None:
    pictures = [
        (np.zeros((h, w, 3), np.uint8), np.full((h, w), value, np.uint8))
        for h, w, value in ((20, 30, 0), (40, 20, 2), (25, 25, 255))
    ]
    figure = samples_figure(pictures, ["a", "b" * 80, "c"], NAMES, COLOURS)
    assert figure.get_figwidth() <= PAGE + 0.01
    assert outside(figure) == []
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["ground", "b", "void"], "what the pictures show"


def test_a_picture_is_shown_beside_itself_under_its_label_map() -> None:
    image = np.full((10, 10, 3), 100, np.uint8)
    label = np.ones((10, 10), np.uint8)
    left, right = picture_figure((image, label), NAMES, COLOURS, opacity=1.0).axes
    np.testing.assert_array_equal(np.asarray(left.get_images()[0].get_array()), image)
    np.testing.assert_array_equal(np.asarray(right.get_images()[0].get_array())[0, 0], COLOURS[1])


def test_our_colours_are_distinct_and_the_background_is_grey() -> None:
    names = ("background", *(f"c{number}" for number in range(21)))
    colours = distinct_colours(names)
    assert tuple(colours[0]) == REST
    assert len({tuple(colour) for colour in colours.tolist()}) == 22
    gaps = np.linalg.norm(colours[1:8, None].astype(float) - colours[None, 1:8], axis=2)
    assert gaps[~np.eye(7, dtype=bool)].min() > 60


def test_official_colours_are_kept_and_generated_pictures_take_ours(shared_data) -> None:
    camvid = open_dataset("camvid", shared_data, split="val")
    np.testing.assert_array_equal(shown_colours(camvid), camvid.colours)
    scenes = open_dataset("scenes", split="val")
    np.testing.assert_array_equal(shown_colours(scenes), distinct_colours(scenes.class_names))
    binary = open_dataset("scenes", split="val", task="blob")
    assert shown_colours(binary).shape == (2, 3)


def test_the_first_colours_keep_apart_for_a_reader_without_red_or_green() -> None:
    # Viénot, Brettel & Mollon 1999: what a deuteranope sees of linear RGB.
    seen = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    colours = distinct_colours(tuple("abcdefg"))
    linear = np.array([to_rgb(tuple(c / 255)) for c in colours]) ** 2.2
    shown = 255 * (linear @ seen.T).clip(0, 1) ** (1 / 2.2)
    gaps = np.linalg.norm(shown[:, None] - shown[None], axis=2)
    assert gaps[~np.eye(7, dtype=bool)].min() > 25


def test_tables_without_a_measured_class_are_drawn_too() -> None:
    counts = count_labels(Made([np.full((4, 4), 255)]))
    for figure in (
        shares_figure(class_shares(counts), "made"),
        ratios_figure(ratios(counts), "made"),
        sizes_figure(object_sizes(counts), "made"),
        boundaries_figure(boundary_shares(counts), "made"),
    ):
        assert outside(figure) == []
