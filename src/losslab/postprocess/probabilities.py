"""The class probabilities that a finished run gives its test pictures, one file a picture."""

import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import torch
from jaxtyping import Float

from losslab.data.fitting import cut
from losslab.data.transforms import normalize
from losslab.errors import StudyError, brief
from losslab.files import write_atomically, write_json
from losslab.models import Segmenter
from losslab.postprocess.kept import claim
from losslab.training.device import autocast, choose_device, describe_machine
from losslab.training.finished import FinishedRun
from losslab.training.pictures import Pictures

FOLDER = "probabilities"


class Stored(NamedTuple):
    """What a file holds."""

    probs: Float[np.ndarray, "c h w"]
    """On the run's canvas, cut to the picture; float32 of float16."""
    seconds: float
    """The network's time for this picture by itself."""


def store_probabilities(
    run: FinishedRun,
    *,
    device: str = "auto",
    tell: Callable[[int, int], object] = lambda done, total: None,
) -> Path:
    """Write `probabilities/<picture>.npz` of every test picture into the run's folder; return it.

    A binary task has one layer, the foreground's. They are float16, so a probability is off by up
    to a part in 2048 of itself, and one below 3e-8 is 0; where two classes are equally probable to
    that part, the other may come out on top. Pictures whose file is there are left out;
    files of other weights or other data are deleted first. Each picture is predicted by itself and
    timed, from the picture on the device to the probabilities on it.
    """
    folder, where = run.run_dir / FOLDER, choose_device(device)
    claim(folder, {**run.identity, "precision": run.spec.precision})
    ids = run.data.test.ids
    wanted = [i for i, name in enumerate(ids) if not path_of(folder, name).exists()]
    tell(len(ids) - len(wanted), len(ids))
    if not wanted:
        return folder
    write_json(folder / "machine.json", describe_machine(where))
    model = run.network(where)
    pictures = Pictures(run.data.test, where, resident=False)
    cold = True
    with torch.inference_mode():
        groups = [[i] for i in wanted]
        for done, ((index,), (images, _)) in enumerate(
            zip(groups, pictures.batches(groups), strict=True), start=1
        ):
            if cold:  # the first pass chooses kernels and claims memory
                predicted(model, images, run.spec.precision)
                cold = False
            probs, seconds = predicted(model, images, run.spec.precision)
            shown = cut(probs, run.data.test.extents[index].tolist())
            arrays = {"probs": shown.half().cpu().numpy(), "seconds": np.float64(seconds)}
            write_atomically(
                path_of(folder, ids[index]),
                lambda file, arrays=arrays: np.savez_compressed(file, **arrays),
            )
            tell(len(ids) - len(wanted) + done, len(ids))
    return folder


def predicted(model: Segmenter, images: torch.Tensor, precision: str) -> tuple[torch.Tensor, float]:
    """Probabilities (c, h, w) of one picture, and the seconds they took."""
    _wait_for(images.device)
    started = time.perf_counter()
    with autocast(images.device, precision):
        logits = model(normalize(images, *model.statistics))
    logits = logits.float()[0]
    probs = logits.sigmoid() if len(logits) == 1 else logits.softmax(0)
    _wait_for(images.device)
    return probs, time.perf_counter() - started


def _wait_for(device: torch.device) -> None:
    """Until the device has done what it was told: a GPU works behind the clock's back."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def path_of(folder: Path, picture: str) -> Path:
    """Where the probabilities of a picture lie."""
    return folder / f"{quote(picture, safe='')}.npz"


def load_probabilities(folder: Path, picture: str) -> Stored:
    """What `store_probabilities` wrote; raises `StudyError` where it is missing or damaged."""
    path = path_of(folder, picture)
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return Stored(arrays["probs"].astype(np.float32), float(arrays["seconds"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise StudyError(
            f"{path} does not hold the probabilities of a picture ({brief(error)}); delete it and "
            "call `losslab predict` for its run"
        ) from error
