"""What `losslab crf` and `losslab predict` left in the folder of a run: scores and seconds."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from losslab.analysis.reproduction.finished import Run
from losslab.metrics import DEFINITIONS

PROBABILITIES, CRF = "probabilities", "crf"


class NoCounts(Exception):
    """The run has no such files; the message says which command makes them."""


def parameters_for(run: Run) -> str:
    """DeepLab's parameters for the run's network (semantics of Kim's comparison): those of LargeFOV
    with one scale or several, and of ResNet-101.
    """
    if run.model != "deeplab_largefov":
        return "resnet101"
    return "msc" if run.multi_scale else "largefov"


def crf_score(folder: Path | None, run: Run, iterations: int, name: str, of_class: str) -> float:
    """A score after so many mean-field iterations; raises `NoCounts`."""
    counts = _read(_file(folder, run, iterations)).drop(columns="seconds")
    return float(DEFINITIONS[name].of(counts).get(of_class, float("nan")))


def seconds_of(folder: Path | None, run: Run, iterations: int) -> float:
    """Mean seconds a picture of the network, and with it the CRF's; raises `NoCounts`."""
    if iterations:
        network = _seconds(_file(folder, run, 0))
        return network + _seconds(_file(folder, run, iterations))
    try:
        return _seconds(_file(folder, run, 0))
    except NoCounts:
        stored = sorted((_home(folder, run) / PROBABILITIES).glob("*.npz"))
        if not stored:
            raise NoCounts(f"needs `losslab predict {run.run_id}`, which times it") from None
        return float(np.mean([float(np.load(path)["seconds"]) for path in stored]))


def _file(folder: Path | None, run: Run, iterations: int) -> Path:
    path = _home(folder, run) / CRF / parameters_for(run) / f"counts-{iterations}.parquet"
    if not path.exists():
        raise NoCounts(
            f"needs `losslab crf {run.run_id} --parameters {parameters_for(run)}"
            + (f" --iterations {iterations}`" if iterations not in (0, 5, 10) else "`")
        )
    return path


def _home(folder: Path | None, run: Run) -> Path:
    return (folder or Path()) / run.run_id


@lru_cache(maxsize=64)
def _read(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


def _seconds(path: Path) -> float:
    return float(_read(path).groupby("image", observed=True)["seconds"].first().mean())
