"""Figures: what they hold, that they fit, and that equal figures are equal files."""

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from losslab import analysis, plots
from losslab.analysis.noise import class_noise, image_noise
from losslab.analysis.samples import Sample, SampleIndex
from losslab.errors import StudyError
from losslab.plots.pictures import VOID, WRONG
from losslab.plots.style import COLUMN, PAGE, file_name
from tests.analysis.synthetic import (
    SETTINGS,
    synthetic_histories,
    synthetic_results,
    synthetic_runs,
)

TWO = (*SETTINGS, ("camvid", "Car", "deeplabv3plus", "resnet34"))


def outside(figure: Figure) -> list[str]:
    """Texts that reach over the edge of the figure."""
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    texts = [
        t for axes in figure.axes if axes.axison for t in (*axes.texts, *axes.get_yticklabels())
    ]
    texts += [label for axes in figure.axes for label in (axes.title, axes.xaxis.label)]
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text()]
    return [t for t, b in boxes if b.x0 < -1 or b.y0 < -1 or b.x1 > width + 1 or b.y1 > height + 1]


def sample(shift: int = 0) -> Sample:
    label = np.zeros((12, 16), np.uint8)
    label[3:9, 4:10] = 1
    prediction = np.roll(label, shift, axis=1)
    label[0] = 255
    image = np.full((12, 16, 3), 120, np.uint8)
    return Sample(image, label, prediction, np.full((12, 16), 0.25))


INDEX = SampleIndex(("a",), ("ground", "disc"), np.array([[60, 60, 60], [0, 114, 178]], np.uint8))


@pytest.mark.parametrize(("settings", "seeds"), [(SETTINGS, 1), (SETTINGS, 3), (TWO, 2)])
def test_figures_of_a_comparison_fit_their_width(settings, seeds: int) -> None:
    results = synthetic_results(settings=settings, seeds=seeds)
    scores = analysis.select_scores(results)
    comparison = analysis.paired_comparison(scores, "ce")
    noise = analysis.seed_noise(scores)
    look = {"label": "IoU (data set)", "styles": plots.loss_styles(results["loss"])}
    differences = analysis.paired_differences(scores, "ce")
    floor = noise[["setting"]].assign(largest=0.002)
    classes = analysis.class_differences(results, "ce")
    figures = [
        plots.scores_figure(scores, **look),
        plots.differences_figure(comparison, differences, noise, floor, **look),
        plots.classes_figure(classes, class_noise(results), label="IoU"),
    ]
    for figure in figures:
        assert figure.get_figwidth() == pytest.approx(COLUMN if len(settings) == 1 else PAGE)
        assert outside(figure) == []


def test_images_costs_and_curves_fit_their_width() -> None:
    results = synthetic_results(images=80)
    styles = plots.loss_styles(results["loss"])
    images = analysis.image_comparison(results, "ce", resamples=99)
    pairs = analysis.image_differences(results, "ce")
    noises = image_noise(results)
    histories = synthetic_histories()
    medians = analysis.median_epochs(analysis.epochs_to_reach(histories, "ce"))
    curves = analysis.curves(histories)
    for figure in (
        plots.differences_figure(images, pairs, *noises, label="IoU", styles=styles, noun="image"),
        plots.costs_figure(analysis.costs(synthetic_runs(), "ce"), styles=styles),
        plots.curves_figure(
            curves, medians, label="IoU, %", styles=styles, threshold_label="95 % of ce"
        ),
    ):
        assert outside(figure) == []


def test_the_band_of_the_main_figure_is_the_seed_noise() -> None:
    scores = analysis.select_scores(synthetic_results())
    comparison = analysis.paired_comparison(scores, "ce")
    axes = Figure().subplots()
    differences = analysis.paired_differences(scores, "ce")
    assert plots.plot_differences(comparison, differences, 0.013, axes) is axes
    assert axes.patches[0].get_extents().transformed(axes.transData.inverted()).x1 == (
        pytest.approx(1.3)
    )
    assert "±1.3" in axes.get_legend_handles_labels()[1][0]


@pytest.mark.parametrize(
    ("floor", "text"),
    [(0.0025, "the same seed twice: ±0.25"), (0.0, "the same seed twice: equal")],
)
def test_the_noise_floor_is_drawn_and_named_in_the_main_figure(floor: float, text: str) -> None:
    scores = analysis.select_scores(synthetic_results())
    comparison = analysis.paired_comparison(scores, "ce")
    axes = Figure().subplots()
    differences = analysis.paired_differences(scores, "ce")
    plots.plot_differences(comparison, differences, 0.013, axes, floor=floor)
    assert text in axes.get_legend_handles_labels()[1]


