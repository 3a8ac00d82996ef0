"""The command line: `losslab run | study | report | audit | predict | crf | data | edges | bench |
list`.
"""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from losslab.bench.cli import bench_app
from losslab.cli_options import CacheRoot, DataRoot, Device, Runs, Threads, TimeLimit
from losslab.data_cli import data_app
from losslab.edges_cli import edges
from losslab.errors import LosslabError, StudyError
from losslab.postprocess.cli import crf, predict
from losslab.score_cli import score
from losslab.study_cli import report_command, study

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
app.command()(study)
app.command(name="report")(report_command)


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
