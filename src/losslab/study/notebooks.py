"""Notebook templates: found, checked and executed.

papermill accepts misspelt parameter names and runs the default instead, and writes names into the
notebook as code: names are therefore compared with the template's before anything runs.
"""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any, TextIO

import papermill
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from losslab.errors import StudyError, unknown

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
"""The checkout's notebooks; `./notebooks` is looked at first, so that one's own copies are used."""


def find_template(name: str) -> Path:
    """The template `name`.ipynb in `./notebooks` or in losslab's checkout."""
    for folder in (Path.cwd() / "notebooks", NOTEBOOKS):
        path = folder / f"{name}.ipynb"
        if path.is_file():
            return path
    raise StudyError(
        f"notebook {name}.ipynb is neither in {Path.cwd() / 'notebooks'} nor in {NOTEBOOKS}; run "
        "losslab from its checkout"
    )


def template_parameters(template: Path) -> list[str]:
    """Names in the template's cell tagged "parameters"."""
    return list(papermill.inspect_notebook(str(template)))


def check_parameters(template: Path, names: Collection[str], *, complete: bool = False) -> None:
    """Raise `StudyError` for a name that is no identifier or that the template does not have.

    With `complete`, also for a name of the template that is not given.
    """
    known = template_parameters(template)
    for name in names:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise StudyError(
                f"parameter name {name!r}: only a plain Python identifier may be passed to a "
                "notebook"
            )
        if name not in known:
            raise StudyError(f"{template.name}: " + unknown("parameter", name, known))
    missing = sorted(set(known) - set(names))
    if complete and missing:
        raise StudyError(
            f"{template.name}: parameters {', '.join(missing)} are neither a run's fields nor "
            "settings"
        )


def execute_notebook(
    template: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    log: TextIO | None = None,
) -> None:
    """Execute a template with parameters into `output`; `log` receives what its cells print, as
    they print it.

    The kernel is reached through files, not TCP ports, for which parallel kernels race. Raises
    papermill's own error where a cell fails.
    """
    check_parameters(template, parameters)
    with TemporaryDirectory(prefix="losslab-", dir=_short_folder()) as folder:
        # without a connection file of its own a kernel opens "kernel-ipc-1" where others do too
        kernel = {"transport": "ipc", "connection_file": str(Path(folder) / "kernel.json")}
        papermill.execute_notebook(
            str(template),
            str(output),
            parameters=dict(parameters),
            progress_bar=False,
            stdout_file=log,
            cwd=str(Path.cwd()),
            config=Config({"KernelManager": kernel}),
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # it reports its own shutdown
        )


def _short_folder() -> str | None:
    """A folder whose sockets' paths stay under the 107 characters that they may have."""
    return "/tmp" if len(gettempdir()) > 70 and os.access("/tmp", os.W_OK) else None


def failure_reason(error: PapermillExecutionError) -> str:
    """The name and text of the error that ended a cell, in one line."""
    return " ".join(f"{error.ename}: {error.evalue}".split())
