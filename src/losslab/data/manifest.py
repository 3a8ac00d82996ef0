"""A record of every file of a data set, with which the files are compared ever after.

Decoders do not notice most damage: a flipped bit in a JPEG gives other pixels and no error.
"""

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from losslab.data.dataset import (
    HEADED,
    FileProblem,
    PairedFiles,
    Report,
    SegmentationDataset,
    header,
    of_dataset,
    read_lines,
    refuse,
)
from losslab.files import write_atomically

Digest = Callable[[Path], str]
"""SHA-256 of a file in hex; raises `FileProblem` where it cannot be read."""

ANEW = "restore it, or delete the manifest and record it anew if the change is meant"


def manifest_file(dataset: PairedFiles, root: Path) -> Path:
    """Where the data set's manifest lies: `<name>.manifest.jsonl` in the data root."""
    return root / f"{dataset.manifest_name}.manifest.jsonl"


def write_manifest(
    dataset: PairedFiles, path: Path, digests: Digest, histograms: Mapping[Path, Mapping[int, int]]
) -> int:
    """Write a JSON object a line for every file of the data set; returns how many there are.

    Of each file its path in the data root ("file"), SHA-256 and bytes, and of a picture its size
    (width, height) and mode. `histograms` are pixels by label value, of the label map that a file
    is or, where a label map has several, that begins with it. Raises `FileProblem` for a file that
    cannot be read and `OSError` where the data root cannot be written.
    """

    def line(name: str, file: Path) -> str:
        entry: dict[str, Any] = {"file": name, "sha256": digests(file)}
        entry["bytes"] = file.stat().st_size
        if file.suffix.lower() in HEADED:
            entry["size"], entry["mode"] = header(file)
        if file in histograms:
            entry["histogram"] = dict(histograms[file])
        return json.dumps(entry) + "\n"

    files = _files(dataset, path.parent)
    with ThreadPoolExecutor() as pool:
        lines = list(pool.map(line, files.keys(), files.values()))
    text = "".join(lines)
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return len(lines)


def compare(dataset: PairedFiles, path: Path, digests: Digest, report: Report) -> int:
    """Tell `report` of every file that is not as the manifest `path` has it: changed, missing or
    new; returns how many files the manifest has.
    """
    recorded = _read(path)
    files = _files(dataset, path.parent)
    for name in recorded:
        if name not in files and not os.path.lexists(path.parent / name):
            rule = f"{path.name} has this file, and it does not exist"
            report(FileProblem(path.parent / name, rule, ANEW))
    for name, file in files.items():
        if name not in recorded:
            remedy = "move it away, or delete the manifest and record it anew"
            report(FileProblem(file, f"{path.name} does not have this file, it is new", remedy))
            continue
        try:
            same = digests(file) == recorded[name]
        except FileProblem as problem:
            report(problem)
            continue
        if not same:
            rule = f"a file is as it was when {path.name} was recorded, this one has changed"
            report(FileProblem(file, rule, ANEW))
    return len(recorded)


def check_against_manifest(dataset: SegmentationDataset, digests: Digest) -> None:
    """Raise `FileProblem` for the first file that is not as the data set's manifest has it; without
    a manifest nothing is asserted.
    """
    if isinstance(dataset, PairedFiles) and dataset.data_root is not None:
        path = manifest_file(dataset, dataset.data_root)
        if path.exists():
            with of_dataset(dataset.name):
                compare(dataset, path, digests, refuse)


def _files(dataset: PairedFiles, root: Path) -> dict[str, Path]:
    """All files that decide what the data set holds, by their path in the data root."""
    files = [*dataset.lists, *(file for pair in dataset.pairs for file in pair.files)]
    start = os.path.join(root, "")  # text, not paths: there may be 400,000
    return {os.fspath(file).removeprefix(start).replace(os.sep, "/"): file for file in files}


def _read(path: Path) -> dict[str, str]:
    """SHA-256 of each file by its path in the data root."""
    recorded = {}
    for number, line in enumerate(read_lines(path, "record it"), start=1):
        try:
            entry = json.loads(line)
            recorded[str(entry["file"])] = str(entry["sha256"])
        except (ValueError, KeyError, TypeError):
            rule = f"a manifest has a JSON object a line, line {number} is none with a file"
            raise FileProblem(path, rule, "delete it and record it anew") from None
    return recorded
