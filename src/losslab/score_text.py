"""What `losslab score` prints."""

import pandas as pd

from losslab.analysis import score_table
from losslab.analysis.definition_sentences import read_agreement, read_entropy
from losslab.analysis.definition_words import explained, names_of
from losslab.analysis.definitions import short_name
from losslab.analysis.rankings import COMMON, Rankings
from losslab.analysis.regions import (
    entropy_caption,
    entropy_scores,
    entropy_table,
    show_entropy,
    stored,
)
from losslab.analysis.scores import check_held, check_score
from losslab.analysis.tables import scores_caption, show_flips, show_rankings, show_scores
from losslab.metrics import DEFINITIONS
from losslab.terminal import heading, paragraph, text_table


def scores_text(results: pd.DataFrame, *, metric: str, level: str) -> str:
    """Mean ± sd over the runs of each loss at one level, a table per setting."""
    table = score_table(results)
    check_held(table, check_score(metric, level))
    parts = []
    for setting, rows in table.groupby("setting", sort=False):
        shown = show_scores(rows, metric=metric, level=level)
        parts.append(f"{heading(str(setting))}\n{text_table(shown)}")
    parts.append(paragraph(scores_caption(table, metric=metric, level=level)))
    return "\n\n".join(parts)


def definitions_text(results: pd.DataFrame, found: Rankings) -> str:
    """Ranks under all common definitions, the flips, entropies, and what each definition means."""
    parts = [paragraph(how_ranked(found.ranked))]
    for setting, rows in found.ranked.groupby("setting", sort=False):
        own = [table[table["setting"] == setting] for table in found[1:]]
        parts.append(_of_setting(str(setting), Rankings(rows, *own)))
    level = DEFINITIONS[found.ranked["score"].iloc[0]].level
    if stored(results, entropy_scores(level)):
        parts.append(_entropies(results, level))
    names = [name for name in COMMON if name in set(found.ranked["score"])]
    return "\n\n".join([*parts, explained(names)])


def how_ranked(ranked: pd.DataFrame) -> str:
    """What the table of `show_rankings` shows, for the line over it."""
    chosen = ranked.loc[ranked["chosen"], "definition"].iloc[0]
    return _HOW.format(chosen=chosen)


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


def _of_setting(setting: str, found: Rankings) -> str:
    """Ranks, flips and what is left out, of one setting."""
    ranked, flips, agreed, missing = found
    own = agreed[agreed["same_as"] == ""]
    table = show_rankings(ranked[ranked["score"].isin(own["score"])], own)
    table.insert(0, "", table.pop("note"))
    parts = [f"{heading(setting)}\n{text_table(table)}"]
    equal = agreed[agreed["same_as"] != ""].groupby("same_as", sort=False)["definition"]
    for name, others in equal:
        short = short_name(DEFINITIONS[str(name)])
        parts.append(paragraph(f"The same numbers as {short}: {', '.join(others)}."))
    parts += [paragraph(read_agreement(agreed)), _flips_text(flips)]
    if flips["score"].str.startswith("nonboundary").any():
        parts.append(paragraph(_FAR))
    for reason, names in missing.groupby("reason", sort=False)["score"]:
        parts.append(paragraph(f"{_REASONS[str(reason)]}: {names_of(names)}."))
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


def _entropies(results: pd.DataFrame, level: str) -> str:
    """Entropy on the boundary band and off it."""
    table = entropy_table(results, level=level)
    told = f"{read_entropy(table)}\n{entropy_caption(level)}"
    title = heading("How undecided the networks are")
    return f"{title}\n{text_table(show_entropy(table))}\n\n{paragraph(told)}"
