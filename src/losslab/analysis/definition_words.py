"""What definitions mean: a table of their rules, then each rule in words once."""

from collections.abc import Iterable

import pandas as pd

from losslab.analysis.definitions import NAMES, brief, short_name
from losslab.analysis.score_tables import of_widths
from losslab.markdown import markdown_table
from losslab.metrics import DEFINITIONS, Score
from losslab.metrics.scores import ABSENT, CLASSES, LEVELS, width_text
from losslab.terminal import heading, line_width, paragraph, text_table


def explained(names: Iterable[str]) -> str:
    """What the definitions of these keys mean, for a terminal."""
    table, words = _meanings(names)
    table["definition"] = table["definition"].map(brief)
    parts = [f"{heading('What the definitions are')}\n{text_table(table)}"]
    return "\n\n".join([*parts, *(_listed(head, texts) for head, texts in words.items())])


def explained_in_markdown(names: Iterable[str]) -> str:
    """The same for a notebook."""
    table, words = _meanings(names)
    parts = [markdown_table(table)]
    for head, texts in words.items():
        pairs = (f"`{word}`: {text}" if text else word for word, text in texts.items())
        parts.append("\n".join([f"**{head}**", "", *(f"- {pair}" for pair in pairs)]))
    return "\n\n".join(parts)


def _meanings(names: Iterable[str]) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """A table of the rules of each definition, and each rule in words."""
    rows = together(names)
    table = pd.DataFrame(
        [
            {
                "definition": of_widths(short_name(score), widths),
                "level": score.level,
                "classes": score.classes,
                "absent": score.absent,
            }
            for score, widths in rows
        ]
    )
    scores = [score for score, _ in rows]
    words = {
        "Measures": {_of_any_width(score): _measure(score) for score in scores},
        "Levels": {level: LEVELS[level] for level in _used(scores, "level")},
        "Classes": {word: CLASSES[word] for word in _used(scores, "classes")},
        "Absent": {word: ABSENT[word] for word in _used(scores, "absent")},
        "Void": dict.fromkeys((score.void for score in scores), ""),
    }
    return table, words


def _used(scores: list[Score], field: str) -> list[str]:
    return list(dict.fromkeys(getattr(score, field) for score in scores))


def _of_any_width(score: Score) -> str:
    """The key of a metric, that of a trimap for all its widths."""
    return score.metric.removesuffix(f"_{score.width}") + "_w" * isinstance(score.width, int)


def _measure(score: Score) -> str:
    """The name of a metric, its formula, and its band."""
    name, band = NAMES[score.metric], width_text(score.width)
    text = f"{name}: {score.formula}" + (f"; {band}" if band else "")
    if not isinstance(score.width, int):
        return text
    for number in (f" {score.width} px", f" {score.width} pixel "):
        text = text.replace(number, " w pixels " if number.endswith(" ") else " w px")
    return text


def _listed(head: str, texts: dict[str, str]) -> str:
    width = max(map(len, texts), default=0)
    indent = width + 4 if width + 4 < line_width() / 2 else 4
    lines = [f"  {word.ljust(width)}  {text}".rstrip() for word, text in texts.items()]
    return "\n".join([head, *(paragraph(line, indent=indent) for line in lines)])


def together(names: Iterable[str]) -> list[tuple[Score, list[int | float | None]]]:
    """The definitions, those that differ in the width of a trimap alone as one, with its widths."""
    rows: dict[tuple[str, str], tuple[Score, list[int | float | None]]] = {}
    for name in names:
        score = DEFINITIONS[name]
        trimap = isinstance(score.width, int)
        kind = (score.metric.rstrip("0123456789") if trimap else name, score.level)
        rows.setdefault(kind, (score, []))[1].append(score.width)
    return list(rows.values())


def names_of(names: Iterable[str]) -> str:
    """The short names of definitions, widths of a trimap together."""
    return ", ".join(of_widths(short_name(score), widths) for score, widths in together(names))
