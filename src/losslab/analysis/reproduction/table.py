"""Published, measured and their difference, for every printed cell of some of a paper's tables."""

import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean, stdev, variance

import pandas as pd

from losslab.analysis.published import KEY, load_published
from losslab.analysis.reproduction import measures
from losslab.analysis.reproduction.cells import (
    Cell,
    as_cells,
    excused,
    published_cells,
    variant_of,
)
from losslab.analysis.reproduction.definitions import definition_of
from losslab.analysis.reproduction.finished import Finished
from losslab.analysis.reproduction.matching import match
from losslab.analysis.reproduction.measures import OURS, Measured, Value, nothing

COLUMNS = (
    *KEY,
    *("published", "unit", "printed", "note", "measured", "measured_text", "sd", "runs"),
    *("difference", "noise", "noise_df", "in_noise", "definition", "form", "run_ids", "reason"),
)

SEVEN = ("4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.12")
"""Gul's tables of scores, over which his Table 4.7 counts."""


def reproduction_table(paper: str, tables: Iterable[str], finished: Finished) -> pd.DataFrame:
    """One row for every printed cell of the tables, in the order of print.

    Columns: those of `KEY`; published (in its unit; NaN where `printed` is a text), unit, printed,
    note (doubts about the print); measured (mean over the runs; over the five folds where the cell
    says so), measured_text (where it is no number, such as ">60"), sd (over runs, or folds), runs;
    difference (measured less published); noise (standard deviation between seeds, pooled over the
    losses of the same cell, with noise_df degrees of freedom; NaN where no loss has two seeds) and
    in_noise (the difference over noise * sqrt(1 + 1/runs), by which one printed run and the mean of
    so many would differ by their seeds alone); definition (a key of `losslab.metrics.DEFINITIONS`,
    or words); form (the loss that was run where it is another form of the printed one); run_ids;
    reason (why nothing was measured). Everything measured is in the cell's unit. Raises `DataError`
    for an unknown paper or table.
    """
    measured = _Measurer(paper, finished)
    cells = as_cells(published_cells(paper, tables))
    rows = [_row(cell, measured.of(cell)) for cell in cells]
    return _with_noise(pd.DataFrame(rows), cells, measured)


class _Measurer:
    """Measures cells, each once: some are differences or counts of others."""

    def __init__(self, paper: str, finished: Finished):
        self.finished = finished
        self.losses = _losses_of(paper)
        self.known: dict[Cell, Measured] = {}
        self.printed = {cell[:11]: cell for cell in as_cells(load_published(paper))}

    def of(self, cell: Cell) -> Measured:
        """What the runs say of a cell."""
        key = cell._replace(value=0.0)  # NaN would never be found again
        if key not in self.known:
            self.known[key] = self._of(cell)
        return self.known[key]

    def every_seed(self, cell: Cell) -> Measured:
        """The same with every seed there is, where the cell names one."""
        if variant_of(cell).seed is None:
            return self.of(cell)
        return self.of(cell._replace(variant=""))

    def _of(self, cell: Cell) -> Measured:
        why = excused(cell)
        if why:
            return nothing(why)
        metric, finished = cell.metric, self.finished
        if metric.endswith("_difference"):
            return self._difference(cell)
        if metric.startswith("wins_"):
            return self._wins(cell)
        if metric == "superiority":
            return measures.measure_superiority(cell, finished, self.losses[cell.table])
        if metric == "background_to_object_ratio":
            return measures.measure_ratio(cell, finished)
        if metric == "relative_time":
            return self._relative_time(cell)
        if cell.dataset == "" and cell.model == "":
            return measures.measure_setting(cell, finished.runs)
        if measures.needs_all_classes(cell):
            return measures.measure_mean_of_tasks(cell, finished)
        return self._of_matched(cell)

    def _of_matched(self, cell: Cell) -> Measured:
        found, finished = match(cell, self.finished.runs), self.finished
        name = definition_of(cell)
        if not found.runs:
            return nothing(found.reason, name or "")
        if name is not None:
            return measures.measure_score(cell, finished, found)
        if cell.metric == "seconds_per_image":
            return measures.measure_seconds(cell, finished, found)
        if cell.metric == "images":
            return measures.measure_images(cell, finished, found)
        if cell.metric == "epochs":
            return measures.measure_epochs(cell, finished, found)
        if cell.metric.startswith("epochs_to_"):
            return measures.measure_convergence(cell, finished, found)
        raise AssertionError(f"no source for the metric {cell.metric}")

    def _difference(self, cell: Cell) -> Measured:
        """The distance loss's value less the cell's, run by run of the same seed and fold."""
        plain = cell._replace(metric=cell.metric.removesuffix("_difference"))
        own, ours = self.of(plain), self.of(plain._replace(loss=OURS))
        words = f"that of the distance loss less this loss's, of {own.definition}"
        for found in (own, ours):
            if found.reason:
                return nothing(found.reason, words)
        beside = {(one.seed, one.fold): one.value for one in ours.values}
        values = [
            one._replace(value=beside[one.seed, one.fold] - one.value)
            for one in own.values
            if (one.seed, one.fold) in beside
        ]
        reason = "" if values else "no seed was run with both losses"
        return Measured(values, words, reason, own.form or ours.form)

    def _wins(self, cell: Cell) -> Measured:
        """In how many of the seven experiments the loss has the best score, ties to all."""
        metric, losses = cell.metric.removeprefix("wins_"), self.losses[cell.table]
        words = f"experiments of {len(SEVEN)} in which {metric} is the best of {len(losses)} losses"
        wins, whole = 0, 0
        for number in SEVEN:
            of_table = [
                printed
                for key, printed in self.printed.items()
                if (key[1], key[2], key[10]) == (number, cell.dataset, metric)
            ]
            values = {printed.loss: self.of(printed).values for printed in of_table}
            if all(values.values()):
                means = {loss: fmean(v.value for v in own) for loss, own in values.items()}
                whole += 1
                wins += means[cell.loss] == max(means.values())
        if whole < len(SEVEN):
            return nothing(f"{whole} of {len(SEVEN)} experiments have all their losses", words)
        return Measured([Value("", 0, 0, float(wins))], words)

    def _relative_time(self, cell: Cell) -> Measured:
        """Seconds over those of the level set loss's network alone."""
        seconds = cell._replace(metric="seconds_per_image")
        alone = next(
            printed
            for key, printed in self.printed.items()
            if (key[1], key[4], key[10]) == (cell.table, cell.model, "seconds_per_image")
            and printed.variant == ""
        )
        own, base = self.of(seconds), self.of(alone)
        words = "over the time of the level set loss's network"
        for found in (own, base):
            if found.reason:
                return nothing(found.reason, words)
        mean = fmean(one.value for one in base.values)
        values = [one._replace(value=one.value / mean) for one in own.values]
        return Measured(values, words, form=own.form)


