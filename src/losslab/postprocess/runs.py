"""The dense CRF on the test pictures of finished runs, at the pictures' original resolution."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from losslab.data.fitting import unfitted
from losslab.errors import unknown
from losslab.files import write_atomically
from losslab.metrics import TRIMAP_WIDTHS, counts_table, entropy_of_probabilities
from losslab.postprocess.crf import PARAMETERS, CRFError, check_library, mean_field
from losslab.postprocess.kept import claim
from losslab.postprocess.probabilities import Stored, load_probabilities, path_of
from losslab.training.evaluate import classify
from losslab.training.finished import FinishedRun

FOLDER = "crf"
UNCORRECTED = 0
"""Stands for the network's own probabilities among the numbers of iterations."""


def apply_crf(
    run: FinishedRun,
    probabilities: Path,
    *,
    parameters: str,
    iterations: Sequence[int],
    tell: Callable[[int, int], object] = lambda done, total: None,
) -> dict[int, Path]:
    """Write `crf/<parameters>/counts-<iterations>.parquet` into the run's folder; return them.

    The stored probabilities are brought to each picture's original size (bilinear) and scored
    there, as they are (0 iterations) and after each number of iterations. The columns are those of
    counts.parquet and `seconds`, the time of the network (0) or of the CRF for the picture. What is
    there is not computed again, picture by picture.
    """
    if parameters not in PARAMETERS:
        raise CRFError(unknown("CRF parameters", parameters, PARAMETERS))
    if any(number < 1 for number in iterations):
        raise CRFError(f"iterations: 1 or more, got {min(iterations)}")
    check_library()
    folder = run.run_dir / FOLDER / parameters
    values = asdict(PARAMETERS[parameters])
    claim(folder, {**run.identity, **values, "pydensecrf2": version("pydensecrf2")})
    files = {n: folder / f"counts-{n}.parquet" for n in sorted({UNCORRECTED, *iterations})}
    missing = [n for n, file in files.items() if not file.exists()]
    if not missing:
        return files
    parts, ids = folder / ".parts", run.data.test.ids
    claim(parts, {"iterations": missing, "trimap_widths": TRIMAP_WIDTHS})
    read = run.at_original_size()
    tables = []
    for done, picture in enumerate(ids, start=1):
        part = path_of(parts, picture).with_suffix(".parquet")
        if not part.exists():
            image, label = read(picture)
            stored = load_probabilities(probabilities, picture)
            table = _counts(run, picture, image, label, stored, parameters, missing)
            write_atomically(part, table.to_parquet)
        tables.append(pd.read_parquet(part))
        tell(done, len(ids))
    whole = pd.concat(tables, ignore_index=True)
    for number in missing:
        of_number = whole[whole["iterations"] == number].drop(columns="iterations")
        write_atomically(files[number], of_number.reset_index(drop=True).to_parquet)
    shutil.rmtree(parts)
    return files


def _counts(
    run: FinishedRun,
    picture: str,
    image: np.ndarray,
    label: np.ndarray,
    stored: Stored,
    parameters: str,
    iterations: Sequence[int],
) -> pd.DataFrame:
    """The counts of one picture for each number of iterations, with the seconds each took."""
    height, width = stored.probs.shape[1:]
    shape = (label.shape[0], label.shape[1])
    probs = unfitted(torch.from_numpy(stored.probs), (0, 0, height, width), shape).numpy()
    probs = probs.clip(0, 1)
    results = {UNCORRECTED: (probs, stored.seconds)} if UNCORRECTED in iterations else {}
    numbers = [n for n in iterations if n != UNCORRECTED]
    started = time.perf_counter()
    for number, refined in mean_field(
        image, probs, parameters=PARAMETERS[parameters], iterations=numbers
    ):
        results[number] = refined, time.perf_counter() - started
    tables = []
    for number, (layers, seconds) in results.items():
        table = counts_table(
            classify(_as_logits(layers)),
            torch.from_numpy(label)[None],
            num_classes=run.data.num_classes,
            ids=[picture],
            class_names=run.data.class_names,
            trimap_widths=TRIMAP_WIDTHS,
            entropies=entropy_of_probabilities(torch.from_numpy(layers)[None]),
        )
        tables.append(table.assign(seconds=seconds, iterations=number))
    return pd.concat(tables, ignore_index=True)


def _as_logits(layers: Float[np.ndarray, "c h w"]) -> torch.Tensor:
    """Probabilities as a batch of one whose classes are those of logits."""
    return torch.from_numpy(layers - 0.5 if len(layers) == 1 else layers)[None]
