"""Gul's epochs to converge as censored data: nothing is dropped, and ties stay ties."""

import numpy as np
import pandas as pd
import pytest

from losslab.analysis.audit.censored import EPOCHS, convergence, epochs_table

NEVER = float("nan")


def made(**epochs: list[float]) -> pd.DataFrame:
    """Runs of one data set: a list of epochs a loss, a setting each."""
    rows = [
        {"dataset": "d", "model": f"m{k}", "encoder": "", "variant": "", "loss": loss, "epoch": v}
        for loss, values in epochs.items()
        for k, v in enumerate(values)
    ]
    table = pd.DataFrame(rows).assign(last=EPOCHS)
    return table.assign(censored=table["epoch"].isna())


def of(table: pd.DataFrame, loss: str) -> dict:
    (row,) = table[table["loss"] == loss].to_dict("records")
    return row


def test_a_run_that_never_converges_is_censored_and_not_dropped() -> None:
    table = convergence(made(distance=[10, 20, 30, 40], ce=[10, 20, NEVER, NEVER]))
    row = of(table, "ce")
    assert (row["runs"], row["reached"], row["median"]) == (4, 2, 20)
    assert row["mean"] == pytest.approx((10 + 20 + 60 + 60) / 4)
    assert (row["sooner"], row["later"], row["undecided"]) == (2, 0, 2)
    assert row["earlier"] == pytest.approx((0 + 0 + 30 + 20) / 4)


def test_a_median_beyond_the_last_epoch_is_missing() -> None:
    row = of(convergence(made(distance=[10, 20, 30], ce=[10, NEVER, NEVER])), "ce")
    assert np.isnan(row["median"])


def test_two_losses_that_never_arrive_in_a_setting_are_undecided() -> None:
    row = of(convergence(made(distance=[10, NEVER], ce=[20, NEVER])), "ce")
    assert (row["sooner"], row["later"], row["undecided"]) == (1, 0, 1)


def test_settings_are_swapped_within_pairs_so_seven_give_no_p_below_a_64th() -> None:
    late = [50.0 + k for k in range(7)]
    early = [1.0 + k for k in range(7)]
    row = of(convergence(made(distance=early, ce=late)), "ce")
    assert row["p"] == row["p_min"] == pytest.approx(2 / 2**7)


def test_guls_tables_are_recomputed_with_their_censored_runs() -> None:
    epochs = epochs_table()
    assert len(epochs) == 84
    assert epochs["epoch"].isna().eq(epochs["censored"]).all()
    table = convergence(epochs).set_index(["dataset", "loss"])
    assert table["runs"].eq(7).all()
    assert table["reached"].groupby("dataset").sum().to_dict() == {
        "celebamask_hq": 21,
        "cityscapes": 22,
    }
    restricted = epochs.assign(time=epochs["epoch"].fillna(EPOCHS))
    means = restricted.groupby(["dataset", "loss"])["time"].mean()
    np.testing.assert_allclose(table["mean"], means.reindex(table.index))
    ours = table.xs("distance", level="loss")
    assert ours[["sooner", "later"]].to_numpy().tolist() == [[0, 0]] * 2
    assert ours["p"].isna().all()
    others = table.drop(index="distance", level="loss")
    assert (others[["sooner", "later", "undecided"]].sum(axis=1) == 7).all()
    assert others["p"].min() == others["p_min"].min() == pytest.approx(1 / 64)
    # Holm over the five losses of a data set: five times the least.
    assert others.loc[("celebamask_hq", "ce"), "p_holm"] == pytest.approx(5 / 64)
    assert (others["p_holm"] >= others["p"]).all()
    gap = (others["mean"] - ours["mean"].reindex(others.index, level="dataset")).to_numpy()
    np.testing.assert_allclose(others["earlier"], gap)
