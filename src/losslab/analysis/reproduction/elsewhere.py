"""The paper's rows beside runs that are not of the same setting: another data set, for one."""

from collections.abc import Callable

import pandas as pd

from losslab.analysis.audit.names import data_set_name, model_name
from losslab.analysis.reproduction.cells import (
    Cell,
    as_cells,
    class_of,
    excused,
    published_cells,
    variant_of,
)
from losslab.analysis.reproduction.definitions import definition_of
from losslab.analysis.reproduction.finished import Finished, Run
from losslab.analysis.reproduction.forms import forms_of, is_any
from losslab.analysis.reproduction.layout import metric_name, short_loss
from losslab.metrics.scores import MEAN

_KEYS = ["model", "loss", "metric"]
COLUMNS = (
    *("model", "loss", "metric", "definition", "cells", "lowest", "highest", "printed_on"),
    *("measured", "runs", "run_on", "of_model", "unit"),
)


def beside(table: pd.DataFrame, finished: Finished) -> pd.DataFrame:
    """Scores of the paper's losses on other data, or from other weights, beside the printed ones.

    They are not the same setting, so no difference is taken. `table` is that of
    `reproduction_table`; its scores without a measured value make a row per network, loss and
    metric: definition, cells (printed ones), lowest and highest (of them, of the mean over classes
    where there is one), printed_on (their data sets), measured (mean over the runs of that network
    and loss; of all networks where it has none, see of_model; over their classes), runs, run_on
    (their data sets and tasks) and unit. Losses that were not run are left out.
    """
    printed = published_cells(table["paper"].iloc[0], dict.fromkeys(table["table"]))
    left = printed[(table["reason"] != "").to_numpy()]
    cells = [cell for cell in as_cells(left) if _is_plain(cell)]
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.model, cell.loss, cell.metric), []).append(cell)
    rows = [row for key, of_key in groups.items() if (row := _row(key, of_key, finished))]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(
    key: tuple[str, str, str], cells: list[Cell], finished: Finished
) -> dict[str, object] | None:
    runs = [run for run in finished.runs if _has_loss(cells[0], run)]
    of_model = [run for run in runs if run.model == key[0]]
    chosen = of_model or runs
    name = definition_of(cells[0]) or ""
    values = [finished.scores.get((run.run_id, name, MEAN), float("nan")) for run in chosen]
    known = pd.Series(values, dtype=float).dropna()
    if known.empty:
        return None
    means = [cell for cell in cells if class_of(cell) == MEAN] or cells
    printed = pd.Series([cell.value for cell in means])
    unit = cells[0].unit
    return {
        **dict(zip(_KEYS, key, strict=True)),
        "definition": name,
        "cells": len(cells),
        "lowest": printed.min(),
        "highest": printed.max(),
        "printed_on": _listed(cells, lambda cell: data_set_name(cell.dataset)),
        "measured": float(known.mean()) * (100 if unit == "percent" else 1),
        "runs": len(known),
        "run_on": _listed(chosen, _setting),
        "of_model": bool(of_model),
        "unit": unit,
    }


def _is_plain(cell: Cell) -> bool:
    """Whether the cell is a score of a network alone, and no spread."""
    variant = variant_of(cell)
    spread = variant.over_folds == "standard deviation"
    return definition_of(cell) is not None and not (excused(cell) or spread or variant.crf)


def _has_loss(cell: Cell, run: Run) -> bool:
    any_of = is_any(cell.loss)
    return any_of in run.loss if any_of else run.loss in forms_of(cell.paper, cell.loss)


def _setting(run: Run) -> str:
    name = run.spec["dataset_options"].get("name", run.dataset)
    subject = f"{name} ({run.task})" if run.task else name
    weights = "random weights" if run.pretraining == "random" else f"{run.pretraining} weights"
    return f"{subject}, {run.model}, {weights}"


def _listed(items: list, name: Callable[..., str]) -> str:
    return "; ".join(dict.fromkeys(map(name, items)))


def show_beside(rows: pd.DataFrame) -> pd.DataFrame:
    """`beside` for people: scores in percent, without a difference."""
    shown = pd.DataFrame({"network": [model_name(name) for name in rows["model"]]})
    shown["loss"] = [short_loss(loss) for loss in rows["loss"]]
    shown["score"] = [metric_name(metric) for metric in rows["metric"]]
    scale = [1.0 if unit == "percent" else 100.0 for unit in rows["unit"]]
    ends = zip(rows["lowest"], rows["highest"], scale, strict=True)
    shown["published, %"] = [
        f"{s * low:.1f}" if low == high else f"{s * low:.1f} to {s * high:.1f}"
        for low, high, s in ends
    ]
    shown["on"] = rows["printed_on"].to_list()
    measured = zip(rows["measured"], scale, strict=True)
    shown["measured, %"] = [f"{s * value:.1f}" for value, s in measured]
    shown["runs"] = rows["runs"].to_list()
    shown["run on (not the same)"] = rows["run_on"].to_list()
    return shown
