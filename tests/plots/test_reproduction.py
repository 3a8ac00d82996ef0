"""Figures of a reproduction: what they draw, and what they say where they cannot."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from PIL import Image

from losslab.analysis.published import PAPERS
from losslab.analysis.reproduction import reproduction_table
from losslab.analysis.reproduction.finished import Finished
from losslab.metrics import TRIMAP_WIDTHS
from losslab.plots import loss_styles
from losslab.plots.reproduction import published_measured_figure
from losslab.plots.reproduction_levelset import plot_heavisides
from losslab.plots.reproduction_papers import Drawn, paper_figures
from losslab.plots.style import new_figure
from tests.analysis.reproduced import GUL, LARGEFOV, SIX, MadeRuns, as_published


def drawn(paper: str, finished: Finished, tables: tuple[str, ...] = ()) -> dict[str, Drawn]:
    table = reproduction_table(paper, tables, finished)
    styles = loss_styles([*table["loss"], *(run.loss for run in finished.runs)])
    return {one.name: one for one in paper_figures(paper, table, finished, styles)}


@pytest.mark.parametrize("paper", PAPERS)
def test_without_what_they_need_figures_say_what_is_missing(paper: str) -> None:
    made = MadeRuns()
    made.add(dataset="camvid", model="unet", encoder="resnet34", loss="focal")
    for one in drawn(paper, made.finished()).values():
        if one.name != "gul_costs":
            assert one.figure is None
            assert one.text.startswith("Not drawn: it needs ")


def offsets(axes: Axes) -> np.ndarray:
    """Where the marks of a panel lie."""
    marks = [one for one in axes.collections if isinstance(one, PathCollection)]
    return np.concatenate([np.asarray(one.get_offsets()) for one in marks])


def test_published_and_measured_scores_lie_where_they_are_in_percent() -> None:
    made = as_published("vanbeers2018", shift=0.02)
    table = reproduction_table("vanbeers2018", ["4.1"], made.finished())
    figure = published_measured_figure(table)
    points, gaps = (offsets(axes) for axes in figure.axes)
    assert len(points) == 16
    assert points[:, 1] - points[:, 0] == pytest.approx(2)
    assert sorted(points[:, 0])[0] == pytest.approx(83.7)
    assert gaps[:, 1] == pytest.approx(2)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["IoU loss", "cross-entropy"]


def test_weightings_of_one_loss_share_a_name() -> None:
    table = reproduction_table("chen2020", ["1"], as_published("chen2020").finished())
    (legend,) = published_measured_figure(table).legends
    assert [t.get_text() for t in legend.get_texts()] == ["cross-entropy", "Sobel", "SEMEDA"]


def test_rahmans_gain_stands_over_the_ratio_of_his_table() -> None:
    one = drawn("rahman2016", as_published("rahman2016").finished())["sparsity"]
    assert one.figure is not None
    (axes,) = one.figure.axes
    assert [len(c.get_offsets()) for c in axes.collections] == [26, 26]
    assert one.text.startswith("26 classes have a measured gain; Spearman's correlation")
    assert (
        drawn("rahman2016", as_published("rahman2016").finished(), ("1",))["sparsity"].figure
        is None
    )


def test_van_beers_settings_stand_in_rows_with_both_differences() -> None:
    one = drawn("vanbeers2018", as_published("vanbeers2018").finished(), ("4.1",))["settings"]
    assert one.figure is not None
    assert len(one.figure.axes) == 3
    rows = [text.get_text() for text in one.figure.axes[0].get_yticklabels()]
    assert rows == [f"BFCN-32s, LFW, {text}" for text in
                    ("big, hair", "small, hair", "big, no hair", "small, no hair")]  # fmt: skip
    assert one.text == "IoU is higher with IoU loss in 4 of 4 settings that were run."


def test_van_beers_outputs_are_predictions_of_two_runs_that_differ_in_their_loss(
    tmp_path: Path,
) -> None:
    made = MadeRuns()
    fields: dict[str, Any] = {"dataset": "camvid", "task": "Road"}
    losses = ("ce", "iou(per='image', reduction='sum')", "ce")
    ids = [made.add(**fields, loss=loss, seed=n // 2) for n, loss in enumerate(losses)]
    for number, run_id in enumerate(ids):
        folder = tmp_path / run_id / "samples"
        folder.mkdir(parents=True)
        Image.fromarray(np.full((4, 6), number, np.uint8)).save(folder / "a_prediction.png")
    one = drawn("vanbeers2018", made.finished(tmp_path))["outputs"]
    assert one.figure is not None
    titles = [axes.get_title() for axes in one.figure.axes]
    assert titles == ["IoU loss", "BCE"]
    shown = [np.asarray(axes.images[0].get_array()) for axes in one.figure.axes]
    assert [picture.max() for picture in shown] == [1, 0]
    assert "The photograph is not shown" in one.text


def kims_runs() -> MadeRuns:
    made = MadeRuns()
    losses = {"ce": None, "ce + 0.0004*levelset": "0.0004*levelset"}
    for h in ("arctan", "step"):
        term = f"0.0004*levelset(heaviside='{h}')"
        losses[f"ce + {term}"] = term
    losses["ce + 0.0004*levelset(epsilon=0.1)"] = "0.0004*levelset(epsilon=0.1)"
    for number, (loss, term) in enumerate(losses.items()):
        curves = {"val_iou": [0.1, 0.2, 0.3, 0.4 + number / 100]}
        curves["train_loss: ce" if term else "train_loss"] = [4.0, 3.0, 2.0, 1.0]
        if term:
            curves[f"train_loss: {term}"] = [0.4, 0.3, 0.2, 0.1]
        scores = {("iou@dataset", "mean"): 0.6 + number / 100}
        made.add(**LARGEFOV, loss=loss, curves=curves, scores=scores)
    return made


def test_kims_figures_show_both_losses_the_heavisides_and_the_sweep() -> None:
    found = drawn("kim2019", kims_runs().finished(), ("1",))
    assert list(found) == ["terms", "heavisides", "sweep"]
    assert all(one.figure is not None for one in found.values())
    terms, heavisides, sweep = (one.figure for one in found.values())
    assert terms is not None
    assert [len(axes.lines) for axes in terms.axes] == [2, 1, 0]  # ce computes no level set loss
    assert np.asarray(terms.axes[1].lines[0].get_ydata()) == pytest.approx([1000, 750, 500, 250])
    assert heavisides is not None
    assert [len(axes.lines) for axes in heavisides.axes] == [3, 3]
    assert "the highest validation mIoU is that of step" in found["heavisides"].text
    assert sweep is not None
    assert "lambda = 0.0004 and epsilon = 0.1" in found["sweep"].text


def test_the_heavisides_are_those_of_the_losses() -> None:
    _, [[axes]] = new_figure()
    plot_heavisides({"tanh": 0.05, "arctan": 0.1, "step": 0.05}, axes)
    curves = {line.get_label(): line for line in axes.lines}
    assert list(curves) == ["tanh (MAHF), ε = 0.05", "arctan (AHF), ε = 0.1", "step (HF)"]
    for name, value in zip(curves, (0.5 * (1 + np.tanh(2)), 0.75, 1), strict=True):
        x, y = (np.asarray(values, float) for values in curves[name].get_data())
        assert np.interp(0.6, x, y) == pytest.approx(value, abs=1e-6)


def test_semedas_trimaps_need_runs_that_counted_them() -> None:
    made = MadeRuns()
    scores = {(f"{name}_{w}@dataset", "mean"): 0.5 + w / 100
              for name in ("trimap_iou", "nonboundary_iou") for w in TRIMAP_WIDTHS}  # fmt: skip
    made.add(**LARGEFOV, loss="ce", scores=scores)
    one = drawn("chen2020", made.finished(), ("1",))["trimap"]
    assert one.figure is not None
    assert one.text.startswith("Within 1 px of the edges `ce` has the highest mean IoU, 51.0 %")


def test_guls_curves_have_his_thresholds_and_his_names() -> None:
    made = MadeRuns()
    for number, loss in enumerate(SIX.values()):
        curve = [0.40, 0.44 + number / 100]
        made.add(**GUL, loss=loss, seed=42, curves={"val_boundary_iou": curve})
    found = drawn("gul2023", made.finished(), ("4.1",))
    one = found["boundary_curves_cityscapes"]
    assert one.figure is not None
    assert one.text.startswith("Threshold 0.47 as printed.")
    assert "`cross-entropy` 0 of 1" in one.text
    assert "`distance` 1 of 1" in one.text
    (line,) = [line for line in one.figure.axes[0].lines if line.get_label() == "threshold"]
    assert list(np.asarray(line.get_ydata())) == [47, 47]
    assert found["gul_costs"].figure is not None
