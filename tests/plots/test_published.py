"""Figures of the audit draw what its tables say, and fit their width."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from losslab.analysis.audit import VERDICTS, audit
from losslab.analysis.audit.censored import epochs_table
from losslab.analysis.audit.gains import gain_summary, paired_gains, with_sparsity
from losslab.plots.published import (
    gains_figure,
    plot_gains,
    plot_reached,
    plot_settings,
    plot_sparsity,
    plot_strength,
    plot_verdicts,
    reached_figure,
    settings_figure,
    sparsity_figure,
    strength_figure,
    verdicts_figure,
)
from losslab.plots.style import COLUMN, PAGE
from tests.plots.test_figures import outside


@pytest.fixture(scope="module")
def gains() -> pd.DataFrame:
    return paired_gains()


@pytest.fixture(scope="module")
def summary(gains: pd.DataFrame) -> pd.DataFrame:
    return gain_summary(gains, resamples=99)


def test_the_bars_of_verdicts_are_as_long_as_their_counts() -> None:
    found = audit()
    axes = Figure().subplots()
    assert plot_verdicts(found, axes) is axes
    printed = found[found["verdict"].isin(VERDICTS)]
    assert sum(patch.get_width() for patch in axes.patches) == len(printed) < len(found)
    kim = (printed["paper"] == "kim2019").sum()
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches if round(bar.get_y() + 0.33) == 2]
    assert max(ends) == kim
    figure = verdicts_figure(found)
    assert figure.get_figwidth() == COLUMN
    assert not outside(figure)


def test_each_gain_is_marked_once_and_the_mean_where_it_is(
    gains: pd.DataFrame, summary: pd.DataFrame
) -> None:
    axes = Figure().subplots()
    rows = summary[summary["baseline"] == "ce"]
    plot_gains(gains, rows, axes)
    drawn = np.concatenate([marks.get_offsets()[:, 0] for marks in axes.collections])
    expected = 100 * gains.loc[gains["baseline"] == "ce", "gain"]
    np.testing.assert_allclose(np.sort(np.asarray(drawn)), np.sort(expected))
    upright = [np.asarray(line.get_xdata(), float) for line in axes.lines[1:]]
    means = [x[0] for x in upright if x[0] == x[1]]
    np.testing.assert_allclose(means, 100 * rows["difference"])
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == "Rahman & Wang 2016\nVOC 2010, categories"
    of_gul = summary[summary["paper"] == "gul2023"]
    for part in (rows, of_gul):
        figure = gains_figure(gains, part)
        assert figure.get_figwidth() == COLUMN
        assert not outside(figure)
    labels = [label.get_text() for label in gains_figure(gains, of_gul).axes[0].get_yticklabels()]
    assert labels[1] == "over IoU\nCityscapes, settings"


def test_settings_name_data_set_network_and_metric(gains: pd.DataFrame) -> None:
    axes = Figure().subplots()
    plot_settings(gains, axes)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == "VOC 2010 val, FCN-AlexNet, IoU, 6 categories"
    assert "LFW test, BFCN-32s, IoU, 4 settings" in labels
    assert "Cityscapes val, DeepLabv3+ ResNet-50, Boundary IoU, 2 seeds" in labels
    assert labels[-1] == "CelebAMask-HQ test, U-Net ResNet-50, Boundary IoU, 5 folds"
    drawn = sum(len(marks.get_offsets()) for marks in axes.collections)
    assert drawn == (gains["baseline"] == "ce").sum()
    figure = settings_figure(gains)
    assert figure.get_figwidth() == PAGE
    assert not outside(figure)


def test_sparsity_is_logarithmic_and_the_largest_gains_are_named(gains: pd.DataFrame) -> None:
    axes = Figure().subplots()
    rows = with_sparsity(gains)
    plot_sparsity(rows, axes)
    assert axes.get_xscale() == "log"
    assert "sheep" in [text.get_text() for text in axes.texts]
    assert sum(len(marks.get_offsets()) for marks in axes.collections) == len(rows) == 26
    low, high = axes.get_xlim()
    assert rows["ratio"].between(low, high).all()
    assert not outside(sparsity_figure(rows))


def test_strength_shows_every_pair_with_cross_entropy(gains: pd.DataFrame) -> None:
    axes = Figure().subplots()
    plot_strength(gains, axes)
    shown = sum(len(marks.get_offsets()) for marks in axes.collections)
    assert shown == (gains["baseline"] == "ce").sum()
    assert not outside(strength_figure(gains))


def test_steps_end_at_the_settings_that_reach_the_threshold() -> None:
    epochs = epochs_table().query("dataset == 'cityscapes'")
    axes = Figure().subplots()
    plot_reached(epochs, axes)
    ends = {line.get_label(): round(line.get_ydata()[-1]) for line in axes.lines}
    expected = {"cross-entropy": 2, "IoU": 6, "Dice": 4, "combo": 1, "Dice & focal": 3}
    assert {**expected, "distance": 6}.items() <= ends.items()
    figure = reached_figure(epochs_table())
    assert figure.get_figwidth() == PAGE
    assert not outside(figure)
