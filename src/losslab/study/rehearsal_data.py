"""What a rehearsal reads instead of the real thing: generated data sets and generated weights."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
import torchvision
from filelock import FileLock
from safetensors.torch import save_file

from losslab.data import DATASETS
from losslab.data.fixtures import WRITERS, write_fixture
from losslab.models import build_model
from losslab.spec import RunSpec

PICTURES = 8
"""Pictures of a generated data set: half of them train."""

MORE = {"voc2010": 16, "voc2011": 16}
"""Of sets whose classes are trained one by one: so many that each is in a training picture."""

SCALE = 0.2
"""Of the batch normalisations in generated weights."""


def generated_data(spec: RunSpec, folder: Path) -> Path | None:
    """A data root below `folder` with a generated copy of the run's data set in its own layout;
    None for a data set that needs no files. What is there is kept.
    """
    if spec.dataset not in WRITERS:
        return None
    own = spec.dataset_options.get("name")
    root = folder / (f"{spec.dataset}-{own}" if own else spec.dataset)
    options = known_options(spec.dataset, spec.dataset_options)
    count = MORE.get(spec.dataset, PICTURES)
    _made_once(root, lambda place: write_fixture(spec.dataset, place, count, options))
    return root


def known_options(dataset: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as a generated copy needs them: it has fewer pictures than the real set."""
    known = DATASETS[dataset].options_type.__dataclass_fields__
    fewer: dict[str, Any] = {"partial": True} if "partial" in known else {}
    if dataset not in WRITERS:
        fewer = {"train": PICTURES // 2, "val": PICTURES // 4, "test": PICTURES // 4}
    return {**options, **fewer}


def generated_weights(spec: RunSpec, folder: Path) -> None:
    """A file of random weights in `folder`, named and laid out as the published ones that the run
    asks for; nothing where it asks for none.
    """
    if spec.encoder_weights is None:
        return
    assert spec.encoder is not None
    if spec.encoder_weights == "imagenet":
        suffix = ".safetensors" if spec.encoder.startswith("tu-") else ".pth"
        _made_once(folder / f"{spec.encoder}{suffix}", lambda file: _classifier(spec.encoder, file))
    else:
        _made_once(folder / spec.encoder_weights, lambda file: _backbone(spec, file))


def _classifier(encoder: str | None, file: Path) -> None:
    """A whole classifier of timm or torchvision, or an encoder of smp, with random weights."""
    assert encoder is not None
    torch.manual_seed(0)
    if encoder.startswith("tu-"):
        model = timm.create_model(encoder.removeprefix("tu-"))
    elif encoder in torchvision.models.list_models():
        model = torchvision.models.get_model(encoder)
    else:
        model = smp.encoders.get_encoder(encoder)
    _save(model.state_dict(), file)


def _backbone(spec: RunSpec, file: Path) -> None:
    """An encoder as torchvision's segmentation networks hold it, with random weights."""
    torch.manual_seed(1)
    model = build_model(spec.model, num_classes=2, encoder=spec.encoder, **spec.model_options)
    _save({f"backbone.{name}": value for name, value in model.encoder.state_dict().items()}, file)


def _save(state: Mapping[str, torch.Tensor], file: Path) -> None:
    """Write the state with its batch normalisations' scales reduced: where they are fixed, a
    hundred random layers would otherwise blow up.
    """
    for name in state:
        if name.endswith(".running_var"):
            state[f"{name.removesuffix('.running_var')}.weight"].mul_(SCALE)
    if file.name.endswith(".safetensors"):
        save_file({name: value.contiguous() for name, value in state.items()}, file)
    else:
        torch.save(dict(state), file)


def _made_once(place: Path, make: Callable[[Path], object]) -> None:
    """Have a file or folder made under another name and renamed, by one process alone."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.parent / f".{place.name}.lock"):
        if place.exists():
            return
        scratch = Path(tempfile.mkdtemp(dir=place.parent, prefix=".made-"))
        try:
            make(scratch / place.name)
            (scratch / place.name).rename(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
