"""A study as data: fixed values, a grid of axes, exceptions, and what its report compares."""

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from annotated_types import Ge
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from losslab.constants import STRICT
from losslab.errors import StudyError, unknown
from losslab.losses import canonical
from losslab.spec import RunSpec


@dataclass(frozen=True, config=STRICT)
class Override:
    """Values that replace the fixed ones in the runs that match."""

    when: dict[str, Any]
    set: dict[str, Any]


@dataclass(frozen=True, config=STRICT)
class Report:
    """What the report compares: each loss with `baseline`, by `metric` at `level`."""

    baseline: str = "ce"
    metric: Literal["iou", "dice", "boundary_iou", "accuracy"] = "iou"
    level: Literal["dataset", "image"] = "dataset"
    pictures: bool = True
    """Whether the report may show pictures; False where the data set's licence forbids it."""


@dataclass(frozen=True, config=STRICT)
class Study:
    """A question and the runs that answer it."""

    name: str
    question: str
    fixed: dict[str, Any] = Field(default_factory=dict)
    grid: dict[str, list[Any]] = Field(default_factory=dict)
    exceptions: tuple[Override, ...] = ()
    repeats: Annotated[int, Ge(0)] = 0
    """How often the baseline's first run of each setting is run again, with the same seed: its
    noise floor."""
    report: Report = Field(default_factory=Report)


def expand(study: Study) -> list[RunSpec]:
    """All runs of a study, the last axis of its grid fastest, then the repeats."""
    specs = []
    for values in itertools.product(*study.grid.values()):
        run = {**study.fixed, **dict(zip(study.grid, values, strict=True))}
        for exception in study.exceptions:
            if all(run.get(key) == value for key, value in exception.when.items()):
                run |= exception.set
        specs.append(RunSpec.from_mapping(run))
    if not specs:
        raise StudyError(f"study {study.name!r} has no run: an axis of its grid is empty")
    return specs + _repeats(specs, study)


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


def find_study(name: str) -> Path:
    """The file of a study that comes with losslab, or of one's own (a path ending in .yaml)."""
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise StudyError(
                f"study file {name!r} does not exist; name a YAML file or one of "
                f"{', '.join(study_names())}"
            )
        return path
    if name not in study_names():
        raise StudyError(unknown("study", name, [*study_names(), "or a path ending in .yaml"]))
    return Path(str(resources.files("losslab") / "studies" / f"{name}.yaml"))


def study_names() -> list[str]:
    """Names of the studies that come with losslab."""
    folder = resources.files("losslab") / "studies"
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    )


def load_study(name: str, overrides: Sequence[str] = (), *, rename: str | None = None) -> Study:
    """Read a study and replace values by `key=value` texts, as YAML reads the value.

    A key of the grid takes a list as its new axis and anything else as its only value; every other
    key becomes fixed. Another data set comes without the study's `dataset_options`, which are those
    of its own. An overridden study is another study: unless `rename` says otherwise, the values are
    appended to its name, so that it writes its own report.
    """
    path = find_study(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} cannot be read ({error}); save it as UTF-8 text") from error
    content = read_yaml(text, str(path))
    if not isinstance(content, Mapping):
        raise StudyError(f"{path}: a study is a mapping with name, question, fixed and grid")
    try:
        study = TypeAdapter(Study).validate_python(_tuples(dict(content)), strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise StudyError(f"{path}: {place}: {first['msg']}, got {first['input']!r}") from None
    for keys in (study.fixed, study.grid, *(k for e in study.exceptions for k in (e.when, e.set))):
        for key in keys:
            if key not in RunSpec.field_names():
                raise StudyError(f"{path}: " + unknown("field", key, RunSpec.field_names()))
    report = replace(study.report, baseline=canonical(study.report.baseline))
    fixed, grid, suffix = dict(study.fixed), dict(study.grid), []
    for text in overrides:
        key, equals, value_text = text.partition("=")
        if not equals or key not in RunSpec.field_names():
            raise StudyError(f"--set {text}: " + unknown("field", key, RunSpec.field_names()))
        value = read_yaml(value_text, f"--set {text}")
        if key in grid:
            grid[key] = value if isinstance(value, list) else [value]
        else:
            fixed[key] = value
        suffix.append(_suffix(text))
    given = {text.partition("=")[0] for text in overrides}
    if "dataset" in given and "dataset_options" not in given:
        fixed.pop("dataset_options", None)
    new_name = rename or "-".join([study.name, *suffix])
    if not re.fullmatch(r"[a-z][a-z0-9._-]*", new_name):
        raise StudyError(
            f"study name {new_name!r}: it names folders, so lower-case letters, digits, '.', '_' "
            "and '-' only, "
            f"a letter first; give another with --name"
        )
    return replace(study, name=new_name, fixed=fixed, grid=grid, report=report)


def check_report(study: Study, specs: Sequence[RunSpec]) -> None:
    """Raise `StudyError` where the runs cannot make the comparison that the report wants."""
    losses = {spec.loss for spec in specs}
    if study.report.baseline not in losses:
        raise StudyError(
            f"report: the baseline {study.report.baseline!r} is none of the study's losses "
            f"({', '.join(sorted(losses))}); add it to the grid, or name another"
        )
    if len(losses) < 2:
        raise StudyError("report: a comparison needs two losses or more; or give --no-report")


def _suffix(text: str) -> str:
    """A `key=value` as part of a folder's name; one that is long keeps its start and a digest."""
    slug = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    return slug if len(slug) <= 32 else f"{slug[:25].rstrip('-')}-{digest}"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's scalars: 1e-4 is a number, which PyYAML reads as a text, `no` a text and not
    false, 2020-01-01 a text and not a date; and no key twice.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"{', '.join(sorted(twice))} stands twice", node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


_FLOAT, _BOOL = "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag not in (_BOOL, "tag:yaml.org,2002:timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(true|True|false|False)$"), list("tTfF"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def read_yaml(text: str, place: str) -> Any:
    """A YAML value; raises `StudyError` naming the place for a text that is none."""
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise StudyError(
            f"{place}: not readable as YAML: {' '.join(str(error).split())}"
        ) from error


def parse_values(texts: Sequence[str] | None) -> dict[str, Any]:
    """`KEY=VALUE` texts as a mapping, values as YAML reads them."""
    values = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals:
            raise StudyError(f"{text!r}: values are given as KEY=VALUE, such as loss=iou")
        values[key] = read_yaml(value, text)
    return values


def _tuples(content: dict[str, Any]) -> dict[str, Any]:
    if isinstance(content.get("exceptions"), list):
        content["exceptions"] = tuple(content["exceptions"])
    return content
