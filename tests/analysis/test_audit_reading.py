"""What is said of each paper is what its tables support, and why."""

import pandas as pd
import pytest

from losslab.analysis.audit import reading
from losslab.analysis.audit.gains import gain_summary, paired_gains
from losslab.analysis.audit.units import unit_gains
from losslab.analysis.published import PAPERS, load_published

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def tables() -> Tables:
    cells = load_published()
    gains = paired_gains(cells)
    return gain_summary(gains, resamples=99), unit_gains(gains), cells


@pytest.mark.parametrize("paper", PAPERS)
def test_every_paper_is_read_with_intervals_correction_dependence_and_units(
    paper: str, tables: Tables
) -> None:
    text = reading.read_paper(paper, *tables)
    assert text.startswith("**What a modern analysis supports.** A mean gain of +")
    for word in ("Intervals and correction", "Independence", "Larger units", "Seeds", " by BCa"):
        assert word in text
    assert "nan" not in text
    assert ("Holm" in text) == (paper not in ("vanbeers2018", "kim2019"))
    assert ("Censoring" in text) == (paper in ("vanbeers2018", "gul2023"))


def test_two_data_sets_say_nothing_of_others(tables: Tables) -> None:
    for paper in ("rahman2016", "vanbeers2018", "gul2023"):
        text = reading.read_paper(paper, *tables)
        assert "The 2 data sets are too few to say anything of others." in text
    text = reading.read_paper("kim2019", *tables)
    assert "too few" not in text.split("\n")[0]
    assert "with 3 data sets as the units it is +1.5, 0.0 to +3.0" in text


def test_an_interval_that_holds_zero_is_said_to(tables: Tables) -> None:
    text = reading.read_paper("vanbeers2018", *tables)
    assert (
        "with 4 networks on data sets as the units it is +2.8, −2.7 to +8.3, which holds 0" in text
    )
    assert "BFCN-32s alone (8 pairs): +3.3 points, +2.6 to +4.1, p <0.001" in text
    assert "FCResNet alone (8 pairs): +2.2 points, −3.8 to +8.3, p = 0.410" in text


def test_guls_seed_censoring_and_other_losses_are_read(tables: Tables) -> None:
    text = reading.read_paper("gul2023", *tables)
    assert "in 2 of 3 comparisons, and that over other losses in 5 of 12;" in text.split("\n")[0]
    assert "5 of 12 comparisons are clear of 0 after Holm, and in 2 the proposed loss" in text
    assert "−7.7 to +6.0 points on Cityscapes" in text
    assert "Of 84 runs 41 do not converge in 60 epochs, 1 of 14 with the proposed loss" in text


def test_what_is_printed_twice_is_said(tables: Tables) -> None:
    assert "VOC 2010 are among those of VOC 2011" in reading.read_paper("rahman2016", *tables)
    assert "the run with the best weights" in reading.read_paper("chen2020", *tables)


def test_the_pool_is_read_by_data_sets_and_by_papers(tables: Tables) -> None:
    text = reading.read_pool(tables[1])
    assert "with data sets as units (n = 7)" in text
    assert "with papers as units (n = 5)" in text
    assert text.endswith("estimates no one effect.")


def doubtful(**changes: float) -> pd.DataFrame:
    row = {"comparison": "voc2011 categories", "without": "", "difference": 0.01, "gain_p": 0.03}
    row |= {"rho": 0.44, "p": 0.055}
    return pd.DataFrame([row, row | {"without": "sheep", "difference": 0.007} | changes])


def test_a_doubtful_cell_is_read_by_whether_a_verdict_changes() -> None:
    text = reading.read_doubtful(doubtful(gain_p=0.043, p=0.059))
    assert "VOC 2011, categories without sheep: the mean gain is +0.70 points (p = 0.043)" in text
    assert text.endswith("at 5 % neither verdict changes.")
    assert reading.read_doubtful(doubtful(gain_p=0.06)).endswith("at 5 % a verdict changes.")
    assert reading.read_doubtful(doubtful(p=0.04)).endswith("at 5 % a verdict changes.")
