"""One run in a process of its own: `python -m losslab.study.execute RUN_DIR SETTINGS`.

RUN_DIR holds spec.json; SETTINGS is JSON: where the data are and on what to compute. The run is
train.ipynb, executed by papermill. Exit status: 0 finished, 3 diverged, 75 another process has the
run, 143 stopped by a signal, 1 failed. Whatever ends it, the folder says why: done.json (finished
or diverged) or failed.json.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

FINISHED, FAILED, DIVERGED, LOCKED, TERMINATED = 0, 1, 3, 75, 143

PR_SET_PDEATHSIG = 1

GRACE_SECONDS = 120
"""How long the kernel may take to save its state after a signal."""


def main(arguments: list[str]) -> int:
    """Execute the run whose folder is the first argument."""
    run_dir, settings, parent = Path(arguments[0]), json.loads(arguments[1]), int(arguments[2])
    # before anything starts a thread, which would inherit the open signal mask
    stopper = _Stopper()
    _end_with_parent(parent)

    from filelock import FileLock, Timeout

    from losslab.files import write_json

    try:
        with FileLock(run_dir / ".lock", timeout=0):
            (run_dir / "failed.json").unlink(missing_ok=True)
            status, outcome = _execute(run_dir, settings, stopper)
            if status in (FINISHED, DIVERGED):
                write_json(run_dir / "done.json", outcome)
            else:
                write_json(run_dir / "failed.json", outcome)
            return status
    except Timeout:
        print("another process is working on this run", file=sys.stderr)
        return LOCKED
    except OSError as error:
        print(
            f"{run_dir} cannot be written: {error}; free space or choose another --runs",
            file=sys.stderr,
        )
        return FAILED


def _execute(
    run_dir: Path, settings: dict[str, Any], stopper: "_Stopper"
) -> tuple[int, dict[str, Any]]:
    """Exit status and what done.json or failed.json is to hold."""
    from papermill.exceptions import PapermillExecutionError

    from losslab.study.notebooks import execute_notebook, failure_reason, find_template

    started = time.time()
    spec = json.loads((run_dir / "spec.json").read_text())
    parameters = {**spec, "run_dir": str(run_dir), **settings}
    outcome: dict[str, Any] = {"status": "failed", "reason": "stopped before it began"}
    status = FAILED
    try:
        if stopper.stopped:
            return TERMINATED, outcome
        execute_notebook(find_template("train"), run_dir / "run.ipynb", parameters, log=sys.stdout)
        outcome = {
            k: v for k, v in json.loads((run_dir / "run.json").read_text()).items() if k in outcome
        }
        status = FINISHED if outcome["status"] == "finished" else DIVERGED
    except PapermillExecutionError as error:
        outcome["reason"] = failure_reason(error)
        if error.ename == "Terminated":
            status = TERMINATED
    except Exception as error:  # a dead kernel, a missing notebook: whatever it is, it is recorded
        outcome["reason"] = " ".join(f"{type(error).__name__}: {error}".split())
    if stopper.stopped and status != FINISHED:
        status = TERMINATED
    if status != FINISHED:
        print(outcome["reason"], file=sys.stderr)
    return status, {**outcome, "seconds": time.time() - started}


class _Stopper:
    """Takes SIGTERM and SIGINT in place of papermill, which would kill the kernel, and hands
    SIGTERM on to it.

    The kernel inherits the blocked mask and unblocks the signal where it can save its state.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.stopped = False
        signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        import psutil

        signal.sigwait(self.SIGNALS)
        self.stopped = True
        told: set[int] = set()
        end = time.monotonic() + GRACE_SECONDS
        while True:  # a kernel may be only about to start
            late = time.monotonic() > end
            for child in psutil.Process().children(recursive=True):
                if late or child.pid not in told:
                    told.add(child.pid)
                    _send(child, signal.SIGKILL if late else signal.SIGTERM)
            time.sleep(0.2)


def _end_with_parent(parent: int) -> None:
    """Have the kernel send this process SIGTERM when the thread that started it ends (Linux;
    elsewhere nothing).

    `parent` is the process that is meant; where it has died before this call, the signal is sent
    now.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL("libc.so.6").prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def _send(process: Any, number: signal.Signals) -> None:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
