"""Plain text for a terminal."""

from textwrap import fill, wrap

import pandas as pd

LINE = 100
"""Characters of a line of prose."""


def heading(text: str) -> str:
    """A line of text, underlined."""
    return f"{text}\n{'=' * len(text)}"


def paragraph(text: str) -> str:
    """The text with its lines broken between words."""
    whole: dict = {"break_long_words": False, "break_on_hyphens": False}
    return "\n".join(fill(line, LINE, **whole) for line in text.splitlines())


def text_table(table: pd.DataFrame, *, heading: int = 12) -> str:
    """The table aligned at the left, its headings broken at `heading` characters where they can be.

    Cells are shown by `str`.
    """
    rows = [[str(cell) for cell in row] for row in table.to_numpy(object)]
    broken = [wrap(str(name), heading, break_long_words=False) or [""] for name in table.columns]
    height = max(map(len, broken), default=0)
    top = [[""] * (height - len(lines)) + lines for lines in broken]
    lines = [*map(list, zip(*top, strict=True)), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    texts.insert(height, "  ".join("-" * width for width in widths))
    return "\n".join(texts)
