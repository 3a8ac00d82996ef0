"""The figures behind the findings draw the printed cells, and fit the page."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from losslab.analysis.audit import AUDITS
from losslab.analysis.published import load_published
from losslab.plots import published_evidence as evidence
from losslab.plots.style import PAGE
from tests.plots.test_figures import outside


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    return load_published()


@pytest.fixture
def axes() -> Axes:
    return Figure().subplots()


def marks(axes: Axes) -> dict[str, np.ndarray]:
    """By label the places of the marks, (n, 2); of equal labels all of them."""
    found: dict[str, list] = {}
    for part in axes.collections:
        found.setdefault(str(part.get_label()), []).append(np.asarray(part.get_offsets()))
    return {label: np.concatenate(parts) for label, parts in found.items()}


def rows(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def overlapping(figure: Figure) -> list[str]:
    """Panels whose legend, names or label reach into another panel or over the edge."""
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    bad = []
    for number, panel in enumerate(figure.axes):
        box = panel.get_tightbbox()
        assert box is not None
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            bad.append(f"{number} is cut")
        others = [other.get_window_extent() for other in figure.axes if other is not panel]
        bad += [f"{number} overlaps" for other in others if box.overlaps(other)]
    return bad


@pytest.mark.parametrize("paper", AUDITS)
def test_each_papers_figure_is_as_wide_as_the_page_and_nothing_is_cut(
    paper: str, cells: pd.DataFrame
) -> None:
    figure = evidence.evidence_figure(paper, cells)
    assert figure.get_figwidth() == PAGE
    assert len(figure.axes) == sum(len(row) for row in evidence.EVIDENCE[paper].panels)
    assert not outside(figure)
    assert not overlapping(figure)
    assert all(axes.get_xlabel() for axes in figure.axes)


def test_rahmans_printed_means_lie_apart_from_those_of_the_classes(
    cells: pd.DataFrame, axes: Axes
) -> None:
    evidence.plot_rahman_means(cells, axes)
    lines = [np.asarray(line.get_xdata(), float) for line in axes.lines]
    means, printed = [x[0] for x in lines if len(x) == 2], [x[0] for x in lines if len(x) == 1]
    assert means == pytest.approx([66.16, 67.16], abs=0.005)
    assert printed == [63.18, 63.82]
    assert len(marks(axes)["a class"]) == 40


def test_rahmans_common_classes_of_camvid_come_first(cells: pd.DataFrame, axes: Axes) -> None:
    evidence.plot_rahman_camvid(cells, axes)
    assert rows(axes)[:2] == ["Road (common)", "Building (common)"]
    places = rows(axes).index("Fence (rare)"), rows(axes).index("Building (common)")
    fence, building = (marks(axes)["test"][place, 0] for place in places)
    assert (fence, building) == pytest.approx((0.48, 0.51))


@pytest.mark.parametrize(("metric", "factor"), [("iou", 100), ("accuracy", 100), ("epochs", 1)])
def test_van_beers_settings_are_all_drawn_with_the_two_aberrations_apart(
    metric: str, factor: float, cells: pd.DataFrame, axes: Axes
) -> None:
    evidence.plot_van_beers(cells, metric, "x", axes)
    drawn = marks(axes)
    assert len(drawn["called an aberration"]) == 2
    values = np.concatenate([part[:, 0] for part in drawn.values()])
    pairs = evidence.pairs_of(cells, metric)
    np.testing.assert_allclose(np.sort(values), np.sort(factor * (pairs["iou"] - pairs["ce"])))
    odd = [name for name in rows(axes) if name.startswith("FCResNet, LFW") and "no hair" in name]
    assert odd == rows(axes)[-2:]


def test_kims_gains_have_a_crf_where_one_is_printed(cells: pd.DataFrame, axes: Axes) -> None:
    evidence.plot_kim_gains(cells, axes)
    drawn = marks(axes)
    assert len(drawn["level set"]) == 13
    assert np.isfinite(np.ma.filled(np.ma.asarray(drawn["CRF"]), np.nan)[:, 0]).sum() == 8
    place = rows(axes).index("VOC 2012, FCN-32s")
    assert drawn["level set"][place, 0] == pytest.approx(3.8)
    assert "VOC 2012, DeepLab-LargeFOV, MSC" in rows(axes)


def test_kims_printed_ratios_stand_at_their_times(cells: pd.DataFrame, axes: Axes) -> None:
    evidence.plot_kim_times(cells, axes)
    texts = {text.get_text(): text.xy[0] for text in axes.texts}  # type: ignore[attr-defined]
    assert (texts["×15.4"], texts["×8.4"]) == (0.387, 0.452)
    assert rows(axes)[0] == "DeepLab-LargeFOV, level set"


def test_chens_f1_lies_on_the_diagonal(cells: pd.DataFrame, axes: Axes) -> None:
    evidence.plot_chen_dice(cells, axes)
    drawn = marks(axes)
    assert (len(drawn["VOC 2012"]), len(drawn["Cityscapes"])) == (40, 38)
    for part in drawn.values():
        assert np.abs(part[:, 0] - part[:, 1]).max() < 0.1


def test_chens_classes_that_lose_are_crosses(cells: pd.DataFrame, axes: Axes) -> None:
    evidence.plot_chen_gains(cells, axes)
    drawn = marks(axes)
    assert len(drawn["that loses"]) == 1 + 5 + 1 + 4
    assert (drawn["that loses"][:, 0] < 0).all()
    assert (drawn["a class"][:, 0] > -1e-6).all()


def test_chens_weightings_are_four_of_sobel_and_eight_of_semeda(
    cells: pd.DataFrame, axes: Axes
) -> None:
    evidence.plot_chen_weightings(cells, axes)
    assert [len(part.get_offsets()) for part in axes.collections] == [4, 8, 4, 8]
    assert rows(axes)[0] == "Cityscapes\nSobel"
    best = max(np.asarray(axes.collections[3].get_offsets())[:, 0])
    assert best == pytest.approx(78.8 - 77.1)


def test_guls_leads_are_four_ahead_and_three_behind(cells: pd.DataFrame, axes: Axes) -> None:
    evidence.plot_gul_leads(cells, axes)
    drawn = marks(axes)
    assert sorted(drawn["behind"][:, 0]) == pytest.approx([-12.9, -2.9, -1.55])
    assert sorted(drawn["ahead"][:, 0]) == pytest.approx([1.9, 1.98, 3.23, 5.61])
    assert rows(axes)[0] == "U-Net ResNet-34"
    assert rows(axes)[-1] == "DeepLabv3+ ResNet-50, other seed"


def test_guls_dice_above_its_iou_is_of_folds_only(cells: pd.DataFrame, axes: Axes) -> None:
    evidence.plot_gul_dice(cells, axes)
    above = marks(axes)["above 0"]
    assert len(above) == 14
    assert (np.abs(above[:, 1] - 2) <= 0.3).all()


def test_guls_margins_in_both_scores_are_drawn_for_six_settings(
    cells: pd.DataFrame, axes: Axes
) -> None:
    evidence.plot_gul_margins(cells, axes)
    assert [len(part.get_offsets()) for part in axes.collections] == [6] * 10
    assert rows(axes)[3] == "over combo"
    combo = np.asarray(axes.collections[3].get_offsets())
    assert min(combo[:, 0]) == pytest.approx(2.86)


def test_guls_change_with_the_seed_is_drawn_for_each_loss(cells: pd.DataFrame, axes: Axes) -> None:
    evidence.plot_gul_seeds(cells, axes)
    drawn = marks(axes)
    place = rows(axes).index("IoU")
    assert drawn["Cityscapes"][place, 0] == pytest.approx(100 * (0.5011 - 0.4409))
    assert len(drawn["CelebAMask-HQ"]) == 6
