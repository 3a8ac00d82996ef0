"""`losslab predict` and `losslab crf`: what finished runs predict, before and after a dense CRF."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from losslab.cli_options import CacheRoot, DataRoot, Device, Runs

if TYPE_CHECKING:
    from losslab.training.finished import FinishedRun

RunNames = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="Finished runs: folders, or names in --runs.")
]


def predict(
    names: RunNames,
    server: Annotated[
        str | None,
        typer.Option("--format", help="voc or cityscapes: predictions as that server takes them."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder of these predictions; default: the format's name in the run's."),
    ] = None,
    pictures: Annotated[
        str,
        typer.Option(
            help="Which of them: server (its own, without labels), tested, or auto (the server's "
            "where they are there)."
        ),
    ] = "auto",
    runs: Runs = Path("runs"),
    data_root: DataRoot = None,
    cache_root: CacheRoot = None,
    device: Device = "auto",
) -> None:
    """Store the class probabilities of finished runs' test pictures, or write predictions for a
    server.

    Probabilities go into the folder `probabilities` of each run; what is there already stays.
    """
    from losslab.postprocess.probabilities import store_probabilities

    places = (runs, data_root, cache_root)
    if server is not None or output is not None or pictures != "auto":
        _export(names, server, output, pictures, places, device)
        return
    for name in names:
        with _opened(name, *places) as run, _bar(run, "predicting") as tell:
            folder = store_probabilities(run, device=device, tell=tell)
        typer.echo(f"{folder}: {len(run.data.test)} pictures")


def _export(
    names: list[str],
    server: str | None,
    output: Path | None,
    pictures: str,
    places: tuple[Path, Path | None, Path | None],
    device: str,
) -> None:
    """Predictions of finished runs in a server's format."""
    from losslab.errors import StudyError
    from losslab.postprocess.export import export_predictions
    from losslab.postprocess.servers import FORMATS

    if server is None:
        raise StudyError("--output and --pictures need --format voc or --format cityscapes")
    if output is not None and len(names) > 1:
        raise StudyError("--output is the folder of one run's predictions; name one run")
    for name in names:
        with _opened(name, *places) as run, _bar(run, "predicting") as tell:
            place = output or run.run_dir / server
            found = export_predictions(
                run, server, place, pictures=pictures, device=device, tell=tell
            )
        typer.echo(f"{found.folder}: {found.files} pictures of {found.split}")
        typer.echo("\n".join([*found.notes, f"to hand in: {FORMATS[server].pack}"]))


def crf(
    names: RunNames,
    iterations: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Mean-field iterations; may be repeated. Default: 5 and 10."),
    ] = None,
    parameters: Annotated[
        str, typer.Option(help="DeepLab's for largefov, msc or resnet101.")
    ] = "resnet101",
    runs: Runs = Path("runs"),
    data_root: DataRoot = None,
    cache_root: CacheRoot = None,
    device: Device = "auto",
) -> None:
    """Correct finished runs' predictions by a dense CRF, at the pictures' original resolution.

    Probabilities that are not stored yet are predicted first. Counts go into the folder `crf` of
    each run; the table compares time and mean IoU with those of the network alone.
    """
    from losslab.postprocess.crf import check_library
    from losslab.postprocess.probabilities import store_probabilities
    from losslab.postprocess.runs import apply_crf
    from losslab.postprocess.table import crf_table, show_crf

    check_library()
    results = []
    for name in names:
        with _opened(name, runs, data_root, cache_root) as run:
            with _bar(run, "predicting") as tell:
                folder = store_probabilities(run, device=device, tell=tell)
            with _bar(run, "CRF") as tell:
                files = apply_crf(
                    run,
                    folder,
                    parameters=parameters,
                    iterations=iterations or [5, 10],
                    tell=tell,
                )
            results.append((run, files))
    typer.echo(show_crf(crf_table(results)).to_string(index=False))


@contextmanager
def _opened(
    name: str, runs: Path, data_root: Path | None, cache_root: Path | None
) -> Iterator["FinishedRun"]:
    """The run of that folder or name, with no other process at work on its predictions."""
    from filelock import FileLock, Timeout

    from losslab.errors import StudyError
    from losslab.training.finished import reopen

    run_dir = Path(name) if (Path(name) / "spec.json").exists() else runs / name
    run = reopen(run_dir, data_root=data_root, cache_root=cache_root)
    try:
        with FileLock(run_dir / ".predictions.lock", timeout=0):
            yield run
    except Timeout:
        raise StudyError(
            f"{run_dir}: another process is working on the predictions of this run; wait for it"
        ) from None


@contextmanager
def _bar(run: "FinishedRun", word: str) -> Iterator[Callable[[int, int], None]]:
    from tqdm import tqdm

    hidden = not sys.stderr.isatty()
    with tqdm(desc=f"{run.run_dir.name}: {word}", unit="picture", disable=hidden) as bar:

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield tell