def test_the_last_column_of_the_class_figure_is_what_a_seed_alone_does() -> None:
    results = synthetic_results()
    classes = analysis.class_differences(results, "ce")
    bands = class_noise(results).set_index("class")["band"]
    axes = Figure().subplots()
    plots.plot_class_differences(classes, axes, noise=bands.to_dict())
    texts = [text.get_text() for text in axes.texts]
    assert axes.get_xticklabels()[-1].get_text() == "seed alone"
    assert f"±{100 * bands.iloc[0]:.1f}" in texts


def test_unmeasured_memory_is_named_not_drawn_as_zero() -> None:
    table = analysis.costs(synthetic_runs().assign(peak_memory_bytes=None), "ce")
    axes = Figure().subplots()
    plots.plot_cost(table, axes, column="peak_memory_bytes", scale=1.0, label="memory")
    assert {text.get_text() for text in axes.texts} == {"not measured"}


def test_a_table_without_rows_is_an_error_that_says_why() -> None:
    scores = analysis.select_scores(synthetic_results(seeds=1))
    table = analysis.paired_comparison(scores, "ce").head(0)
    noise = analysis.seed_noise(scores)
    floor = noise[["setting"]].assign(largest=0.0)
    with pytest.raises(StudyError, match="nothing to draw: no loss shares"):
        plots.differences_figure(table, table, noise, floor, label="", styles={})


def test_basic_losses_keep_their_colour_in_every_study() -> None:
    alone, many = plots.loss_styles(["iou"]), plots.loss_styles(["ce", "x", "iou", "y"])
    assert alone["iou"] == many["iou"]
    assert len({look.colour for look in many.values()}) == 4


def test_losses_beyond_the_palette_still_have_a_style() -> None:
    assert len(plots.loss_styles([f"loss{number}" for number in range(20)])) == 20


def test_equal_figures_are_equal_files(tmp_path: Path) -> None:
    scores = analysis.select_scores(synthetic_results())
    styles = plots.loss_styles(scores["loss"])
    files = []
    for name in ("first", "second"):
        figure = plots.scores_figure(scores, label="IoU", styles=styles)
        files.append(plots.save_figure(figure, tmp_path / name, "scores"))
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_shown_figure_carries_its_name_and_is_saved_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr("losslab.plots.style.display", lambda *a, **k: shown.append((a, k)))
    figure = Figure(figsize=(2, 2))
    plots.show(figure, "empty", alt="nothing")
    plots.show(figure, "empty", tmp_path)
    assert shown[0][1]["metadata"]["losslab_figure"] == "empty"
    assert shown[0][1]["metadata"]["image/png"]["alt"] == "nothing"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.pdf", "empty.png"]


def test_names_of_files_are_safe_and_stay_apart(tmp_path: Path) -> None:
    assert file_name("qualitative_0_scene-1.b") == "qualitative_0_scene-1.b"
    names = {file_name(name) for name in ("a b", "a#b", "a/b", "a-b")}
    assert len(names) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)
    paths = plots.save_figure(Figure(figsize=(1, 1)), tmp_path, "a #1")
    assert paths[0].parent == tmp_path
    assert paths[0].name == f"{file_name('a #1')}.png"


def test_error_picture_marks_wrong_pixels_and_leaves_void_white() -> None:
    one = sample(shift=2)
    picture = plots.error_picture(one)
    assert (picture[one.wrong] == WRONG).all()
    assert (picture[0] == VOID).all()
    assert not (picture[one.annotated & ~one.wrong] == WRONG).all(axis=-1).any()


def test_overlay_shows_the_class_colour_over_grey() -> None:
    one = sample()
    mixed = plots.overlay(one.image, one.label, INDEX.colours, opacity=0.5)
    assert mixed[5, 6].tolist() == [60, 117, 149]
    assert (mixed[0] == 255).all()


@pytest.mark.parametrize("count", [1, 2, 6])
def test_gallery_shares_one_entropy_scale_and_fits(count: int) -> None:
    samples = {f"loss {number}": sample(number) for number in range(count)}
    figure = plots.gallery(samples, INDEX)
    maps = [
        axes.images[0]
        for axes in figure.axes
        if axes.images and axes.images[0].get_cmap().name == "cividis"
    ]
    assert len(maps) == count
    assert {(one.norm.vmin, one.norm.vmax) for one in maps} == {(0.0, 1.0)}
    assert figure.get_figwidth() <= PAGE
    assert outside(figure) == []


def test_styles_leave_matplotlibs_own_settings_alone() -> None:
    import matplotlib

    before = matplotlib.rcParams["font.size"]
    plots.scores_figure(
        analysis.select_scores(synthetic_results()),
        label="IoU",
        styles=plots.loss_styles(["ce", "iou", "dice", "focal", "dice + 0.5*ce"]),
    )
    assert matplotlib.rcParams["font.size"] == before
