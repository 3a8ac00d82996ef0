"""Where an encoder's weights come from: nowhere, its publisher, or a file.

Published weights are looked for in the folder `LOSSLAB_WEIGHTS`, then in the hub's own cache, and
only then asked of the hub, whose client would retry for half a minute when there is no network: one
short connection is tried first.
"""

import os
import pickle
import socket
from pathlib import Path
from urllib.parse import urlsplit

import huggingface_hub
import safetensors.torch
import timm
import torch
from safetensors import SafetensorError
from segmentation_models_pytorch.encoders import encoders as smp_encoders
from torch import Tensor, nn

from losslab.errors import WeightsError, brief, unknown

HUB_FILE = "model.safetensors"
SUFFIXES = (".safetensors", ".pt", ".pth")


def find_weights(encoder: str, weights: str | None) -> Path | None:
    """The file that holds an encoder's weights; None for random ones.

    `weights` is None, "imagenet" or a file (relative ones are also looked for in
    `LOSSLAB_WEIGHTS`). Raises `WeightsError` at once, with what to do, where they cannot be had.
    """
    if weights is None:
        return None
    if weights == "imagenet":
        return _published(encoder)
    if not weights.endswith(SUFFIXES):
        choices = ["imagenet", *(f"a file ending in {suffix}" for suffix in SUFFIXES)]
        raise WeightsError(unknown("encoder_weights", weights, choices))
    for path in (Path(weights).expanduser(), _own_folder() / weights):
        if path.is_file():
            return path
    raise WeightsError(
        f"weights file {weights!r} does not exist, neither as given nor in LOSSLAB_WEIGHTS "
        f"({os.environ.get('LOSSLAB_WEIGHTS', 'not set')})"
    )


def load_encoder(encoder: nn.Module, path: Path) -> None:
    """Load an encoder's own state, or the encoder's part of a whole network's, from a file.

    Raises `WeightsError` for a file that cannot be read or does not fit, naming the first keys that
    differ.
    """
    state = _read(path)
    for prefix in ("network.encoder.", "encoder."):
        part = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        state = part or state
    wanted = encoder.state_dict()
    missing = sorted(wanted.keys() - state.keys())
    shapes = sorted(k for k in wanted.keys() & state.keys() if wanted[k].shape != state[k].shape)
    if missing or shapes:
        names = ", ".join((missing + shapes)[:3])
        raise WeightsError(
            f"{path} does not fit the encoder: {len(missing)} of its {len(wanted)} tensors are "
            "missing and "
            f"{len(shapes)} differ in shape ({names}, ...); give the weights of the same encoder"
        )
    encoder.load_state_dict({k: state[k] for k in wanted})


def _own_folder() -> Path:
    return Path(os.environ.get("LOSSLAB_WEIGHTS", ".")).expanduser()


def _published(encoder: str) -> Path:
    repository, revision = _hub_address(encoder)
    if "LOSSLAB_WEIGHTS" in os.environ:
        for suffix in SUFFIXES:
            path = _own_folder() / f"{encoder}{suffix}"
            if path.is_file():
                return path
    cached = huggingface_hub.try_to_load_from_cache(repository, HUB_FILE, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    endpoint = os.environ.get("HF_ENDPOINT", huggingface_hub.constants.ENDPOINT)
    try:
        address = urlsplit(endpoint)
        port = address.port or (443 if address.scheme == "https" else 80)
        socket.create_connection((address.hostname or "", port), timeout=3).close()
        return Path(
            huggingface_hub.hf_hub_download(
                repository, HUB_FILE, revision=revision, endpoint=endpoint
            )
        )
    except Exception as error:  # the client raises its transport's errors as well as its own
        raise WeightsError(
            f"the ImageNet weights of {encoder!r} are not on this machine and could not be fetched "
            f"({brief(error)}). Either put {HUB_FILE} of {repository} (revision "
            f"{revision or 'main'}) "
            f"as {encoder}.safetensors into a folder and name it in LOSSLAB_WEIGHTS, or train from "
            "random weights "
            f"with encoder_weights=null"
        ) from error


def _hub_address(encoder: str) -> tuple[str, str | None]:
    """Repository and revision of the encoder's ImageNet weights, as its library names them."""
    if encoder.startswith("tu-"):
        published = timm.get_pretrained_cfg(encoder.removeprefix("tu-"))
        if published is None or not published.hf_hub_id:
            raise WeightsError(
                f"timm publishes no ImageNet weights for {encoder!r}; use encoder_weights=null"
            )
        return published.hf_hub_id, None
    known = smp_encoders[encoder]["pretrained_settings"]
    if "imagenet" not in known:
        raise WeightsError(
            f"smp publishes no ImageNet weights for {encoder!r}; use encoder_weights=null or a file"
        )
    return known["imagenet"]["repo_id"], known["imagenet"]["revision"]


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
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{path} holds no state dictionary of tensors; save model.state_dict()")
    return state
