"""Sentences that read the figures and tables of a data set, computed from what they show."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from losslab.analysis.data_sets import LabelCounts


def caption(counts: LabelCounts, dataset: str, split: str) -> str:
    """What was counted, above a figure."""
    of = "all" if counts.measured == counts.total else f"{counts.measured:,} of"
    return f"{dataset}, {split if split != 'all' else 'all splits'}: {of} {counts.total:,} pictures"


def read_counts(counts: LabelCounts) -> str:
    """How many pictures were counted, of which sizes."""
    every = counts.measured == counts.total
    of = "all" if every else f"{counts.measured:,} of the"
    spread = "" if every else ", spread evenly over them"
    sizes = [f"{h} x {w}" for h, w in counts.shapes]
    if len(sizes) > 3:
        high = [h for h, _ in counts.shapes]
        wide = [w for _, w in counts.shapes]
        spans = f"{min(high)} to {max(high)} high and {min(wide)} to {max(wide)} wide"
        sizes = [f"{len(counts.shapes)} sizes, {spans}"]
    return (
        f"The classes are counted in {of} {counts.total:,} pictures{spread}; height x width in "
        f"pixels: {', '.join(sizes)}."
    )


def read_samples(labels: Sequence[UInt8[np.ndarray, "_ _"]], names: Sequence[str]) -> str:
    """Which classes the label maps show, and which not."""
    shown = {int(value) for label in labels for value in np.unique(label)}
    present = [name for value, name in enumerate(names) if value in shown]
    absent = [name for value, name in enumerate(names) if value not in shown]
    text = f"{len(present)} of {len(names)} classes are in sight"
    return f"{text}, not {_listed(absent)}." if absent else f"{text}."


def read_shares(table: pd.DataFrame) -> str:
    """The largest and the smallest class, those that are rare, and void."""
    rows = table[table["class"] != "void"].sort_values("pixel_share", ascending=False)
    present = rows[rows["pixels"] > 0]
    if present.empty:
        return "No pixel is annotated."
    most, least = present.iloc[0], present.iloc[-1]
    absent = rows.loc[rows["pixels"] == 0, "class"]
    text = (
        f"{most['class']} takes {_percent(most['pixel_share'])} of the pixels, {least['class']} "
        f"{_percent(least['pixel_share'])}, {_number(most['pixels'] / least['pixels'])} times "
        f"less; {least['class']} is in {_percent(least['picture_share'])} of the pictures."
    )
    if len(absent):
        text += f" Of {_listed(absent.to_list())} there is no pixel."
    return text


def read_void(counts: LabelCounts) -> str:
    """How much is not annotated."""
    every = counts.void + counts.pixels.sum()
    if not counts.void:
        return "Every pixel is annotated."
    return (
        f"{_percent(counts.void / every)} of the pixels are void, not annotated; they are in "
        f"{_percent(counts.void_pictures / counts.measured)} of the pictures and take at most "
        f"{_percent(counts.most_void)} of one."
    )


def read_ratios(table: pd.DataFrame) -> str:
    """The range of the ratios, what the pictures without the class do to them, and the paper's."""
    rows = table.dropna(subset=["ratio"]).sort_values("ratio")
    if rows.empty:
        return "There is no object in these pictures."
    low, high = rows.iloc[0], rows.iloc[-1]
    text = f"{low['class']} has {_number(low['ratio'])} background pixels for each of its own"
    if len(rows) > 1:
        text += f", {high['class']} {_number(high['ratio'])}"
    apart = rows[rows["ratio_own"] > 0]
    if (apart["ratio"] > 1.01 * apart["ratio_own"]).any():
        widest = apart.iloc[int(np.argmax(apart["ratio"] / apart["ratio_own"]))]
        text += (
            f". Where only the pictures that contain a class count, the largest change is that of "
            f"{widest['class']}, from {_number(widest['ratio'])} to {_number(widest['ratio_own'])}"
        )
    printed = rows.dropna(subset=["published"]) if "published" in rows else rows.head(0)
    if len(printed):
        off, off_own = (
            (printed[column] / printed["published"] - 1).abs().median()
            for column in ("ratio", "ratio_own")
        )
        text += (
            f". The {len(printed)} published ratios are, at the median, {_percent(off)} from those "
            f"over all pictures and {_percent(off_own)} from those over the pictures that contain "
            "the class"
        )
    return text + "."


def read_sizes(table: pd.DataFrame) -> str:
    """The classes of the largest and of the smallest components."""
    rows = table.dropna(subset=["p50"]).sort_values("p50", ascending=False)
    if rows.empty:
        return "There is no object in these pictures."
    most, least = rows.iloc[0], rows.iloc[-1]
    text = (
        f"Half of the {most['components']:,} components of {most['class']} take more than "
        f"{_percent(most['p50'])} of their picture"
    )
    if len(rows) > 1:
        text += f"; of the {least['components']:,} of {least['class']} half take less than "
        text += _percent(least["p50"])
    many = rows.iloc[int(np.argmax(rows["per_picture"]))]
    return (
        f"{text}. {many['class']} comes in {many['per_picture']:.1f} pieces a picture that has it."
    )


def read_boundaries(table: pd.DataFrame) -> str:
    """The classes with most and least boundary for their area."""
    rows = table.dropna(subset=["boundary_share"]).sort_values("boundary_share")
    if rows.empty:
        return "No pixel is annotated."
    low, high = rows.iloc[0], rows.iloc[-1]
    text = f"{_percent(high['boundary_share'])} of the pixels of {high['class']} are boundary"
    if len(rows) > 1:
        text += f", {_percent(low['boundary_share'])} of those of {low['class']}"
    return text + "."


def read_divisions(table: pd.DataFrame) -> str:
    """Whether the data set has an official division."""
    own = table.iloc[0]
    if own["note"]:
        return f"Division {own['division']!r} cannot be had: {own['note']}."
    if not own[["train", "val", "test"]].sum():
        return "The data set has no division of its own: choose fractions or folds."
    counts = ", ".join(f"{own[split]} {split}" for split in ("train", "val", "test") if own[split])
    lacks = [split for split in ("val", "test") if not own[split]]
    text = f"Its division {own['division']!r}: {counts}"
    if len(lacks) == 1:
        other = "val" if lacks == ["test"] else "test"
        text += f"; a run takes {other} for {lacks[0]} too"
    return text + "."


def read_overlaps(table: pd.DataFrame) -> str:
    """What `overlaps` found."""
    if table.empty:
        return "The pictures are generated: there are no files to compare."
    found = table[table["shared"] > 0]
    if found.empty:
        where = "in two splits" if len(table) > 1 else f"twice in {table.iloc[0]['splits']}"
        return f"No picture file is {where}."
    each = ", ".join(f"{row['shared']} in {row['splits']}" for row in found.to_dict("records"))
    return f"Picture files occur twice: {each} (such as {found.iloc[0]['example']})."


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.3g} %" if value >= 1 else f"{value:.2g} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
