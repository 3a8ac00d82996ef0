"""Pictures and label maps that official lists name, found in their folders."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from losslab.data.dataset import (
    FileProblem,
    Pair,
    Report,
    check_counts,
    check_disjoint,
    files_in,
    need_folder,
    own_id,
    read_ids,
)


@dataclass(frozen=True)
class Stock:
    """The files of one folder by stem."""

    folder: Path
    suffix: str
    files: Mapping[str, Path]


def stock(folder: Path, suffix: str, report: Report) -> Stock:
    """The folder's files of one suffix; hidden files are left out, links that leave the set are
    problems.
    """
    need_folder(folder, "unpack the official archive again")
    found = {path.stem: path for path in files_in(folder, (suffix,), report)}
    return Stock(folder, suffix, found)


def read_lists(
    folder: Path,
    counts: Mapping[str, int],
    report: Report,
    *,
    pattern: str,
    form: str,
    partial: bool,
    named: Callable[[re.Match[str]], str] = own_id,
    files: Mapping[str, str] | None = None,
) -> dict[str, list[str]]:
    """The ids of each list in `counts`, sorted: of `<name>.txt`, or of the file that `files` has
    for the name. How a line is read is for `read_ids`.

    That no picture is in two lists is asserted, and, unless `partial`, how many there are.
    """
    paths = {name: folder / (files[name] if files else f"{name}.txt") for name in counts}
    lists = {
        name: sorted(read_ids(path, report, pattern=pattern, form=form, named=named))
        for name, path in paths.items()
    }
    check_disjoint(lists, folder, report)
    if not partial:
        found = {paths[name].name: len(ids) for name, ids in lists.items()}
        check_counts(found, {paths[n].name: count for n, count in counts.items()}, folder, report)
    return lists


def listed_pairs(
    ids: Iterable[str], split: str, images: Stock, labels: Sequence[Stock], report: Report
) -> list[Pair]:
    """A pair for each id, with the label map from the first stock that has it.

    A file that is not there is told to `report` and its pair left out.
    """
    pairs = []
    for one in ids:
        label = next((s.files[one] for s in labels if one in s.files), None)
        if one not in images.files:
            _tell(images, one, report)
        if label is None:
            _tell(labels[-1], one, report)
        if one in images.files and label is not None:
            pairs.append(Pair(one, split, images.files[one], label))
    return pairs


def _tell(place: Stock, one: str, report: Report) -> None:
    path = place.folder / f"{one}{place.suffix}"
    rule = "an official list names it and the file does not exist"
    report(FileProblem(path, rule, "restore it from the official archive"))
