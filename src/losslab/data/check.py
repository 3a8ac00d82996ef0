"""Everything that is wrong with a data set's files, found in one reading of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from losslab.constants import IGNORE_INDEX
from losslab.data.base import SPLITS
from losslab.data.digests import file_digest
from losslab.data.pairs import PairedFiles
from losslab.data.pictures import shown
from losslab.data.preparation import data_folder, parse_options
from losslab.data.problems import FileProblem
from losslab.data.registry import DATASETS
from losslab.errors import DataError


@dataclass(frozen=True)
class Finding:
    """One broken rule: an error stops a training run, a warning does not."""

    severity: Literal["error", "warning"]
    file: str
    rule: str
    remedy: str


def check_dataset(
    name: str,
    root: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    partial: bool = False,
) -> list[Finding]:
    """What breaks the rules of data set `name` under the data root, file by file.

    Counts, pairs, readable files, sizes, modes, label values, splits that share a picture, classes
    that never occur. `partial` relaxes the counts. An unknown name or option and a missing data
    root are errors, not findings.
    """
    values = dict(options or {})
    kind = parse_options(name, values)
    if partial and hasattr(kind, "partial"):
        kind = parse_options(name, {**values, "partial": True})
    if name == "scenes":  # generated: there are no files
        return []
    folder = data_folder(root)
    findings: list[Finding] = []

    def report(problem: DataError) -> None:
        if isinstance(problem, FileProblem):
            file, rule, remedy = str(problem.file), problem.rule, problem.remedy
        else:
            file, rule, remedy = str(folder), str(problem), ""
        findings.append(Finding("error", file, rule, remedy))

    try:
        dataset = DATASETS[name].open(folder, kind, report)
    except DataError as problem:
        report(problem)
        return findings
    histogram = np.zeros(256, dtype=np.int64)
    for position, pair in enumerate(dataset.pairs):
        try:
            _, label = dataset.read(position)
        except DataError as problem:
            report(problem)
            continue
        counts = np.bincount(label.ravel(), minlength=256)
        histogram += counts
        if counts[IGNORE_INDEX] == label.size:
            rule = "a label map annotates some pixels, this one is void throughout"
            findings.append(
                Finding("warning", str(pair.label), rule, "annotate it or leave it out")
            )
    return findings + _repeats(dataset) + _absent(dataset, histogram, folder)


def _repeats(dataset: PairedFiles) -> list[Finding]:
    """Pictures whose files are equal byte for byte: an error across splits, else a warning."""
    seen: dict[str, int] = {}
    findings = []
    for position, pair in enumerate(dataset.pairs):
        try:
            digest = file_digest(pair.image)
        except OSError:  # already found to be unreadable
            continue
        first = dataset.pairs[seen.setdefault(digest, position)]
        if first is pair:
            continue
        leak = first.split != pair.split
        where = f"{first.image.name} of {first.split}" if leak else first.image.name
        rule = f"a picture occurs once, this one equals {where}"
        severity: Literal["error", "warning"] = "error" if leak else "warning"
        findings.append(Finding(severity, str(pair.image), rule, "keep one of them"))
    return findings


def _absent(dataset: PairedFiles, histogram: np.ndarray, folder: Path) -> list[Finding]:
    """Classes without a pixel, and official splits without a picture."""
    findings = []
    absent = [name for i, name in enumerate(dataset.class_names) if not histogram[i]]
    if absent:
        rule = f"every class occurs in some label map, not so {shown(absent, 5)}"
        remedy = "correct the class list"
        if histogram[IGNORE_INDEX]:
            remedy += f"; if {IGNORE_INDEX} is a class and not void, give the option colours"
        findings.append(Finding("warning", str(folder), rule, remedy))
    present = {split for split in dataset.splits if split is not None}
    if present and present != set(SPLITS):
        rule = f"an official split has {', '.join(SPLITS)}, this one only {', '.join(present)}"
        findings.append(Finding("warning", str(folder), rule, "complete it, or use fractions"))
    unlisted = sum(split is None for split in dataset.splits)
    if present and unlisted:
        rule = f"the lists name every picture, not so {unlisted} of {len(dataset.splits)}"
        findings.append(Finding("warning", str(folder), rule, "list them or move them away"))
    return findings
