"""What `losslab score` prints."""

import pandas as pd

from losslab.analysis import score_table
from losslab.analysis.claims import points
from losslab.analysis.definition_sentences import (
    how_ranked,
    read_agreement,
    read_entropy,
    read_equal,
    read_left_out,
)
from losslab.analysis.definition_words import explained
from losslab.analysis.definitions import LEVEL_NAMES, brief
from losslab.analysis.rankings import COMMON, Rankings, of_pictures
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
    told = f"{how_ranked(found.ranked)} {_BRIEFLY}"
    parts = [f"{heading(_QUESTION)}\n{paragraph(told)}"]
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


_BRIEFLY = "set: counts of all images summed, then the ratio; images: mean over images."
_SURE = {
    "yes": "both 95 % intervals exclude 0",
    "no": "may be chance: an interval holds 0",
}


def _of_setting(found: Rankings) -> str:
    """Ranks, flips and what is left out, of one setting."""
    ranked, flips, agreed, missing = found
    own = of_pictures(found)
    parts = [paragraph(read_agreement(agreed)), _ranks(own)]
    parts.append(paragraph(read_equal(agreed)))
    parts.append(_flips_text(own.flips))
    parts.append(_distances(ranked, flips))
    parts.append(paragraph(read_left_out(missing)))
    return "\n\n".join(filter(None, parts))


def _ranks(found: Rankings) -> str:
    """Value and rank under each definition."""
    table = show_rankings(found.ranked, found.agreed)
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
_MOST = 40  # flips that are printed
_OWN, _OTHER = "chosen score, points", "there, points"


def _flips_text(flips: pd.DataFrame) -> str:
    """The pairs that flip, those told from chance first; "" without any."""
    rows, before = [], ()
    for flip in show_flips(flips).to_dict("records"):
        pair = (f"{flip['better']} over {flip['worse']}", flip[_OWN])
        shown, before = (("", "") if pair == before else pair), pair
        sure = flip["told from chance"]
        told = _SURE.get(sure, f"may be chance: {sure}")
        rows.append((*shown, brief(flip["reverses under"]), flip[_OTHER], told))
    if not rows:
        return ""
    heads = [f"{name} (95 % interval)" for name in (_OWN, _OTHER)]
    names = ["pair of losses", heads[0], "FLIP under", heads[1], "certainty"]
    table = pd.DataFrame(rows, columns=names)
    rest = len(table) - _MOST
    more = f" {rest} more flips are not shown: --output writes all." if rest > 0 else ""
    if table["certainty"].nunique() > 1:
        return "\n\n".join(filter(None, [text_table(table.head(_MOST)), more.strip()]))
    told = f"Each of these {table.pop('certainty').iloc[0]}."
    return f"{text_table(table.head(_MOST))}\n\n{paragraph(f'{told}{more}')}"


def _entropies(results: pd.DataFrame, level: str) -> str:
    """Entropy on the boundary band and off it."""
    table = entropy_table(results, level=level)
    told = f"{read_entropy(table)}\n{entropy_caption(level)}"
    title = heading("How undecided the networks are")
    return f"{title}\n{text_table(show_entropy(table))}\n\n{paragraph(told)}"