def _losses_of(paper: str) -> dict[str, list[str]]:
    """The losses that each table compares."""
    cells = load_published(paper)
    groups = cells[cells["loss"] != ""].groupby("table", sort=False)["loss"]
    return {str(table): list(dict.fromkeys(losses)) for table, losses in groups}


def _row(cell: Cell, found: Measured) -> dict[str, object]:
    values, over, reason = _scaled(cell, found), variant_of(cell).over_folds, found.reason
    folds = _by_fold(values)
    if over and values and sorted(folds) != list(range(5)):
        there = ", ".join(str(fold + 1) for fold in sorted(folds))
        reason, values, folds = f"over 5 folds, of which {there} were run", [], {}
    numbers = [fmean(of) for of in folds.values()] if over else [one.value for one in values]
    mean = fmean(numbers) if numbers else math.nan
    sd = stdev(numbers) if len(numbers) > 1 else math.nan
    spread = over == "standard deviation"
    measured = sd if spread else mean
    row: dict[str, object] = dict(zip(KEY, cell[: len(KEY)], strict=True))
    row |= {"published": cell.value, "unit": cell.unit, "printed": cell.printed, "note": cell.note}
    row |= {"measured": measured, "measured_text": found.text, "runs": len(values)}
    row |= {"sd": math.nan if spread else sd, "difference": measured - cell.value}
    row |= {"definition": found.definition, "form": found.form, "reason": reason}
    return row | {"run_ids": ", ".join(one.run_id for one in values if one.run_id)}


def _scaled(cell: Cell, found: Measured) -> list[Value]:
    """The values in the cell's unit."""
    if cell.unit != "percent":
        return found.values
    return [one._replace(value=100 * one.value) for one in found.values]


def _by_fold(values: Iterable[Value]) -> dict[int, list[float]]:
    folds: dict[int, list[float]] = defaultdict(list)
    for one in values:
        folds[one.fold].append(one.value)
    return folds


def _with_noise(table: pd.DataFrame, cells: list[Cell], measured: _Measurer) -> pd.DataFrame:
    """The columns noise, noise_df and in_noise; cells that differ in their loss alone share one."""
    variances: dict[Cell, list[tuple[float, int]]] = defaultdict(list)
    own = [cell._replace(table="", value=0.0, printed="", note="") for cell in cells]
    for key, cell in dict(zip(own, cells, strict=True)).items():  # some stand in two tables
        if not variant_of(cell).over_folds:
            for of_fold in _by_fold(_scaled(cell, measured.every_seed(cell))).values():
                if len(of_fold) > 1:
                    spread = (variance(of_fold), len(of_fold) - 1)
                    variances[key._replace(loss="")].append(spread)
    noise, degrees = [], []
    for key in own:
        found = variances.get(key._replace(loss=""), [])
        df = sum(n for _, n in found)
        noise.append(math.sqrt(sum(v * n for v, n in found) / df) if df else math.nan)
        degrees.append(df)
    table = table.assign(noise=noise, noise_df=degrees)
    wide = table["noise"] * (1 + 1 / table["runs"].where(table["runs"] > 0)) ** 0.5
    table["in_noise"] = (table["difference"] / wide.where(wide > 0)).astype(float)
    return table[list(COLUMNS)]
