"""Gains of the proposed losses: what is paired with what, and what the pairs support."""

import numpy as np
import pandas as pd
import pytest
import scipy
from statsmodels.stats.multitest import multipletests

from losslab.analysis.audit import gains as g


@pytest.fixture(scope="module")
def gains() -> pd.DataFrame:
    return g.paired_gains()


@pytest.fixture(scope="module")
def summary(gains: pd.DataFrame) -> pd.DataFrame:
    return g.gain_summary(gains, resamples=999)


def made(values: list[float], start: list[float], comparison: str = "settings") -> pd.DataFrame:
    rows = pd.DataFrame({"baseline_value": start, "gain": values})
    rows["value"] = rows["baseline_value"] + rows["gain"]
    return rows.assign(
        **dict.fromkeys(("split", "model", "encoder", "pretraining", "variant", "class"), ""),
        paper="p",
        comparison=comparison,
        dataset="d",
        metric="iou",
        table="1",
        proposed="new",
        loss="x",
        baseline="ce",
    )


def test_each_pair_differs_in_nothing_but_the_loss(gains: pd.DataFrame) -> None:
    assert not gains.duplicated([*g.KEYS, "baseline", "loss"]).any()
    assert (gains["loss"] != gains["baseline"]).all()
    np.testing.assert_allclose(gains["gain"], gains["value"] - gains["baseline_value"])
    assert gains["value"].between(0, 1).all()
    assert set(gains.loc[gains["paper"] != "gul2023", "baseline"]) == {"ce"}
    assert not gains["variant"].str.contains("CRF|of 5 folds").any()


def test_the_pairs_are_as_many_as_the_papers_print(gains: pd.DataFrame) -> None:
    count = gains.groupby(["paper", "comparison"]).size()
    assert count["vanbeers2018"].to_dict() == {"faces, settings": 16}
    assert count["kim2019"].to_dict() == {"settings": 13}
    assert count["rahman2016"].to_dict() == {
        "camvid categories": 10,
        "voc2010 categories": 6,
        "voc2011 categories": 20,
    }
    assert count["gul2023", "cityscapes settings"] == 7 * 5
    assert count["gul2023", "celebamask_hq folds"] == 5 * 5
    assert count["chen2020", "voc_aug classes"] == 20


def test_a_gain_is_that_of_the_printed_cells(gains: pd.DataFrame) -> None:
    (row,) = gains.query("paper == 'kim2019' and model == 'fcn32s'").to_dict("records")
    assert (row["baseline_value"], row["value"]) == pytest.approx((0.651, 0.689))
    sheep = gains.query("comparison == 'voc2011 categories' and `class` == 'sheep'")
    assert sheep["gain"].item() == pytest.approx(0.0654)


def test_the_summary_is_a_paired_t_with_holm_over_a_papers_rows(summary: pd.DataFrame) -> None:
    (faces,) = summary.query("paper == 'vanbeers2018'").to_dict("records")
    assert faces["t_p"] == faces["t_p_holm"] == pytest.approx(0.0420, abs=5e-5)
    assert (faces["n"], faces["better"], faces["datasets"]) == (16, 12, 2)
    for _, part in summary.groupby("paper"):
        expected = multipletests(part["t_p"], method="holm")[1]
        np.testing.assert_allclose(part["t_p_holm"], expected)
    wide = (summary["n"] >= 5) & ~summary["comparison"].str.endswith("folds")
    inside = summary["difference"].between(summary["bca_low"], summary["bca_high"])
    assert inside[wide].all()
    assert (summary["dependence"] != "").all()


def test_gul_beats_cross_entropy_but_not_iou_or_dice_on_faces(summary: pd.DataFrame) -> None:
    rows = summary.query("comparison == 'celebamask_hq settings'").set_index("baseline")
    assert rows.loc["ce", "t_p_holm"] < 0.01  # type: ignore[operator]
    for baseline in ("iou(absent='zero')", "dice(absent='zero')"):
        assert rows.loc[baseline, "difference"] < 0  # type: ignore[operator]
        assert rows.loc[baseline, "t_p_holm"] > 0.3  # type: ignore[operator]


def test_folds_are_corrected_for_the_training_pictures_that_they_share(
    gains: pd.DataFrame, summary: pd.DataFrame
) -> None:
    mine = {"comparison": "celebamask_hq folds", "baseline": "iou(absent='zero')"}
    values = gains.loc[(gains[list(mine)] == pd.Series(mine)).all(axis=1), "gain"].to_numpy()
    row = summary[(summary[list(mine)] == pd.Series(mine)).all(axis=1)].iloc[0]
    error = np.sqrt((1 / 5 + 0.2 / 0.7) * values.var(ddof=1))  # 70 % train, 20 % test
    half = scipy.stats.t.ppf(0.975, 4) * error
    assert (row["low"], row["high"]) == pytest.approx((values.mean() - half, values.mean() + half))
    assert row["t_p"] == pytest.approx(2 * scipy.stats.t.sf(values.mean() / error, 4))
    assert row["t_p"] > 2 * scipy.stats.ttest_1samp(values, 0).pvalue
    assert np.isnan(row["bca_low"])
    assert row["n"] == 5


def test_a_bootstrap_of_fewer_than_five_pairs_is_not_given() -> None:
    four = g.gain_summary(made([0.01, 0.02, 0.04, 0.05], [0.5] * 4), resamples=99)
    assert four["bca_low"].isna().all()
    assert four["low"].notna().all()
    five = g.gain_summary(made([0.01, 0.02, 0.04, 0.05, 0.06], [0.5] * 5), resamples=99)
    assert five["bca_low"].notna().all()


def test_equal_gains_have_no_interval_and_say_why() -> None:
    (row,) = g.gain_summary(made([0.01] * 4, [0.5, 0.6, 0.7, 0.8])).to_dict("records")
    assert np.isnan([row["low"], row["high"], row["bca_low"], row["t_p"]]).all()
    assert "all differences are equal" in row["reason"]


def test_sparsity_is_joined_by_class_and_data_set(gains: pd.DataFrame) -> None:
    rows = g.with_sparsity(gains)
    assert set(rows["dataset"]) == {"voc2010", "voc2011"}
    first = rows.query("dataset == 'voc2010' and `class` == 'aeroplane'")
    assert first["ratio"].to_list() == [152]
    table = g.associations(rows, "ratio").set_index("comparison")
    assert table.loc["voc2011 categories", "rho"] == pytest.approx(0.436, abs=5e-4)
    assert table.loc["voc2011 categories", "p"] == pytest.approx(0.0546, abs=5e-5)


def test_gain_against_baseline_comes_with_the_coupling_free_one() -> None:
    rng = np.random.default_rng(0)
    start, end = rng.normal(0.5, 0.02, 300), rng.normal(0.5, 0.02, 300)
    table = g.associations(made(list(end - start), list(start)), "baseline_value")
    (row,) = table.to_dict("records")
    # Noise alone: the gain falls with the baseline, and does not with the mean of both.
    assert row["rho"] < -0.5
    assert abs(row["rho_mean"]) < 0.15
    assert row["low"] < row["rho"] < row["high"] < 0


def test_comparisons_with_few_pairs_or_one_baseline_have_no_correlation() -> None:
    assert g.associations(made([0.1, 0.2, 0.3], [0.5, 0.6, 0.7]), "baseline_value").empty
    assert g.associations(made([0.1, 0.2, 0.3, 0.4, 0.5], [0.5] * 5), "baseline_value").empty
