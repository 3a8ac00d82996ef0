"""Shares of epochs at which a loss is ahead."""

import numpy as np
import pandas as pd
import pytest
import scipy

from losslab.analysis.superiority import (
    read_superiority,
    show_superiority,
    superiority,
    superiority_means,
)
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
    text = read_superiority(
        superiority(histories(ce=[[0.1, 0.2], [0.9, 0.1]], iou=[[0.3, 0.4], [0.5, 0.6]]))
    )
    assert text.startswith("`iou` is best at 75 % of the epochs (95 % interval 1 to 100; 2 s")


def shares_of(values: np.ndarray, fold: bool = False) -> pd.DataFrame:
    """A setting for each row of `values`, whose columns are seeds (or folds) of one loss."""
    rows, runs = values.shape
    table = pd.DataFrame({"setting": np.repeat(np.arange(rows), runs), "share": values.ravel()})
    table = table.assign(loss="ce", losses=6, epochs=60, seed=0, fold=0)
    return table.assign(**{"fold" if fold else "seed": np.tile(np.arange(runs), rows)})


def test_the_interval_of_shares_of_0_and_1_is_wilsons() -> None:
    from statsmodels.stats.proportion import proportion_confint

    row = superiority_means(shares_of(np.array([[0.0, 1, 1, 0, 0, 1, 1, 1]]))).iloc[0]
    assert row["share"] == pytest.approx(5 / 8)
    # Of n zeros and ones the variance is n / (n - 1) times m (1 - m): 7 effective runs.
    alpha = 2 * scipy.stats.norm.sf(scipy.stats.t.ppf(0.975, 7))
    ends = proportion_confint(5 / 8 * 7, 7, alpha=alpha, method="wilson")
    assert (row["low"], row["high"]) == pytest.approx(ends)


def test_the_interval_of_a_share_lies_within_0_and_1_where_t_leaves_it() -> None:
    values = np.array([0.02, 0.0, 0.3])
    assert values.mean() - 4.30 * values.std(ddof=1) / np.sqrt(3) < 0
    row = superiority_means(shares_of(values[None])).iloc[0]
    assert 0 < row["low"] < values.mean() < row["high"] < 1


def test_the_interval_of_a_share_holds_what_it_states() -> None:
    rng, count, runs, losses, epochs = np.random.default_rng(3), 900, 5, 6, 60
    curves = 0.003 * rng.normal(size=(count * runs, losses, 1))  # a seed moves a run less than
    curves[:, 0] += 0.004
    curves = curves + 0.008 * rng.normal(size=(count * runs, losses, epochs))  # an epoch does
    shares = (curves.argmax(1) == 0).mean(1).reshape(count, runs)
    means = superiority_means(shares_of(shares))
    truth = shares.mean()
    assert 0.2 < truth < 0.4
    held = ((means["low"] <= truth) & (truth <= means["high"])).mean()
    assert 0.94 - 0.025 < held < 0.96 + 0.025  # 0.025: three standard errors of the simulation


def test_folds_count_once_each_and_widen_the_interval() -> None:
    values = np.array([[0.2, 0.3, 0.25, 0.4, 0.35]])
    apart = superiority_means(shares_of(values)).iloc[0]
    folds = shares_of(values, fold=True)
    twice = pd.concat([folds, folds.assign(seed=1)])
    shared = superiority_means(twice, ratios={"0": 0.5}).iloc[0]
    assert shared["share"] == pytest.approx(apart["share"])
    assert shared["high"] - shared["low"] > 1.5 * (apart["high"] - apart["low"])
    assert superiority_means(folds).iloc[0]["low"] < apart["low"]


def test_equal_shares_have_no_interval() -> None:
    means = superiority_means(shares_of(np.array([[0.5, 0.5], [0.0, 0.0]])))
    assert means[["low", "high"]].isna().all(axis=None)


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
