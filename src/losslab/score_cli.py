"""`losslab score`: the scores of finished runs, under one definition or under all of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from losslab.errors import StudyError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


def score(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUNS", help="Folders of runs, or runs; default: runs."),
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only this run; may be repeated."),
    ] = None,
    study: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only the runs of a study or YAML file.")
    ] = None,
    all_definitions: Annotated[
        bool,
        typer.Option("--all-definitions", help="Rank the losses under all common definitions."),
    ] = False,
    metric: Annotated[str, typer.Option(help="iou, dice, boundary_iou, accuracy ...")] = "iou",
    level: Annotated[str, typer.Option(help="dataset or image.")] = "dataset",
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the tables as CSV, Markdown and LaTeX as well."),
    ] = None,
) -> None:
    """Print the scores of finished runs, computed from their stored counts.

    With --all-definitions the losses are ranked under every common definition of a score, and
    marked FLIP where two of them change places.
    """
    from losslab.analysis.rankings import rank_all
    from losslab.analysis.scores import check_score
    from losslab.score_files import write_scores
    from losslab.score_text import definitions_text, scores_text

    check_score(metric, level)
    chosen = {"metric": metric, "level": level}
    folders = runs or [Path("runs")]
    if len(folders) > 1 and (run or study):
        raise StudyError("--run and --study choose runs of one folder: name one, or the runs alone")
    asked = [pair for path in folders for pair in _runs_of(path, run, study)]
    results, ratios, note = _load(asked)
    typer.echo(scores_text(results, **chosen))
    found = rank_all(results, **chosen, ratios=ratios) if all_definitions else None
    if found:
        typer.echo("\n" + definitions_text(results, found))
    if note:
        typer.echo("\n" + note)
    if output is not None:
        for path in write_scores(output, results, found, **chosen):
            typer.echo(f"wrote {path}")


def _runs_of(folder: Path, names: list[str] | None, study: str | None) -> list[tuple[Path, str]]:
    """The runs in a folder that are done, of those asked for, each with the folder it is in."""
    from losslab.study.store import is_done

    if names and study:
        raise StudyError("--run and --study: give one of them")
    if not folder.is_dir():
        raise StudyError(f"there is no folder {folder}: name the one that holds the runs")
    folder = folder.resolve()
    if (folder / "spec.json").is_file():
        folder, names = folder.parent, [folder.name]
    done = sorted(path.name for path in folder.iterdir() if is_done(path))
    if not done:
        raise StudyError(f"no finished run in {folder}: name the folder that holds the runs")
    if names:
        for name in names:
            if name not in done:
                raise StudyError(f"{folder}: {unknown('finished run', name, done)}")
        return [(folder, name) for name in names]
    if study is None:
        return [(folder, name) for name in done]
    asked = _of_study(study)
    if not (found := [name for name in asked if name in done]):
        raise StudyError(
            f"no run of {study!r} is done in {folder}; execute `losslab study {study}` first"
        )
    return [(folder, name) for name in found]


def _of_study(name: str) -> list[str]:
    from losslab.study.plan import expand, load_study

    return [spec.run_id for spec in expand(load_study(name))]


def _load(asked: list[tuple[Path, str]]) -> "tuple[pd.DataFrame, Mapping[str, float], str]":
    """The results of the runs under all definitions, test over training images of each setting,
    and a note on runs without results.
    """
    import pandas as pd

    from losslab.analysis import check_same_data, provenance
    from losslab.analysis.folds import fold_ratios
    from losslab.metrics import DEFINITIONS
    from losslab.study.store import load_results, load_runs

    folders: dict[Path, list[str]] = {}
    for folder, name in dict.fromkeys(asked):
        folders.setdefault(folder, []).append(name)
    runs = pd.concat([load_runs(*pair) for pair in folders.items()], ignore_index=True)
    check_same_data(runs)
    specs = provenance.spec_table(runs)
    tables = [load_results(*pair, scores=DEFINITIONS) for pair in folders.items()]
    results = pd.concat(tables, ignore_index=True)
    bad = runs.loc[runs["status"] != "finished", "run_id"]
    note = f"Left out, since they diverged: {', '.join(bad)}." if len(bad) else ""
    ratios = fold_ratios(provenance.with_variants(runs, specs))
    return provenance.with_variants(results, specs), ratios, note
