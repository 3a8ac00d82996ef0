"""What the published data sets share: their options, where they are found, what is asserted."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from losslab.constants import STRICT
from losslab.data.problems import FileProblem, Report


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PublishedOptions:
    """How the pictures are divided and how complete the files must be."""

    division: Literal["official"] = "official"
    """The publisher's lists, or a paper's own division."""
    partial: bool = False
    """Accept other counts and sizes than those of the full set, for samples and fixtures."""


def find_home(root: Path, candidates: Sequence[str], mark: str, what: str) -> Path:
    """The first folder of `candidates`, relative to the data root, that holds `mark`.

    `what` says in words what should be put there. Raises `FileProblem` that lists the places.
    """
    for candidate in candidates:
        if (root / candidate / mark).exists():
            return root / candidate
    places = ", ".join(f"{candidate}/" for candidate in candidates if candidate != ".")
    raise FileProblem(
        root,
        f"neither this folder nor {places} in it holds {mark}",
        f"put {what} there, or check the data root",
    )


def check_counts(
    found: Mapping[str, int], expected: Mapping[str, int], where: Path, report: Report
) -> None:
    """Tell `report` of every list or split whose number of pictures is not the published one."""
    for name, count in expected.items():
        if found.get(name, 0) != count:
            rule = f"the full set has {count} pictures in {name}, this one {found.get(name, 0)}"
            remedy = "complete it, or say partial=True to work with a sample"
            report(FileProblem(where, rule, remedy))


def check_disjoint(lists: Mapping[str, Iterable[str]], where: Path, report: Report) -> None:
    """Tell `report` of every picture that two of the lists name."""
    seen: dict[str, str] = {}
    for name, ids in lists.items():
        for one in ids:
            if one in seen:
                rule = f"a picture lies in one split, {one} is in {seen[one]} and in {name}"
                report(FileProblem(where, rule, "restore the official lists"))
            seen.setdefault(one, name)


def check_shape(
    file: Path, shape: tuple[int, ...], expected: tuple[int, int], *, partial: bool
) -> None:
    """Raise `FileProblem` where a picture of the full set has not the published (height, width)."""
    if not partial and tuple(shape) != expected:
        raise FileProblem(
            file,
            f"pictures are {expected[1]}x{expected[0]}, this one is {shape[1]}x{shape[0]}",
            "take the official file, or say partial=True",
        )
