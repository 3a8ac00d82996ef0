"""Tables and names as Markdown."""

import re

import pandas as pd

_MARKUP = re.compile(r"[\\`*|]|<(?=[A-Za-z/!?])|(?<![^\W_])_|_(?![^\W_])")
"""What Markdown would read as markup; an underscore inside a word, as in dice_focal, is none."""


def escaped(text: str) -> str:
    """The text with what Markdown would read as markup escaped."""
    return _MARKUP.sub(r"\\\g<0>", text)


def markdown_table(table: pd.DataFrame) -> str:
    """A pipe table that reads well as plain text too; "none" for a table without rows.

    Markup in names and cells is escaped: the loss 0.5*ce + 0.5*dice keeps its asterisks.
    """
    if table.empty:
        return "*none*"
    texts = [list(table.columns), *table.to_numpy(object)]
    header, *rows = [[escaped(str(cell)) for cell in line] for line in texts]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = [":" + "-" * max(width - 1, 2) for width in widths]
    lines = [
        [cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in (header, *rows)
    ]
    lines.insert(1, rule)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
