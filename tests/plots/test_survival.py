"""Figures of how soon losses train: what they hold, and that they fit."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from losslab import analysis, plots
from losslab.analysis.superiority import superiority
from losslab.analysis.survival import kaplan_meier
from losslab.analysis.sweep import SHARES, sweep
from losslab.errors import StudyError
from losslab.plots.style import COLUMN, PAGE
from losslab.plots.survival import (
    plot_superiority,
    plot_survival,
    plot_sweep,
    superiority_figure,
    survival_figure,
    sweep_figure,
)
from tests.analysis.synthetic import synthetic_histories
from tests.plots.test_figures import outside

LONG = {"iou": "ce + 4e-4*levelset(epsilon=0.05)", "dice": "ce + semeda(weights=(2, 4, 0))"}


def histories(*, settings: int = 1, long: bool = False, seeds: int = 3) -> pd.DataFrame:
    one = synthetic_histories(seeds=seeds)
    one["loss"] = one["loss"].replace(LONG) if long else one["loss"]
    bands = one[one["metric"] == "val_iou"].assign(metric="val_boundary_iou")
    bands["value"] += np.random.default_rng(0).normal(0, 0.01, len(bands))
    both = pd.concat([one, bands])
    others = [both.assign(model=f"fcn{number}s") for number in range(1, settings)]
    return pd.concat([both, *others], ignore_index=True)


@pytest.mark.parametrize(("settings", "long"), [(1, False), (1, True), (2, False), (3, True)])
def test_figures_fit_their_width_with_every_text_inside(settings: int, long: bool) -> None:
    table = histories(settings=settings, long=long)
    styles = plots.loss_styles(table["loss"])
    reached = analysis.epochs_to_reach(table, "ce")
    label = "runs at 95 % of ce's best validation IoU"
    score = "validation IoU"
    for figure in (
        survival_figure(kaplan_meier(reached), label=label, styles=styles),
        sweep_figure(sweep(table, "ce"), baseline="ce", score=score, mark=0.95, styles=styles),
        superiority_figure(superiority(table), styles=styles),
    ):
        assert figure.get_figwidth() == pytest.approx(COLUMN if settings == 1 else PAGE)
        assert outside(figure) == []
        width = figure.get_figwidth() * figure.dpi
        for legend in figure.legends:
            box = legend.get_window_extent()
            assert box.x0 >= 0
            assert box.x1 <= width
        for axes in figure.axes:  # nothing has crushed a panel
            size = axes.get_position().size * figure.get_size_inches()
            assert (size > (1.3, 0.8)).all()


def steps(axes, colour: str) -> list[tuple[float, float]]:
    lines = [x for x in axes.lines if x.get_drawstyle() == "steps-post" and x.get_color() == colour]
    return list(zip(*lines[0].get_data(), strict=True))


def test_a_survival_curve_steps_where_runs_arrive_and_has_a_bar_where_they_end() -> None:
    rows = [("ce", 2, False), ("ce", 6, True), ("iou", 1, False), ("iou", 3, False)]
    reached = pd.DataFrame(rows, columns=["loss", "epoch", "censored"]).assign(setting="a")
    reached["last"] = reached["epoch"]
    axes = Figure().subplots()
    assert plot_survival(kaplan_meier(reached), axes, label="runs at 0.7") is axes
    styles = plots.loss_styles(["ce", "iou"])
    apart = 1.1  # between the two lines
    ce = steps(axes, styles["ce"].colour)
    assert ce == [(0, apart / 2), (2, 50 + apart / 2), (6, 50 + apart / 2)]
    iou = steps(axes, styles["iou"].colour)
    assert [x for x, _ in iou] == [0, 1, 3, 6]  # it stays at 100 % to the end of the axis
    assert iou[-1][1] == iou[-2][1] == pytest.approx(100 - apart / 2)
    bars = [line for line in axes.lines if line.get_marker() == "|" and len(line.get_xdata())]
    assert [line.get_xdata().tolist() for line in bars] == [[6]]
    assert "run ends" in axes.get_legend_handles_labels()[1]
    assert axes.get_ylabel() == "runs at 0.7, %"
    assert axes.get_xlabel() == "epoch"


def test_without_a_censored_run_no_bar_is_explained() -> None:
    reached = pd.DataFrame({"loss": ["ce", "iou"], "epoch": [2, 3], "last": 9, "censored": False})
    axes = Figure().subplots()
    plot_survival(kaplan_meier(reached.assign(setting="a")), axes)
    assert axes.get_legend_handles_labels()[1] == ["ce", "iou"]


def test_the_sweep_draws_the_means_on_the_baselines_interval() -> None:
    table = sweep(histories(), "ce")
    axes = Figure().subplots()
    plot_sweep(table, axes, baseline="ce", score="validation IoU", mark=0.95)
    drawn = {line.get_label(): line.get_data() for line in axes.lines}
    means = table[table["loss"] == "iou"].sort_values("share")["mean"]
    assert drawn["iou"][0].tolist() == pytest.approx([100 * share for share in SHARES])
    assert drawn["iou"][1].tolist() == pytest.approx(means.tolist())
    base = table[table["loss"] == "ce"].dropna(subset=["low"])
    band = axes.collections[0].get_datalim(axes.transData)
    assert (band.y0, band.y1) == pytest.approx((base["low"].min(), base["high"].max()))
    assert any(list(line.get_xdata()) == [95, 95] for line in axes.lines)
    assert axes.get_xlabel() == "threshold, % of ce's best validation IoU"


def test_one_seed_has_no_interval_to_draw() -> None:
    axes = Figure().subplots()
    plot_sweep(sweep(histories(seeds=1), "ce"), axes, baseline="ce")
    assert len(axes.collections) == 0


def test_superiority_has_a_mark_per_run_and_the_even_share() -> None:
    shares = superiority(histories())
    axes = Figure().subplots()
    plot_superiority(shares, axes)
    marks = np.concatenate([dots.get_offsets()[:, 0] for dots in axes.collections])
    assert sorted(marks) == pytest.approx(sorted(100 * shares["share"]))
    assert axes.get_legend_handles_labels()[1] == ["even share: 20 %"]


def test_no_seed_that_all_losses_have_is_an_error_not_an_empty_figure() -> None:
    with pytest.raises(StudyError, match="nothing to draw"):
        superiority_figure(superiority(histories()).head(0), styles={})
