"""Plain text for a terminal."""

import pandas as pd

from losslab.terminal import LINE, heading, paragraph, text_table


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


def test_a_paragraph_keeps_its_lines_and_breaks_long_ones() -> None:
    lines = paragraph("a word " * 40 + "\n- second").splitlines()
    assert lines[-1] == "- second"
    assert max(map(len, lines)) <= LINE
    assert heading("ab") == "ab\n=="
