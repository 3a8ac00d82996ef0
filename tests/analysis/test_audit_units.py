"""Larger units than pairs, and what one doubtful cell decides."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from losslab.analysis.audit.gains import paired_gains, with_sparsity
from losslab.analysis.audit.names import ALL
from losslab.analysis.audit.units import unit_gains, without_doubtful


def made(paper: str, rows: list[tuple[str, str, str, float]]) -> pd.DataFrame:
    """Gains over cross-entropy: comparison, data set, network, gain."""
    table = pd.DataFrame(rows, columns=["comparison", "dataset", "model", "gain"])
    return table.assign(paper=paper, encoder="", baseline="ce")


@pytest.fixture(scope="module")
def gains() -> pd.DataFrame:
    return paired_gains()


@pytest.fixture(scope="module")
def units(gains: pd.DataFrame) -> pd.DataFrame:
    return unit_gains(gains)


def one(units: pd.DataFrame, paper: str, name: str, part: str = "") -> dict:
    same = (units["paper"] == paper) & (units["units"] == name) & (units["part"] == part)
    (row,) = units[same].to_dict("records")
    return row


def test_many_classes_do_not_outweigh_a_few_settings_of_the_same_data_set() -> None:
    rows = [("classes", "a", "m", 0.1)] * 20 + [("settings", "a", "m", 0.0)]
    found = one(unit_gains(made("kim2019", rows)), "kim2019", "data sets")
    assert (found["n"], found["difference"]) == (1, pytest.approx(0.05))


def test_editions_of_voc_are_one_data_set() -> None:
    rows = [("s", name, "m", 0.1) for name in ("voc2010", "voc2011", "voc_aug", "camvid")]
    found = unit_gains(made("kim2019", rows))
    assert one(found, "kim2019", "data sets")["n"] == 2
    assert one(found, "kim2019", "pairs")["n"] == 4


def test_a_network_on_a_data_set_is_the_mean_of_its_pairs() -> None:
    rows = [("s", "a", "m", 0.1), ("s", "a", "m", 0.3), ("s", "a", "n", 0.4), ("s", "b", "n", 0.6)]
    found = one(unit_gains(made("kim2019", rows)), "kim2019", "networks on data sets")
    assert found["n"] == 3
    assert found["difference"] == pytest.approx((0.2 + 0.4 + 0.6) / 3)
    expected = stats.ttest_1samp([0.2, 0.4, 0.6], 0)
    assert found["p"] == pytest.approx(expected.pvalue)
    assert found["low"] == pytest.approx(expected.confidence_interval().low)


def test_two_units_have_no_interval() -> None:
    rows = [("s", "a", "m", 0.1), ("s", "b", "m", 0.2)]
    found = one(unit_gains(made("kim2019", rows)), "kim2019", "data sets")
    assert (found["n"], math.isnan(found["low"]), math.isnan(found["p"])) == (2, True, True)


def test_other_baselines_than_cross_entropy_take_no_part() -> None:
    rows = made("kim2019", [("s", "a", "m", 0.1), ("s", "b", "m", 0.2), ("s", "c", "m", 0.3)])
    other = rows.assign(baseline="iou", gain=9.0)
    pd.testing.assert_frame_equal(unit_gains(pd.concat([rows, other])), unit_gains(rows))


def test_van_beers_gain_is_that_of_one_network(units: pd.DataFrame) -> None:
    assert one(units, "vanbeers2018", "pairs")["p"] == pytest.approx(0.0420, abs=5e-5)
    alone = one(units, "vanbeers2018", "pairs", "bfcn32s")
    assert alone["p"] == pytest.approx(1.76e-5, abs=5e-8)
    assert one(units, "vanbeers2018", "pairs", "fcresnet")["p"] == pytest.approx(0.410, abs=5e-4)
    networks = one(units, "vanbeers2018", "networks on data sets")
    assert networks["low"] < 0 < networks["high"]


def test_all_papers_are_taken_together_by_data_sets_and_by_papers(units: pd.DataFrame) -> None:
    assert one(units, ALL, "data sets")["n"] == 7
    papers = one(units, ALL, "papers")
    assert papers["n"] == 5
    means = [one(units, paper, "data sets")["difference"] for paper in units["paper"].unique()[:5]]
    assert papers["difference"] == pytest.approx(np.mean(means), abs=2e-3)
    assert papers["low"] < 0 < papers["high"]


def test_without_the_doubtful_sheep_the_gain_shrinks_and_no_verdict_changes(
    gains: pd.DataFrame,
) -> None:
    every, rest = without_doubtful(with_sparsity(gains)).to_dict("records")
    assert (every["without"], rest["without"]) == ("", "sheep")
    assert (every["n"], rest["n"]) == (20, 19)
    assert (every["difference"], rest["difference"]) == pytest.approx((0.00997, 0.00705), abs=5e-5)
    assert (every["gain_p"], every["wilcoxon_p"]) == pytest.approx((0.030, 0.0094), abs=5e-4)
    assert rest["gain_p"] == pytest.approx(0.043, abs=5e-4)
    assert min(every["p"], rest["p"]) > 0.05


def test_comparisons_without_a_doubtful_cell_are_left_out(gains: pd.DataFrame) -> None:
    rows = with_sparsity(gains)
    assert without_doubtful(rows[~rows["doubtful"]]).empty
