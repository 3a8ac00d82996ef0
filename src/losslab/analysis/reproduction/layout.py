"""The papers' tables as they print them, each cell with what was measured: "75.3 | 74.9 | −0.4"."""

import math
from typing import NamedTuple

import pandas as pd

from losslab.analysis.audit.names import data_set_name, loss_name, model_name
from losslab.analysis.definitions import METRICS

MISSING = "–"


class Layout(NamedTuple):
    """Which columns of `reproduction_table` name a printed table's rows, and which its columns."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]


_CLASSES = Layout(("class",), ("loss",))
_METHODS = Layout(("model", "variant"), ("method",))
_GUL = Layout(("dataset", "loss"), ("metric",))
_VAN_BEERS = Layout(("class", "variant"), ("metric", "loss"))

LAYOUTS: dict[tuple[str, str], Layout] = {
    ("rahman2016", "1"): _CLASSES,
    ("rahman2016", "2"): Layout(("class",), ("dataset",)),
    ("rahman2016", "3"): _CLASSES,
    ("rahman2016", "4"): Layout(("class",), ("split", "loss")),
    ("vanbeers2018", "3.1"): Layout(("dataset", "class", "variant"), ("split",)),
    ("vanbeers2018", "3.2"): Layout(("metric",), ("paper",)),
    **{("vanbeers2018", f"4.{n}"): _VAN_BEERS for n in range(1, 5)},
    **{("kim2019", str(n)): _METHODS for n in range(1, 4)},
    ("kim2019", "4"): Layout(("model", "metric"), ("method",)),
    ("kim2019", "5"): Layout(("model", "loss"), ("metric",)),
    ("chen2020", "1"): Layout(("loss",), ("dataset",)),
    ("chen2020", "2"): Layout(("class",), ("metric", "loss")),
    ("chen2020", "3"): Layout(("class",), ("metric", "loss")),
    ("chen2020", "4"): Layout(("dataset", "pretraining"), ("method",)),
    ("chen2020", "5"): Layout(("dataset", "encoder"), ("method",)),
    ("chen2020", "6"): Layout(("class",), ("loss",)),
    ("chen2020", "7"): Layout(("model", "loss"), ("metric",)),
    ("chen2020", "8"): Layout(("model", "variant", "loss"), ("metric",)),
    ("gul2023", "3.1"): Layout(("loss",), ("variant",)),
    **{("gul2023", f"4.{n}"): _GUL for n in (1, 2, 3, 4, 5, 6, 12)},
    ("gul2023", "4.7"): Layout(("loss",), ("dataset", "metric")),
    ("gul2023", "4.8"): Layout(("loss",), ("metric",)),
    **{("gul2023", f"4.{n}"): Layout(("model", "encoder", "variant"), ("loss",)) for n in (9, 10)},
    ("gul2023", "4.11"): Layout(("loss",), ("metric", "variant")),
    **{("gul2023", f"A.{n}"): Layout(("variant",), ("metric",)) for n in range(1, 7)},
}
"""Rows and columns of each printed table; where it is wider than a page it is turned round."""


def printed_tables(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """The parts of `reproduction_table` for people: name, its rows, and these as printed.

    Each cell is "published | measured | difference" with the digits of print; "–" stands where
    there is none. Differences that Gul prints in brackets are a part of their own. Every cell of
    the table stands in exactly one part.
    """
    parts = []
    for number, rows in table.groupby("table", sort=False):
        bracket = rows["metric"].str.endswith("_difference")
        names = ((f"Table {number}", ~bracket), (f"Table {number}, in brackets", bracket))
        parts += [(name, rows[own], _wide(rows[own])) for name, own in names if own.any()]
    return parts


def file_name(name: str) -> str:
    """The file of such a part: "table_4.1", "table_4.1_brackets"."""
    return name.lower().replace(", in ", "_").replace(" ", "_")


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    layout = LAYOUTS[rows["paper"].iloc[0], rows["table"].iloc[0]]
    named = rows.assign(method=[_method(row) for row in rows.to_dict("records")])
    if "method" in layout.columns:
        named["variant"] = named["variant"].str.replace(r"(; )?dense CRF.*", "", regex=True)
    labels = pd.DataFrame(index=named.index)
    for key in (*layout.rows, *layout.columns):
        labels[key] = [_label(key, row) for row in named.to_dict("records")]
    kept = [key for key in layout.rows if labels[key].nunique() > 1] or list(layout.rows[:1])
    across = labels[list(layout.columns)].agg(", ".join, axis=1)
    left = labels[kept].assign(across=across, text=texts(rows))
    ranks = pd.DataFrame({key: pd.factorize(left[key])[0] for key in kept}, index=left.index)
    first = left.loc[ranks.sort_values(kept, kind="stable").index, kept].drop_duplicates()
    keys = pd.MultiIndex.from_frame(first)
    order = list(dict.fromkeys(across))
    wide = left.set_index([*kept, "across"])["text"].unstack(
        "across"
    )  # raises where a cell is twice
    wide = wide.reindex(keys if len(kept) > 1 else keys.get_level_values(0))[order]
    return wide.fillna("").rename_axis(columns=None).reset_index()


def texts(rows: pd.DataFrame) -> list[str]:
    """ "published | measured | difference" of each row."""
    digits = {
        metric: max(map(_decimals, part["published"])) for metric, part in rows.groupby("metric")
    }
    return [_text(row, digits[row["metric"]]) for row in rows.to_dict("records")]


def _text(row: dict, digits: int) -> str:
    published = row["printed"] or _number(row["published"], digits)
    measured = row["measured_text"] or _number(row["measured"], digits)
    return " | ".join((published, measured, _number(row["difference"], digits, sign=True)))


def _number(value: float, digits: int, *, sign: bool = False) -> str:
    if math.isnan(value):
        return MISSING
    shown = round(value, digits) + 0.0  # + 0.0: no "-0.0"
    text = f"{shown:+.{digits}f}" if sign and shown else f"{shown:.{digits}f}"
    return text.replace("-", "−")


def _decimals(value: float) -> int:
    """Digits after the point of a printed number; 0 where there is none."""
    if math.isnan(value):
        return 0
    text = f"{value:.6f}".rstrip("0")
    return len(text.partition(".")[2])


def _label(key: str, row: dict) -> str:
    value = row[key]
    if key == "dataset":
        return data_set_name(value)
    if key == "model":
        return model_name(value)
    if key == "paper":
        return "published | measured | difference"
    if key == "loss":
        return short_loss(value) if value else _label("model", row)
    if key == "metric":
        return metric_name(value)
    return value or MISSING


def metric_name(metric: str) -> str:
    """A metric of the papers' tables as people write it."""
    plain = metric.removesuffix("_difference")
    name = METRICS.get(plain, plain.replace("_", " "))
    return name if plain == metric else f"{name}, difference"


