"""Shares of epochs at which a loss is ahead."""

import pandas as pd
import pytest

from losslab.analysis.superiority import read_superiority, show_superiority, superiority
from losslab.errors import StudyError
from tests.analysis.synthetic import SETTINGS, run_columns


def histories(setting: tuple[str, ...] = SETTINGS[0], **runs: list[list[float]]) -> pd.DataFrame:
    """The validation Boundary IoU of each loss's runs at epochs 1, 2, ..."""
    return pd.DataFrame(
        [
            {**run_columns(setting, loss, seed), "epoch": epoch, "value": value}
            | {"metric": "val_boundary_iou"}
            for loss, seeds in runs.items()
            for seed, values in enumerate(seeds)
            for epoch, value in enumerate(values, start=1)
        ]
    )


def shares(table: pd.DataFrame, seed: int = 0) -> dict[str, float]:
    return table[table["seed"] == seed].set_index("loss")["share"].to_dict()


def test_a_loss_has_the_share_of_the_epochs_at_which_it_is_best() -> None:
    table = superiority(histories(ce=[[0.1, 0.5, 0.4, 0.4]], iou=[[0.2, 0.3, 0.5, 0.6]]))
    assert shares(table) == {"ce": 0.25, "iou": 0.75}
    assert table["epochs"].tolist() == [4, 4]


def test_losses_that_are_equally_good_share_the_epoch() -> None:
    table = superiority(
        histories(ce=[[0.5, 0.1]], iou=[[0.5, 0.6]], dice=[[0.2, 0.3]], focal=[[0.1, 0.2]])
    )
    assert shares(table) == {"ce": 0.25, "iou": 0.75, "dice": 0, "focal": 0}


def test_each_seed_is_compared_by_itself_and_shares_add_up_to_1() -> None:
    table = superiority(histories(ce=[[0.1, 0.2], [0.9, 0.9]], iou=[[0.3, 0.4], [0.5, 0.6]]))
    assert shares(table) == {"ce": 0, "iou": 1}
    assert shares(table, seed=1) == {"ce": 1, "iou": 0}
    assert (table.groupby("seed")["share"].sum() == 1).all()
    shown = show_superiority(table)
    assert shown["best at, % of epochs"].tolist() == ["50.0 ± 70.7"] * 2
    assert shown["runs"].tolist() == [2, 2]


def test_epochs_and_seeds_that_not_all_losses_have_are_left_out() -> None:
    stopped = histories(ce=[[0.1, 0.9, 0.9], [0.9]], iou=[[0.3]])
    table = superiority(stopped)
    assert table["seed"].unique().tolist() == [0]
    assert shares(table) == {"ce": 0, "iou": 1}
    assert table["epochs"].tolist() == [1, 1]


def test_where_no_seed_has_every_loss_the_sentence_says_so() -> None:
    apart = pd.concat([histories(ce=[[0.1]]), histories(iou=[[0.2]]).assign(seed=5)])
    table = superiority(apart)
    assert table.empty
    assert show_superiority(table).empty
    assert "no epoch can be compared" in read_superiority(table)


def test_the_sentence_names_the_leader_and_an_even_share() -> None:
    table = superiority(histories(ce=[[0.1, 0.2]], iou=[[0.3, 0.4]]))
    text = read_superiority(table)
    assert text.startswith("`iou` is best at 100 % of the epochs (one seed, 2 losses; an even")
    assert "50 %" in text
    assert "ranks no trained network" in text
    other = histories(("voc", "", "unet", "resnet34"), ce=[[0.5]], iou=[[0.5]])
    both = superiority(pd.concat([histories(ce=[[0.1, 0.2]], iou=[[0.3, 0.4]]), other]))
    text = read_superiority(both)
    assert "- **voc, unet, resnet34**: `ce`, `iou` are each best at 50 %" in text
    assert text.count("ranks no trained network") == 1
    assert "setting" in show_superiority(both)


def test_histories_without_boundary_iou_are_an_error_with_what_they_hold() -> None:
    with pytest.raises(StudyError, match="unknown history metric 'val_boundary_iou': one of val_i"):
        superiority(histories(ce=[[0.1]]).assign(metric="val_iou"))
