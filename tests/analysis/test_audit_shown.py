"""Tables of the audit for people: complete, in lines that fit, and without markup of ours."""

import pandas as pd
import pytest

from losslab.analysis.audit import audit, shown
from losslab.analysis.audit.findings import as_table, check, finding
from losslab.analysis.audit.gul import wins_table
from losslab.analysis.published import load_published
from tests.analysis.test_audit_sentences import summary

QUOTE = '4.2: "a b"'


def made() -> pd.DataFrame:
    rows = [
        finding("kim2019", "1", QUOTE, "one", "-1.0", 2.0, note="by 3"),
        finding("kim2019", "1", QUOTE, "two", "1.0", float("nan"), note="not printed"),
        check("kim2019", "2", "three", pd.Series([True])),
    ]
    return as_table(rows)


def lines_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.split("\n")]


def test_findings_show_wording_reading_and_numbers() -> None:
    table = shown.show_findings(made())
    assert table["the paper"].to_list() == [QUOTE, QUOTE, "(our check)"]
    assert table["printed"].to_list() == ["−1.0", "1.0", "1"]
    assert table["derived"].to_list() == ["2", "–", "1"]
    assert table["verdict"].to_list() == ["contradicted", "undeterminable", "holds"]


def test_notes_stand_under_the_reading_and_a_wording_is_quoted_once() -> None:
    rows = lines_of(shown.findings_table(made()))
    assert rows[0] == ["table", "the paper", "read as (note)", "printed", "derived", "verdict"]
    assert rows[2][1:3] == [QUOTE, "one<br>(by 3)"]
    assert rows[3][1:3] == ["(same)", "two<br>(not printed)"]
    assert rows[4][1:3] == ["(our check)", "three"]


def test_only_contradicted_findings_are_listed_with_their_paper() -> None:
    rows = lines_of(shown.contradicted_table(made()))
    assert len(rows) == 3
    assert rows[2] == ["Kim et al. 2019,<br>Table 1", QUOTE, "one<br>(by 3)", "−1.0", "2"]


def test_the_tables_of_all_findings_fit_a_page() -> None:
    found = audit()
    for text in (shown.findings_table(found), shown.contradicted_table(found)):
        lengths = [
            sum(max(map(len, cell.split("<br>"))) for cell in line)
            for line in lines_of(text)
            if not set("".join(line)) <= set(":-")
        ]
        assert max(lengths) <= 118
        assert "⏎" not in text


def test_long_cells_are_broken_and_markup_in_them_escaped() -> None:
    text = shown.broken_table(pd.DataFrame({"a": ["one two*three"], "b": ["x"]}), {"a": 9})
    assert "| one<br>two\\*three" in text


def test_line_ends_are_spaces_where_a_table_is_for_latex() -> None:
    table = pd.DataFrame({"p,⏎Holm": ["a⏎b", 3]})
    assert shown.one_line(table).to_dict("list") == {"p, Holm": ["a b", 3]}


def test_gains_are_shown_in_points() -> None:
    table = shown.one_line(shown.show_gains(summary(low=float("nan"))))
    assert table["95 % interval, t"].to_list() == ["+1.00 to +2.40", "–"]
    assert table["pairs that gain"].to_list() == ["12 of 13"] * 2
    assert table["p, paired t (Holm)"].to_list() == ["<0.001 (<0.001)"] * 2
    assert table["comparison"].to_list() == ["Kim et al. 2019: settings"] * 2
    assert table["score and baseline"].to_list() == ["IoU over cross-entropy"] * 2


def test_wins_that_differ_from_the_printed_ones_are_marked() -> None:
    table = shown.one_line(shown.show_wins(wins_table(load_published())))
    assert len(table.columns) == 8
    assert table["loss"].to_list()[-1] == "distance"
    marked = table.set_index("loss").stack()
    marked = marked[marked.str.contains("→")]
    assert marked.to_dict() == {
        ("IoU", "Cityscapes superiority"): "1 → 0",
        ("Dice", "Cityscapes superiority"): "0 → 1",
    }


def test_units_without_an_interval_are_too_few() -> None:
    row = {"paper": "vanbeers2018", "part": "bfcn32s", "units": "data sets", "n": 2}
    nothing = float("nan")
    rows = [row | {"difference": 0.033, "low": nothing, "high": nothing, "p": nothing}]
    rows += [row | {"part": "", "n": 4, "difference": 0.028, "low": -0.03, "high": 0.08, "p": 0.2}]
    table = shown.show_units(pd.DataFrame(rows))
    assert table["paper"].to_list() == ["van Beers 2018, BFCN-32s", "van Beers 2018"]
    assert table["95 % interval"].to_list() == ["too few", "−3.00 to +8.00"]
    assert table["p"].to_list() == ["–", "0.200"]


@pytest.mark.parametrize("extra", ["", "without", "rho_mean"])
def test_correlations_are_shown_with_what_the_table_has(extra: str) -> None:
    row = {"paper": "rahman2016", "comparison": "voc2011 categories", "n": 20, "rho": 0.44}
    row |= {"low": -0.03, "high": 0.75, "p": 0.055}
    row |= {extra: {"without": "", "rho_mean": 0.5}[extra]} if extra else {}
    table = shown.show_associations(pd.DataFrame([row]))
    assert table["Spearman"].item() == "+0.44"
    assert table["95 % interval"].item() == "−0.03 to +0.75"
    columns = {"without": "without", "rho_mean": "with the mean of both", "": "p"}
    assert columns[extra] in table
    assert len(table.columns) == 6 + bool(extra)


def test_a_median_beyond_the_last_epoch_is_shown_as_such() -> None:
    nan = float("nan")
    row = {"dataset": "cityscapes", "loss": "ce", "runs": 7, "reached": 2, "median": nan}
    row |= {"mean": 43.57, "sooner": 4, "later": 2, "undecided": 1, "earlier": 18.43}
    row |= {"earlier_low": -20.3, "earlier_high": 57.1, "p": 0.125, "p_holm": 0.5}
    alone = {"loss": "distance", "sooner": 0, "later": 0, "undecided": 7, "median": 15.0}
    alone |= {"p": nan, "p_holm": nan, "earlier": 0.0}
    table = shown.one_line(shown.show_convergence(pd.DataFrame([row, row | alone])))
    assert table["data set"].to_list() == ["Cityscapes"] * 2
    assert table["median epoch"].to_list() == [">60", "15"]
    assert table["mean of the 60 epochs"].to_list() == ["43.6"] * 2
    assert table["distance sooner, later, neither"].to_list() == ["4, 2, 1", "–"]
    assert table["sooner by, epochs (95 % interval)"].to_list() == ["18.4 (−20.3 to 57.1)", "–"]
    assert table["p, log-rank (Holm)"].to_list() == ["0.125 (0.500)", "–"]
