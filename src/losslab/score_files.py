"""What `losslab score` writes."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from losslab.analysis import regions, score_table, write_table
from losslab.analysis.definition_sentences import how_ranked
from losslab.analysis.definitions import definition_table
from losslab.analysis.rankings import COMMON, Rankings
from losslab.analysis.tables import scores_caption, show_flips, show_rankings, show_scores
from losslab.metrics import DEFINITIONS


class Written(NamedTuple):
    """A table for machines, one for people, and what its numbers mean."""

    numbers: pd.DataFrame
    text: pd.DataFrame
    caption: str


def write_scores(
    directory: Path,
    results: pd.DataFrame,
    found: Rankings | None,
    *,
    metric: str,
    level: str,
) -> list[Path]:
    """Write the tables under `directory`/tables as CSV, Markdown and LaTeX; returns the files."""
    chosen = {"metric": metric, "level": level}
    table = score_table(results)
    tables = {
        "scores": Written(table, show_scores(table, **chosen), scores_caption(table, **chosen))
    }
    tables |= _of_regions(results, level) | ({} if found is None else _of_rankings(found))
    paths = []
    for name, (numbers, text, told) in tables.items():
        write_table(directory, name, numbers, text, caption=told, markdown=True)
        paths += [directory / "tables" / f"{name}.{kind}" for kind in ("csv", "md", "tex")]
    return paths


def _of_regions(results: pd.DataFrame, level: str) -> dict[str, Written]:
    tables = {}
    if regions.stored(results, regions.trimap_scores(level)):
        trimap = regions.trimap_table(results, level=level)
        told = regions.trimap_caption(level)
        tables["trimap"] = Written(trimap, regions.show_trimap(trimap), told)
    if regions.stored(results, regions.entropy_scores(level)):
        entropy = regions.entropy_table(results, level=level)
        told = regions.entropy_caption(level)
        tables["entropy"] = Written(entropy, regions.show_entropy(entropy), told)
    return tables


def _of_rankings(found: Rankings) -> dict[str, Written]:
    ranked, flips, agreed, _ = found
    keys = ["setting", "score"]
    means = definition_table([name for name in COMMON if name in set(ranked["score"])])
    rules = means.drop(columns=["definition", "text"])
    numbers = ranked.merge(agreed[[*keys, "tau", "flips", "clear"]], on=keys)
    numbers = numbers.merge(rules, on="score")
    chosen = DEFINITIONS[ranked["score"].iloc[0]].describe()
    told = (
        "Pairs of losses that change places: differences in points with 95 % intervals, told from "
        f"chance where both exclude 0 (uncorrected). The chosen score is {chosen}"
    )
    return {
        "rankings": Written(numbers, show_rankings(ranked, agreed), how_ranked(ranked)),
        "ranking_flips": Written(flips.merge(rules, on="score"), show_flips(flips), told),
        "definitions": Written(means, means[["definition", "text"]], "What each score is."),
    }
