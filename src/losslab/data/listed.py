"""Pictures and label maps that official lists name, found in their folders."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from losslab.data.lists import read_ids
from losslab.data.pairs import Pair, files_in, need_folder
from losslab.data.problems import FileProblem, Report
from losslab.data.published import check_counts


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
) -> dict[str, list[str]]:
    """The ids of `<name>.txt` for each name in `counts`, sorted; their number is asserted unless
    `partial`.
    """
    lists = {
        name: sorted(read_ids(folder / f"{name}.txt", report, pattern=pattern, form=form))
        for name in counts
    }
    if not partial:
        check_counts({name: len(ids) for name, ids in lists.items()}, counts, folder, report)
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
