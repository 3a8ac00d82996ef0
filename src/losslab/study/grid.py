"""A study's grid: its axes, what they may hold, and the runs that they span."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from losslab.errors import StudyError, unknown
from losslab.losses import canonical
from losslab.spec import RunSpec
from losslab.study.schema import Override, Study

NAME = "name"
"""Key of a bundle's own name, beside its fields."""


def expand(study: Study) -> list[RunSpec]:
    """All runs of a study, the last axis of its grid fastest, then the repeats; before them those
    from whose weights others begin.
    """
    runs = combinations(study)
    specs = [RunSpec.from_mapping(run) for run in runs]
    if not specs:
        raise StudyError(f"study {study.name!r} has no run: an axis of its grid is empty")
    before: dict[str, RunSpec] = {}
    if study.first:
        firsts = [RunSpec.from_mapping(run) for run in combinations(study, study.first)]
        specs = [
            replace(spec, start_from=first.run_id)
            for spec, first in zip(specs, firsts, strict=True)
        ]
        before = {first.run_id: first for first in firsts}
    return [*before.values(), *specs, *_repeats(specs, study)]


def stages(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    """The runs in the order in which they can be executed: those that begin with the weights of
    others in this list after these.
    """
    left, done = list(specs), []
    while left:
        waiting = {spec.run_id for spec in left}
        ready = [spec for spec in left if spec.start_from not in waiting]
        done.append(ready)
        left = [spec for spec in left if spec.start_from in waiting]
    return done


def combinations(study: Study, more: Sequence[Override] = ()) -> list[dict[str, Any]]:
    """The fields that each run is given: fixed ones, those of its axes, and the exceptions'; `more`
    are exceptions after these.
    """
    runs = []
    for values in itertools.product(*study.grid.values()):
        run, bundles = dict(study.fixed), {}
        for axis, value in zip(study.grid, values, strict=True):
            if is_bundle(axis):
                run |= fields_of(value)
                bundles[axis] = value.get(NAME)
            else:
                run[axis] = value
        for exception in (*study.exceptions, *more):
            here = run | bundles
            if all(_same(key, here.get(key), value) for key, value in exception.when.items()):
                run |= exception.set
        runs.append(run)
    return runs


def is_bundle(axis: str) -> bool:
    """Whether an axis is no field of a run, so that its values are mappings of fields."""
    return axis not in RunSpec.field_names()


def fields_of(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """A bundle without its name."""
    return {key: value for key, value in bundle.items() if key != NAME}


def names_of(study: Study, axis: str) -> list[Any]:
    """The names of an axis's bundles that have one; texts once `check_grid` has looked."""
    return [bundle[NAME] for bundle in study.grid[axis] if NAME in bundle]


def check_grid(study: Study, place: str) -> None:
    """Raise `StudyError` for a field that there is not, a bundle that is none, and a field that
    two axes set; `place` is what the message begins with.
    """
    known = RunSpec.field_names()
    seen: dict[str, str] = {}
    for axis, values in study.grid.items():
        for value in values if is_bundle(axis) else ():
            if not isinstance(value, Mapping):
                raise StudyError(
                    f"{place}: {unknown('field', axis, known)}; an axis with a name of its own "
                    f"bundles fields: each of its values is a mapping of them, not {value!r}"
                )
        fields = (
            {key for value in values for key in fields_of(value)} if is_bundle(axis) else {axis}
        )
        for field in sorted(fields):
            if field in seen:
                raise StudyError(
                    f"{place}: grid: both {seen[field]} and {axis} set {field}; let one axis do so"
                )
            seen[field] = axis
        if is_bundle(axis):
            _check_names(study, axis, place)
    for key in _keys(study):
        if key not in known:
            raise StudyError(f"{place}: {unknown('field', key, known)}")
    for exception in (*study.exceptions, *study.first):
        for key, value in exception.when.items():
            if key in known:
                continue
            if key not in study.grid:
                axes = [axis for axis in study.grid if is_bundle(axis)]
                raise StudyError(f"{place}: exceptions: {unknown('field', key, [*known, *axes])}")
            if value not in names_of(study, key):
                kind = f"bundle of {key}"
                named = unknown(kind, value, names_of(study, key))
                raise StudyError(f"{place}: exceptions: {named}")


def _keys(study: Study) -> Iterable[str]:
    """All names that must be fields."""
    yield from study.fixed
    for axis, values in study.grid.items():
        if is_bundle(axis):
            yield from (key for value in values for key in fields_of(value))
    for exception in (*study.exceptions, *study.first):
        yield from exception.set


def _check_names(study: Study, axis: str, place: str) -> None:
    names = names_of(study, axis)
    for name in names:
        if not isinstance(name, str):
            raise StudyError(f"{place}: grid.{axis}: a bundle's name is a text, got {name!r}")
        if names.count(name) > 1:
            raise StudyError(f"{place}: grid.{axis}: two bundles are named {name!r}")


def _same(key: str, value: Any, wanted: Any) -> bool:
    """Whether a run's value is the wanted one; losses are compared by what they mean."""
    if key == "loss" and isinstance(value, str) and isinstance(wanted, str):
        return canonical(value) == canonical(wanted)
    return value == wanted


def _repeats(specs: Sequence[RunSpec], study: Study) -> list[RunSpec]:
    """The baseline's first run of each setting once more, as often as the study says."""
    firsts: dict[str, RunSpec] = {}
    for spec in specs:
        if spec.loss == canonical(study.report.baseline) and not spec.repeat:
            setting = replace(spec, seed=0, fold=0)
            firsts.setdefault(setting.run_id, spec)
    return [
        replace(spec, repeat=number)
        for spec in firsts.values()
        for number in range(1, study.repeats + 1)
    ]
