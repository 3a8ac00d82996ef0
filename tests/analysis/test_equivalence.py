"""The region of practical equivalence."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from losslab.analysis import image_comparison, paired_comparison, relevance
from losslab.analysis.intervals import t_interval
from losslab.errors import StudyError
from tests.analysis.by_hand import scores_of
from tests.analysis.synthetic import synthetic_results


def compared(gains: list[float]) -> pd.DataFrame:
    return paired_comparison(scores_of(ce=[0.5] * len(gains), iou=[0.5 + g for g in gains]), "ce")


def test_p_of_equivalence_is_that_of_two_one_sided_t_tests() -> None:
    gains = [0.002, -0.001, 0.004, 0.003, -0.002, 0.001]
    row = relevance(compared(gains), rope=0.004).iloc[0]
    assert row["equivalence_p"] == pytest.approx(DescrStatsW(gains).ttost_mean(-0.004, 0.004)[0])
    low, high = stats.ttest_1samp(gains, 0).confidence_interval(0.90)
    assert (row["low_90"], row["high_90"]) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([0.030, 0.031, 0.029, 0.032, 0.030], "larger"),
        ([-0.030, -0.031, -0.029, -0.032, -0.030], "smaller"),
        ([0.002, 0.003, 0.001, 0.002, 0.003], "negligible"),
        ([0.002, 0.030, -0.020, 0.010, 0.003], "undecided"),
        ([0.009, 0.012, 0.010, 0.011, 0.013], "undecided"),
    ],
)
def test_each_verdict(gains: list[float], verdict: str) -> None:
    assert relevance(compared(gains), rope=0.01)["practical"].item() == verdict


def test_a_significant_difference_may_be_negligible() -> None:
    row = relevance(compared([0.002, 0.003, 0.001, 0.002, 0.003]), rope=0.01).iloc[0]
    assert row["t_p"] < 0.05
    assert row["practical"] == "negligible"


def test_the_verdict_and_the_p_never_contradict_each_other() -> None:
    rng = np.random.default_rng(0)
    gains = rng.normal(0.006, 0.004, (200, 5))
    rows = [{"difference": row.mean(), "df": 4, **t_interval(row)} for row in gains]
    found = relevance(pd.DataFrame(rows), rope=0.01)
    assert ((found["practical"] == "negligible") == (found["equivalence_p"] < 0.05)).all()
    assert set(found["practical"]) == {"negligible", "undecided"}


def test_one_pair_decides_nothing() -> None:
    row = relevance(compared([0.3]), rope=0.01).iloc[0]
    assert row["practical"] == "undecided"
    assert math.isnan(row["equivalence_p"])


def test_an_interval_of_images_keeps_its_lean() -> None:
    results = synthetic_results(effects={"ce": 0.0, "iou": 0.001}, images=60, seeds=2)
    row = relevance(image_comparison(results, "ce", resamples=499)).iloc[0]
    ratio = stats.t.ppf(0.95, 59) / stats.t.ppf(0.975, 59)
    for inner, outer in (("low_90", "low"), ("high_90", "high")):
        shorter = (row[inner] - row["difference"]) / (row[outer] - row["difference"])
        assert shorter == pytest.approx(ratio)


def test_a_region_without_width_is_an_error() -> None:
    with pytest.raises(StudyError, match="rope: a fraction above 0"):
        relevance(compared([0.1, 0.2]), rope=0.0)
