"""What a reproduction comes to, in sentences."""

from collections import Counter

import pandas as pd

from losslab.analysis.audit.names import paper_name
from losslab.analysis.definitions import METRICS
from losslab.analysis.reproduction.finished import Finished
from losslab.analysis.reproduction.layout import metric_name
from losslab.metrics import DEFINITIONS

FEW_DF = 4
"""Degrees of freedom below which a spread between seeds says little of itself."""


def read_reproduction(table: pd.DataFrame) -> str:
    """How many printed cells have a measured value, how far they lie apart, against seed noise."""
    paper = paper_name(table["paper"].iloc[0])
    tables = ", ".join(dict.fromkeys(table["table"]))
    have = (table["measured"].notna() | (table["measured_text"] != "")).sum()
    parts = [f"{paper}, Table{'s' if ',' in tables else ''} {tables}: {len(table)} printed cells, "]
    parts[0] += f"of which {have} have a measured value."
    if not have:
        return f"{parts[0]} No run stands in any of them; the reasons are below."
    scores = in_percent(table)
    if len(scores):
        points = scores["difference"]
        largest = int(points.abs().to_numpy().argmax())
        low, high = points.quantile([0.25, 0.75])
        parts.append(
            f"Measured less published, over {len(scores)} scores: mean {_signed(points.mean())} "
            f"points, median {_signed(points.median())}, half of them between {_signed(low)} and "
            f"{_signed(high)}; the largest is {_signed(points.iloc[largest])} "
            f"({_place(scores.iloc[largest])})."
        )
    else:
        parts.append("None of these is a score: no run has a setting of the paper's own.")
    return " ".join([*parts, _against_noise(table) if len(scores) else ""]).strip()


def in_percent(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `reproduction_table` that are scores with both values, in percent."""
    rows = table[table["metric"].isin(METRICS) & table["difference"].notna()]
    rows = rows[~rows["variant"].str.startswith("standard deviation")]
    scale = rows["unit"].map({"percent": 1.0, "fraction": 100.0}).astype(float)
    names = ("published", "measured", "sd", "difference", "noise")
    return rows.assign(**{name: rows[name] * scale for name in names})


def _against_noise(table: pd.DataFrame) -> str:
    known = table[table["in_noise"].notna() & table["difference"].notna()]
    if known.empty:
        return (
            "No loss has two seeds in any cell, so how much of a difference the seed alone makes "
            "is not known."
        )
    near = int((known["in_noise"].abs() <= 2).sum())
    few = " (few seeds: the noise itself is uncertain)" if known["noise_df"].max() < FEW_DF else ""
    return (
        f"{near} of {len(known)} differences lie within twice the noise between seeds{few}. A "
        "paper prints one run of its own code, so an exact reproduction differs by that much, too."
    )


def read_partial(finished: Finished) -> str:
    """Runs on an incomplete or generated data set, or ""."""
    runs = finished.partial
    if not runs:
        return ""
    names = ", ".join(dict.fromkeys(run.dataset for run in runs))
    return (
        f"**{len(runs)} of {len(finished.runs)} runs read an incomplete or generated copy of their "
        f"data set ({names}, option partial): what they measured is no reproduction.**"
    )


def read_forms(table: pd.DataFrame) -> str:
    """Where another form of a printed loss was run, or ""."""
    forms = [form for form in dict.fromkeys(table["form"]) if form]
    if not forms:
        return ""
    return "Run in place of the printed loss: " + "; ".join(f"`{form}`" for form in forms) + "."


def reasons(table: pd.DataFrame) -> pd.DataFrame:
    """Why cells have no measured value: reason, cells (how many), tables; most frequent first."""
    missing = table[table["reason"] != ""]
    counts = Counter(missing["reason"])
    rows = [
        {
            "reason": reason,
            "cells": count,
            "tables": ", ".join(dict.fromkeys(missing.loc[missing["reason"] == reason, "table"])),
        }
        for reason, count in counts.most_common()
    ]
    return pd.DataFrame(rows, columns=["reason", "cells", "tables"])


def definitions(table: pd.DataFrame) -> list[str]:
    """What each metric of the table was measured as, a line each."""
    lines = {}
    for row in table.to_dict("records"):
        name = row["definition"]
        if name and row["reason"] == "":
            score = DEFINITIONS.get(name)
            words = score.describe() if score else f"{name}."
            lines.setdefault(f"- {metric_name(row['metric'])}, {words}")
    return list(lines)


def doubts(table: pd.DataFrame) -> list[str]:
    """What is doubtful about the print of the table's cells, a line each with how many cells."""
    notes = Counter(note for note in table["note"] if note)
    return [f"- {note} ({count} cell{'s' if count > 1 else ''})" for note, count in notes.items()]


def _place(row: pd.Series) -> str:
    parts = [f"Table {row['table']}", row["dataset"], row["model"], row["loss"], row["variant"]]
    parts += [row["class"] if row["class"] != "mean" else "", metric_name(row["metric"])]
    return ", ".join(part for part in parts if part)


def _signed(value: float) -> str:
    shown = round(value, 2) + 0.0
    return (f"{shown:+.2f}" if shown else "0.00").replace("-", "−")
