"""`losslab study` and `losslab report`: a study's runs, its plan, its rehearsal, its report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from losslab.cli_options import CacheRoot, DataRoot, Device, Runs, Set, Threads, TimeLimit
from losslab.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from losslab.spec import RunSpec
    from losslab.study.run import Outcome, Settings
    from losslab.study.schema import Study

Name = Annotated[str, typer.Argument(help="A study's name (see `losslab list`) or a YAML file.")]
Rename = Annotated[
    str | None, typer.Option("--name", help="Name of the changed study and of its report.")
]


def study(
    name: Name,
    overrides: Set = None,
    rename: Rename = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only print the runs, what they need and take.")
    ] = False,
    ids: Annotated[bool, typer.Option("--ids", help="With --plan: every run's name.")] = False,
    rehearsal: Annotated[
        bool,
        typer.Option(
            "--rehearse", help="Two steps a run on generated data, and the report of that."
        ),
    ] = False,
    report: Annotated[bool, typer.Option(help="Write the report when the runs are done.")] = True,
    runs: Runs = Path("runs"),
    data_root: DataRoot = None,
    cache_root: CacheRoot = None,
    device: Device = "auto",
    threads: Threads = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs side by side; default: one a core.")
    ] = None,
    gpus: Annotated[
        int, typer.Option(min=0, help="GPUs of this machine to use, one run each.")
    ] = 0,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler whose workers execute the runs."),
    ] = None,
    time_limit: TimeLimit = None,
) -> None:
    """Execute the runs of a study that are not done, then write its report."""
    from losslab.study.plan import check_report, expand, load_study
    from losslab.study.report import ReportFolders, write_report
    from losslab.study.run import Settings, available_cores, check_runs, check_writable
    from losslab.training.device import choose_device

    if ids and not plan:
        raise StudyError("--ids: it goes with --plan")
    planned = load_study(name, overrides or (), rename=rename)
    specs = expand(planned)
    if plan:
        _print_plan(planned, specs, data_root, cache_root, device, ids)
        return
    if report:
        check_report(planned, specs)
    _tell_changes(planned)
    if rehearsal:
        _rehearse(planned, runs / "rehearsal", threads, report)
        return
    if gpus and workers:
        raise StudyError("--gpus and --workers: give one of them; each GPU is one worker")
    # elsewhere there may be devices that this machine has not
    on_cpu = not gpus and scheduler is None and choose_device(device).type == "cpu"
    if on_cpu:
        threads = threads or 1  # one-thread runs side by side beat one run over all cores
    workers = workers or (available_cores() if on_cpu else 1)
    settings = Settings(runs, data_root, cache_root, device, threads, time_limit)
    check_runs(specs, settings)
    folders = ReportFolders.of(planned.name, runs=runs)
    if report:
        for folder in (folders.figures, folders.reports):
            check_writable(folder, "call losslab in a folder that can be written")
    outcomes = _execute(specs, settings, workers=workers, scheduler=scheduler, gpus=gpus)
    bad = [outcome for outcome in outcomes if outcome.status != "finished"]
    if report and len(bad) < len(outcomes):
        for path in write_report(planned, [o.run_id for o in outcomes], runs, folders):
            typer.echo(f"wrote {path}")
    _raise_for(bad, len(outcomes))


def report_command(
    name: Name,
    overrides: Set = None,
    rename: Rename = None,
    runs: Runs = Path("runs"),
) -> None:
    """Write a study's report from the runs that are done."""
    from losslab.study.plan import expand, load_study
    from losslab.study.report import ReportFolders, write_report
    from losslab.study.store import is_done

    planned = load_study(name, overrides or (), rename=rename)
    run_ids = [spec.run_id for spec in expand(planned)]
    done = [run_id for run_id in run_ids if is_done(runs / run_id)]
    if not done:
        raise StudyError(
            f"no run of {planned.name!r} is done in {runs}; execute `losslab study {name}` first"
        )
    if len(done) < len(run_ids):
        typer.echo(
            f"{len(run_ids) - len(done)} of {len(run_ids)} runs are not done; the report leaves "
            "them out"
        )
    for path in write_report(planned, done, runs, ReportFolders.of(planned.name, runs=runs)):
        typer.echo(f"wrote {path}")


def _print_plan(
    planned: "Study",
    specs: "list[RunSpec]",
    data_root: Path | None,
    cache_root: Path | None,
    device: str,
    ids: bool,
) -> None:
    from losslab.bench.steps import load_rates
    from losslab.study.planning import plan_text
    from losslab.training.device import choose_device, describe_machine

    typer.echo(
        plan_text(
            planned,
            specs,
            data_root=data_root,
            rates=load_rates(cache_root),
            device=describe_machine(choose_device(device))["device"],
            ids=ids,
        )
    )


def _rehearse(planned: "Study", folder: Path, threads: int | None, report: bool) -> None:
    from losslab.study.rehearse import BANNER, rehearse

    typer.echo(f"{BANNER}. All of it goes into {folder}.")
    rehearsal = rehearse(planned, folder, threads=threads, report=report, tell=typer.echo)
    for page in rehearsal.pages:
        typer.echo(f"wrote {page}")
    parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in rehearsal.seconds.items())
    typer.echo(f"{planned.name}: {len(rehearsal.outcomes)} runs rehearsed; {parts}")
    bad = [outcome for outcome in rehearsal.outcomes if outcome.status != "finished"]
    _raise_for(bad, len(rehearsal.outcomes))


def _execute(
    specs: "list[RunSpec]",
    settings: "Settings",
    *,
    workers: int,
    scheduler: str | None,
    gpus: int,
) -> "list[Outcome]":
    """All runs, with a bar of progress on a terminal and a line for each that ends."""
    from tqdm import tqdm

    from losslab.study.dispatch import open_executor
    from losslab.study.grid import stages
    from losslab.study.run import run_all

    with tqdm(total=len(specs), unit="run", disable=not sys.stderr.isatty()) as bar:

        def write(line: str) -> None:
            bar.update()
            bar.write(line, file=sys.stdout)
            sys.stdout.flush()

        tell = _counted(len(specs), write)
        outcomes: list[Outcome] = []
        with open_executor(workers=workers, scheduler=scheduler, gpus=gpus) as executor:
            for stage in stages(specs):
                outcomes += run_all(stage, settings, executor, tell=tell)
        return outcomes


def _counted(total: int, write: "Callable[[str], object]") -> "Callable[[Outcome], None]":
    """A listener that writes how each run ended, with its number among those heard of."""
    heard: list[str] = []

    def tell(outcome: "Outcome") -> None:
        heard.append(outcome.run_id)
        write(f"[{len(heard)}/{total}] {outcome.text()}")

    return tell


def _tell_changes(planned: "Study") -> None:
    for change in planned.changes:
        typer.echo(f"left out: {change}", err=True)


def _raise_for(bad: "list[Outcome]", total: int) -> None:
    """Raise `StudyError` where runs did not finish."""
    if bad:
        lines = "\n".join(f"  {o.run_id} {o.status}: {o.reason}" for o in bad)
        raise StudyError(f"{len(bad)} of {total} runs did not finish:\n{lines}")
