"""`--set`: a study with other values, on one of its axes, in its bundles, or fixed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from losslab.errors import StudyError, unknown
from losslab.spec import RunSpec
from losslab.study.grid import NAME, fields_of, is_bundle, names_of
from losslab.study.other_data import on_other_data
from losslab.study.schema import Override, Study
from losslab.study.yaml_text import read_yaml

LISTS = ("size", "test_size", "crop_size", "split_fractions")
"""Fields whose one value is a list."""


def override(study: Study, texts: Sequence[str]) -> Study:
    """The study with each `key=value` in force, whatever the file says of that key.

    A list is an axis of its values, and anything else the only value. A key that bundles of an axis
    hold is taken out of them; those that are then the same become one. The name of an axis of
    bundles chooses among them by their names. Another data set takes what is bound to the study's
    own with it: `on_other_data`. Raises `StudyError` for a key that is neither a field nor such an
    axis.
    """
    given: dict[str, Any] = {}
    axes = [axis for axis in study.grid if is_bundle(axis)]
    for text in texts:
        key, equals, value_text = text.partition("=")
        if not equals or key not in (*RunSpec.field_names(), *axes):
            known = [*RunSpec.field_names(), *axes]
            raise StudyError(f"--set {text}: " + unknown("field", key, known))
        given[key] = read_yaml(value_text, f"--set {text}")
    for axis in axes:
        if axis in given:
            study = _choose(study, axis, given[axis])
    if "dataset" in given:
        names = given["dataset"] if isinstance(given["dataset"], list) else [given["dataset"]]
        study = on_other_data(study, names, given)
    for key, value in given.items():
        if key not in (*axes, "dataset"):
            study = put(study, key, value)
    return study


def put(study: Study, key: str, value: Any) -> Study:
    """The study with one field replaced, on its axis, in its bundles and exceptions, or fixed."""
    grid, fixed = dict(study.grid), dict(study.fixed)
    changes = list(study.changes)
    for axis in [axis for axis in grid if is_bundle(axis)]:
        if not any(key in bundle for bundle in grid[axis]):
            continue
        stripped = [{k: v for k, v in bundle.items() if k != key} for bundle in grid[axis]]
        grid[axis] = distinct(stripped)
        if len(grid[axis]) < len(stripped):
            changes.append(
                f"axis {axis}: its {len(stripped)} values differ in {key}, which is given; "
                f"{len(grid[axis])} left"
            )
    if key in grid or _is_axis(key, value):
        fixed.pop(key, None)
        grid[key] = value if _is_axis(key, value) else [value]
    else:
        fixed[key] = value
    exceptions, first = (
        tuple(Override(e.when, {k: v for k, v in e.set.items() if k != key}) for e in listed)
        for listed in (study.exceptions, study.first)
    )
    return replace(
        study,
        grid=grid,
        fixed=fixed,
        exceptions=exceptions,
        first=first,
        changes=tuple(changes),
    )


def distinct(bundles: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The bundles whose fields no earlier one has."""
    kept: list[Any] = []
    for bundle in bundles:
        if fields_of(bundle) not in [fields_of(other) for other in kept]:
            kept.append(dict(bundle))
    return kept


def _is_axis(key: str, value: Any) -> bool:
    """Whether a value is a list of values of the field."""
    if not isinstance(value, list):
        return False
    return key not in LISTS or any(isinstance(one, list) for one in value)


def _choose(study: Study, axis: str, wanted: Any) -> Study:
    """The study with only the named bundles of an axis, in the order in which they are named."""
    names = wanted if isinstance(wanted, list) else [wanted]
    by_name = {bundle[NAME]: bundle for bundle in study.grid[axis] if NAME in bundle}
    for name in names:
        if name not in by_name:
            choices = names_of(study, axis)
            raise StudyError(f"--set {axis}: {unknown(f'bundle of {axis}', name, choices)}")
    return replace(study, grid={**study.grid, axis: [by_name[name] for name in names]})
