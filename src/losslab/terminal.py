"""Plain text for a terminal."""

from shutil import get_terminal_size
from textwrap import fill, wrap

import pandas as pd

LINE = 100
"""Characters of a line where no terminal says how many it has."""

_LEAST, _MOST = 60, 120
_HEADING = 12  # characters at which headings of columns are broken
_FLOOR = 24  # characters below which no column is narrowed

Cells = list[list[str]]


def line_width() -> int:
    """Characters of a line: the terminal's, but neither so few nor so many that nobody reads it."""
    return max(_LEAST, min(_MOST, get_terminal_size((LINE, 24)).columns))


def heading(text: str) -> str:
    """A line of text, underlined."""
    return f"{text}\n{'=' * len(text)}"


def paragraph(text: str, *, indent: int = 0) -> str:
    """The text with its lines broken between words, all but the first `indent` characters in."""
    whole: dict = {"break_long_words": False, "break_on_hyphens": False}
    whole["subsequent_indent"] = " " * indent
    return "\n".join(fill(line, line_width(), **whole) for line in text.splitlines())


def text_table(table: pd.DataFrame, *, keys: int = 1) -> str:
    """The table aligned at the left, its headings broken where they can be; cells are shown by
    `str`.

    A table wider than the line is narrowed by breaking its texts; what is still too wide is printed
    in several parts, one below the other, the first `keys` columns in each.
    """
    names = [str(name) for name in table.columns]
    rows = [[str(cell) for cell in row] for row in table.to_numpy(object)]
    heads = [_broken(name, _HEADING) for name in names]
    widths = _narrowed([_widths(column) for column in zip(heads, *map(_lists, rows), strict=True)])
    parts = [
        _part(
            [heads[i] for i in kept],
            [[row[i] for i in kept] for row in rows],
            [widths[i] for i in kept],
        )
        for kept in _parts(widths, keys)
    ]
    return "\n\n".join(parts)


def _broken(text: str, width: int) -> list[str]:
    return wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _lists(row: list[str]) -> Cells:
    return [[cell] for cell in row]


def _widths(column: tuple[list[str], ...]) -> tuple[int, int]:
    """Characters of a column as it is, and at least, its texts being broken."""
    lines = [line for cell in column for line in cell]
    words = [word for line in lines for word in line.split()]
    whole = max(map(len, lines), default=0)
    return whole, min(whole, max(_FLOOR, max(map(len, words), default=0)))


def _narrowed(widths: list[tuple[int, int]]) -> list[int]:
    """The widths of columns, the widest narrowed as far as the line asks for and they can be."""
    found = [whole for whole, _ in widths]
    while (excess := _total(found) - line_width()) > 0:
        wide = [place for place, (_, least) in enumerate(widths) if found[place] > least]
        if not wide:
            break
        widest = max(wide, key=lambda place: found[place])
        found[widest] = max(widths[widest][1], found[widest] - excess)
    return found


def _total(widths: list[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _parts(widths: list[int], keys: int) -> list[list[int]]:
    """The columns of each part that fits a line, or holds one column beside the keys."""
    first = list(range(min(keys, len(widths))))
    parts = [list(first)]
    for place in range(len(first), len(widths)):
        new = [*parts[-1], place]
        if len(parts[-1]) > len(first) and _total([widths[i] for i in new]) > line_width():
            new = [*first, place]
            parts.append(new)
        parts[-1] = new
    return parts


def _part(heads: Cells, rows: Cells, widths: list[int]) -> str:
    height = max(map(len, heads), default=0)
    top = [[""] * (height - len(lines)) + lines for lines in heads]
    lines = _lines(top, widths)
    lines.append("  ".join("-" * width for width in widths))
    for row in rows:
        pairs = zip(row, widths, strict=True)
        lines += _lines([_broken(cell, width) for cell, width in pairs], widths)
    return "\n".join(lines)


def _lines(cells: Cells, widths: list[int]) -> list[str]:
    """The lines of one row, whose cells hold several each."""
    height = max(map(len, cells), default=0)
    filled = [cell + [""] * (height - len(cell)) for cell in cells]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*filled, strict=True)
    ]
