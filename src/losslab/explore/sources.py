"""What one finished run makes of any of its test pictures, from wherever it is quickest had."""

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from losslab.analysis.samples import Sample, SampleIndex, read_index, read_sample
from losslab.data.fitting import cut
from losslab.data.transforms import normalize
from losslab.errors import StudyError, unknown
from losslab.metrics import entropy, entropy_of_probabilities
from losslab.models import Segmenter
from losslab.postprocess.kept import NAME
from losslab.postprocess.probabilities import FOLDER, load_probabilities, path_of
from losslab.training.device import autocast, choose_device
from losslab.training.evaluate import classify
from losslab.training.finished import FinishedRun, reopen
from losslab.training.pictures import Pictures


class RunPictures:
    """Image, label, prediction and entropy of a finished run's test pictures.

    A picture in `samples/` is read from there. Of another one the probabilities of `losslab
    predict` are read where they are stored, else the run's network predicts it; for both the run's
    data have to be at hand. Stored probabilities are float16, so a pixel whose best two classes are
    equal to a part in 2048 may change sides.
    """

    def __init__(
        self,
        runs_root: str | Path,
        run_id: str,
        *,
        data_root: Path | None = None,
        cache_root: Path | None = None,
        device: str = "auto",
    ):
        self.root, self.run_id = Path(runs_root), run_id
        self._roots = {"data_root": data_root, "cache_root": cache_root}
        self._device = choose_device(device)

    @cached_property
    def counts(self) -> pd.DataFrame:
        """The run's counts of every test picture and class."""
        path = self.root / self.run_id / "counts.parquet"
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise StudyError(f"{path} is missing or damaged: run it again") from error

    @cached_property
    def ids(self) -> list[str]:
        """All test pictures, in the test set's order."""
        return [str(image) for image in self.counts["image"].unique()]

    @cached_property
    def index(self) -> SampleIndex:
        """The stored samples, and what the values of the label maps mean."""
        return read_index(self.root, self.run_id)

    def is_sample(self, image: str) -> bool:
        """Whether the picture is stored in `samples/`."""
        return _file_name(image) in self.index.ids

    @cached_property
    def run(self) -> FinishedRun:
        """The run with its data; raises an error where these are not at hand."""
        return reopen(self.root / self.run_id, **self._roots)

    def sample(self, image: str) -> Sample:
        """What the run makes of a test picture; raises an error where it cannot be had."""
        if self.is_sample(image):
            return read_sample(self.root, self.run_id, _file_name(image))
        ids = self.run.data.test.ids
        if image not in ids:
            raise StudyError(unknown("test picture", image, ids))
        place = ids.index(image)
        prediction, uncertainty = self._stored(image) or self._predicted(place)
        split = self.run.data.test
        top, left, height, width = split.extents[place].tolist()
        shown = slice(top, top + height), slice(left, left + width)
        picture, label = np.array(split.images[place][shown]), np.array(split.labels[place][shown])
        return Sample(picture, label, prediction, uncertainty)

    def _stored(self, image: str) -> tuple[np.ndarray, np.ndarray] | None:
        """From `probabilities/`; None where there is nothing of these weights and data."""
        if self._folder is None or not path_of(self._folder, image).exists():
            return None
        probs = torch.from_numpy(load_probabilities(self._folder, image).probs)[None]
        logits = probs - 0.5 if probs.shape[1] == 1 else probs
        return _arrays(classify(logits), entropy_of_probabilities(probs))

    @cached_property
    def _folder(self) -> Path | None:
        folder = self.run.run_dir / FOLDER
        wanted = {**self.run.identity, "precision": self.run.spec.precision}
        try:
            return folder if json.loads((folder / NAME).read_text()) == wanted else None
        except (OSError, ValueError):
            return None

    @cached_property
    def _network(self) -> Segmenter:
        return self.run.network(self._device)

    @cached_property
    def _pictures(self) -> Pictures:
        return Pictures(self.run.data.test, self._device, resident=False)

    def _predicted(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        images, _ = next(iter(self._pictures.batches([[place]])))
        with torch.inference_mode(), autocast(self._device, self.run.spec.precision):
            logits = self._network(normalize(images, *self._network.statistics)).float()
        logits = cut(logits, self.run.data.test.extents[place].tolist())
        return _arrays(classify(logits), entropy(logits))


def _arrays(classes: Tensor, uncertainty: Tensor) -> tuple[np.ndarray, np.ndarray]:
    return classes[0].cpu().numpy(), uncertainty[0].float().cpu().numpy()


def _file_name(image: str) -> str:
    """As `losslab.training` names the files of a sample."""
    return image.replace("/", "_")
