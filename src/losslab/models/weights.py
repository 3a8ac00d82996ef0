"""Where an encoder's weights come from - nowhere, its publisher, or a file - and how they get in.

Published weights are looked for in the folder `LOSSLAB_WEIGHTS`, then where their library keeps
them, and only then asked of their publisher.
"""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import safetensors.torch
import timm
import torch
import torchvision
from safetensors import SafetensorError
from torch import Tensor, nn

from losslab.constants import MEAN, STD, Channels
from losslab.errors import WeightsError, brief, unknown
from losslab.files import file_digest
from losslab.models.published import own_folder, torchvision_url
from losslab.models.trunks import ConvolutionalClassifier

HALVES = ("xception", "inception", "timm-tf_efficientnet_lite", "timm-mobilenetv3")
"""smp's encoders whose weights want pictures of -1..1."""

SUFFIXES = (".safetensors", ".pt", ".pth")
PREFIXES = ("network.encoder.", "encoder.", "backbone.")
"""Under which an encoder stands in a run's weights, in smp's and in torchvision's networks."""


class WeightsFile(NamedTuple):
    """A file that holds an encoder's weights."""

    path: Path
    origin: str
    """Where it was found: "file", "LOSSLAB_WEIGHTS" or the publisher."""

    def facts(self) -> dict[str, str]:
        """What a run's record says of it: name, SHA-256 and origin."""
        return {"file": self.path.name, "sha256": file_digest(self.path), "origin": self.origin}


def find_file(
    encoder: str, weights: str | None, published: Callable[[str], Path]
) -> WeightsFile | None:
    """The file that holds an encoder's weights; None for random ones.

    `weights` is None, "imagenet" or a file (relative ones are also looked for in
    `LOSSLAB_WEIGHTS`); `published` gets what is not on this machine. Raises `WeightsError` at
    once, with what to do, where they cannot be had.
    """
    if weights is None:
        return None
    if weights == "imagenet":
        names = [f"{encoder}{suffix}" for suffix in SUFFIXES]
        if encoder in torchvision.models.list_models(torchvision.models):
            names.append(Path(urlsplit(torchvision_url(encoder)).path).name)
        own = [own_folder() / name for name in names]
        found = [path for path in own if path.is_file()] if "LOSSLAB_WEIGHTS" in os.environ else []
        if found:
            return WeightsFile(found[0], "LOSSLAB_WEIGHTS")
        return WeightsFile(published(encoder), published.__name__.removeprefix("from_"))
    if not weights.endswith(SUFFIXES):
        choices = ["imagenet", *(f"a file ending in {suffix}" for suffix in SUFFIXES)]
        raise WeightsError(unknown("encoder_weights", weights, choices))
    for path in (Path(weights).expanduser(), own_folder() / weights):
        if path.is_file():
            return WeightsFile(path, "file")
    raise WeightsError(
        f"weights file {weights!r} does not exist, neither as given nor in LOSSLAB_WEIGHTS "
        f"({os.environ.get('LOSSLAB_WEIGHTS', 'not set')})"
    )


def statistics(encoder: str) -> tuple[Channels, Channels]:
    """Mean and standard deviation of 0..1 that an encoder's published weights were trained with,
    by timm's settings and by those that smp publishes beside its weights.
    """
    if encoder.startswith("tu-"):
        known = timm.get_pretrained_cfg(encoder.removeprefix("tu-"))
        return (cast(Channels, known.mean), cast(Channels, known.std)) if known else (MEAN, STD)
    if encoder.startswith("dpn"):
        scale = 1 / (0.0167 * 255)
        return (124 / 255, 117 / 255, 104 / 255), (scale, scale, scale)
    if encoder.startswith(HALVES):
        return (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    return MEAN, STD


def _is_timms(state: dict[str, Tensor]) -> bool:
    """Whether a state has timm's own names, not those of an encoder as smp or a run writes it."""
    return not any(name.startswith(("model.", *PREFIXES)) for name in state)


def is_whole_timms(encoder: str, path: Path) -> bool:
    """Whether timm can fill its whole classifier from the file.

    It then adapts its names to the features that it extracts; what a file lacks it would leave at
    random, without a word.
    """
    if not _is_timms(_read(path)):
        return False
    name = encoder.removeprefix("tu-")
    try:
        with torch.random.fork_rng(devices=[]):
            timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": str(path)})
    except Exception:  # what timm's reading and renaming of foreign files raises
        return False
    return True


def load_encoder(encoder: nn.Module, path: Path) -> None:
    """Load an encoder's own state, or the encoder's part of a whole network's, from a file.

    That network may be one of a run, of smp, or of torchvision (whose segmentation networks bring
    training on COCO); torchvision's classifiers give their fully connected layers to convolutions.
    Raises `WeightsError` for a file that cannot be read, does not fit, naming the first tensors
    that differ, or holds numbers that are not finite.
    """
    stored = _read(path)
    state = _part(stored)
    if isinstance(encoder, ConvolutionalClassifier):
        state = encoder.adapted(state)
    own = encoder.state_dict()
    if all(name.startswith("model.") for name in own) and _is_timms(stored):
        state = {f"model.{name}": value for name, value in state.items()}
    # torch before 0.4.1 did not count the batches behind the statistics, and nothing reads them
    wanted = {k: v for k, v in own.items() if not k.endswith("batches_tracked")}
    missing = sorted(wanted.keys() - state.keys())
    shapes = sorted(k for k in wanted.keys() & state.keys() if wanted[k].shape != state[k].shape)
    if missing or shapes:
        names = ", ".join((missing + shapes)[:3])
        raise WeightsError(
            f"{path} does not fit the encoder: {len(missing)} of its {len(wanted)} tensors are "
            f"missing and {len(shapes)} differ in shape ({names}, ...); give the weights of the "
            "same encoder"
        )
    broken = [k for k in wanted if not state[k].isfinite().all()]
    if broken:
        raise WeightsError(f"{path} holds numbers that are not finite ({broken[0]}, ...)")
    encoder.load_state_dict({k: state[k] for k in own if k in state}, strict=False)


def _part(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's tensors in a state, by the names that they have within the encoder."""
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    for prefix in PREFIXES:
        part = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        if part:
            return part
    return state


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError,
        SafetensorError,
        EOFError,
        RuntimeError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        raise WeightsError(f"{path} is not a readable weights file ({brief(error)})") from error
    for key in ("state_dict", "model"):
        state = state.get(key, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()
    ):
        raise WeightsError(f"{path} holds no state dictionary of tensors; save model.state_dict()")
    return state
