"""Plain text for a terminal."""

import pandas as pd
import pytest

from losslab.terminal import LINE, heading, line_width, paragraph, text_table


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(LINE))


def test_a_table_is_aligned_and_its_headings_are_broken() -> None:
    table = pd.DataFrame({"loss": ["ce", "dice"], "pixel accuracy, %": [1, "90.1 ± 0.2"]})
    assert text_table(table).splitlines() == [
        "      pixel",
        "loss  accuracy, %",
        "----  -----------",
        "ce    1",
        "dice  90.1 ± 0.2",
    ]


def test_a_table_without_rows_is_its_headings() -> None:
    assert text_table(pd.DataFrame({"a": []})).splitlines() == ["a", "-"]


def test_no_word_of_a_long_heading_is_cut() -> None:
    head = text_table(pd.DataFrame({"0.5*ce + 0.5*dice_focal": [1]})).splitlines()
    assert head[:2] == ["0.5*ce +", "0.5*dice_focal"]


def test_a_wide_table_breaks_its_texts_first_and_leaves_short_cells_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    long = "ten words " * 6
    table = pd.DataFrame({"name": [long, "b"], "value": ["1.00 ± 0.10", "2"], "more": [1, 2]})
    _, rule, first, second, last = text_table(table).splitlines()
    width = rule.index(" ")
    assert len(rule) == 60
    assert f"{first[:width].strip()} {second.strip()}" == long.strip()
    assert first[width:].split() == ["1.00", "±", "0.10", "1"]
    assert last.split() == ["b", "2", "2"]


def test_a_table_that_is_too_wide_all_the_same_is_printed_in_parts_with_its_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    table = pd.DataFrame({"loss": ["ce", "dice"], **{f"c{n}": [n * 10**9] * 2 for n in range(7)}})
    parts = text_table(table).split("\n\n")
    assert len(parts) == 2
    heads = [part.splitlines()[0].split() for part in parts]
    assert heads[0] == ["loss", "c0", "c1", "c2", "c3", "c4"]
    assert heads[1] == ["loss", "c5", "c6"]
    for part in parts:
        assert [line.split()[0] for line in part.splitlines()[2:]] == ["ce", "dice"]
        assert max(map(len, part.splitlines())) <= 60
    assert len(text_table(table, keys=2).split("\n\n")[1].splitlines()[0].split()) == 4


def test_a_column_wider_than_the_line_stands_alone_beside_the_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    parts = text_table(pd.DataFrame({"a": [1], "b": ["x" * 80], "c": [2]})).split("\n\n")
    assert [part.splitlines()[0].split() for part in parts] == [["a", "b"], ["a", "c"]]
    assert "x" * 80 in parts[0]


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("20", 60), ("400", 120)])
def test_a_line_is_as_long_as_the_terminal_within_reason(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert line_width() == width
    assert max(map(len, paragraph("word " * 90).splitlines())) in range(width - 4, width + 1)


def test_a_paragraph_keeps_its_lines_and_breaks_long_ones() -> None:
    lines = paragraph("a word " * 40 + "\n- second").splitlines()
    assert lines[-1] == "- second"
    assert max(map(len, lines)) <= LINE
    assert heading("ab") == "ab\n=="
