"""The audit's verdicts, by tables made by hand and by what is known of the papers'."""

import math

import pandas as pd
import pytest

from losslab.analysis.audit import AUDITS, VERDICTS, audit
from losslab.analysis.audit.findings import COLUMNS, count_finding, finding
from losslab.analysis.published import load_published

MEAN = "mean of 5 folds"


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    return audit()


def rows(found: pd.DataFrame, paper: str, text: str) -> pd.DataFrame:
    part = found[(found["paper"] == paper) & found["claim"].str.contains(text, regex=False)]
    assert len(part), text
    return part


def changed(paper: str, table: str, value: float, **cell: str) -> pd.DataFrame:
    """The published cells with one of them replaced."""
    cells = load_published()
    where = (cells["paper"] == paper) & (cells["table"] == table)
    for name, text in cell.items():
        where &= cells[{"kind": "class"}.get(name, name)] == text
    assert where.sum() == 1
    return cells.assign(value=cells["value"].mask(where, value))


@pytest.mark.parametrize(
    ("printed", "derived", "verdict"),
    [
        ("0.49", 0.4949, "reproduced"),
        ("0.49", 0.4951, "contradicted"),
        ("1.8e-5", 1.76e-5, "reproduced"),
        ("1.8e-5", 1.74e-5, "contradicted"),
        ("4", 3.6, "reproduced"),
        ("-0.2", -0.26, "contradicted"),
        ("77.1", math.nan, "undeterminable"),
    ],
)
def test_a_verdict_is_by_half_a_unit_of_the_last_printed_digit(
    printed: str, derived: float, verdict: str
) -> None:
    row = finding("p", "1", "x", printed, derived)
    assert tuple(row) == COLUMNS
    assert row["verdict"] == verdict


def test_slack_widens_what_counts_as_reproduced() -> None:
    assert finding("p", "1", "x", "10.8", 10.88)["verdict"] == "contradicted"
    assert finding("p", "1", "x", "10.8", 10.88, slack=0.1)["verdict"] == "reproduced"


def test_a_claim_about_many_cells_holds_for_all_of_them_or_for_a_named_share() -> None:
    holds = pd.Series([True] * 4 + [False])
    row = count_finding("p", "1", "x", holds)
    assert (row["printed"], row["derived"], row["verdict"]) == ("5", 4, "contradicted")
    assert count_finding("p", "1", "x", holds, share=0.8)["verdict"] == "reproduced"


def test_every_paper_has_findings_and_each_a_verdict(found: pd.DataFrame) -> None:
    assert list(found["paper"].unique()) == list(AUDITS)
    assert set(found["verdict"]) == set(VERDICTS)
    assert not found.duplicated(["paper", "table", "claim"]).any()
    unknown = found["derived"].isna()
    assert (found.loc[unknown, "verdict"] == "undeterminable").all()
    # Without a number behind it stands a note.
    assert (found.loc[unknown, "note"] != "").all()


def test_the_seven_p_values_of_van_beers_are_reproduced(found: pd.DataFrame) -> None:
    p = rows(found, "vanbeers2018", "p of the paired t test")
    assert (p["verdict"] == "reproduced").all()
    expected = [0.494, 0.0420, 0.0246, 1.76e-5, 0.410, 0.0427, 0.0643]
    assert p["derived"].to_list() == pytest.approx(expected, rel=2e-3)


def test_rahmans_means_are_contradicted_and_the_sparsity_left_open(found: pd.DataFrame) -> None:
    means = rows(found, "rahman2016", "mean IoU")
    assert means["printed"].to_list() == ["63.18", "63.82"]
    assert means["derived"].to_list() == pytest.approx([66.16, 67.16], abs=0.005)
    assert (means["verdict"] == "contradicted").all()
    (rank,) = rows(found, "rahman2016", "Spearman").to_dict("records")
    assert rank["derived"] == pytest.approx(0.44, abs=5e-3)
    assert rank["verdict"] == "undeterminable"
    (gains,) = rows(found, "rahman2016", "classes that gain").to_dict("records")
    assert "p = 0.030, Wilcoxon 0.0094" in gains["note"]
    assert gains["derived"] == 15


