"""Runs handed to processes: here, on a local Dask cluster, or on the workers of a Dask scheduler
elsewhere.

All of these are a `concurrent.futures.Executor` to the rest. A task starts one process for one run
and waits for it, so a worker is one place at which a run can be: a share of the cores, or a GPU.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from losslab.errors import StudyError
from losslab.study.execute import DIVERGED, FINISHED, GRACE_SECONDS, LOCKED, TERMINATED

OUTCOMES = {
    FINISHED: "finished",
    DIVERGED: "diverged",
    LOCKED: "locked",
    TERMINATED: "terminated",
    -signal.SIGTERM: "terminated",  # before it could handle the signal
}


@contextmanager
def open_executor(
    *, workers: int, scheduler: str | None = None, gpus: int = 0, timeout: float = 20
) -> Iterator[Executor]:
    """An executor of runs.

    With `scheduler`, the workers of that Dask scheduler (each should offer one thread); otherwise a
    local Dask cluster of `workers` processes, of one a GPU where `gpus` is not 0; with one worker
    and no GPU, this process itself. `timeout` is how many seconds the scheduler has to answer.
    """
    if scheduler is None and workers == 1 and gpus == 0:
        with ThreadPoolExecutor(max_workers=1) as executor:
            yield executor
        return

    from distributed import Client, Nanny, Scheduler, SpecCluster

    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=timeout)
        except (OSError, TimeoutError, ValueError) as error:
            raise StudyError(
                f"no Dask scheduler answers at {scheduler!r} ({error}); start one with `dask "
                "scheduler` and workers "
                f"with `dask worker --nthreads 1 --nworkers N ADDRESS`"
            ) from error
        with client:
            yield client.get_executor(pure=False)
        return

    nannies = {
        index: {
            "cls": Nanny,
            "options": {
                "nthreads": 1,
                "memory_limit": 0,  # runs are processes of their own
                "silence_logs": logging.CRITICAL,  # a closing cluster logs lost heartbeats
                "env": {"CUDA_VISIBLE_DEVICES": gpu} if gpu else {},
            },
        }
        for index, gpu in enumerate(_visible_gpus(gpus) if gpus else [""] * workers)
    }
    local = {"dashboard": False, "dashboard_address": ":0", "port": 0, "host": "127.0.0.1"}
    head = {"cls": Scheduler, "options": local}
    with (
        SpecCluster(
            workers=nannies,
            scheduler=head,
            silence_logs=logging.ERROR,  # pyright: ignore[reportArgumentType]  a level, in fact
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client.get_executor(pure=False)


def run_process(
    run_dir: str, settings: dict[str, Any], *, time_limit: float | None = None, echo: bool = False
) -> dict[str, Any]:
    """Execute one run in a process of its own and say how it ended: status and reason.

    Its output goes to log.txt in its folder, or to this process's output with `echo`. After
    `time_limit` seconds it is asked to save its state and stop.
    """
    folder = Path(run_dir)
    command = [
        sys.executable,
        "-m",
        "losslab.study.execute",
        run_dir,
        json.dumps(settings),
        str(os.getpid()),
    ]
    threads = settings.get("threads")
    environment = {
        **os.environ,
        **({"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)} if threads else {}),
    }
    with (folder / "log.txt").open("a") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=None if echo else log,
            stderr=None if echo else subprocess.STDOUT,
        )
        timed_out = False
        try:
            code = process.wait(time_limit)
        except subprocess.TimeoutExpired:
            timed_out = True
            code = _stop(process)
        except BaseException:
            _stop(process)
            raise
    return {
        "run_id": folder.name,
        "status": OUTCOMES.get(code, "failed"),
        "reason": _reason(folder, code)
        if not timed_out
        else f"stopped after the time limit of {time_limit:g} s",
    }


def stop_runs() -> None:
    """Have all runs that this process started, directly or not, save their state and end."""
    runs = [
        child
        for child in psutil.Process().children(recursive=True)
        if "losslab.study.execute" in _command(child)
    ]
    for run in runs:
        with contextlib.suppress(psutil.NoSuchProcess):
            run.send_signal(signal.SIGTERM)
    psutil.wait_procs(runs, timeout=GRACE_SECONDS + 10)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _visible_gpus(count: int) -> list[str]:
    """The first `count` GPUs that this process may use, by the names that CUDA gives them."""
    inherited = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(i) for i in range(count)] if inherited is None else inherited.split(",")
    if count > len(names):
        raise StudyError(
            f"--gpus {count}: CUDA_VISIBLE_DEVICES={inherited!r} shows only {len(names)}"
        )
    return names[:count]


def _stop(process: subprocess.Popen) -> int:
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(GRACE_SECONDS + 10)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _reason(folder: Path, code: int) -> str | None:
    if code == FINISHED:
        return None
    if code == LOCKED:
        return "another process is working on this run"
    record = folder / ("done.json" if code == DIVERGED else "failed.json")
    try:
        return json.loads(record.read_text())["reason"]
    except (OSError, ValueError, KeyError):
        return f"its process ended with status {code} and left no reason; see {folder / 'log.txt'}"
