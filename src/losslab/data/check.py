"""Everything that is wrong with a data set's files, found in one reading of them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from losslab.constants import IGNORE_INDEX
from losslab.data.dataset import (
    SPLITS,
    FileProblem,
    Pair,
    PairedFiles,
    PublishedOptions,
    of_dataset,
    shown,
)
from losslab.data.digests import read_digest
from losslab.data.manifest import Digest, compare, manifest_file, write_manifest
from losslab.data.preparation import data_folder, parse_options
from losslab.data.sets import DATASETS
from losslab.data.survey import Look, facts, look
from losslab.errors import DataError

Tell = Callable[[DataError], None]


@dataclass(frozen=True)
class Finding:
    """One broken rule: an error stops a training run, a warning does not."""

    severity: Literal["error", "warning"]
    file: str
    rule: str
    remedy: str


@dataclass(frozen=True)
class Survey:
    """What a check found: broken rules, and sentences about what the data set holds."""

    findings: list[Finding]
    facts: list[str]


def check_dataset(
    name: str,
    root: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    partial: bool = False,
) -> list[Finding]:
    """What breaks the rules of data set `name` under the data root, file by file: see `survey`."""
    return survey(name, root, options, partial).findings


def survey(
    name: str,
    root: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    partial: bool = False,
    *,
    manifest: bool = False,
) -> Survey:
    """Read every file of data set `name` under the data root.

    Findings are about counts, pairs, readable files, sizes, modes, label values, splits that share
    a picture, classes that never occur, and files that are not as a manifest has them. `partial`
    relaxes counts and sizes. `manifest` has the manifest written where there is none and no error.
    An unknown name or option and a missing data root are errors, not findings.
    """
    values = dict(options or {})
    kind = parse_options(name, values)
    if partial and hasattr(kind, "partial"):
        kind = parse_options(name, {**values, "partial": True})
    if name == "scenes":
        return Survey([], ["it is generated and has no files"])
    folder = data_folder(root)
    findings: list[Finding] = []

    def report(problem: DataError) -> None:
        if isinstance(problem, FileProblem):
            file, rule, remedy = str(problem.file), problem.rule, problem.remedy
        else:
            file, rule, remedy = str(folder), str(problem), ""
        findings.append(Finding("error", file, rule, remedy))

    try:
        with of_dataset(name):
            dataset = DATASETS[name].open(folder, kind, report)
    except DataError as problem:
        report(problem)
        return Survey(findings, [])
    assert isinstance(dataset, PairedFiles)
    looks = _look_at_all(dataset, report)
    digest = cache(read_digest)  # repeats and manifest ask for the same pictures
    findings += _void(looks) + _repeats([p for p in dataset.pairs if p in looks], digest)
    histogram = sum((look.counts for look in looks.values()), np.zeros(256, dtype=np.int64))
    published = isinstance(kind, PublishedOptions)
    findings += _absent(dataset, histogram, folder, published)
    findings += _splits(dataset, folder, published)
    sentences = facts(dataset, list(looks.values()))
    path = manifest_file(dataset, folder)
    sentences += _with_manifest(dataset, path, looks, findings, report, digest, write=manifest)
    return Survey(findings, sentences)


def _look_at_all(dataset: PairedFiles, report: Tell) -> dict[Pair, Look]:
    """What every pair shows; a pair that breaks a rule is told to `report`."""

    def one(position: int) -> Look | DataError:
        try:
            return look(dataset, position)
        except DataError as problem:
            return problem

    looks: dict[Pair, Look] = {}
    positions = range(len(dataset.pairs))
    with ThreadPoolExecutor() as pool:
        seen = tqdm(pool.map(one, positions), total=len(positions), unit="picture", disable=None)
        for pair, found in zip(dataset.pairs, seen, strict=True):
            if isinstance(found, Look):
                looks[pair] = found
            else:
                report(found)
    return looks


def _with_manifest(
    dataset: PairedFiles,
    path: Path,
    looks: Mapping[Pair, Look],
    findings: Sequence[Finding],
    report: Tell,
    digest: Digest,
    *,
    write: bool,
) -> list[str]:
    """Compare the files with the manifest `path`, or write it where there is none and `write`
    asks.
    """
    if path.exists():
        before = len(findings)
        try:
            count = compare(dataset, path, digest, report)
        except DataError as problem:
            report(problem)
            return []
        differ = len(findings) - before
        return [f"manifest: {differ or 'none'} of {count} files differ from {path}"]
    if not write:
        return []
    if any(finding.severity == "error" for finding in findings):
        return ["manifest: not written, for there are errors"]
    histograms = {
        pair.files[1]: {int(value): int(found.counts[value]) for value in found.counts.nonzero()[0]}
        for pair, found in looks.items()
    }
    try:
        count = write_manifest(dataset, path, digest, histograms)
    except OSError as error:
        rule = f"the manifest cannot be written ({error.strerror})"
        report(FileProblem(path, rule, "make the data root writable"))
        return []
    return [f"manifest: {count} files in {path}"]


def _void(looks: Mapping[Pair, Look]) -> list[Finding]:
    """Label maps without an annotated pixel."""
    rule = "a label map annotates some pixels, this one is void throughout"
    return [
        Finding("warning", str(pair.label), rule, "annotate it or leave it out")
        for pair, found in looks.items()
        if found.counts.sum() == found.counts[IGNORE_INDEX]
    ]


def _repeats(pairs: Sequence[Pair], digest: Digest) -> list[Finding]:
    """Pictures whose files are equal byte for byte: an error across splits, else a warning."""
    seen: dict[str, Pair] = {}
    findings = []
    for pair in pairs:
        first = seen.setdefault(digest(pair.image), pair)
        if first is pair:
            continue
        leak = first.split != pair.split
        where = f"{first.image.name} of {first.split}" if leak else first.image.name
        rule = f"a picture occurs once, this one equals {where}"
        severity: Literal["error", "warning"] = "error" if leak else "warning"
        findings.append(Finding(severity, str(pair.image), rule, "keep one of them"))
    return findings


def _absent(
    dataset: PairedFiles, histogram: np.ndarray, folder: Path, published: bool
) -> list[Finding]:
    """Classes without a pixel in the label maps that could be read."""
    absent = [name for i, name in enumerate(dataset.class_names) if not histogram[i]]
    if not absent or not histogram.any():
        return []
    rule = f"every class occurs in some label map, not so {shown(absent, 5)}"
    remedy = "correct the class list"
    if published:
        remedy = "complete the set, for such a class has no score"
    elif histogram[IGNORE_INDEX]:
        remedy += f"; if {IGNORE_INDEX} is a class and not void, give the option colours"
    return [Finding("warning", str(folder), rule, remedy)]


def _splits(dataset: PairedFiles, folder: Path, published: bool) -> list[Finding]:
    """Official splits without a picture, and a user's pictures that his lists leave out."""
    findings = []
    present = [split for split in SPLITS if split in dataset.splits]
    if present and ("train" not in present or len(present) < 2):
        rule = f"an official split has {', '.join(SPLITS)}, this one only {', '.join(present)}"
        findings.append(Finding("warning", str(folder), rule, "complete it, or use fractions"))
    unlisted = sum(split is None for split in dataset.splits)
    if present and unlisted and not published:
        rule = f"the lists name every picture, not so {unlisted} of {len(dataset.splits)}"
        findings.append(Finding("warning", str(folder), rule, "list them or move them away"))
    return findings
