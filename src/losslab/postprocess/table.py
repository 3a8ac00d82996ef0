"""Time and score of networks with and without the dense CRF, as Kim (2019), table 4, has them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from losslab.metrics import score
from losslab.postprocess.runs import UNCORRECTED
from losslab.training.finished import FinishedRun


def crf_table(results: Iterable[tuple[FinishedRun, Mapping[int, Path]]]) -> pd.DataFrame:
    """One row a run and number of iterations (0: the network alone).

    Columns: run_id, dataset, task, model, encoder, loss, seed, iterations, seconds (mean over
    pictures; the network's, and with it the CRF's), relative (to the network's), miou and
    boundary_miou (fractions; data-set level, mean over classes, at the original resolution).
    """
    rows = []
    for run, files in results:
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
            rows.append(
                {
                    "run_id": run.run_dir.name,
                    "dataset": run.spec.dataset_options.get("name", run.spec.dataset),
                    "task": run.spec.task or "",
                    "model": run.spec.model,
                    "encoder": run.spec.encoder,
                    "loss": run.loss,
                    "seed": run.spec.seed,
                    "iterations": number,
                    "seconds": seconds,
                    "relative": seconds / network,
                    "miou": values["iou"],
                    "boundary_miou": values["boundary_iou"],
                }
            )
    return pd.DataFrame(rows)


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
