"""Predictions of a finished run in the format of a server, at the pictures' original size."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8

from losslab.data.dataset import PairedFiles, read_image
from losslab.data.fitting import fitted, unfitted
from losslab.errors import StudyError, unknown
from losslab.files import write_atomically
from losslab.postprocess.probabilities import predicted
from losslab.postprocess.servers import ServerFormat, server_format
from losslab.training.device import choose_device
from losslab.training.evaluate import classify
from losslab.training.finished import FinishedRun

Pictures = Literal["auto", "server", "tested"]
PICTURES: tuple[Pictures, ...] = ("auto", "server", "tested")


class Exported(NamedTuple):
    """What was written."""

    folder: Path
    files: int
    split: str
    """"test": the server's own pictures. "val": those that the run was tested on."""
    notes: list[str]
    """Sentences that whoever hands it in should know."""


class _Source(NamedTuple):
    ids: list[str]
    read: Callable[[str], UInt8[np.ndarray, "h w 3"]]
    split: str
    notes: list[str]


def export_predictions(
    run: FinishedRun,
    name: str,
    output: Path,
    *,
    pictures: str = "auto",
    device: str = "auto",
    tell: Callable[[int, int], object] = lambda done, total: None,
) -> Exported:
    """Write a prediction of each picture below `output`, as the server of that name takes it.

    `pictures`: "server" are its own, without labels, which have to lie in the data root; "tested"
    those that the run was tested on, whose labels are public; "auto" the server's where they are
    there. Each picture comes to the run's test canvas, its probabilities back to the original size
    (bilinear), and the most probable class is written. Raises `StudyError` for a run that the
    server does not score and for pictures that are not there.
    """
    chosen = server_format(name, run.spec)
    source = _source(run, chosen, pictures)
    for done, (picture, classes) in enumerate(_predictions(run, source, device), start=1):
        path = output / chosen.path(run.spec, source.split, picture)
        write_atomically(path, lambda file, c=classes: chosen.encode(c).save(file, format="PNG"))
        tell(done, len(source.ids))
    return Exported(output, len(source.ids), source.split, source.notes)


def _source(run: FinishedRun, chosen: ServerFormat, pictures: str) -> _Source:
    if pictures not in PICTURES:
        raise StudyError(unknown("pictures", pictures, PICTURES))
    own = {} if pictures == "tested" else _servers_own(run, chosen)
    if own:
        notes = []
        expected = chosen.expected(run.spec)
        if len(own) != expected:
            notes.append(f"the server scores {expected} pictures, and {len(own)} are here")
        return _Source(list(own), lambda name: read_image(own[name]), "test", notes)
    if pictures == "server":
        raise StudyError(
            f"the data root holds no pictures of {run.spec.dataset} that the server scores; unpack "
            "the publisher's test archive there, or give --pictures tested"
        )
    read = run.at_original_size()
    note = (
        "these are the pictures that the run was tested on, whose labels are public: the server "
        "does not score them"
    )
    return _Source(run.data.test.ids, lambda name: read(name)[0], "val", [note])


def _servers_own(run: FinishedRun, chosen: ServerFormat) -> dict[str, Path]:
    root = run.original.data_root if isinstance(run.original, PairedFiles) else None
    return {} if root is None else chosen.pictures(run.spec, root)


def _predictions(
    run: FinishedRun, source: _Source, device: str
) -> Iterator[tuple[str, UInt8[np.ndarray, "h w"]]]:
    """The class of each pixel of each picture, at the picture's own size."""
    spec, where = run.spec, choose_device(device)
    model = run.network(where)
    size, fit = spec.test_size or spec.size, spec.test_fit or spec.fit
    for name in source.ids:
        image = source.read(name)
        shape = (image.shape[0], image.shape[1])
        canvas, _, extent = fitted(image, np.zeros(shape, np.uint8), size, fit)
        pixels = torch.from_numpy(canvas).permute(2, 0, 1)[None].to(where)
        with torch.inference_mode():
            probs, _ = predicted(model, pixels, spec.precision)
            whole = unfitted(probs, extent, shape)
            yield name, classify(whole[None])[0].cpu().numpy()
