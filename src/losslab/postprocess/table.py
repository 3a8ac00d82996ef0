"""Time and score of networks with and without the dense CRF, as Kim (2019), table 4, has them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from losslab.metrics import score
from losslab.postprocess.runs import FOLDER, UNCORRECTED
from losslab.training.finished import FinishedRun


def crf_table(results: Iterable[tuple[FinishedRun, Mapping[int, Path]]]) -> pd.DataFrame:
    """One row a run and number of iterations (0: the network alone).

    Columns: run_id, dataset, task, model, encoder, loss, seed, iterations, seconds (mean over
    pictures; the network's, and with it the CRF's), relative (to the network's), miou and
    boundary_miou (fractions; data-set level, mean over classes, at the original resolution).
    """
    rows = []
    for run, files in results:
        names = {
            "run_id": run.run_dir.name,
            "dataset": run.spec.dataset_options.get("name", run.spec.dataset),
            "task": run.spec.task or "",
            "model": run.spec.model,
            "encoder": run.spec.encoder,
            "loss": run.loss,
            "seed": run.spec.seed,
        }
        rows += [{**names, **numbers} for numbers in _numbers(files)]
    return pd.DataFrame(rows)


def stored_crf_table(runs_root: Path, runs: pd.DataFrame) -> pd.DataFrame:
    """`crf_table` of what `losslab crf` has left in the folders of `runs`, with the name of its
    parameters in a column; without rows where it has left nothing.

    `runs` is the table of `losslab.study.load_runs`.
    """
    rows = []
    for run in runs.to_dict("records"):
        for folder in sorted((runs_root / run["run_id"] / FOLDER).glob("[!.]*")):
            found = {int(file.stem.split("-")[1]): file for file in folder.glob("counts-*.parquet")}
            if UNCORRECTED in found:
                names = {name: run[name] for name in _NAMES} | {"parameters": folder.name}
                rows += [{**names, **numbers} for numbers in _numbers(found)]
    return pd.DataFrame(rows, columns=[*_NAMES, "parameters", *_NUMBERS])


_NAMES = ("run_id", "dataset", "task", "model", "encoder", "loss", "seed")
_NUMBERS = ("iterations", "seconds", "relative", "miou", "boundary_miou")


def _numbers(files: Mapping[int, Path]) -> Iterator[dict[str, float]]:
    """Time and scores of one run for each number of iterations, ascending, 0 among them."""
    network = 0.0
    for number, file in sorted(files.items()):
        counts = pd.read_parquet(file)
        own = counts.groupby("image", observed=True)["seconds"].first().mean()
        if number == UNCORRECTED:
            network = own
        seconds = own if number == UNCORRECTED else network + own
        means = score(counts.drop(columns="seconds"))
        means = means[(means["class"] == "mean") & (means["level"] == "dataset")]
        values = means.set_index("metric")["value"]
        found = (number, seconds, seconds / network, values["iou"], values["boundary_iou"])
        yield dict(zip(_NUMBERS, found, strict=True))


def show_crf(table: pd.DataFrame) -> pd.DataFrame:
    """`crf_table` for people: means over runs that differ in their seed alone."""
    keys = ["dataset", "task", "model", "encoder", "loss", "iterations"]
    groups = table.groupby(keys, sort=False)
    means = groups[["seconds", "relative", "miou", "boundary_miou"]].mean().reset_index()
    means["task"] = means["task"].replace("", "all classes")
    shown = pd.DataFrame({"loss": means["loss"], "runs": groups.size().to_numpy()})
    for key in reversed(keys[:4]):  # what is the same in all rows needs no column
        if means[key].nunique() > 1:
            shown.insert(0, key, means[key])
    shown["correction"] = [f"CRF-{n}" if n else "none" for n in means["iterations"]]
    shown["seconds a picture"] = [f"{value:.3f}" for value in means["seconds"]]
    shown["relative"] = [f"x {value:.1f}" for value in means["relative"]]
    shown["mean IoU, %"] = [f"{100 * value:.1f}" for value in means["miou"]]
    shown["boundary IoU, %"] = [f"{100 * value:.1f}" for value in means["boundary_miou"]]
    return shown
