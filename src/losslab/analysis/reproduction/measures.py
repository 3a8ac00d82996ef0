"""The value of one run in a printed cell: scores, epochs, shares of epochs, times, settings."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from losslab.analysis.reproduction.cells import Cell, class_of, is_binary, variant_of
from losslab.analysis.reproduction.crf import NoCounts, crf_score, seconds_of
from losslab.analysis.reproduction.definitions import definition_of
from losslab.analysis.reproduction.finished import Finished, Run
from losslab.analysis.reproduction.matching import Match, match
from losslab.analysis.superiority import superiority
from losslab.data.sets import SETS
from losslab.metrics.scores import MEAN

OURS = "distance"
BOUNDARY = "val_boundary_iou"


class Value(NamedTuple):
    """What one run, or a pair of runs, says of a cell; a fraction where the cell is in percent."""

    run_id: str
    seed: int
    fold: int
    value: float


class Measured(NamedTuple):
    """What runs say of one cell."""

    values: list[Value]
    definition: str = ""
    """A key of `losslab.metrics.DEFINITIONS`, or words for what is no score."""
    reason: str = ""
    """Why there is no value."""
    form: str = ""
    text: str = ""
    """The measured value where it is no number, such as ">60"."""


def nothing(reason: str, definition: str = "", text: str = "") -> Measured:
    """No value, and why."""
    return Measured([], definition, reason, text=text)


def of_runs(runs: Sequence[Run], value: Callable[[Run], float]) -> list[Value]:
    """A value of each run that has one."""
    values = [Value(run.run_id, run.seed, run.fold, value(run)) for run in runs]
    return [one for one in values if not math.isnan(one.value)]


def measure_score(cell: Cell, finished: Finished, found: Match) -> Measured:
    """Test scores under `definition_of`; of CamVid's "val" those of the validation pictures."""
    name = definition_of(cell)
    assert name is not None
    if variant_of(cell).crf:
        return _after_crf(cell, finished, found, name)
    if cell.split == "val" and all(run.tested == "test" for run in found.runs):
        values = of_runs(found.runs, lambda run: at_validation(finished, run, f"val_{cell.metric}"))
        words = f"{name} of the validation pictures, at the epoch whose weights were tested"
        missing = f"the history holds no val_{cell.metric}"
        return Measured(values, words, "" if values else missing, found.form)
    nan = float("nan")
    key = class_of(cell)
    values = of_runs(found.runs, lambda run: finished.scores.get((run.run_id, name, key), nan))
    missing = f"the runs hold no {name} of the class {key}"
    return Measured(values, name, "" if values else missing, found.form)


def at_validation(finished: Finished, run: Run, metric: str) -> float:
    """A validation score at the epoch whose weights were tested; NaN where there is none."""
    curve = finished.curve(run, metric)
    best = run.facts.get("best_epoch")
    epoch = best if run.spec["selection"] == "best" else curve.index.max()
    return float(curve.get(epoch, float("nan")))


def measure_mean_of_tasks(cell: Cell, finished: Finished) -> Measured:
    """A mean over classes that were trained one by one: of each seed, if all classes have it."""
    found = match(cell, finished.runs, any_task=True)
    name = definition_of(cell) or ""
    if not found.runs:
        return nothing(found.reason, name)
    nan, wanted = float("nan"), {one for one in SETS["voc2012"]["classes"] if one != "background"}
    scores = pd.DataFrame(
        [
            {
                "task": run.task,
                "seed": run.seed,
                "value": finished.scores.get((run.run_id, name, MEAN), nan),
            }
            for run in found.runs
            if run.task in wanted
        ],
        columns=["task", "seed", "value"],
    ).dropna()
    whole = scores.groupby("seed").filter(lambda part: set(part["task"]) == wanted)
    if whole.empty:
        count = scores["task"].nunique()
        return nothing(f"a mean over {len(wanted)} classes, of which {count} were run", name)
    means = whole.groupby("seed")["value"].mean().reset_index()
    values = [Value("", int(row["seed"]), 0, row["value"]) for row in means.to_dict("records")]
    return Measured(values, name, form=found.form)


def _after_crf(cell: Cell, finished: Finished, found: Match, name: str) -> Measured:
    iterations = variant_of(cell).crf
    try:
        values = of_runs(
            found.runs,
            lambda run: crf_score(finished.folder, run, iterations, name, class_of(cell)),
        )
    except NoCounts as missing:
        return nothing(str(missing), name)
    return Measured(values, f"{name}, at the pictures' original size", form=found.form)


def measure_seconds(cell: Cell, finished: Finished, found: Match) -> Measured:
    """Seconds a picture: of the network alone, or with the CRF after it."""
    iterations = variant_of(cell).crf
    words = "mean over test pictures, one by one; network" + (" and CRF" if iterations else "")
    try:
        values = of_runs(found.runs, lambda run: seconds_of(finished.folder, run, iterations))
    except NoCounts as missing:
        return nothing(str(missing), words)
    return Measured(values, words, form=found.form)