def short_loss(loss: str) -> str:
    """A loss in few words for the head of a column."""
    name = loss_name(loss)
    for old, new in ((", reduction='l1'", ""), ("(reduction='l1')", ""), ("0.0004*", "")):
        name = name.replace(old, new)
    return "IoU loss" if name in ("iou", "iou(per='image', reduction='sum')") else name


def family(loss: str) -> str:
    """The kind of loss, whatever its weights and options: "SEMEDA", "Sobel", "level set loss"."""
    known = {"semeda": "SEMEDA", "SEMEDA": "SEMEDA", "sobel": "Sobel", "levelset": "level set loss"}
    return next((name for word, name in known.items() if word in loss), short_loss(loss))


def _method(row: dict) -> str:
    """The columns of Kim's tables, and PPCE or SEMEDA."""
    if "CRF" in row["variant"]:
        found = row["variant"].partition("dense CRF")[2].strip(", ")
        return f"CRF, {found}" if found else "CRF"
    if "levelset" in row["loss"]:
        return "level set loss"
    return "SEMEDA" if "semeda" in row["loss"] else "cross-entropy" if row["loss"] == "ce" else ""


def units_of(rows: pd.DataFrame) -> str:
    """The unit of each metric of a table's rows: "IoU, Dice: fraction; superiority: percent"."""
    by_unit: dict[str, list[str]] = {}
    for metric, unit in dict.fromkeys(zip(rows["metric"], rows["unit"], strict=True)):
        name = metric_name(metric).removesuffix(", difference")
        by_unit.setdefault(str(_UNITS.get(unit, unit)), []).append(name)
    return "; ".join(
        f"{', '.join(dict.fromkeys(n))}: {unit}" for unit, n in by_unit.items() if unit
    )


_UNITS = {"none": "", "percent": "%", "fraction": "fraction of 1"}
