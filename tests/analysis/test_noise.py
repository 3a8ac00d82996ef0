"""The same seed twice."""

import pandas as pd
import pytest

from losslab.analysis import paired_comparison, select_scores
from losslab.analysis.noise import class_noise, image_noise, read_repeats, repeat_noise
from tests.analysis.synthetic import synthetic_results


@pytest.fixture
def results() -> pd.DataFrame:
    """Three seeds of two losses, and seed 0 of ce twice more: 0.4 and 0.1 points higher."""
    table = synthetic_results(effects={"ce": 0.0, "iou": 0.05}, noise=0.01, seeds=3)
    table = table.assign(repeat=0, definition=table["metric"] + "@" + table["level"])
    first = table[(table["loss"] == "ce") & (table["seed"] == 0)]
    again = [
        first.assign(repeat=number, value=first["value"] + gain, run_id=f"again-{number}")
        for number, gain in ((1, 0.004), (2, 0.001))
    ]
    return pd.concat([table, *again], ignore_index=True)


def test_the_floor_is_the_largest_difference_between_repeats(results: pd.DataFrame) -> None:
    row = repeat_noise(results).iloc[0]
    assert row["pairs"] == 3
    assert row["largest"] == pytest.approx(0.004)
    assert row["mean"] == pytest.approx((0.004 + 0.001 + 0.003) / 3)
    assert "3 pairs of runs with the same seed lie up to 0.40 points" in read_repeats(
        repeat_noise(results)
    )


def test_repeats_take_part_in_no_comparison(results: pd.DataFrame) -> None:
    first = results[results["repeat"] == 0]
    pd.testing.assert_frame_equal(select_scores(results), select_scores(first))
    compared = paired_comparison(select_scores(results), "ce")
    assert compared["n"].tolist() == [3]


def test_without_a_repeat_the_floor_is_not_known(results: pd.DataFrame) -> None:
    floor = repeat_noise(results[results["repeat"] == 0])
    assert floor["pairs"].tolist() == [0]
    assert floor["largest"].isna().all()
    assert "not known" in read_repeats(floor)


def test_equal_repeats_are_said_to_agree(results: pd.DataFrame) -> None:
    same = results[results["repeat"] == 0]
    again = same[(same["loss"] == "ce") & (same["seed"] == 1)].assign(repeat=1, run_id="again")
    assert "agree to the last digit" in read_repeats(repeat_noise(pd.concat([same, again])))


def test_the_noise_of_a_class_is_that_of_its_own_scores(results: pd.DataFrame) -> None:
    found = class_noise(results).set_index("class")
    own = results[
        (results["class"] == "wire")
        & (results["metric"] == "iou")
        & (results["level"] == "dataset")
        & (results["repeat"] == 0)
    ]
    variances = own.groupby("loss")["value"].var(ddof=1)
    assert found.loc["wire", "sd"] == pytest.approx(variances.mean() ** 0.5)
    assert "mean" not in found.index


def test_the_noise_of_images_is_that_of_the_runs_means_over_them(results: pd.DataFrame) -> None:
    noise, floor = image_noise(results)
    own = results[
        (results["class"] == "mean")
        & (results["metric"] == "iou")
        & (results["level"] == "per_image")
    ]
    means = own[own["repeat"] == 0].groupby(["loss", "seed"])["value"].mean()
    sd = means.groupby("loss").var(ddof=1).mean() ** 0.5
    assert noise["sd"].iloc[0] == pytest.approx(sd)
    assert floor["largest"].iloc[0] == pytest.approx(0.004)
