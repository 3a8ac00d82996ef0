"""Whether a loss gains more on rarer classes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from losslab import analysis, plots
from losslab.analysis.class_shares import (
    read_share_slopes,
    share_slopes,
    show_share_slopes,
    with_shares,
)
from losslab.plots.class_shares import plot_class_shares
from tests.analysis.synthetic import CLASSES, SETTINGS, run_columns, score_rows
from tests.plots.test_figures import outside

SHARES = np.array([0.5, 0.3, 0.1, 0.05, 0.04, 0.01])
RARITY = -np.log10(SHARES)
TWO = (*SETTINGS, ("streets", "", "fcn8s", "resnet50"))


def made(
    effects: dict[str, float],
    *,
    seeds: int = 5,
    noise: float = 0.004,
    settings: tuple[tuple[str, ...], ...] = SETTINGS,
    classes: tuple[str, ...] = CLASSES,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Results and shares: a loss gains `effects[loss]` more for each factor of ten of rarity."""
    rng = np.random.default_rng(5)
    rows, shares = [], []
    for setting in settings:
        for loss, effect in effects.items():
            for seed in range(seeds):
                run = run_columns(setting, loss, seed)
                gain = effect * RARITY[: len(classes)] + rng.normal(0, noise, len(classes))
                scores = 0.6 + gain + np.zeros((2, 1))
                rows += score_rows(run, "iou", scores, classes)
                pairs = zip(classes, SHARES, strict=False)
                shares += [run | {"class": name, "share": share} for name, share in pairs]
    return pd.DataFrame(rows), pd.DataFrame(shares)


def test_the_slope_is_the_gain_for_each_factor_of_ten() -> None:
    found = share_slopes(*made({"ce": 0.0, "iou": 0.05, "dice": 0.0}), "ce").set_index("loss")
    assert found.loc["iou", "low"] < 0.05 < found.loc["iou", "high"]
    assert found.loc["iou", "t_p_holm"] < 0.01
    assert found.loc["dice", "low"] < 0 < found.loc["dice", "high"]
    assert set(found["classes"]) == {6}


def test_the_slope_of_each_pair_is_numpys_least_squares_line() -> None:
    results, shares = made({"ce": 0.0, "iou": 0.05}, noise=0.05)
    rows = results[(results["level"] == "image") & (results["class"] != "mean")]
    wide = rows.pivot(index=["loss", "seed"], columns="class", values="value")[list(CLASSES)]
    gain = wide.loc["iou"] - wide.loc["ce"]
    slopes = [np.polyfit(RARITY, line, 1)[0] for line in gain.to_numpy()]
    found = share_slopes(results, shares, "ce", level="image").iloc[0]
    assert found["difference"] == pytest.approx(np.mean(slopes))
    assert found["n"] == len(slopes)


def test_a_class_that_a_run_has_no_score_for_is_in_no_line() -> None:
    results, shares = made({"ce": 0.0, "iou": 0.05}, noise=0.0)
    lost = (results["class"] == "wire") & (results["seed"] == 1) & (results["loss"] == "iou")
    results.loc[lost, "value"] = np.nan
    results.loc[results["class"] == "wire", "value"] *= 0.1
    found = share_slopes(results, shares, "ce").iloc[0]
    assert found["classes"] == 5
    assert found["difference"] == pytest.approx(0.05)


@pytest.mark.parametrize("equal", [False, True])
def test_few_classes_or_equal_shares_have_no_line(equal: bool) -> None:
    results, shares = made({"ce": 0.0, "iou": 0.05}, classes=CLASSES if equal else CLASSES[:3])
    if equal:
        shares["share"] = 1 / 6
    found = share_slopes(results, shares, "ce")
    assert found.empty
    assert read_share_slopes(found) == ""


def test_sentences_name_what_grows_what_shrinks_and_the_rest() -> None:
    results, shares = made({"ce": 0.0, "iou": 0.05, "dice": -0.05, "focal": 0.0})
    found = share_slopes(results, shares, "ce")
    text = read_share_slopes(found)
    assert text.startswith("The gain of `iou` grows as classes get rarer; the gain of `dice` ")
    assert text.endswith("no trend of the other 1 can be told from seeds.")
    shown = show_share_slopes(found)
    assert list(shown["loss"]) == ["iou", "focal", "dice"]
    assert shown.iloc[0]["points more on classes ten times rarer"].startswith("+5.")
    assert "setting" not in shown


def test_few_seeds_make_a_hint_and_no_trend_is_said_so() -> None:
    few = share_slopes(*made({"ce": 0.0, "iou": 0.05}, seeds=3, noise=0.001), "ce")
    assert "a hint: fewer than 5 seeds" in read_share_slopes(few)
    none = share_slopes(*made({"ce": 0.0, "iou": 0.0}, settings=TWO), "ce")
    lines = read_share_slopes(none).split("\n\n")
    assert len(lines) == 2
    assert all(line.endswith("No trend of any loss can be told from seeds.") for line in lines)


@pytest.mark.parametrize("settings", [SETTINGS, TWO])
def test_tables_and_figures_go_from_the_commonest_class_to_the_rarest(settings) -> None:
    effects = {"ce": 0.0, "iou": 0.05, "dice": 0.01, "a_long_name_of_a_loss_of_some_paper": -0.01}
    results, shares = made(effects, settings=settings)
    shares["share"] = shares["share"].to_numpy().reshape(-1, 6)[:, ::-1].ravel()
    classes = with_shares(analysis.class_differences(results, "ce"), shares)
    first = classes[classes["setting"] == classes["setting"].iloc[0]]
    assert list(first["class"].drop_duplicates()) == list(CLASSES[::-1])
    assert classes["setting"].ne(classes["setting"].shift()).sum() == len(settings)
    slopes = share_slopes(results, shares, "ce")
    styles = plots.loss_styles(results["loss"])
    figure = plots.class_shares_figure(classes, slopes, label="IoU (data set)", styles=styles)
    assert outside(figure) == []
    drawn = [axes for axes in figure.axes if axes.get_visible()]
    assert len(drawn) == 3
    left, right = drawn[0].get_xlim()
    assert left > 50 > 1 > right
    axes = Figure().subplots()
    plots.plot_class_differences(first, axes)
    assert axes.get_yticklabels()[0].get_text() == "wire (50)"


def test_the_drawn_line_is_the_slope_of_the_table() -> None:
    results, shares = made({"ce": 0.0, "iou": 0.05}, noise=0.0)
    classes = with_shares(analysis.class_differences(results, "ce"), shares)
    slopes = share_slopes(results, shares, "ce")
    axes = plot_class_shares(classes, slopes, Figure().subplots())
    (line,) = [
        each for each in axes.lines if len(each.get_xdata()) == 2 and each.get_color() != "#555555"
    ]
    (x0, x1), (y0, y1) = line.get_data()
    assert (y1 - y0) / (np.log10(x0) - np.log10(x1)) == pytest.approx(5.0)
