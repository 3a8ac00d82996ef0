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
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from papermill.exceptions import PapermillExecutionError

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


class _Manager(AsyncKernelManager):
    """It knows its clients: papermill leaves those of a kernel that is not its own open."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._clients: list[AsyncKernelClient] = []

    def client(self, **settings: Any) -> AsyncKernelClient:
        """A new client, until `stop_clients`."""
        self._clients.append(super().client(**settings))
        return self._clients[-1]

    def stop_clients(self) -> None:
        while self._clients:
            self._clients.pop().stop_channels()


class Kernel:
    """A process that executes one notebook after the other; a context manager.

    It starts with the first notebook. Each begins with an empty namespace, as in a kernel of its
    own, but what others have imported is not imported again, which would take seconds each
    time. It is reached through files, not TCP ports, for which parallel kernels race.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="losslab-", dir=_short_folder())
        # without a connection file of its own a kernel opens "kernel-ipc-1" where others do too
        connection = str(Path(self._folder.name) / "kernel.json")
        self._manager = _Manager(kernel_name="python3", transport="ipc", connection_file=connection)

    def __enter__(self) -> "Kernel":
        return self

    def __exit__(self, *error: object) -> None:
        if self._manager.has_kernel:
            run_sync(self._manager.shutdown_kernel)(now=True)
        self._folder.cleanup()

    def execute(
        self,
        template: Path,
        output: Path,
        parameters: Mapping[str, Any],
        *,
        log: TextIO | None = None,
    ) -> None:
        """Execute a template with parameters into `output`; `log` receives what its cells print, as
        they print it.

        Raises papermill's own error where a cell fails.
        """
        check_parameters(template, parameters)
        try:
            if self._manager.has_kernel:
                run_sync(self._clear)()
            papermill.execute_notebook(
                str(template),
                str(output),
                parameters=dict(parameters),
                progress_bar=False,
                stdout_file=log,
                cwd=str(Path.cwd()),
                km=self._manager,
                extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # it reports its own shutdown
            )
        finally:
            self._manager.stop_clients()

    async def _clear(self) -> None:
        """Forget all names and count cells from 1 again."""
        client = self._manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        await client.execute_interactive("get_ipython().reset()", silent=True)


def execute_notebook(
    template: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    log: TextIO | None = None,
) -> None:
    """Execute one notebook as `Kernel.execute` does, in a kernel of its own."""
    with Kernel() as kernel:
        kernel.execute(template, output, parameters, log=log)


def _short_folder() -> str | None:
    """A folder whose sockets' paths stay under the 107 characters that they may have."""
    return "/tmp" if len(gettempdir()) > 70 and os.access("/tmp", os.W_OK) else None


def failure_reason(error: PapermillExecutionError) -> str:
    """The name and text of the error that ended a cell, in one line."""
    return " ".join(f"{error.ename}: {error.evalue}".split())
