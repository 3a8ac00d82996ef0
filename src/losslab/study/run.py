"""A study from its plan to its results: what is not done is run, what ends badly is recorded."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from losslab.data import prepare
from losslab.errors import StudyError, WeightsError
from losslab.files import write_json
from losslab.losses import needs_edge_net, source_digests, user_losses
from losslab.models import find_weights
from losslab.spec import RunSpec
from losslab.study.dispatch import run_process, stop_runs
from losslab.study.notebooks import check_parameters, find_template
from losslab.study.store import is_done, read_done, read_fingerprint, read_user_losses, read_weights
from losslab.training.edges import edge_net_for


@dataclass(frozen=True)
class Settings:
    """Where runs are computed and kept: nothing that decides their outcome."""

    runs: Path = Path("runs")
    data_root: Path | None = None
    cache_root: Path | None = None
    device: str = "auto"
    threads: int | None = None
    time_limit: float | None = None
    """Seconds a run may take before it is asked to save its state and stop."""

    def for_notebook(self) -> dict[str, Any]:
        """The settings that train.ipynb takes beside the spec, as JSON values."""
        return {
            "data_root": str(self.data_root.resolve()) if self.data_root else "",
            "cache_root": str(self.cache_root.resolve()) if self.cache_root else "",
            "device": self.device,
            "threads": self.threads or 0,
        }


@dataclass(frozen=True)
class Outcome:
    """How one run ended."""

    run_id: str
    status: str
    """finished, diverged, failed, terminated or locked."""
    reason: str | None
    skipped: bool = False

    def text(self) -> str:
        """The run and how it ended, in a line."""
        how = "is done already" if self.skipped else self.status
        return f"{self.run_id} {how}{f': {self.reason}' if self.reason else ''}"


def check_runs(specs: Sequence[RunSpec], settings: Settings) -> None:
    """Raise before anything runs what would stop it later: parameters, data, weights, folders.

    The data are read into the cache here, and the EdgeNet of label maps that need one is trained,
    once, so that no run waits for another to do it.
    """
    names = {spec.run_id for spec in specs}
    if len(names) < len(specs):
        raise StudyError("the study holds the same run twice; look at its grid and exceptions")
    parameters = {*RunSpec.field_names(), "run_dir", *settings.for_notebook()}
    check_parameters(find_template("train"), parameters, complete=True)
    check_writable(settings.runs, "choose another folder with --runs")
    fingerprints: list[tuple[dict[str, Any], str]] = []
    for spec in specs:
        run_dir = settings.runs / spec.run_id
        own = is_done(run_dir) or (run_dir / "last.pt").exists() or spec.start_from
        if not own:  # else its weights are here, or will be
            find_weights(spec.model, spec.encoder, spec.encoder_weights)
        data = spec.data_arguments()
        known = [fingerprint for other, fingerprint in fingerprints if other == data]
        if not known:
            prepared = prepare(**data, data_root=settings.data_root, cache_root=settings.cache_root)
            if any(needs_edge_net(other.loss) for other in specs if other.data_arguments() == data):
                edge_net_for(prepared, settings.cache_root)
            known = [prepared.fingerprint]
            fingerprints.append((data, prepared.fingerprint))
        _check_same_data(settings.runs / spec.run_id, known[0])
        _check_same_losses(settings.runs / spec.run_id, spec)
        _check_same_weights(settings.runs / spec.run_id, spec)


def check_writable(folder: Path, remedy: str) -> None:
    """Raise `StudyError` naming the folder unless a file can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
            probe.flush()
    except OSError as error:
        raise StudyError(f"{folder} cannot be written ({error}); free space or {remedy}") from error


def _check_same_data(run_dir: Path, fingerprint: str) -> None:
    """A finished run belongs to this study only if it was made from the same pictures."""
    if is_done(run_dir) and read_fingerprint(run_dir) != fingerprint:
        raise StudyError(
            f"{run_dir} was made from other data: pictures, labels or their division have changed "
            f"since; delete the folder or choose another --runs"
        )


def _check_same_losses(run_dir: Path, spec: RunSpec) -> None:
    """A finished run with a user's loss belongs to this study only if its source is the same."""
    if not is_done(run_dir):
        return
    now, then = source_digests(user_losses(spec.loss)), read_user_losses(run_dir)
    changed = [name for name in now if now[name] != then.get(name)]
    if changed:
        raise StudyError(
            f"{run_dir} was made with another version of {', '.join(changed)}; delete the folder "
            "or choose another --runs"
        )


def _check_same_weights(run_dir: Path, spec: RunSpec) -> None:
    """A finished run belongs to this study only if the file with its encoder's weights, where it
    lies on this machine and is no publisher's, is the same.
    """
    then = read_weights(run_dir) if is_done(run_dir) else None
    if not then or then["origin"] not in ("file", "LOSSLAB_WEIGHTS"):
        return
    try:
        found = find_weights(spec.model, spec.encoder, spec.encoder_weights)
    except WeightsError:  # gone: nothing to compare with
        return
    if found is not None and (now := found.facts())["sha256"] != then["sha256"]:
        raise StudyError(
            f"{run_dir} began with other weights of its encoder: {then['file']} with SHA-256 "
            f"{then['sha256'][:12]}..., and {now['file']} now has {now['sha256'][:12]}...; delete "
            "the folder, choose another --runs, or bring the file back"
        )


def run_all(
    specs: Sequence[RunSpec],
    settings: Settings,
    executor: Executor,
    *,
    tell: Callable[[Outcome], None] = lambda outcome: None,
    echo: bool = False,
) -> list[Outcome]:
    """Execute the runs that are not done, each in a process of its own; `tell` hears of each as it
    ends.

    A run that fails is recorded with its reason and does not stop the others.
    """
    outcomes, futures = {}, {}
    for spec in specs:
        run_dir = (settings.runs / spec.run_id).resolve()
        if is_done(run_dir):
            outcomes[spec.run_id] = _skipped(run_dir)
            tell(outcomes[spec.run_id])
            continue
        write_json(run_dir / "spec.json", spec.to_dict())
        future = executor.submit(
            run_process,
            str(run_dir),
            settings.for_notebook(),
            time_limit=settings.time_limit,
            echo=echo,
        )
        futures[future] = spec.run_id
    try:
        for future in as_completed(futures):
            outcome = _ended(futures[future], future)
            outcomes[outcome.run_id] = outcome
            tell(outcome)
    except BaseException:  # Ctrl-C or SIGTERM: what runs saves its state, what waits is not begun
        for future in futures:
            future.cancel()
        stop_runs()
        raise
    return [outcomes[spec.run_id] for spec in specs]


def available_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _skipped(run_dir: Path) -> Outcome:
    done = read_done(run_dir)
    return Outcome(run_dir.name, done["status"], done["reason"], skipped=True)


def _ended(run_id: str, future: Any) -> Outcome:
    try:
        ended = future.result()
    except Exception as error:  # a worker that died, an unreachable scheduler
        return Outcome(run_id, "failed", f"{type(error).__name__}: {error}")
    return Outcome(run_id, ended["status"], ended["reason"])