def test_kims_gains_and_ratios_are_reproduced(found: pd.DataFrame) -> None:
    kim = found[found["paper"] == "kim2019"]
    assert (kim["verdict"] == "reproduced").all()
    cut = rows(found, "kim2019", "over that of level set, vgg16")
    assert cut["derived"].to_list() == pytest.approx([15.48, 10.88])
    assert cut["note"].str.startswith("truncated").all()
    (crf,) = rows(found, "kim2019", "as good as a CRF").to_dict("records")
    assert crf["note"] == "from −0.9 to +0.2 points, better in 1"


def test_chens_voc_means_cannot_be_told_and_cityscapes_are_reproduced(found: pd.DataFrame) -> None:
    assert (rows(found, "chen2020", "VOC: mean")["verdict"] == "undeterminable").all()
    assert "average 76.29" in rows(found, "chen2020", "VOC: mean iou, baseline")["note"].item()
    assert (rows(found, "chen2020", "Cityscapes: mean")["verdict"] == "reproduced").all()
    assert (rows(found, "chen2020", "F1 is 2 IoU")["verdict"] == "reproduced").all()
    structure = rows(found, "chen2020", "gains, e_measure")
    assert structure["derived"].to_list() == [13, 14]
    assert (structure["verdict"] == "contradicted").all()


def test_guls_cells_agree_but_for_two_wins(found: pd.DataFrame) -> None:
    assert rows(found, "gul2023", "bracketed")["derived"].to_list() == [70, 70, 70, 35]
    assert (rows(found, "gul2023", "bracketed")["verdict"] == "reproduced").all()
    assert rows(found, "gul2023", "its seven tables give")["derived"].item() == 40
    wins = rows(found, "gul2023", "cityscapes wins superiority")
    assert wins["printed"].to_list() == ["1", "0"]
    assert wins["derived"].to_list() == [0, 1]
    (table,) = rows(found, "gul2023", "does not lead in superiority").to_dict("records")
    assert (table["printed"], table["derived"]) == ("4.3", 4.6)


def test_guls_margins_of_boundary_iou_are_those_of_dice(found: pd.DataFrame) -> None:
    margins = rows(found, "gul2023", "in boundary IoU")
    assert margins["derived"].to_list() == pytest.approx([0.0286, 0.1526, -0.0006, -0.0014])
    assert (margins["verdict"] == "contradicted").all()
    assert (margins["note"] == "it is the margin in dice").all()


def test_guls_folds_and_convergence_are_as_printed(found: pd.DataFrame) -> None:
    assert (rows(found, "gul2023", "of the folds of A.1-A.6")["verdict"] == "reproduced").all()
    folds = found[(found["paper"] == "gul2023") & (found["table"] == "A.1-A.6")]
    assert folds["derived"].to_list() == [16]
    assert rows(found, "gul2023", "converges first")["derived"].to_list() == [5, 3, 4, 2]


def test_a_changed_cell_changes_the_verdict() -> None:
    cells = changed("gul2023", "4.11", 0.75, loss="distance", metric="boundary_iou", variant=MEAN)
    (row,) = rows(AUDITS["gul2023"](cells), "gul2023", "mean of the folds").to_dict("records")
    assert (row["derived"], row["verdict"]) == (17, "contradicted")
    cells = changed("kim2019", "1", 65.2, model="fcn32s", loss="ce", variant="")
    gain = rows(AUDITS["kim2019"](cells), "kim2019", "gain of FCN-32s")
    assert gain["verdict"].item() == "contradicted"
    name = {"loss": "ce", "metric": "iou", "kind": "road"}
    f1 = rows(AUDITS["chen2020"](changed("chen2020", "3", 90.0, **name)), "chen2020", "F1 is")
    assert f1["derived"].to_list() == [40, 37]
