"""A rehearsal: all runs of a study on generated data, two steps each, and its report.

It shows in minutes what would stop the study on its third day: a data set's layout, weights, a
network, a loss, a table. Its numbers mean nothing, and its runs never mix with others: they have a
folder of their own.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch.backends import mkldnn
from torch.backends.cpu import get_cpu_capability

from losslab.files import write_atomically, write_json
from losslab.spec import RunSpec
from losslab.study.dispatch import open_executor
from losslab.study.grid import expand, stages
from losslab.study.rehearsal_data import generated_data, generated_weights, known_options
from losslab.study.report import ReportFolders, write_report
from losslab.study.run import Outcome, Settings, check_runs, run_all
from losslab.study.schema import Study
from losslab.study.store import is_done
from losslab.training.loop import train

BANNER = "REHEARSAL: numbers mean nothing"

LONGEST = 64
"""Pixels of a picture's longer side."""

SHORTEST = 32
"""Pixels of a side below which nothing is reduced."""

STEPS = 2
BATCH = 2

PLAIN_CPU = get_cpu_capability() in ("DEFAULT", "NO AVX", "AVX2")

HALF = "fp32" if PLAIN_CPU else "bf16"
"""What half precision becomes: on a CPU fp16 takes thirty times as long as bf16, which itself takes
four times as long as fp32 where the CPU has no arithmetic for it.
"""

SLOW_IN_ONEDNN = ("bfcn32s",)
"""Networks whose backward pass takes oneDNN ten times as long as torch's own kernels on a plain
CPU: 7 x 7 weights on 512 maps.
"""

SEEDS = 2
"""The first so many seeds of a study are rehearsed: another number is no other code."""


@dataclass(frozen=True)
class Rehearsal:
    """What was rehearsed."""

    outcomes: list[Outcome]
    pages: list[Path]
    """The report's files."""
    seconds: dict[str, float]
    """Of the preparation, the runs and the report."""


def rehearse(
    study: Study,
    folder: Path,
    *,
    threads: int | None = None,
    report: bool = True,
    tell: Callable[[str], object] = lambda text: None,
) -> Rehearsal:
    """Run the study on generated copies of its data sets, two steps a run, and write its report.

    All goes into `folder`: data, weights, cache, runs, figures and reports. The first run goes
    through its notebook in a process of its own, as every run of a study does; the others are
    called in this process, one after the other. What an earlier rehearsal has done is not
    repeated. A run that fails is told and does not stop the others.
    """
    marks = [time.perf_counter()]
    folder = folder.resolve()
    study, specs, notes = rehearsal_of(study)
    runs = folder / "runs" / study.name
    for note in notes:
        tell(note)
    outcomes: list[Outcome] = []
    pages: list[Path] = []
    with _weights_in(folder / "weights"), _starts_kept(specs, runs) as starts:
        settings = _prepare(specs, folder, runs, threads)
        marks.append(time.perf_counter())
        for number, (spec, where) in enumerate(zip(specs, settings, strict=True), start=1):
            started = time.perf_counter()
            outcomes.append(_run(spec, where, by_notebook=number == 1))
            if spec.run_id not in starts:
                _forget_weights(runs / spec.run_id)
            took = time.perf_counter() - started
            tell(f"[{number}/{len(specs)}] {outcomes[-1].text()} ({took:.1f} s)")
        marks.append(time.perf_counter())
        ended = [o.run_id for o in outcomes if o.status in ("finished", "diverged")]
        if report and ended:
            folders = ReportFolders.of(study.name, home=folder, runs=folder)
            pages = write_report(study, ended, runs, folders)
            for page in pages:
                _mark(page)
    marks.append(time.perf_counter())
    parts = zip(("preparation", "runs", "report"), marks, marks[1:], strict=False)
    return Rehearsal(outcomes, pages, {name: end - start for name, start, end in parts})


def rehearsal_of(study: Study) -> tuple[Study, list[RunSpec], list[str]]:
    """The study under its rehearsal's name, its runs made small, and what that has left out."""
    study, notes = _thinned(study)
    whole = [spec for stage in stages(expand(study)) for spec in stage]
    made: dict[str, RunSpec] = {}
    for spec in whole:
        start = made[spec.start_from].run_id if spec.start_from in made else spec.start_from
        made[spec.run_id] = rehearsed(replace(spec, start_from=start))
    specs = list({spec.run_id: spec for spec in made.values()}.values())
    if PLAIN_CPU and any(spec.precision != "fp32" for spec in whole):
        notes.append("half precision is left out: this CPU has no arithmetic for it")
    if len(specs) < len(whole):
        notes.append(
            f"{len(whole) - len(specs)} of {len(whole)} runs are left out, which in the "
            "size of the rehearsal are others once more"
        )
    question = f"**{BANNER}.** {study.question}"
    return replace(study, name=f"{study.name}-rehearsal", question=question), specs, notes


def _thinned(study: Study) -> tuple[Study, list[str]]:
    """The study with the first seeds of many, and what that leaves out."""
    seeds = study.grid.get("seed", [])
    if len(seeds) <= SEEDS:
        return study, []
    left = ", ".join(map(str, seeds[SEEDS:]))
    grid = {**study.grid, "seed": seeds[:SEEDS]}
    return replace(study, grid=grid), [f"seeds {left} are left out"]


