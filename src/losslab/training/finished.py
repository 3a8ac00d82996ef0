"""A finished run made ready to be used again: its network, and the pictures it was tested on."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from losslab.data import RunData, open_dataset, prepare
from losslab.data.dataset import SegmentationDataset
from losslab.errors import StudyError
from losslab.files import file_digest
from losslab.models import Segmenter, build_model
from losslab.spec import RunSpec
from losslab.training.checkpoint import load_weights
from losslab.training.record import statistics_of


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended well, and its data as they are now, which are those it was made from."""

    run_dir: Path
    spec: RunSpec
    """Its spec, but for the loss."""
    loss: str
    data: RunData
    weights: Path
    original: SegmentationDataset
    """The whole data set; its files are read when a picture is asked for."""
    encoder_weights: dict[str, Any] | None
    """What its record says of the encoder's weights."""

    @property
    def identity(self) -> dict[str, str]:
        """What its predictions depend on: SHA-256 of its weights and of its data."""
        return {"weights": file_digest(self.weights), "data": self.data.fingerprint}

    def network(self, device: torch.device) -> Segmenter:
        """The network with the weights that were tested; no other weights are looked for."""
        model = build_model(
            self.spec.model,
            num_classes=self.data.num_classes,
            encoder=self.spec.encoder,
            weights=None,
            **self.spec.model_options,
        )
        load_weights(model, self.weights)
        if self.encoder_weights:
            model.statistics = statistics_of(self.encoder_weights)
        return model.to(device).to(memory_format=torch.channels_last).eval()  # pyright: ignore

    def at_original_size(
        self,
    ) -> Callable[[str], tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]]:
        """A function from the id of a picture to picture and label map as the data set has them,
        the label map under the run's task.

        Pictures that are generated have the size at which the run was tested.
        """
        positions = {name: i for i, name in enumerate(self.original.all_ids)}
        size, lookup = self.spec.test_size or self.spec.size, self.original.lookup

        def read(picture: str) -> tuple[np.ndarray, np.ndarray]:
            image, label = self.original.read(positions[picture], size)
            return image, label if lookup is None else lookup[label]

        return read


def reopen(
    run_dir: Path, *, data_root: Path | None = None, cache_root: Path | None = None
) -> FinishedRun:
    """The run that was finished in `run_dir`.

    Raises `StudyError` for a folder without a finished run, and where the data are not those that
    it was made from.
    """
    fields, facts = _read(run_dir / "spec.json"), _read(run_dir / "run.json")
    if facts.get("status") != "finished":
        raise StudyError(
            f"{run_dir}: this run has {facts.get('status')} and makes no predictions; name a "
            "finished one"
        )
    # the loss has done its work, and a user's, which a spec would import, may lie elsewhere
    spec = RunSpec.from_mapping({**fields, "loss": "ce"})
    data = prepare(**spec.data_arguments(), data_root=data_root, cache_root=cache_root)
    if data.fingerprint != facts["dataset"]["fingerprint"]:
        raise StudyError(
            f"{run_dir} was made from other data: pictures, labels or their division have changed "
            "since; give the --data-root that it was made from"
        )
    original = open_dataset(
        spec.dataset, data_root, split="all", task=spec.task, **spec.dataset_options
    )
    weights = run_dir / "best.safetensors"
    if not weights.is_file():
        raise StudyError(f"{weights} is missing; delete the run's folder to train it again")
    known = facts.get("weights")
    return FinishedRun(run_dir, spec, fields["loss"], data, weights, original, known)


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        raise StudyError(
            f"{path.parent}: no run was finished there ({path.name} is missing or unreadable); "
            "name the folder of a finished run"
        ) from None
