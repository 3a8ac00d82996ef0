"""The command line: `losslab run | study | report | audit | predict | crf | data | edges | bench |
list`.
"""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from losslab.bench.cli import bench_app
from losslab.cli_options import CacheRoot, DataRoot, Device, Runs
from losslab.data_cli import data_app
from losslab.edges_cli import edges
from losslab.errors import LosslabError, StudyError
from losslab.postprocess.cli import crf, predict
from losslab.score_cli import score

app = typer.Typer(
    help="Which loss to train a segmentation network with, and how sure the answer is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(data_app, name="data")
app.add_typer(bench_app, name="bench")
app.command()(score)
app.command()(edges)
app.command()(predict)
app.command()(crf)

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Replace a value of the run or study; may be repeated."
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads of each run.")]
TimeLimit = Annotated[
    float | None, typer.Option(min=1, help="Seconds after which a run saves its state and stops.")
]


@app.command()
def run(
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FIELD=VALUE...", help="Fields of the run, such as loss=iou epochs=5."
        ),
    ] = None,
    runs: Runs = Path("runs"),
    data_root: DataRoot = None,
    cache_root: CacheRoot = None,
    device: Device = "auto",
    threads: Threads = None,
    time_limit: TimeLimit = None,
) -> None:
    """Train, validate and test one run."""
    from losslab.analysis import score_table
    from losslab.analysis.tables import show_scores
    from losslab.spec import RunSpec
    from losslab.study.dispatch import open_executor
    from losslab.study.plan import parse_values
    from losslab.study.run import Settings, check_runs, run_all
    from losslab.study.store import load_group_scores, load_results
    from losslab.training.device import choose_device

    given = parse_values(values)
    if not {"epochs", "max_iterations"} & given.keys():
        given["epochs"] = 10
    spec = RunSpec.from_mapping(given)
    settings = Settings(runs, data_root, cache_root, device, threads, time_limit)
    choose_device(device)
    check_runs([spec], settings)
    with open_executor(workers=1) as executor:
        (outcome,) = run_all([spec], settings, executor, echo=True)
    if outcome.status != "finished":
        raise StudyError(f"{outcome.run_id} {outcome.status}: {outcome.reason}")
    typer.echo(f"\n{runs / spec.run_id}")
    scores = score_table(load_results(runs, [spec.run_id]))
    for level in ("dataset", "image"):
        typer.echo(f"\nTest scores, {level} level:")
        typer.echo(show_scores(scores, level=level).to_string(index=False))
    groups = load_group_scores(runs, [spec.run_id])
    if len(groups):
        typer.echo("\nUnions of classes, percent:")
        wide = groups.pivot_table(index="class", columns=["level", "metric"], values="value")
        typer.echo((100 * wide).round(2).to_string())


@app.command()
def study(
    name: Annotated[
        str, typer.Argument(help="A study's name (see `losslab list`) or a YAML file.")
    ],
    overrides: Set = None,
    rename: Annotated[
        str | None, typer.Option("--name", help="Name of the changed study and of its report.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only print the runs.")] = False,
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
    from tqdm import tqdm

    from losslab.study.dispatch import open_executor
    from losslab.study.plan import check_report, expand, load_study
    from losslab.study.report import ReportFolders, write_report
    from losslab.study.run import (
        Outcome,
        Settings,
        available_cores,
        check_runs,
        check_writable,
        run_all,
    )
    from losslab.training.device import choose_device

    planned = load_study(name, overrides or (), rename=rename)
    specs = expand(planned)
    if plan:
        typer.echo("\n".join(spec.run_id for spec in specs))
        return
    if report:
        check_report(planned, specs)
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

    heard: list[Outcome] = []
    with tqdm(total=len(specs), unit="run", disable=not sys.stderr.isatty()) as bar:

        def tell(outcome: Outcome) -> None:
            bar.update()
            heard.append(outcome)
            how = "is done already" if outcome.skipped else outcome.status
            reason = f": {outcome.reason}" if outcome.reason else ""
            bar.write(
                f"[{len(heard)}/{len(specs)}] {outcome.run_id} {how}{reason}", file=sys.stdout
            )
            sys.stdout.flush()

        with open_executor(workers=workers, scheduler=scheduler, gpus=gpus) as executor:
            outcomes = run_all(specs, settings, executor, tell=tell)

    bad = [outcome for outcome in outcomes if outcome.status != "finished"]
    if report and len(bad) < len(outcomes):
        for path in write_report(planned, [o.run_id for o in outcomes], runs, folders):
            typer.echo(f"wrote {path}")
    if bad:
        lines = "\n".join(
            f"  {outcome.run_id} {outcome.status}: {outcome.reason}" for outcome in bad
        )
        raise StudyError(f"{len(bad)} of {len(outcomes)} runs did not finish:\n{lines}")


@app.command(name="report")
def report_command(
    name: Annotated[str, typer.Argument(help="A study's name or a YAML file.")],
    overrides: Set = None,
    rename: Annotated[
        str | None, typer.Option("--name", help="Name of the changed study and of its report.")
    ] = None,
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


@app.command()
def audit(
    home: Annotated[
        Path, typer.Option(help="Folder that gets reports/published and figures/published.")
    ] = Path(),
    runs: Runs = Path("runs"),
) -> None:
    """Recompute the five papers' own tables; write the report. Nothing is trained."""
    from losslab.study.report import ReportFolders, write_pages
    from losslab.study.run import check_writable

    folders = ReportFolders.of("published", home=home, runs=runs)
    for folder in (folders.figures, folders.reports):
        check_writable(folder, "call losslab in a folder that can be written")
    for path in write_pages("the papers' own tables", ["published"], folders):
        typer.echo(f"wrote {path}")


@app.command(name="list")
def list_command() -> None:
    """Print the losses, presets, data sets, models, augmentations and studies there are."""
    from losslab.data import DATASETS
    from losslab.data.transforms import AUGMENTATIONS
    from losslab.losses import LOSSES, PRESETS
    from losslab.models import MODELS
    from losslab.study.plan import study_names

    kinds = {
        "losses": LOSSES,
        "presets": PRESETS,
        "data sets": DATASETS,
        "models": MODELS,
        "augmentations": AUGMENTATIONS,
        "studies": study_names(),
    }
    for kind, names in kinds.items():
        typer.echo(f"{kind + ':':15s} {', '.join(names)}")
    for name, network in MODELS.items():
        encoders = ", ".join(network.encoders or ("any of smp", "tu-NAME for timm's NAME"))
        typer.echo(f"{f'encoders of {name}:':34s} {encoders}")


def main() -> None:
    """Run the command line; an error that the user can act on is one line and exit status 2.

    SIGTERM ends it with status 143, after the runs it started have saved their state.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        app()
    except LosslabError as error:
        typer.echo(f"losslab: {error}", err=True)
        raise SystemExit(2) from None
    except OSError as error:
        typer.echo(
            f"losslab: {error}; check the path, its permissions and the space left", err=True
        )
        raise SystemExit(2) from None
