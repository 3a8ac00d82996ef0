"""What `losslab score` prints."""

import pandas as pd

from losslab.analysis import score_table
from losslab.analysis.claims import points
from losslab.analysis.definition_sentences import read_agreement, read_entropy
from losslab.analysis.definition_words import explained, names_of
from losslab.analysis.definitions import LEVEL_NAMES, brief, by_distance, short_name
from losslab.analysis.rankings import COMMON, Rankings
from losslab.analysis.regions import (
    TRIMAPS,
    entropy_caption,
    entropy_scores,
    entropy_table,
    show_entropy,
    stored,
)
from losslab.analysis.scores import check_held, check_score
from losslab.analysis.tables import scores_caption, show_flips, show_rankings, show_scores
from losslab.metrics import DEFINITIONS, TRIMAP_WIDTHS
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
    parts = [f"{heading(_QUESTION)}\n{paragraph(how_ranked(found.ranked))}"]
    settings = found.ranked["setting"].unique()
    for setting in settings:
        own = Rankings(*(table[table["setting"] == setting] for table in found))
        parts += [heading(setting)] * (len(settings) > 1) + [_of_setting(own)]
    level = DEFINITIONS[found.ranked["score"].iloc[0]].level
    if stored(results, entropy_scores(level)):
        parts.append(_entropies(results, level))
    names = [name for name in COMMON if name in set(found.ranked["score"])]
    return "\n\n".join([*parts, explained(names)])


_QUESTION = "Does the ranking depend on the definition of the score?"


def how_ranked(ranked: pd.DataFrame) -> str:
    """What the table of `show_rankings` shows, for the line over it."""
    chosen = ranked.loc[ranked["chosen"], "definition"].iloc[0]
    text = _HOW.format(chosen=chosen)
    runs = ranked.groupby("setting")["runs"]
    return text if (runs.max() == runs.min()).all() else f"{text} {_UNEQUAL}"


_HOW = (
    "The same runs under all common definitions, {chosen} first: mean over runs in percent (rank). "
    "FLIP: two losses or more change places. set: counts of all images summed, then the ratio; "
    "images: mean over images. derived: a function of other scores (Dice of IoU, pooled classes of "
    "pixel accuracy), no second witness."
)
_UNEQUAL = (
    "Not all losses have the same runs: means and ranks are of all runs of a loss, flips are "
    "judged over the folds and seeds that both losses have, so the two can differ."
)
_SURE = {
    "yes": "both 95 % intervals exclude 0",
    "no": "may be chance: an interval holds 0",
}


def _of_setting(found: Rankings) -> str:
    """Ranks, flips and what is left out, of one setting."""
    ranked, flips, agreed, missing = found
    parts = [paragraph(read_agreement(agreed)), _ranks(ranked, agreed)]
    equal = agreed[agreed["same_as"] != ""].groupby("same_as", sort=False)["score"]
    for name, others in equal:
        short = short_name(DEFINITIONS[str(name)])
        parts.append(paragraph(f"The same numbers as {short}: {names_of(others)}."))
    parts.append(_flips_text(flips[~flips["score"].map(by_distance).astype(bool)]))
    parts.append(_distances(ranked, flips))
    for reason, names in missing.groupby("reason", sort=False)["score"]:
        parts.append(paragraph(f"{_REASONS[str(reason)]}: {names_of(names)}."))
    return "\n\n".join(filter(None, parts))


def _ranks(ranked: pd.DataFrame, agreed: pd.DataFrame) -> str:
    """Value and rank under each definition of whole pictures that has numbers of its own."""
    far = agreed["score"].map(by_distance).astype(bool)
    own = agreed[(agreed["same_as"] == "") & (agreed["chosen"] | ~far)]
    table = show_rankings(ranked[ranked["score"].isin(own["score"])], own)
    table.insert(0, "", table.pop("note"))
    table["definition"] = table["definition"].map(brief)
    return text_table(table.drop(columns="τ"), keys=2)


def _distances(ranked: pd.DataFrame, flips: pd.DataFrame) -> str:
    """Value and rank within and beyond each distance of the edges, at the level of the chosen
    score; "" where no run stored trimaps.
    """
    order = ranked[ranked["chosen"]].sort_values(["rank", "loss"])["loss"].to_list()
    level = DEFINITIONS[ranked.loc[ranked["chosen"], "score"].iloc[0]].level
    rows = []
    for region, metric in TRIMAPS.items():
        names = {width: f"{metric}_{width}@{level}" for width in TRIMAP_WIDTHS}
        here = {w: ranked[ranked["score"] == name].set_index("loss") for w, name in names.items()}
        here = {width: table for width, table in here.items() if len(table)}
        for loss in order if here else ():
            cells = {f"{width} px": _ranked(table.loc[loss]) for width, table in here.items()}
            rows.append({"": region, "loss": loss, **cells})
        held = set(flips["score"])
        marks = {f"{w} px": "FLIP" if names[w] in held else "" for w in here}
        rows += [{"": region, "loss": "", **marks}] if any(marks.values()) else []
    if not rows:
        return ""
    told = _NEAR.format(level=LEVEL_NAMES[level])
    return f"{paragraph(told)}\n\n{text_table(pd.DataFrame(rows).fillna('–'), keys=2)}"


def _ranked(row: pd.Series) -> str:
    return f"{points(row['value'], sign=False)} ({row['rank']})"


_NEAR = (
    "Mean IoU ({level}) of the pixels within and beyond a distance from the label's edges, percent "
    "(rank). FLIP: two losses or more change places against the chosen score. Few pixels "
    "and fewer classes are left beyond wide bands, so a flip there says little of whole pictures."
)
_REASONS = {
    "not stored": "Left out, since these runs were made by a version that did not store the counts",
    "no such classes": "Left out, since they ask for one class, for several or for a background, "
    "and these runs have other classes",
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
    if not rows:
        return ""
    names = ["pair of losses", "chosen score, points", "FLIP under", "there, points", "certainty"]
    table = pd.DataFrame(rows, columns=names)
    if table["certainty"].nunique() > 1:
        return text_table(table)
    told = table.pop("certainty").iloc[0]
    return f"{text_table(table)}\n\n{paragraph(f'Each of these {told}.')}"


def _entropies(results: pd.DataFrame, level: str) -> str:
    """Entropy on the boundary band and off it."""
    table = entropy_table(results, level=level)
    told = f"{read_entropy(table)}\n{entropy_caption(level)}"
    title = heading("How undecided the networks are")
    return f"{title}\n{text_table(show_entropy(table))}\n\n{paragraph(told)}"
