"""How a data set is divided: counts of every division that it offers, and what two splits share."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pandas as pd

from losslab.data import DATASETS, SegmentationDataset, SplitOptions, open_dataset
from losslab.data.dataset import SPLITS, Pair, PairedFiles
from losslab.data.splits import divide
from losslab.errors import DataError
from losslab.files import file_digest
from losslab.markdown import escaped

SEEDED = {
    "fractions 70/15/15 %, seed 0": SplitOptions(rule="fractions"),
    "5 folds, the first": SplitOptions(rule="folds"),
    "5 folds of 70/10/20 %, the first": SplitOptions(rule="folds", fold_val=0.1),
}
"""Divisions that every data set has."""


def division_table(
    name: str, root: str | Path | None = None, options: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Pictures in each split: of every division that the data set offers, then of seeded ones.

    Columns: division, train, val, test, unassigned, note (why a division cannot be had).
    """
    given = dict(options or {})
    offered = get_args(get_type_hints(DATASETS[name].options_type).get("division"))
    rows = []
    for division in offered or ("official",):
        chosen = {**given, "division": division} if offered else given
        try:
            splits = open_dataset(name, root, split="all", **chosen).splits
        except DataError as error:
            rows.append({"division": division, "note": str(error)})
            continue
        counts = Counter("unassigned" if split is None else split for split in splits)
        rows.append({"division": division, "note": "", **counts})
    dataset = open_dataset(name, root, split="all", **given)
    for division, rule in SEEDED.items():
        try:
            parts = divide(name, dataset.all_ids, dataset.splits, rule)
        except DataError as error:
            rows.append({"division": division, "note": str(error)})
            continue
        counts = {split: len(positions) for split, positions in parts.items()}
        rows.append({"division": division, "note": "", **counts})
    numbers = [*SPLITS, "unassigned"]
    table = pd.DataFrame(rows, columns=["division", *numbers, "note"])
    return table.fillna(dict.fromkeys(numbers, 0)).astype(dict.fromkeys(numbers, int))


def show_divisions(table: pd.DataFrame) -> pd.DataFrame:
    """`division_table` for people: without columns that say nothing."""
    said = [name for name in table.columns if table[name].map(bool).any()]
    return table[said].replace(0, "–")


def overlaps(dataset: SegmentationDataset) -> pd.DataFrame:
    """What two splits share: picture files that are equal byte for byte; `dataset` has all splits.

    Where no picture has a split, any two equal files count, for a seeded division may part them.
    Columns: splits, shared (how many), example. Without rows where there are no files. Only
    files of equal length are read. Pictures that are nearly equal are not looked for.
    """
    rows = []
    if isinstance(dataset, PairedFiles):
        rows = _equal_files(dataset.pairs)
    return pd.DataFrame(rows, columns=["splits", "shared", "example"])


def _equal_files(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    by_length = defaultdict(list)
    for pair in pairs:
        by_length[pair.image.stat().st_size].append(pair)
    digests: dict[str | None, dict[str, str]] = {pair.split: {} for pair in pairs}
    again = []
    for group in by_length.values():
        for pair in group if len(group) > 1 else ():
            known = digests[pair.split]
            digest = file_digest(pair.image)
            if digest in known:
                again.append(f"{known[digest]}, {pair.id}")
            known.setdefault(digest, pair.id)
    if set(digests) == {None}:
        example = again[0] if again else "–"
        return [{"splits": "the whole set", "shared": len(again), "example": example}]
    rows = []
    for first, second in combinations([split for split in SPLITS if split in digests], 2):
        one, other = digests[first], digests[second]
        common = [digest for digest in one if digest in other]
        example = f"{one[common[0]]}, {other[common[0]]}" if common else "–"
        row = {"splits": f"{first} and {second}", "shared": len(common), "example": example}
        rows.append(row)
    return rows


def known_facts(dataset: SegmentationDataset) -> str:
    """What the data set knows of itself, such as people in two splits, as a Markdown list."""
    facts = dataset.facts() if isinstance(dataset, PairedFiles) else []
    return "\n".join(f"- {escaped(fact)}" for fact in facts)
