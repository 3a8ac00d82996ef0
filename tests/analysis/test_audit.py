"""The audit's verdicts, by tables made by hand and by what is known of the papers'."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from losslab.analysis.audit import AUDITS, CHECKS, VERDICTS, audit
from losslab.analysis.audit.findings import (
    COLUMNS,
    check,
    count_finding,
    finding,
    tendency,
    untold,
)
from losslab.analysis.published import load_published

MEAN = "mean of 5 folds"


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    return audit()


def rows(found: pd.DataFrame, paper: str, text: str) -> pd.DataFrame:
    """Findings whose wording or reading holds the text."""
    texts = found["says"] + " | " + found["claim"]
    part = found[(found["paper"] == paper) & texts.str.contains(text, regex=False)]
    assert len(part), text
    return part


def one(found: pd.DataFrame, paper: str, text: str) -> dict:
    (row,) = rows(found, paper, text).to_dict("records")
    return row


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
    row = finding("p", "1", "4.2", "x", printed, derived)
    assert tuple(row) == COLUMNS
    assert row["verdict"] == verdict


def test_slack_widens_what_counts_as_reproduced() -> None:
    assert finding("p", "1", "", "x", "10.8", 10.88)["verdict"] == "contradicted"
    assert finding("p", "1", "", "x", "10.8", 10.88, slack=0.1)["verdict"] == "reproduced"


def test_a_claim_about_many_cells_holds_for_all_of_them_or_for_a_named_share() -> None:
    holds = pd.Series([True] * 4 + [False])
    row = count_finding("p", "1", "", "x", holds)
    assert (row["printed"], row["derived"], row["verdict"]) == ("5", 4, "contradicted")
    assert count_finding("p", "1", "", "x", holds, share=0.8)["verdict"] == "reproduced"


@pytest.mark.parametrize(
    ("rho", "p", "verdict"),
    [(0.5, 0.04, "reproduced"), (-0.5, 0.04, "contradicted"), (0.5, 0.06, "undeterminable")],
)
def test_a_tendency_is_settled_at_five_percent_or_not_at_all(
    rho: float, p: float, verdict: str
) -> None:
    row = tendency("p", "1", "", "x", SimpleNamespace(statistic=rho, pvalue=p), note="n")
    assert (row["printed"], row["derived"], row["verdict"]) == ("", rho, verdict)


def test_what_no_table_holds_is_undeterminable_with_or_without_a_figure() -> None:
    for printed in ("2.4", ""):
        row = untold("p", "–", "", "x", printed, "Figure 5 prints no numbers")
        assert (row["printed"], row["verdict"]) == (printed, "undeterminable")
        assert math.isnan(float(str(row["derived"])))


def test_a_check_of_ours_has_no_wording_and_verdicts_of_its_own() -> None:
    good, bad = (check("p", "1", "x", pd.Series(holds)) for holds in ([True], [True, False]))
    assert (good["says"], good["verdict"]) == ("", "holds")
    assert (bad["printed"], bad["derived"], bad["verdict"]) == ("2", 1, "fails")


def test_every_paper_has_findings_and_each_a_verdict(found: pd.DataFrame) -> None:
    assert list(found["paper"].unique()) == list(AUDITS)
    assert set(found["verdict"]) == {*VERDICTS, *CHECKS}
    assert not found.duplicated(["paper", "table", "claim"]).any()
    unknown = found["derived"].isna()
    assert (found.loc[unknown, "verdict"] == "undeterminable").all()
    # Without a number behind it stands a note.
    assert (found.loc[unknown, "note"] != "").all()


def test_what_a_paper_says_is_quoted_with_its_section_or_names_a_table(found: pd.DataFrame) -> None:
    checks = found["verdict"].isin(CHECKS)
    assert (found.loc[checks, "says"] == "").all()
    quoted = found.loc[~checks, "says"].str.fullmatch(r'(\d(\.\d)*|Abstract|Table 1): ".+"')
    named = found.loc[~checks, "says"].str.match(r"Tables?( [\d.]+)?(, .+)?$")
    assert (quoted ^ named).all()


def test_every_table_with_results_has_a_finding(found: pd.DataFrame) -> None:
    named = {
        (row.paper, part.strip()) for row in found.itertuples() for part in row.table.split(",")
    }  # type: ignore[attr-defined]
    for paper, table in {("chen2020", str(n)) for n in range(1, 9)}:
        assert (paper, table) in named
    for table in ("3.1", "4.1", "4.5", "4.6", "4.7", "4.9", "4.10", "4.11", "4.12", "A.1-A.6"):
        assert ("gul2023", table) in named


def test_the_seven_p_values_of_van_beers_are_reproduced(found: pd.DataFrame) -> None:
    p = rows(found, "vanbeers2018", "p of a paired t test")
    assert (p["verdict"] == "reproduced").all()
    expected = [0.494, 0.0420, 0.0246, 1.76e-5, 0.410, 0.0427, 0.0643]
    assert p["derived"].to_list() == pytest.approx(expected, rel=2e-3)


def test_van_beers_is_contradicted_on_the_amount_of_data_alone(found: pd.DataFrame) -> None:
    part = found[found["paper"] == "vanbeers2018"]
    wrong = part[part["verdict"] == "contradicted"]
    assert wrong["derived"].to_list() == [15, 6]
    assert "not FCResNet HELEN hair cross-entropy (+3.0)" in wrong["note"].iloc[0]
    assert "FCResNet LFW no hair (an aberration)" in wrong["note"].iloc[1]
    pictures = one(found, "vanbeers2018", "pictures add up")
    assert (pictures["verdict"], pictures["note"]) == (
        "fails",
        "0 of HELEN in none, 1 of LFW in none",
    )
    assert one(found, "vanbeers2018", "sparsity")["verdict"] == "undeterminable"


def test_rahmans_means_are_contradicted_and_the_sparsity_left_open(found: pd.DataFrame) -> None:
    means = rows(found, "rahman2016", "mean IoU")
    assert means["printed"].to_list() == ["63.18", "63.82"]
    assert means["derived"].to_list() == pytest.approx([66.16, 67.16], abs=0.005)
    assert (means["verdict"] == "contradicted").all()
    assert means["note"].iloc[1].endswith("would have to score −3.0")
    ranks = rows(found, "rahman2016", "Spearman")
    assert ranks["derived"].to_list() == pytest.approx([0.60, 0.436], abs=5e-4)
    assert (ranks["verdict"] == "undeterminable").all()
    gains = one(found, "rahman2016", "most cases")
    assert "p = 0.030, Wilcoxon 0.0094" in gains["note"]
    assert gains["derived"] == 15


def test_rahmans_rare_classes_gain_more_on_average_but_for_one_class(found: pd.DataFrame) -> None:
    row = one(found, "rahman2016", "smaller object categories")
    assert (row["verdict"], row["derived"]) == ("reproduced", 2)
    assert row["note"].endswith("class by class not Fence on test")


def test_kims_gains_and_ratios_are_reproduced(found: pd.DataFrame) -> None:
    kim = found[found["paper"] == "kim2019"]
    assert set(kim["verdict"]) == {"reproduced", "holds"}
    cut = rows(found, "kim2019", "LargeFOV: time of")
    assert cut["derived"].to_list() == pytest.approx([15.48, 10.88])
    assert cut["note"].str.startswith("truncated").all()
    crf = one(found, "kim2019", "Using CRFs gives similar")
    assert crf["note"] == "from −0.9 to +0.2 points: better in 1, equal in 1"
    assert one(found, "kim2019", "those of Table 1")["derived"] == 6


def test_chens_voc_means_cannot_be_told_and_cityscapes_are_reproduced(found: pd.DataFrame) -> None:
    assert (rows(found, "chen2020", "VOC 2012: mean")["verdict"] == "undeterminable").all()
    note = one(found, "chen2020", "VOC 2012: mean IoU, baseline")["note"]
    assert "average 76.29" in note
    assert (rows(found, "chen2020", "Cityscapes: mean")["verdict"] == "reproduced").all()
    assert rows(found, "chen2020", "F1 is 2 IoU")["verdict"].to_list() == ["holds", "holds"]


def test_chens_classes_gain_in_nearly_every_metric_but_least_in_e_measure(
    found: pd.DataFrame,
) -> None:
    row = one(found, "chen2020", "nearly every class and metric")
    assert (row["printed"], row["derived"], row["verdict"]) == ("117", 100, "reproduced")
    assert "E-measure 27 of 39, 9 lose" in row["note"]
    assert row["note"].endswith("64 of 78")


def test_semeda_is_above_sobel_of_its_weight_in_all_weightings_of_voc_only(
    found: pd.DataFrame,
) -> None:
    far = rows(found, "chen2020", "far more significant").set_index("claim")
    assert far["derived"].to_list() == [7, 8]
    assert far["verdict"].to_list() == ["contradicted", "reproduced"]
    assert far["note"].iloc[0].startswith("by 0.0 to 1.5 points")


def test_guls_cells_agree_but_for_two_wins(found: pd.DataFrame) -> None:
    assert rows(found, "gul2023", "in brackets")["derived"].to_list() == [70, 70, 70, 35]
    assert (rows(found, "gul2023", "in brackets")["verdict"] == "reproduced").all()
    wins = one(found, "gul2023", "cells that the tables of scores give")
    assert (wins["printed"], wins["derived"], wins["verdict"]) == ("42", 40, "contradicted")
    assert "IoU: 1 printed, 0 derived" in wins["note"]
    table = one(found, "gul2023", "does not lead in superiority")
    assert (table["printed"], table["derived"]) == ("4.3", 4.6)
    assert table["note"].endswith("Dice has 50 % and distance 10 %")


def test_guls_abstract_is_right_of_one_u_net_of_three(found: pd.DataFrame) -> None:
    number, models = rows(found, "gul2023", "Abstract").to_dict("records")
    assert (number["derived"], number["verdict"]) == (pytest.approx(0.0561), "reproduced")
    assert (models["derived"], models["verdict"]) == (1, "contradicted")
    assert models["note"] == "Table 4.1 +0.0561; Table 4.2 −0.0155; Table 4.3 −0.1290"


def test_guls_margins_of_boundary_iou_are_those_of_dice(found: pd.DataFrame) -> None:
    margins = rows(found, "gul2023", "CelebAMask-HQ: margin over")
    assert margins["derived"].to_list() == pytest.approx([0.0286, 0.1526, -0.0006, -0.0014])
    assert (margins["verdict"] == "contradicted").all()
    assert (margins["note"] == "it is the margin in Dice").all()


def test_guls_largest_lead_is_not_the_distance_losses(found: pd.DataFrame) -> None:
    row = one(found, "gul2023", "greater performance boost")
    assert (row["derived"], row["verdict"]) == (2, "contradicted")
    assert "distance 0.0318 (4), IoU 0.0609 (1)" in row["note"]


def test_a_sentence_with_a_reading_that_holds_is_not_contradicted(found: pd.DataFrame) -> None:
    row = one(found, "gul2023", "compared to the U-Net model")
    assert row["verdict"] == "reproduced"
    assert "higher in 1 of 3, mean 0.509 against 0.524" in row["note"]


def test_values_of_losses_without_a_common_scale_settle_nothing(found: pd.DataFrame) -> None:
    row = one(found, "gul2023", "a boundary costs more")
    assert row["verdict"] == "undeterminable"
    assert "above cross-entropy on 0, Dice on 3, IoU on 3 of 3" in row["note"]
    # Table 3.1: (0.296 + 0.238) / 2 / 0.056, and as much of the others
    assert "grows 4.8-fold, cross-entropy 1.1, Dice 5.6, IoU 5.1" in row["note"]


def test_another_seed_lowers_three_of_six_scores(found: pd.DataFrame) -> None:
    row = one(found, "gul2023", "did not cause any decrease")
    assert (row["derived"], row["verdict"]) == (3, "contradicted")
    assert row["note"].startswith("changes of −0.0155 to +0.0016; by rank on Cityscapes 2 of 3")


def test_guls_folds_and_convergence_are_as_printed(found: pd.DataFrame) -> None:
    assert (rows(found, "gul2023", "of the folds of A.1-A.6")["verdict"] == "reproduced").all()
    folds = one(found, "gul2023", "folds: Dice is at most")
    assert (folds["derived"], folds["verdict"]) == (16, "fails")
    assert rows(found, "gul2023", "converges first")["derived"].to_list() == [5, 3, 4, 2]
    reached = one(found, "gul2023", "a run converges where")
    assert (reached["derived"], reached["verdict"]) == (84, "holds")


def test_guls_dice_lies_three_to_five_ten_thousandths_under_the_dice_of_the_iou(
    found: pd.DataFrame,
) -> None:
    row = one(found, "gul2023", "CelebAMask-HQ: Dice is at most")
    assert row["verdict"] == "holds"
    assert row["note"].startswith("0.0003 to 0.0005 under")


def test_figures_without_numbers_leave_their_claims_undeterminable(found: pd.DataFrame) -> None:
    rest = found[found["table"] == "–"]
    assert rest["printed"].to_list() == ["4", "2.4", "28.1", "49.32", "2.0", "2.4"]
    assert (rest["verdict"] == "undeterminable").all()


def test_a_changed_cell_changes_the_verdict() -> None:
    cells = changed("gul2023", "4.11", 0.75, loss="distance", metric="boundary_iou", variant=MEAN)
    row = one(AUDITS["gul2023"](cells), "gul2023", "mean of the folds")
    assert (row["derived"], row["verdict"]) == (17, "contradicted")
    cells = changed("kim2019", "1", 65.2, model="fcn32s", loss="ce", variant="")
    assert one(AUDITS["kim2019"](cells), "kim2019", "gain of FCN-32s")["verdict"] == "contradicted"
    name = {"loss": "ce", "metric": "iou", "kind": "road"}
    f1 = rows(AUDITS["chen2020"](changed("chen2020", "3", 90.0, **name)), "chen2020", "F1 is")
    assert f1["verdict"].to_list() == ["holds", "fails"]
    cells = changed("vanbeers2018", "4.4", 80.0, loss="ce", metric="epochs", kind="face",
                    variant="small")  # fmt: skip
    p = rows(AUDITS["vanbeers2018"](cells), "vanbeers2018", "p of a paired t test")
    assert p["verdict"].to_list().count("contradicted") == 2
    cells = changed("rahman2016", "4", 70.0, loss="iou", kind="Fence", split="test")
    row = one(AUDITS["rahman2016"](cells), "rahman2016", "smaller object categories")
    assert "class by class" not in row["note"]
