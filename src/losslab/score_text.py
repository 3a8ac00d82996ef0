"""What `losslab score` prints and writes."""

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill

import pandas as pd

from losslab.analysis import ranking_flips, rankings, score_table, write_table
from losslab.analysis.definition_sentences import read_agreement
from losslab.analysis.definitions import NAMES, definition_table, short_name
from losslab.analysis.rankings import COMMON, agreement, left_out
from losslab.analysis.score_tables import of_widths
from losslab.analysis.scores import check_held, check_score, definition
from losslab.analysis.tables import scores_caption, show_flips, show_rankings, show_scores
from losslab.metrics import DEFINITIONS, Score
from losslab.metrics.scores import ABSENT, CLASSES, LEVELS, width_text
from losslab.terminal import text_table

_LINE = 100
"""Characters."""


def scores_text(results: pd.DataFrame, *, metric: str, level: str) -> str:
    """Mean ± sd over the runs of each loss at one level, a table per setting."""
    table = score_table(results)
    check_held(table, check_score(metric, level))
    parts = []
    for setting, rows in table.groupby("setting", sort=False):
        shown = show_scores(rows, metric=metric, level=level)
        parts.append(f"{_heading(str(setting))}\n{text_table(shown)}")
    parts.append(_filled(scores_caption(table, metric=metric, level=level)))
    return "\n\n".join(parts)


def definitions_text(results: pd.DataFrame, *, metric: str, level: str) -> str:
    """Ranks under all common definitions, the flips, and what each definition means."""
    chosen = {"metric": metric, "level": level}
    ranked = rankings(results, **chosen, definitions=COMMON)
    flips = ranking_flips(results, **chosen, definitions=COMMON)
    agreed = agreement(ranked, flips)
    missing = left_out(results, **chosen, definitions=COMMON)
    parts = [_filled(_HOW.format(chosen=definition(**chosen)))]
    for setting, rows in ranked.groupby("setting", sort=False):
        of = [table[table["setting"] == setting] for table in (agreed, flips, missing)]
        parts.append(_of_setting(str(setting), rows, *of))
    names = [name for name in COMMON if name in set(ranked["score"])]
    return "\n\n".join([*parts, explained(names)])


_HOW = (
    "The same runs under all common definitions, {chosen} first: mean over runs in percent (rank). "
    "FLIP: two losses or more change places. τ: Kendall's τ of the ranking with the first one. "
    "derived: a function of other scores (Dice of IoU, pooled classes of pixel accuracy), no "
    "second witness."
)
_SURE = {
    "yes": "both 95 % intervals exclude 0",
    "no": "may be chance: an interval holds 0",
}


def _of_setting(
    setting: str,
    ranked: pd.DataFrame,
    agreed: pd.DataFrame,
    flips: pd.DataFrame,
    missing: pd.DataFrame,
) -> str:
    """Ranks, flips and what is left out, of one setting."""
    own = agreed[agreed["same_as"] == ""]
    table = show_rankings(ranked[ranked["score"].isin(own["score"])], own)
    table.insert(0, "", table.pop("note"))
    parts = [f"{_heading(setting)}\n{text_table(table)}"]
    equal = agreed[agreed["same_as"] != ""].groupby("same_as", sort=False)["definition"]
    for name, others in equal:
        short = short_name(DEFINITIONS[str(name)])
        parts.append(_filled(f"The same numbers as {short}: {', '.join(others)}."))
    parts += [_filled(read_agreement(agreed)), _flips_text(flips)]
    if flips["score"].str.startswith("nonboundary").any():
        parts.append(_filled(_FAR))
    for reason, names in missing.groupby("reason", sort=False)["score"]:
        named = [of_widths(short_name(score), widths) for score, widths in _together(names)]
        parts.append(_filled(f"{_REASONS[str(reason)]}: {', '.join(named)}."))
    return "\n\n".join(filter(None, parts))


_FAR = (
    "Few pixels and fewer classes are left beyond wide bands: their IoU rests on them, and a flip "
    "there says little of whole pictures."
)
_REASONS = {
    "not stored": "Left out, since these runs were made by a version that did not store the counts",
    "no such classes": "Left out, since these runs lack such classes",
    "not all runs": "Left out, since not all of these runs have a score",
}


def _flips_text(flips: pd.DataFrame) -> str:
    """The pairs that flip, those told from chance first; "" without any."""
    rows, before = [], ()
    for flip in show_flips(flips).to_dict("records"):
        pair = (f"{flip['better']} over {flip['worse']}", flip["chosen score, points"])
        shown, before = (("", "") if pair == before else pair), pair
        sure = flip["both 95 % intervals exclude 0 (uncorrected)"]
        told = _SURE.get(sure, f"may be chance: {sure}")
        rows.append((*shown, flip["reverses under"], flip["under that, points"], told))
    names = ["pair of losses", "chosen score, points", "FLIP under", "there, points", "certainty"]
    return text_table(pd.DataFrame(rows, columns=names)) if rows else ""


def explained(names: Iterable[str]) -> str:
    """What definitions mean: a table of their rules in words, then each word once."""
    rows = _together(names)
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
    parts = [f"{_heading('What the definitions are')}\n{text_table(table)}"]
    return "\n\n".join([*parts, *(_listed(head, texts) for head, texts in words.items())])


def _together(names: Iterable[str]) -> list[tuple[Score, list[int | float | None]]]:
    """The definitions, those that differ in the width of a trimap alone as one, with its widths."""
    rows: dict[tuple[str, str], tuple[Score, list[int | float | None]]] = {}
    for name in names:
        score = DEFINITIONS[name]
        trimap = isinstance(score.width, int)
        kind = (score.metric.rstrip("0123456789") if trimap else name, score.level)
        rows.setdefault(kind, (score, []))[1].append(score.width)
    return list(rows.values())


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
    return fill(line, _LINE, subsequent_indent=" " * (indent if indent < _LINE / 2 else 4))


def _heading(text: str) -> str:
    return f"{text}\n{'=' * len(text)}"


def _filled(text: str) -> str:
    return fill(text, _LINE, break_long_words=False, break_on_hyphens=False)


def write_scores(
    directory: Path, results: pd.DataFrame, *, metric: str, level: str, all_definitions: bool
) -> list[Path]:
    """Write the tables under `directory`/tables as CSV, Markdown and LaTeX; returns the files."""
    chosen = {"metric": metric, "level": level}
    table = score_table(results)
    shown = {"scores": (table, show_scores(table, **chosen), scores_caption(table, **chosen))}
    if all_definitions:
        ranked = rankings(results, **chosen, definitions=COMMON)
        flips = ranking_flips(results, **chosen, definitions=COMMON)
        agreed = agreement(ranked, flips)
        keys = ["setting", "score"]
        numbers = ranked.merge(agreed[[*keys, "tau", "flips", "clear"]], on=keys)
        names = [name for name in COMMON if name in set(ranked["score"])]
        means = definition_table(names)
        rules = means.drop(columns=["definition", "text"])
        how = _HOW.format(chosen=definition(**chosen))
        shown["rankings"] = (numbers.merge(rules, on="score"), show_rankings(ranked, agreed), how)
        flip = f"Losses that change places, {definition(**chosen)} being the chosen score."
        shown["ranking_flips"] = (flips.merge(rules, on="score"), show_flips(flips), flip)
        shown["definitions"] = (means, means[["definition", "text"]], "")
    paths = []
    for name, (numbers, text, told) in shown.items():
        write_table(directory, name, numbers, text, caption=told, markdown=True)
        paths += [directory / "tables" / f"{name}.{kind}" for kind in ("csv", "md", "tex")]
    return paths
