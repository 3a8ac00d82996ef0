"""Weights that libraries publish: on this machine where they are there already, otherwise fetched.

smp and timm publish on the hub, torchvision on a server of its own. Both clients wait long where
there is no network: one short connection is tried first.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import huggingface_hub
import timm
import torch
import torchvision
from segmentation_models_pytorch.encoders import encoders as smp_encoders

from losslab.errors import WeightsError, brief

HUB_FILE = "model.safetensors"
PATIENCE = 3.0
"""Seconds for the connection that is tried first."""
SILENCE = 60.0
"""Seconds without a byte after which torchvision's server is given up."""


def own_folder() -> Path:
    """The folder that `LOSSLAB_WEIGHTS` names; the working directory where it names none."""
    return Path(os.environ.get("LOSSLAB_WEIGHTS", ".")).expanduser()


def from_hub(encoder: str) -> Path:
    """The ImageNet weights of smp's or timm's encoder, from the hub's cache or the hub itself;
    raises `WeightsError`.
    """
    repository, revision = _hub_address(encoder)
    cached = huggingface_hub.try_to_load_from_cache(repository, HUB_FILE, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    endpoint = os.environ.get("HF_ENDPOINT", huggingface_hub.constants.ENDPOINT)
    try:
        _connect(endpoint)
        return Path(
            huggingface_hub.hf_hub_download(
                repository, HUB_FILE, revision=revision, endpoint=endpoint
            )
        )
    except Exception as error:  # the client raises its transport's errors as well as its own
        source = f"{HUB_FILE} of {repository} (revision {revision or 'main'})"
        raise _not_fetched(encoder, error, source, f"{encoder}.safetensors") from error


def from_torchvision(encoder: str) -> Path:
    """The ImageNet weights of torchvision's classifier (IMAGENET1K_V1, the original recipe), from
    one's own folder, torch hub's or the server; raises `WeightsError`.

    The name of a file ends in the first digits of its SHA-256; what is fetched must have them.
    """
    url = torchvision_url(encoder)
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name
    for known in (own_folder() / path.name, path):
        if known.is_file():
            return known
    digest = path.stem.rpartition("-")[2]
    try:
        _connect(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _silence_ends():
            torch.hub.download_url_to_file(url, str(path), hash_prefix=digest, progress=False)
    except Exception as error:  # of HTTP, sockets and files, and a wrong hash
        raise _not_fetched(encoder, error, url, f"{encoder}{path.suffix}") from error
    return path


def torchvision_url(encoder: str) -> str:
    """Where torchvision publishes a classifier's original ImageNet weights."""
    return torchvision.models.get_model_weights(encoder)["IMAGENET1K_V1"].url


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


def _not_fetched(encoder: str, error: Exception, source: str, name: str) -> WeightsError:
    return WeightsError(
        f"the ImageNet weights of {encoder!r} are not on this machine and could not be fetched "
        f"({brief(error)}). Either put {source} as {name} into a folder and name it in "
        "LOSSLAB_WEIGHTS, or train from random weights with encoder_weights=null"
    )


def _connect(url: str) -> None:
    """Raise `OSError` unless the server of `url`, or the proxy to it, answers within `PATIENCE`.

    The resolver of names knows no time limit, so it is asked in a thread.
    """
    address = urlsplit(url)
    proxy = getproxies().get(address.scheme)
    if proxy and not proxy_bypass(address.hostname or ""):
        address = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = address.port or (443 if address.scheme == "https" else 80)
    host = address.hostname or ""
    outcome: list[OSError | None] = []

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=PATIENCE).close()
            outcome.append(None)
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if not outcome:
        raise TimeoutError(f"{host}:{port} did not answer within {PATIENCE:g} s")
    if outcome[0] is not None:
        raise outcome[0]


@contextmanager
def _silence_ends() -> Iterator[None]:
    """torch's download knows no time limit but the sockets' own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
