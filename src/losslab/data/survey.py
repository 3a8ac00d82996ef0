"""What a data set holds, as sentences for people."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from losslab.constants import IGNORE_INDEX
from losslab.data.dataset import HEADED, SPLITS, Pair, PairedFiles, header, shown

MOST_SIZES = 4
"""More sizes are counted, not listed."""


@dataclass(frozen=True)
class Look:
    """What one picture and its label map showed."""

    shape: tuple[int, int]
    modes: tuple[str, str]
    """Of the picture file and of the first label file."""
    counts: Int[np.ndarray, " 256"]
    """Pixels by label value."""


def look(dataset: PairedFiles, position: int) -> Look:
    """Read one picture and its label map; raises `DataError` where they break a rule."""
    pair = dataset.pairs[position]
    _, label = dataset.read(position)
    counts = np.bincount(label.ravel(), minlength=256)
    modes = mode(pair.files[0]), mode(pair.files[1])
    return Look((label.shape[0], label.shape[1]), modes, counts)


def mode(path: Path) -> str:
    """The mode of a picture file, or the ending of another."""
    return header(path)[1] if path.suffix.lower() in HEADED else path.suffix


def facts(dataset: PairedFiles, looks: Sequence[Look]) -> list[str]:
    """Sentences about the pictures per split, sizes, modes, class shares, files that no picture
    uses, and what the data set itself tells; `looks` are those at its readable pictures.
    """
    sentences = [_pictures(dataset)]
    if looks:
        sentences += [
            f"sizes as read (width x height): {_sizes(look.shape for look in looks)}",
            f"modes: pictures {_counted(look.modes[0] for look in looks)}; "
            f"label files {_counted(look.modes[1] for look in looks)}",
            _shares(dataset.class_names, np.sum([look.counts for look in looks], axis=0)),
        ]
    several = [len(pair.parts) for pair in dataset.pairs if pair.parts]
    if several:
        least, most = min(several), max(several)
        spread = f"{least}" if least == most else f"{least} to {most}"
        sentences.append(f"files of a label map: {spread}")
    sentences += _unlisted(dataset.pairs, {*dataset.lists})
    return sentences + dataset.facts()


def _pictures(dataset: PairedFiles) -> str:
    counts = Counter(dataset.splits)
    named = [f"{split} {counts[split]}" for split in SPLITS if counts[split]]
    if counts[None]:
        named.append(f"in no split {counts[None]}")
    return f"pictures: {len(dataset.pairs)} ({', '.join(named)})"


def _sizes(shapes: Iterable[tuple[int, int]]) -> str:
    counts = Counter(f"{width}x{height}" for height, width in shapes)
    if len(counts) <= MOST_SIZES:
        return ", ".join(f"{size} ({count})" for size, count in counts.most_common())
    sides = [tuple(map(int, size.split("x"))) for size in counts]
    widths, heights = zip(*sides, strict=True)
    (often, count), *_ = counts.most_common(1)
    return (
        f"{len(counts)} sizes, widths {min(widths)} to {max(widths)}, heights {min(heights)} to "
        f"{max(heights)}, most often {often} ({count})"
    )


def _counted(names: Iterable[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in Counter(names).most_common())


def _shares(class_names: Sequence[str], counts: Int[np.ndarray, " 256"]) -> str:
    """The share of each class among annotated pixels, and of void among all."""
    annotated = max(1, counts[:IGNORE_INDEX].sum())
    shares = [f"{name} {100 * counts[i] / annotated:.2f}" for i, name in enumerate(class_names)]
    void = 100 * counts[IGNORE_INDEX] / max(1, counts.sum())
    return f"% of annotated pixels: {', '.join(shares)}; void {void:.2f} % of all"


def _unlisted(pairs: Iterable[Pair], lists: set[Path]) -> list[str]:
    """Files that lie beside those of the set and belong to no picture; hidden ones are left out."""
    used = {os.fspath(file) for pair in pairs for file in pair.files}
    folders = sorted({os.path.dirname(file) for file in used})
    used |= {os.fspath(path) for path in lists}
    beside = []
    for folder in folders:
        with os.scandir(folder) as entries:
            beside += [
                entry.path
                for entry in entries
                if not entry.name.startswith(".") and entry.path not in used and entry.is_file()
            ]
    if not beside:
        return []
    examples = shown(os.path.basename(path) for path in sorted(beside))
    return [f"files beside them that belong to no picture: {len(beside)} ({examples})"]