def measure_epochs(cell: Cell, finished: Finished, found: Match) -> Measured:
    """How many epochs a run trained: van Beers counts to where the patience ends it."""
    nan = float("nan")
    values = of_runs(found.runs, lambda run: float(run.facts.get("epochs") or nan))
    words = "epochs trained, the patience's included"
    return Measured(values, words, "" if values else "run.json names no epochs", found.form)


def measure_convergence(cell: Cell, finished: Finished, found: Match) -> Measured:
    """The first epoch at which validation Boundary IoU is at the threshold in the metric's name."""
    threshold = float(cell.metric.rpartition("_")[2])
    words = f"first epoch with {BOUNDARY} >= {threshold:g}"
    curves = {run.run_id: finished.curve(run, BOUNDARY) for run in found.runs}
    if any(curve.empty for curve in curves.values()):
        return nothing(f"the history holds no {BOUNDARY}", words)

    def first(run: Run) -> float:
        there = curves[run.run_id].index[curves[run.run_id] >= threshold]
        return float(there[0]) if len(there) else float("nan")

    values = of_runs(found.runs, first)
    late = len(found.runs) - len(values)
    if late:
        last = min(int(curve.index.max()) for curve in curves.values())
        who = "never" if len(found.runs) == 1 else f"by {late} of {len(found.runs)} runs not"
        return nothing(f"{who} reached within {last} epochs: right-censored", words, f">{last}")
    return Measured(values, words, form=found.form)


def measure_superiority(cell: Cell, finished: Finished, losses: Sequence[str]) -> Measured:
    """The share of epochs at which the cell's loss has the best validation Boundary IoU of all
    that the table compares (`losslab.analysis.superiority`), seed by seed.
    """
    words = f"share of epochs at which {BOUNDARY} is the best of the table's {len(losses)} losses"
    found = {loss: match(cell, finished.runs, loss=loss) for loss in losses}
    missing = [loss for loss, of_loss in found.items() if not of_loss.runs]
    if found[cell.loss].reason:
        return nothing(found[cell.loss].reason, words)
    if missing:
        return nothing(f"needs all {len(losses)} losses: {', '.join(missing)} not run", words)
    names = {run.run_id: loss for loss, of_loss in found.items() for run in of_loss.runs}
    rows = finished.histories[finished.histories["run_id"].isin(list(names))]
    if BOUNDARY not in set(rows["metric"]):
        return nothing(f"the histories hold no {BOUNDARY}", words)
    shares = superiority(rows.assign(loss=rows["run_id"].map(names)), metric=BOUNDARY)
    shares = shares[shares["loss"] == cell.loss].set_index(["seed", "fold"])["share"]
    values = of_runs(
        found[cell.loss].runs, lambda run: float(shares.get((run.seed, run.fold), float("nan")))
    )
    reason = "" if values else f"no seed has all {len(losses)} losses"
    return Measured(values, words, reason, found[cell.loss].form)


def measure_images(cell: Cell, finished: Finished, found: Match) -> Measured:
    """How many pictures train or validate."""
    values = of_runs(found.runs[:1], lambda run: float(run.facts[f"data_{cell.split}"]))
    return Measured(values, f"pictures of the split {cell.split}")


_SETTINGS = {
    "max_epochs": "epochs",
    "batch_size": "batch_size",
    "patience": "patience",
    "learning_rate": "lr",
    "optimizer": "optimizer",
}


def measure_setting(cell: Cell, runs: Sequence[Run]) -> Measured:
    """A printed setting of training, and what the runs were given."""
    field = _SETTINGS[cell.metric]
    words = f"the runs' field {field}"
    if not runs:
        return nothing("no finished run", words)
    given = sorted({str(run.spec[field]) for run in runs})
    if len(given) > 1:
        return nothing(f"it varies between the runs: {', '.join(given)}", words)
    value = runs[0].spec[field]
    if not isinstance(value, int | float):
        return Measured([], words, text=str(value or "none"))
    return Measured(of_runs(runs[:1], lambda run: float(run.spec[field])), words)


def measure_ratio(cell: Cell, finished: Finished) -> Measured:
    """Background pixels for each pixel of a class, over the pictures that a run was tested on."""
    words = "annotated pixels off the class over those on it, test pictures"
    on_set = [run for run in finished.runs if run.dataset == cell.dataset]
    runs = [run for run in on_set if run.task in ("", cell.of_class)]
    if not runs:
        why = "no run of that class" if on_set else f"no run on {cell.dataset}"
        return nothing(why, words)
    run = min(runs, key=lambda one: (one.task == "", one.run_id))
    path = finished.folder / run.run_id / "counts.parquet" if finished.folder else None
    if path is None or not path.exists():
        return nothing("the run's counts are not there", words)
    counts = pd.read_parquet(path)
    rows = counts[counts["class"] == cell.of_class]
    inside = float((rows["tp"] + rows["fn"]).sum())
    if not inside:
        return nothing("no test picture holds the class", words)
    ratio = (float(rows["pixels"].sum()) - inside) / inside
    return Measured(of_runs([run], lambda _: ratio), words)


def needs_all_classes(cell: Cell) -> bool:
    """Whether the cell is a mean over classes that the paper trains one by one."""
    return is_binary(cell) and cell.of_class == MEAN
