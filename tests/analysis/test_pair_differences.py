"""Differences of many pairs at once are those of the paired comparison."""

import numpy as np
import pandas as pd
import pytest

from losslab.analysis import paired_comparison
from losslab.analysis.pair_differences import PairDifferences

LOSSES = ("ce", "dice", "iou")


def scores(folds: int, seeds: int, *, missing: int = 0) -> pd.DataFrame:
    """The table of `select_scores`, some runs of it missing."""
    rng = np.random.default_rng(folds + 10 * seeds)
    rows = [
        {"setting": "s", "loss": loss, "fold": fold, "seed": seed, "value": rng.random()}
        for loss in LOSSES
        for fold in range(folds)
        for seed in range(seeds)
    ]
    table = pd.DataFrame(rows)
    return table.drop(index=rng.choice(len(table), missing, replace=False))


def differences(table: pd.DataFrame, ratio: float | None = None) -> PairDifferences:
    return PairDifferences(table.set_index(["loss", "fold", "seed"])["value"], ratio)


@pytest.mark.parametrize(
    ("folds", "seeds", "missing", "ratio"),
    [(1, 5, 0, None), (1, 6, 3, None), (5, 1, 0, None), (4, 3, 5, 0.5), (3, 2, 0, None)],
)
def test_size_interval_and_seeds_are_those_of_the_paired_comparison(
    folds: int, seeds: int, missing: int, ratio: float | None
) -> None:
    table = scores(folds, seeds, missing=missing)
    found = differences(table, ratio)
    ratios = None if ratio is None else {"s": ratio}
    for baseline in LOSSES:
        expected = paired_comparison(table, baseline, ratios=ratios).set_index("loss")
        for loss in expected.index:
            row = found.compared(str(loss), baseline)
            for name in ("difference", "low", "high", "seeds"):
                assert row[name] == pytest.approx(expected.loc[loss, name], nan_ok=True), name
            first = min(str(loss), baseline)
            sign = 1 if first == loss else -1
            pair = tuple(sorted((str(loss), baseline)))
            assert found.pairs()[pair] == pytest.approx(sign * row["difference"])


def test_one_pair_has_no_interval() -> None:
    row = differences(scores(1, 1)).compared("ce", "iou")
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])
    assert row["seeds"] == 1


def test_losses_that_share_no_run_are_no_pair() -> None:
    table = scores(1, 2)
    apart = table[(table["loss"] != "iou") | (table["seed"] == 1)]
    apart = apart[(apart["loss"] != "ce") | (apart["seed"] == 0)]
    assert set(differences(apart).pairs()) == {("ce", "dice"), ("dice", "iou")}
