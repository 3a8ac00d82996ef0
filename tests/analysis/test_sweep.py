"""Restricted means at every threshold, where one threshold is a choice that may decide."""

import pandas as pd
import pytest

from losslab.analysis import epochs_to_reach
from losslab.analysis.survival import restricted_means
from losslab.analysis.survival_sentences import read_sweep, show_sweep
from losslab.analysis.sweep import SHARES, sweep
from losslab.errors import StudyError
from tests.analysis.synthetic import SETTINGS, run_columns, synthetic_histories


def history_of(setting: tuple[str, ...] = SETTINGS[0], **runs: list[list[float]]) -> pd.DataFrame:
    """The validation IoU of each loss's runs at epochs 1, 2, ..."""
    return pd.DataFrame(
        [
            {**run_columns(setting, loss, seed), "epoch": epoch, "metric": "val_iou"}
            | {"value": value}
            for loss, seeds in runs.items()
            for seed, values in enumerate(seeds)
            for epoch, value in enumerate(values, start=1)
        ]
    )


def test_the_sweep_holds_the_mean_at_every_threshold() -> None:
    histories = synthetic_histories()
    table = sweep(histories, "ce")
    assert len(table) == 5 * len(SHARES)
    assert table["horizon"].unique().tolist() == [20]
    at = table[table["share"] == 0.9].set_index("loss")
    alone = restricted_means(epochs_to_reach(histories, "ce", share=0.9)).set_index("loss")
    assert at["mean"].to_dict() == pytest.approx(alone["mean"].to_dict())
    for _, part in table.groupby("loss"):
        assert part.sort_values("share")["mean"].is_monotonic_increasing
    assert read_sweep(table).startswith("Alone soonest on average is `iou` at ")


def test_the_sweep_takes_scores_themselves_as_thresholds() -> None:
    histories = synthetic_histories()
    table = sweep(histories, "ce", thresholds=(0.3, 0.47))
    assert sorted(table["threshold"].unique()) == [0.3, 0.47]
    alone = epochs_to_reach(histories, "ce", threshold=0.47)
    assert alone["threshold"].unique().tolist() == [0.47]
    means = restricted_means(alone).set_index("loss")["mean"]
    found = table[table["threshold"] == 0.47].set_index("loss")["mean"]
    assert found.to_dict() == pytest.approx(means.to_dict())


def test_a_sweep_of_a_hand_computed_case_changes_the_soonest_loss() -> None:
    # iou is first at 0.5, ce at 1.0: the curves cross.
    histories = history_of(ce=[[0.2, 0.4, 1.0, 1.0]], iou=[[0.4, 0.6, 0.7, 0.8]])
    table = sweep(histories, "ce", shares=(0.5, 1)).set_index(["share", "loss"])
    assert table["mean"].to_dict() == {
        (0.5, "ce"): 3, (0.5, "iou"): 2, (1.0, "ce"): 3, (1.0, "iou"): 4,
    }  # fmt: skip
    assert table["rank"].to_dict() == {
        (0.5, "ce"): 2, (0.5, "iou"): 1, (1.0, "ce"): 1, (1.0, "iou"): 2,
    }  # fmt: skip
    shown = show_sweep(table.reset_index()).set_index("loss")
    assert shown.loc["ce"].to_dict() == {"to 50 %": "3.0", "to 100 %": "3.0"}
    assert shown.index.tolist() == ["ce", "iou"]
    text = read_sweep(table.reset_index())
    assert text == "Alone soonest on average is `iou` at 1 and `ce` at 1 of 2 thresholds."


def test_losses_that_share_the_lowest_mean_are_said_to() -> None:
    histories = history_of(ce=[[0.2, 0.7, 1.0]], iou=[[0.2, 0.9, 0.9]])
    table = sweep(histories, "ce", shares=(0.1, 0.8)).set_index(["share", "loss"])
    assert table["rank"].tolist() == [1.5, 1.5, 2, 1]
    assert read_sweep(table.reset_index()) == (
        "Alone soonest on average is `iou` at 1 of 2 thresholds; at 1 several share the lowest "
        "mean."
    )


def test_losses_that_are_equally_soon_everywhere_are_said_to_be() -> None:
    histories = history_of(ce=[[0.2, 1.0]], iou=[[0.2, 1.0]])
    text = read_sweep(sweep(histories, "ce", shares=(0.5, 0.9)))
    assert text == "At each of 2 thresholds several losses share the lowest mean."


def test_each_setting_is_swept_to_its_own_baseline_and_read_by_itself() -> None:
    other = ("voc", "", "unet", "resnet34")
    histories = pd.concat(
        [
            history_of(ce=[[0.5, 1.0]], iou=[[1.0, 1.0]]),
            history_of(other, ce=[[0.4, 0.5]], iou=[[0.1, 0.2]]),
        ]
    )
    table = sweep(histories, "ce", shares=(0.8,))
    heights = table.groupby("setting")["threshold"].first()
    assert heights.tolist() == pytest.approx([0.8, 0.4])
    text = read_sweep(table)
    assert "- **scenes, unet, resnet34**: `iou` is soonest on average at" in text
    assert "- **voc, unet, resnet34**: `ce` is soonest on average" in text


def test_a_baseline_that_was_not_run_is_an_error_with_the_choices() -> None:
    with pytest.raises(StudyError, match="unknown baseline 'iuo': one of ce, "):
        sweep(synthetic_histories(seeds=1), "iuo")
