"""A study on another data set than its own: what is bound to its own stays behind, and is told."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from losslab.data import DATASETS, check_task, parse_options
from losslab.errors import DataError, StudyError, unknown
from losslab.study.grid import fields_of, is_bundle
from losslab.study.schema import Override, Study

Fields = Mapping[str, Any]

NETWORK = ("model", "model_options", "encoder", "encoder_weights", "loss")
"""What sets bundles apart on any data; all else of a bundle over data sets goes with its data."""


def on_other_data(study: Study, names: Sequence[str], given: Fields) -> Study:
    """The study on the data sets `names`; `given` are all values that are asked for.

    Of the study's own data sets those named are kept as they are, with their divisions and tasks.
    On any other, a study goes without its `dataset_options`, without tasks that the data set has
    not (all classes are trained at once where none is left), with one bundle for each task of an
    axis over data sets, and with canvases on which pictures are fitted instead of kept pixel for
    pixel; its printed tables stand beside the measured ones without a difference. `changes` says
    so. Raises `StudyError` for an unknown data set and for own and other ones together.
    """
    for name in names:
        if name not in DATASETS:
            raise StudyError(f"--set dataset: {unknown('dataset', name, DATASETS)}")
    own = own_data_sets(study)
    mine = [name for name in names if name in own]
    if mine and len(mine) < len(names):
        raise StudyError(
            f"--set dataset: {', '.join(mine)} is the study's own and keeps its division, others "
            "do not; give the study's own data sets or others, not both"
        )
    return _on_own(study, names) if mine else _on_foreign(study, names, given)


def own_data_sets(study: Study) -> list[str]:
    """The data sets of the study in the order in which they are named."""
    named = [study.fixed["dataset"]] if "dataset" in study.fixed else []
    for axis, values in study.grid.items():
        if axis == "dataset":
            named += values
        elif is_bundle(axis):
            named += [bundle["dataset"] for bundle in values if "dataset" in bundle]
    return list(dict.fromkeys(named))


def _on_own(study: Study, names: Sequence[str]) -> Study:
    grid = {}
    for axis, values in study.grid.items():
        if axis == "dataset":
            grid[axis] = [value for value in values if value in names]
        elif is_bundle(axis) and any("dataset" in bundle for bundle in values):
            fixed = study.fixed.get("dataset")
            grid[axis] = [bundle for bundle in values if bundle.get("dataset", fixed) in names]
        else:
            grid[axis] = values
    return replace(study, grid=grid)


def _on_foreign(study: Study, names: Sequence[str], given: Fields) -> Study:
    mover = _Mover(names, given)
    grid: dict[str, list[Any]] = {}
    for axis, values in study.grid.items():
        moved = mover.axis(axis, values)
        if moved:
            grid[axis] = moved
    fixed = mover.fields(study.fixed)
    exceptions, first = (
        tuple(Override(e.when, mover.fields(e.set)) for e in listed)
        for listed in (study.exceptions, study.first)
    )
    if len(names) == 1:
        fixed["dataset"] = names[0]
    else:
        grid = {"dataset": list(names), **grid}
        fixed.pop("dataset", None)
    if "dataset_options" in given:
        fixed["dataset_options"] = given["dataset_options"]
    tasks = [fixed.get("task"), *grid.get("task", ())]
    tasks += [b.get("task") for axis in grid if is_bundle(axis) for b in grid[axis]]
    if fixed.get("batches") == "positive" and not any(tasks) and "task" not in given:
        fixed["batches"] = "any"
        mover.say("batches any, for without a task there is no foreground that each could hold")
    if study.report.published is not None:
        mover.say("the printed tables are of the study's own data, so no difference is taken")
    told = (f"on {', '.join(names)}: {'; '.join(mover.told)}",) if mover.told else ()
    changes = (*study.changes, *told)
    return replace(
        study,
        fixed=fixed,
        grid=grid,
        exceptions=exceptions,
        first=first,
        changes=changes,
    )


class _Mover:
    """Takes from fields what is bound to the study's own data, and remembers what that was."""

    def __init__(self, names: Sequence[str], given: Fields):
        self.names, self.given = names, given
        self.told: list[str] = []

    def say(self, what: str) -> None:
        if what not in self.told:
            self.told.append(what)

    def axis(self, axis: str, values: Sequence[Any]) -> list[Any]:
        """The axis's values on the other data; none where it goes."""
        if axis == "dataset":
            return []
        if axis == "dataset_options":
            self.say("without the axis dataset_options")
            return []
        if axis == "task":
            kept = [value for value in values if self.has_task(value)]
            gone = [value for value in values if value not in kept and value is not None]
            if gone:
                self.say(f"without task {', '.join(gone)}")
            return kept
        if not is_bundle(axis):
            return list(values)
        moved = [self.fields(bundle) for bundle in values]
        if any("dataset" in bundle for bundle in values):
            for bundle in moved:
                bundle.pop("dataset", None)
            moved = self._one_a_task(values, moved)
        kept = []
        for bundle in moved:
            if fields_of(bundle) not in [fields_of(other) for other in kept]:
                kept.append(bundle)
        if len(kept) < len(values):
            self.say(f"{len(kept)} of the {len(values)} values of axis {axis}")
        return [] if [fields_of(bundle) for bundle in kept] == [{}] else kept

    def _one_a_task(self, values: Sequence[Fields], moved: list[dict[str, Any]]) -> list[Any]:
        """Of bundles over data sets the first for each network, loss and task that the other data
        have; where they have none of the tasks, the first for each network and loss.
        """
        firsts: dict[str, dict[str, Any]] = {}
        for bundle, value in zip(moved, values, strict=True):
            network = str([bundle.get(key) for key in NETWORK])
            task = bundle.get("task")
            if task is not None and task == value.get("task"):
                firsts.setdefault(f"{network} {task}", bundle)
        for bundle in moved:
            network = str([bundle.get(key) for key in NETWORK])
            if not any(name.startswith(network) for name in firsts):
                firsts[network] = bundle
        return list(firsts.values())

    def fields(self, fields: Fields) -> dict[str, Any]:
        """The fields without what the other data have not."""
        kept = dict(fields)
        if kept.pop("dataset_options", None):
            self.say("without the study's dataset_options")
        if not self.has_task(kept.get("task")):
            self.say(f"without task {kept.pop('task')}")
        for key in ("fit", "test_fit"):
            if kept.get(key) == "keep" and key not in self.given:
                kept[key] = "pad"
                self.say(f"{key} pad and not keep, for pictures may be larger than the canvas")
        return kept

    def has_task(self, task: str | None) -> bool:
        """Whether all the data sets have the task, as far as is known without their files."""
        if task is None:
            return True
        options = self.given.get("dataset_options", {})
        for name in self.names:
            if DATASETS[name].known_classes(parse_options(name, options)) is None:
                return False
            try:
                check_task(name, options, task)
            except DataError:
                return False
        return True
