"""What definitions mean, in plain text: a table of their rules, then each rule in words once."""

from collections.abc import Iterable
from textwrap import fill

import pandas as pd

from losslab.analysis.definitions import NAMES, short_name
from losslab.analysis.score_tables import of_widths
from losslab.metrics import DEFINITIONS, Score
from losslab.metrics.scores import ABSENT, CLASSES, LEVELS, width_text
from losslab.terminal import LINE, heading, text_table


def explained(names: Iterable[str]) -> str:
    """What the definitions of these keys mean."""
    rows = together(names)
    table = pd.DataFrame(
        [
            {
                "definition": of_widths(short_name(score), widths),
                "metric": _of_any_width(score.metric, widths),
                "level": score.level,
                "classes": score.classes,
                "absent": score.absent,
                "band": _band(widths),
            }
            for score, widths in rows
        ]
    )
    scores = [score for score, _ in rows]
    words = {
        "Measures": dict(map(_measure, scores)),
        "Levels": {level: LEVELS[level] for level in _used(scores, "level")},
        "Classes": {word: CLASSES[word] for word in _used(scores, "classes")},
        "Absent": {word: ABSENT[word] for word in _used(scores, "absent")},
        "Bands": dict.fromkeys(filter(None, (_band_text(score) for score in scores)), ""),
        "Void": dict.fromkeys((score.void for score in scores), ""),
    }
    parts = [f"{heading('What the definitions are')}\n{text_table(table)}"]
    return "\n\n".join([*parts, *(_listed(head, texts) for head, texts in words.items())])


def _used(scores: list[Score], field: str) -> list[str]:
    return list(dict.fromkeys(getattr(score, field) for score in scores))


def _measure(score: Score) -> tuple[str, str]:
    """The name of a metric, for all its widths, and its formula."""
    name = NAMES[score.metric]
    return name.replace(f" {score.width} px", " w px"), score.formula


def _of_any_width(metric: str, widths: list[int | float | None]) -> str:
    return metric if len(widths) < 2 else metric.replace(f"_{widths[0]}", "_w")


def _band(widths: list[int | float | None]) -> str:
    if widths[0] is None:
        return "–"
    if isinstance(widths[0], int):
        return f"{', '.join(map(str, widths))} px"
    return f"{100 * widths[0]:g} % of the diagonal"


def _band_text(score: Score) -> str:
    text = width_text(score.width)
    return text.replace(f" {score.width} pixel ", " w pixels ").replace(f" {score.width} ", " w ")


def _listed(head: str, texts: dict[str, str]) -> str:
    width = max(map(len, texts), default=0)
    lines = [f"  {word.ljust(width)}  {text}".rstrip() for word, text in texts.items()]
    return "\n".join([head, *(_hanging(line, width + 4) for line in lines)])


def _hanging(line: str, indent: int) -> str:
    return fill(line, LINE, subsequent_indent=" " * (indent if indent < LINE / 2 else 4))


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
