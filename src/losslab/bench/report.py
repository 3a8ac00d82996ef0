"""Tables of the benchmarks, for files and for people."""

import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
import torch

import losslab
from losslab.analysis.tables import markdown_table
from losslab.bench.peers import installed
from losslab.bench.targets import LOOP_SHARE
from losslab.bench.training import BASELINE, SECTIONS
from losslab.files import write_atomically
from losslab.training.device import describe_machine, pin_allocator

PACKAGES = {"smp": "segmentation-models-pytorch"}
"""Names of distributions that differ from the libraries'."""


def machine(
    device: torch.device, threads: int, libraries: dict[str, str] | None = None
) -> dict[str, Any]:
    """What the figures depend on, and no date; `libraries` are those that take part and their
    versions, by default those of the losses.
    """
    facts = describe_machine(device) | {"threads": threads}
    name, version = platform.libc_ver()
    pinned = "large blocks kept in the process" if pin_allocator() else "as it comes"
    facts["allocator"] = "torch's own" if device.type == "cuda" else f"{name} {version}, {pinned}"
    facts["losslab"] = losslab.__version__
    if libraries is None:
        here = [library for library, found in installed().items() if found]
        libraries = {name: metadata.version(PACKAGES.get(name, name)) for name in here}
    return facts | libraries


def write_report(
    folder: Path, name: str, table: pd.DataFrame, facts: dict[str, Any], text: str
) -> None:
    """Write NAME.csv, the numbers with the facts as further columns, and NAME.md."""
    numbers = table.assign(**facts)
    write_atomically(
        folder / f"{name}.csv",
        lambda path: numbers.to_csv(path, index=False, lineterminator="\n", float_format="%.4g"),
    )
    write_atomically(folder / f"{name}.md", lambda path: path.write_text(text, encoding="utf-8"))


def losses_text(table: pd.DataFrame, facts: dict[str, Any], notes: Sequence[str]) -> str:
    """The report of `losslab bench losses`."""
    parts = [
        "# What a loss costs",
        "Forward and backward pass together. Time is in units of torch's cross-entropy (binary: "
        "with logits) on the same batch: the calls take turns within a process, the ratio is the "
        "median over fresh processes, and the least and greatest of them stand in brackets. "
        "Memory is what a call needs beyond its inputs at its highest point, in units of the "
        "logits' bytes: as torch's allocator counts it (exact), and as the process's resident "
        "memory grows, with scratch room of other libraries and fragments. The floor is "
        "the time in which the logits can be read twice and the gradient be written once.",
        _list(facts),
    ]
    keys = ["shape", "size", "layout", "dtype"]
    for values, rows in table.groupby(keys, sort=False):
        shape, size, layout, dtype = values
        title = size if shape == size else f"{shape}: {size}"
        parts.append(f"## {title}, {dtype}, {layout}\n\n{markdown_table(show_losses(rows))}")
    parts.append(verdict(table))
    parts += notes
    return "\n\n".join(part for part in parts if part) + "\n"


def show_losses(table: pd.DataFrame) -> pd.DataFrame:
    """The table of one batch for people."""
    shown = pd.DataFrame(
        {
            "loss": table["loss"],
            "library": table["library"],
            "ms": [f"{value:.3g}" for value in table["milliseconds"]],
            "× cross-entropy": _with_range(table),
            "× floor": [f"{value:.1f}" for value in table["times_floor"]],
            "memory": [_number(value) for value in table["memory"]],
            "resident": [_number(value) for value in table["resident"]],
            "page faults": [f"{value:.0f}" for value in table["faults"]],
        }
    )
    if table["target"].notna().any():
        shown["target"] = [_target(row) for row in table.to_dict("records")]
        shown["met"] = ["–" if pd.isna(value) else value for value in table["met"]]
    return shown


