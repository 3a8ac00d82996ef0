"""A study as data: fixed values, a grid of axes, exceptions, and what its report compares."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from losslab.errors import StudyError, unknown
from losslab.losses import canonical
from losslab.spec import RunSpec
from losslab.study.grid import check_grid, expand
from losslab.study.overrides import override
from losslab.study.schema import Override, Published, Report, Study
from losslab.study.yaml_text import parse_values, read_yaml

__all__ = [
    "Override",
    "Published",
    "Report",
    "Study",
    "check_report",
    "expand",
    "find_study",
    "load_study",
    "parse_values",
    "read_yaml",
    "study_names",
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
    """Read a study and replace values by `key=value` texts, as YAML reads the value: `override`.

    An overridden study is another study: unless `rename` says otherwise, the values are appended to
    its name, so that it writes its own report.
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
    check_grid(study, str(path))
    check_published(study, str(path))
    report = replace(study.report, baseline=canonical(study.report.baseline))
    study = override(replace(study, report=report), overrides)
    new_name = rename or "-".join([study.name, *map(_suffix, overrides)])
    if not re.fullmatch(r"[a-z][a-z0-9._-]*", new_name):
        raise StudyError(
            f"study name {new_name!r}: it names folders, so lower-case letters, digits, '.', '_' "
            "and '-' only, "
            f"a letter first; give another with --name"
        )
    return replace(study, name=new_name)


def check_report(study: Study, specs: Sequence[RunSpec]) -> None:
    """Raise `StudyError` where the runs cannot make the comparison that the report wants."""
    from losslab.study.notebooks import find_template  # papermill: a second

    losses = {spec.loss for spec in specs}
    if study.report.baseline not in losses:
        raise StudyError(
            f"report: the baseline {study.report.baseline!r} is none of the study's losses "
            f"({', '.join(sorted(losses))}); add it to the grid, or name another"
        )
    if len(losses) < 2:
        raise StudyError("report: a comparison needs two losses or more; or give --no-report")
    for name in study.report.notebooks:
        find_template(name)


def check_published(study: Study, place: str) -> None:
    """Raise `StudyError` for a paper or a table that is not among the transcribed ones."""
    wanted = study.report.published
    if wanted is None:
        return
    tables = _printed_tables()
    if wanted.paper not in tables:
        raise StudyError(f"{place}: report.published: {unknown('paper', wanted.paper, tables)}")
    for table in wanted.tables:
        if table not in tables[wanted.paper]:
            named = unknown(f"table of {wanted.paper}", table, tables[wanted.paper])
            raise StudyError(f"{place}: report.published: {named}")


@lru_cache(maxsize=1)
def _printed_tables() -> dict[str, list[str]]:
    """The tables of each paper that are transcribed."""
    # only here: it stands above studies, and brings the whole analysis with it
    from losslab.analysis.published import load_published

    tables: dict[str, list[str]] = {}
    for paper, table in load_published()[["paper", "table"]].drop_duplicates().to_numpy():
        tables.setdefault(paper, []).append(table)
    return tables


def _suffix(text: str) -> str:
    """A `key=value` as part of a folder's name; one that is long keeps its start and a digest."""
    slug = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    return slug if len(slug) <= 32 else f"{slug[:25].rstrip('-')}-{digest}"


def _tuples(content: dict[str, Any]) -> dict[str, Any]:
    """Lists as tuples where a study has these."""
    for key in ("exceptions", "first", "notes"):
        if isinstance(content.get(key), list):
            content[key] = tuple(content[key])
    report = content.get("report")
    if isinstance(report, Mapping):
        published = report.get("published")
        if isinstance(published, Mapping) and isinstance(published.get("tables"), list):
            tables = tuple(published["tables"])
            content["report"] = {**report, "published": {**published, "tables": tables}}
    return content