def rehearsed(spec: RunSpec) -> RunSpec:
    """The run with small pictures and two steps of two of them.

    Pictures are laid whole on their small canvas where they would be kept pixel for pixel. Half
    precision is `HALF`. All else stays, the networks too.
    """
    scale = LONGEST / max(spec.size)
    changes: dict[str, Any] = {
        "dataset_options": known_options(spec.dataset, spec.dataset_options),
        "size": _small(spec.size, scale),
        "fit": _fitted(spec.fit),
        "batch_size": min(spec.batch_size, BATCH),
        "epochs": None,
        "max_iterations": STEPS,
    }
    if spec.test_size is not None:
        changes["test_size"] = _small(spec.test_size, LONGEST / max(spec.test_size))
    if spec.test_fit is not None:
        changes["test_fit"] = _fitted(spec.test_fit)
    if spec.crop_size is not None:
        changes["crop_size"] = _small(spec.crop_size, scale)
    if spec.precision != "fp32":
        changes["precision"] = HALF
    if spec.encoder_weights is not None:
        changes["encoder_weights"] = Path(spec.encoder_weights).name
    return replace(spec, **changes)


def _small(size: tuple[int, int], scale: float) -> tuple[int, int]:
    height, width = (max(min(side, SHORTEST), round(side * min(scale, 1))) for side in size)
    return height, width


def _fitted(fit: str) -> str:
    return "pad" if fit == "keep" else fit


@contextmanager
def _weights_in(folder: Path) -> Iterator[None]:
    """Published weights are looked for in `folder`, here and in the processes of runs."""
    before = os.environ.get("LOSSLAB_WEIGHTS")
    os.environ["LOSSLAB_WEIGHTS"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["LOSSLAB_WEIGHTS"]
        else:
            os.environ["LOSSLAB_WEIGHTS"] = before


@contextmanager
def _starts_kept(specs: Sequence[RunSpec], runs: Path) -> Iterator[set[str]]:
    """The runs with whose weights others begin, whose weights are deleted afterwards; such a run is
    made again where an earlier rehearsal has deleted them.
    """
    starts = {spec.start_from for spec in specs if spec.start_from}
    for name in starts:
        if not (runs / name / "best.safetensors").exists():
            (runs / name / "done.json").unlink(missing_ok=True)
    try:
        yield starts
    finally:
        for name in starts:
            _forget_weights(runs / name)


def _forget_weights(run_dir: Path) -> None:
    """Delete what a run would only need to go on: of the larger networks a gigabyte and more."""
    for name in ("last.pt", "best.safetensors"):
        (run_dir / name).unlink(missing_ok=True)


def _prepare(
    specs: Sequence[RunSpec], folder: Path, runs: Path, threads: int | None
) -> list[Settings]:
    """Make data and weights, and check all runs as a study does; where each run is computed."""
    settings = []
    for spec in specs:
        generated_weights(spec, folder / "weights")
        root = generated_data(spec, folder / "data")
        settings.append(Settings(runs, root, folder / "cache", "cpu", threads))
    for root in dict.fromkeys(where.data_root for where in settings):
        own = [s for s, where in zip(specs, settings, strict=True) if where.data_root == root]
        check_runs(own, next(where for where in settings if where.data_root == root))
    return settings


def _run(spec: RunSpec, settings: Settings, *, by_notebook: bool) -> Outcome:
    run_dir = settings.runs / spec.run_id
    if by_notebook or is_done(run_dir):
        with open_executor(workers=1) as executor:
            (outcome,) = run_all([spec], settings, executor)
        return outcome
    run_dir.mkdir(parents=True, exist_ok=True)
    try:
        with (run_dir / "log.txt").open("a") as log, redirect_stdout(log), _kernels(spec.model):
            facts = train(
                spec,
                run_dir,
                data_root=settings.data_root,
                cache_root=settings.cache_root,
                device=settings.device,
                threads=settings.threads,
            )
    except Exception as error:  # whatever it is, it is what a rehearsal looks for
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return Outcome(spec.run_id, "failed", reason)
    ended = {"status": facts["status"], "reason": facts["reason"]}
    write_json(run_dir / "done.json", {**ended, "seconds": facts["wall_seconds"]})
    return Outcome(spec.run_id, **ended)


@contextmanager
def _kernels(model: str) -> Iterator[None]:
    """The faster ones for this network on this CPU."""
    before = bool(mkldnn.enabled)
    mkldnn.enabled = before and not (PLAIN_CPU and model in SLOW_IN_ONEDNN)  # pyright: ignore
    try:
        yield
    finally:
        mkldnn.enabled = before  # pyright: ignore


def _mark(page: Path) -> None:
    """Begin a page of the report with what it is."""
    text = page.read_text()
    banner = f"**{BANNER}.**\n\n"
    if page.suffix == ".html":
        banner, place = f"<h1>{BANNER}</h1>\n", text.index("<body>") + len("<body>")
        text = text[:place] + "\n" + banner + text[place:]
    else:
        text = banner + text
    write_atomically(page, lambda temporary: temporary.write_text(text))