def training_text(table: pd.DataFrame, facts: dict[str, Any], what: str) -> str:
    """The report of `losslab bench train`."""
    base = table[table["loss"] == BASELINE].iloc[0]
    loop = sum(base[f"share_{name}"] for name in ("data", "augmentation", "loss"))
    parts = [
        "# What a loss costs within a training step",
        f"{what} Every loss trains a network of its own from the same weights; they take turns, a "
        "step each. Time is in units of the step with torch's cross-entropy: the median over the "
        "rounds, its quartiles in brackets. By parts: what the ratio would be if data, "
        "augmentation and loss alone took other times; what differs beyond that is noise. The "
        "parts are shares of the loss's own step; the loss's holds its own backward pass.",
        _list(facts),
        markdown_table(show_training(table)),
        f"All but the network's passes and the optimiser takes {100 * loop:.1f} % of the step with "
        f"cross-entropy (asked on a CPU: at most {100 * LOOP_SHARE:.0f} %).",
        verdict(table),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def show_training(table: pd.DataFrame) -> pd.DataFrame:
    """The table of steps for people."""
    shown = pd.DataFrame(
        {
            "loss": table["loss"],
            "library": table["library"],
            "ms": [f"{value:.4g}" for value in table["milliseconds"]],
            "× cross-entropy": _with_range(table),
            "by parts": [_number(value) for value in table["ratio_by_parts"]],
        }
    )
    for name in SECTIONS:
        shown[f"{name}, %"] = [f"{100 * value:.1f}" for value in table[f"share_{name}"]]
    shown["target"] = ["–" if pd.isna(value) else f"{value:g}" for value in table["target"]]
    shown["met"] = ["–" if pd.isna(value) else value for value in table["met"]]
    return shown


def metrics_text(table: pd.DataFrame, facts: dict[str, Any], notes: Sequence[str]) -> str:
    """The report of `losslab bench metrics`."""
    size, classes = table["size"].iloc[0], table["classes"].iloc[0]
    parts = [
        "# What a score costs",
        f"One picture of {size} pixels with {classes} classes. Time is in units of a confusion "
        "matrix by torch's bincount of the same maps: the calls take turns within a process, the "
        "ratio is the median over fresh processes, and the least and greatest of them stand in "
        "brackets. Every row is of all classes. Counts are all that a score needs: "
        "`e_measure_of_counts` starts from them, `e_measure` from the maps. Entropy, which reads "
        "logits, stands by itself.",
        _list(facts),
        markdown_table(show_metrics(table)),
        verdict(table),
        *notes,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def show_metrics(table: pd.DataFrame) -> pd.DataFrame:
    """The table of scores for people."""
    shown = pd.DataFrame(
        {
            "score": table["score"],
            "library": table["library"],
            "ms": [f"{value:.3g}" for value in table["milliseconds"]],
            "× confusion matrix": _with_range(table),
        }
    )
    if table["target"].notna().any():
        shown["asked"] = [_asked(row) for row in table.to_dict("records")]
        shown["measured"] = [_measured(row) for row in table.to_dict("records")]
        shown["met"] = ["–" if pd.isna(value) else value for value in table["met"]]
    return shown


def _asked(row: dict[Any, Any]) -> str:
    if pd.isna(row["target"]):
        return "–"
    if row["target"] < 1:
        return f"{1 / row['target']:g} times as fast as: {row['target_of']}"
    return f"at most {row['target']:g} × {row['target_of']}"


def _measured(row: dict[Any, Any]) -> str:
    if pd.isna(row["target"]):
        return "–"
    return f"{1 / row['target_ratio'] if row['target'] < 1 else row['target_ratio']:.3g} ×"


def _with_range(table: pd.DataFrame) -> list[str]:
    triples = zip(table["ratio"], table["ratio_low"], table["ratio_high"], strict=True)
    return [f"{ratio:.2f} ({low:.2f}–{high:.2f})" for ratio, low, high in triples]


def verdict(table: pd.DataFrame) -> str:
    """How many of the targets are met, and which are not."""
    judged = table[table["met"].notna()]
    if judged.empty:
        return ""
    missed = judged[judged["met"] == "no"]
    sentence = f"{len(judged) - len(missed)} of {len(judged)} targets are met."
    if missed.empty:
        return sentence
    lines = [f"- {_missed(row)}" for row in missed.to_dict("records")]
    return "\n".join([f"{sentence} Not met:", "", *lines])


def _missed(row: dict[Any, Any]) -> str:
    place = row.get("shape")
    name = row.get("loss", row.get("score"))
    text = f"{name} at {place}" if place else str(name)
    text = f"{text}: {row['target_ratio']:.2f} × {row['target_of']}, asked {row['target']:g}"
    bound = row.get("memory_target")
    if bound is None or pd.isna(bound):
        return text
    return f"{text}; memory {_number(row['memory'])}, asked {bound:g}"


def _target(row: dict[Any, Any]) -> str:
    if pd.isna(row["target"]):
        return "–"
    text = f"{row['target']:g}"
    if row["target_of"] != "torch's cross-entropy":
        text = f"{text} × {row['target_of']} ({row['target_ratio']:.2f})"
    return text if pd.isna(row["memory_target"]) else f"{text}, memory {row['memory_target']:g}"


def _number(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:.2f}"


def _list(facts: dict[str, Any]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())
