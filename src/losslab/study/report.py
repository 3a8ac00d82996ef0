"""A report: notebooks, executed on finished runs or published tables, as HTML and Markdown."""

import os
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter, MarkdownExporter
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from losslab.errors import StudyError
from losslab.files import write_atomically
from losslab.study.notebooks import Kernel, failure_reason, find_template
from losslab.study.plan import Study

NO_CODE = {"exclude_input": True, "exclude_input_prompt": True, "exclude_output_prompt": True}

PAGE = Path(__file__).with_name("page.html")

_HEADING = re.compile(r'<h([12]) id="([^"]+)">(.*?)(?=<a class="anchor-link"|</h[12]>)', re.DOTALL)


@dataclass(frozen=True)
class ReportFolders:
    """Where a report and its parts are written."""

    figures: Path
    reports: Path
    notebooks: Path
    """The executed notebooks: large, and not to be committed."""

    @classmethod
    def of(cls, name: str, *, home: Path = Path(), runs: Path = Path("runs")) -> "ReportFolders":
        """`figures/<name>` and `reports/<name>` under `home`; notebooks beside the runs."""
        return cls(home / "figures" / name, home / "reports" / name, runs / "reports" / name)


def write_report(
    study: Study, run_ids: Sequence[str], runs: Path, folders: ReportFolders
) -> list[Path]:
    """Execute the study's own notebooks, reproduction.ipynb where it has printed tables, the usual
    ones that it wants, and qualitative.ipynb where pictures may be shown; write report.html and
    report.md.

    Figures and tables are written by the notebooks. Raises `StudyError` where a notebook fails.
    """
    printed = study.report.published
    names = [*study.report.notebooks, *(["reproduction"] if printed else [])]
    names += study.report.parts
    names += ["qualitative"] if study.report.pictures else []
    parameters = {
        "study": study.name,
        "question": study.question,
        "runs": str(runs.resolve()),
        "run_ids": list(run_ids),
        "baseline": study.report.baseline,
        "metric": study.report.metric,
        "level": study.report.level,
    }
    extra = {}
    if printed:
        extra["reproduction"] = {"paper": printed.paper, "tables": list(printed.tables)}
    return write_pages(study.name, names, folders, parameters, extra)


def write_pages(
    title: str,
    templates: Sequence[str],
    folders: ReportFolders,
    parameters: Mapping[str, Any] | None = None,
    extra: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Path]:
    """Execute the templates with the parameters and the folders; write report.html and report.md.

    Every template takes `figures` and `reports`; `extra` holds the parameters of single ones.
    Raises `StudyError` where one fails.
    """
    places = {"figures": folders.figures.resolve(), "reports": folders.reports.resolve()}
    given = {**(parameters or {}), **{name: str(path) for name, path in places.items()}}
    folders.notebooks.mkdir(parents=True, exist_ok=True)
    notebooks = []
    with Kernel() as kernel:
        for name in templates:
            output = folders.notebooks / f"{name}.ipynb"
            try:
                own = {**given, **(extra or {}).get(name, {})}
                kernel.execute(find_template(name), output, own)
            except PapermillExecutionError as error:
                raise StudyError(
                    f"{name}.ipynb failed: {failure_reason(error)}; open {output} to see where"
                ) from error
            notebooks.append(nbformat.read(output, as_version=4))

    links = Path(os.path.relpath(places["figures"], places["reports"]))
    pages = {
        folders.reports / "report.html": to_html(title, notebooks),
        folders.reports / "report.md": to_markdown(notebooks, links),
    }
    for path, text in pages.items():
        write_atomically(path, lambda temporary, text=text: temporary.write_text(text))
    return list(pages)


def to_html(title: str, notebooks: Sequence[NotebookNode]) -> str:
    """One page that needs no network: the notebooks without their code, pictures inside."""
    exporter = HTMLExporter(template_name="basic", **NO_CODE)
    bodies = [exporter.from_notebook_node(_for_readers(notebook))[0] for notebook in notebooks]
    # Headings that several notebooks share would share an id.
    bodies = [
        _HEADING.sub(rf'<h\1 id="part{number}-\2">\3', body)
        for number, body in enumerate(bodies, start=1)
    ]
    body = "\n<hr>\n".join(bodies)
    page = PAGE.read_text().replace("{{ title }}", title).replace("{{ contents }}", contents(body))
    return page.replace("{{ body }}", body)


def contents(body: str) -> str:
    """Links to the headings of the first two levels, the second within the first."""
    parts: list[tuple[str, list[str]]] = []
    for level, name, text in _HEADING.findall(body):
        link = f'<a href="#{name}">{text.strip()}</a>'
        if level == "1" or not parts:
            parts.append((link, []))
        else:
            parts[-1][1].append(link)
    lines = [f"<li>{link}<br><span>{' · '.join(inner)}</span></li>" for link, inner in parts]
    return f"<ul>{''.join(lines)}</ul>" if len(parts) > 1 else ""


def to_markdown(notebooks: Sequence[NotebookNode], figures: Path) -> str:
    """The notebooks without their code; a saved figure is a link into `figures`."""
    exporter = MarkdownExporter(**NO_CODE)
    bodies = []
    for notebook in notebooks:
        copy = _for_readers(notebook)
        for cell in copy.cells:
            for output in cell.get("outputs", ()):
                _link_figure(output, figures)
        bodies.append(exporter.from_notebook_node(copy)[0].strip())
    return "\n\n---\n\n".join(bodies) + "\n"


def _for_readers(notebook: NotebookNode) -> NotebookNode:
    """A copy without code cells' warnings and progress, which only its author needs."""
    copy = deepcopy(notebook)
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    return copy


def _link_figure(output: Any, figures: Path) -> None:
    """Turn a displayed figure that was saved into a Markdown picture."""
    metadata = output.get("metadata", {})
    name = metadata.get("losslab_figure")
    if name is None:
        return
    alt = metadata.get("image/png", {}).get("alt", name)
    output["data"] = {"text/markdown": f"![{alt}]({(figures / f'{name}.png').as_posix()})"}
