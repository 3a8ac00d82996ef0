"""The EdgeNet of a run's label maps: trained once, before the network that it judges, and kept.

It is a function of the label maps alone, whatever pictures lie beside them: its randomness comes
from their digest, and it is trained on one CPU thread, whatever the runs that use it are given.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from filelock import FileLock
from jaxtyping import Bool, Integer, UInt8
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, max_pool2d

from losslab.constants import IGNORE_INDEX
from losslab.data import RunData
from losslab.data.cache import LOCK_SECONDS, explained
from losslab.data.preparation import cache_folder
from losslab.edges import semantic_edges
from losslab.errors import DataError
from losslab.files import write_json
from losslab.losses.edges import VERSION, EdgeNet, label_masks
from losslab.training.randomness import generator

RECIPE = 2
"""Raised when the training changes: nets of another recipe are not used."""

CROP = 64
"""Pixels: height and width of what is shown, or of the label maps where they are smaller."""

BATCH = 8
EPOCH = 50
"""Steps between two looks at the validation maps."""

MOST_EPOCHS = 60
PATIENCE = 8
"""Epochs without a better F1 after which training ends."""

GOOD = 0.995
"""F1 on validation maps at which training ends."""

LR = 1e-2
LOOKED_AT = 2**20
"""Pixels that F1 is measured on, in label maps evenly spread over a split."""

FEWEST = 8
"""Label maps that F1 is measured on where they are large."""


NUMBERS = {"f1", "precision", "recall", "val_f1", "epochs", "steps", "seconds"}
"""What is known of a trained net beside its digest."""


class EdgeScore(NamedTuple):
    """How well predicted edges are the semantic edges, over all scored pixels of some label maps.

    F1 is 2 TP / (2 TP + FP + FN), precision TP / (TP + FP), recall TP / (TP + FN); each is 1 where
    it would be 0 / 0.
    """

    f1: float
    precision: float
    recall: float
    edges: int
    """Pixels that are semantic edges."""


def edge_net_for(data: RunData, cache_root: Path | None = None) -> tuple[EdgeNet, dict[str, Any]]:
    """The frozen EdgeNet of these label maps, trained if the cache has none, and facts about it.

    Facts: `sha256` of the weights; `f1`, `precision` and `recall` of its edges on the test split's
    label maps (see `EdgeScore`) and `val_f1`, by which training ended; `epochs`, `steps` and
    `seconds` of the training. Two processes that ask at once train it once. Raises `DataError`
    where the cache cannot be written.
    """
    path = edge_net_path(data, cache_root)
    root = path.parents[1]
    found = _load(path)
    if found is None:
        with explained(root):
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock"), timeout=LOCK_SECONDS):
                found = _load(path)
                if found is None:
                    net, facts = train_edge_net(data)
                    net.save(path)
                    write_json(path.with_suffix(".json"), facts)
                    found = _load(path)
    if found is None:
        raise DataError(
            f"{path}: the EdgeNet was written and reads back differently; check the disk, or "
            "name another cache folder"
        )
    net, facts = found
    return net.requires_grad_(False).eval(), facts


def edge_net_path(data: RunData, cache_root: Path | None = None) -> Path:
    """Where `edge_net_for` keeps the EdgeNet of these label maps, with its facts as .json beside
    it.
    """
    name = f"{_identity(data)[:16]}.safetensors"
    return cache_folder(cache_root).absolute() / "edge_nets" / name


def train_edge_net(data: RunData) -> tuple[EdgeNet, dict[str, Any]]:
    """Train an EdgeNet on the training split's label maps until its edges are right, and score it.

    Chen et al. 2020, section 3.3: cross-entropy (eq. 7) against the semantic edges of the label
    maps. Shown are random crops, mirrored at random; the border of a crop is an image's border.
    Pixels next to void are not scored: to the net void is all zeros, and so is what lies outside
    the image, which makes no edge.
    """
    started = time.perf_counter()
    draws = generator(0, "edge net", _identity(data))
    watched = _spread(data.val.labels)
    if not semantic_edges(watched).any():
        watched = _spread(data.train.labels)
    with _one_thread():
        net = _first_weights(data.num_classes, draws)
        optimizer = torch.optim.Adam(net.parameters(), lr=LR)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, MOST_EPOCHS * EPOCH)
        best, best_epoch, epoch = EdgeScore(-1, 0, 0, 0), 0, 0
        best_state = net.state_dict()
        while best.f1 < GOOD and epoch < min(MOST_EPOCHS, best_epoch + PATIENCE):
            for _ in range(EPOCH):
                labels = _crops(data.train.labels, draws)
                optimizer.zero_grad()
                _loss(net, labels).backward()
                optimizer.step()
                schedule.step()
            epoch += 1
            score = edge_score(net, watched)
            if score.f1 > best.f1:
                best, best_epoch = score, epoch
                best_state = deepcopy(net.state_dict())
        net.load_state_dict(best_state)
        test = edge_score(net, _spread(data.test.labels))
    return net, {
        "sha256": _digest(net),
        "f1": test.f1,
        "precision": test.precision,
        "recall": test.recall,
        "val_f1": best.f1,
        "epochs": best_epoch,
        "steps": best_epoch * EPOCH,
        "seconds": time.perf_counter() - started,
    }


def _first_weights(num_classes: int, draws: torch.Generator) -> EdgeNet:
    """A net with torch's own first weights, uniform between -1 and 1 over the square root of a
    unit's inputs; no global generator is read or seeded, a GPU's neither.
    """
    with torch.device("meta"):
        net = EdgeNet(num_classes)
    net.to_empty(device="cpu")
    with torch.no_grad():
        for layer in net.layers:
            assert isinstance(layer, nn.Conv2d)
            bound = layer.weight[0].numel() ** -0.5
            for parameter in layer.parameters():
                parameter.uniform_(-bound, bound, generator=draws)
    return net


def edge_targets(
    labels: Integer[Tensor, "n h w"],
) -> tuple[Bool[Tensor, "n h w"], Bool[Tensor, "n h w"]]:
    """Semantic edges of label maps, and the pixels that are scored: those not next to void."""
    void = (labels == IGNORE_INDEX).float()
    near_void = max_pool2d(void[:, None], 3, stride=1, padding=1)[:, 0] > 0
    return semantic_edges(labels), ~near_void


@torch.inference_mode()
def edge_score(net: EdgeNet, labels: Integer[Tensor, "n h w"]) -> EdgeScore:
    """How well the net's edges are those of label maps, pixels next to void left out."""
    hits = found = there = 0
    for one in labels.split(1):
        edges, scored = edge_targets(one)
        logits = net(_masks(net, one))
        predicted = (logits[:, 1] > logits[:, 0]) & scored
        edges &= scored
        hits += int((predicted & edges).sum())
        found += int(predicted.sum())
        there += int(edges.sum())
    return EdgeScore(
        f1=2 * hits / (found + there) if found + there else 1.0,
        precision=hits / found if found else 1.0,
        recall=hits / there if there else 1.0,
        edges=there,
    )


def _loss(net: EdgeNet, labels: Integer[Tensor, "n h w"]) -> Tensor:
    """The mean cross-entropy of the net's edges over scored pixels."""
    edges, scored = edge_targets(labels)
    target = edges.long().masked_fill_(~scored, IGNORE_INDEX)
    logits = net(_masks(net, labels))
    total = cross_entropy(logits, target, ignore_index=IGNORE_INDEX, reduction="sum")
    return total / scored.sum().clamp(min=1)


def _masks(net: EdgeNet, labels: Integer[Tensor, "n h w"]) -> Tensor:
    """One-hot labels in the layout in which convolutions are fastest."""
    masks = label_masks(labels, net.num_classes)
    return masks.contiguous(memory_format=torch.channels_last)


def _load(path: Path) -> tuple[EdgeNet, dict[str, Any]] | None:
    """The net and its facts, or None where they are missing or not as they were written."""
    with suppress(OSError, ValueError, KeyError, DataError):
        facts = json.loads(path.with_suffix(".json").read_text())
        if not isinstance(facts, dict) or not facts.keys() >= NUMBERS:
            return None
        if not all(type(facts[name]) in (int, float) for name in NUMBERS):
            return None
        net = EdgeNet.load(path)
        if _digest(net) == facts["sha256"]:
            return net, facts
    return None


def _identity(data: RunData) -> str:
    """SHA-256 of all that an EdgeNet depends on: the three splits' label maps as the task shows
    them, the number of classes, and how it is made.
    """
    digest = hashlib.sha256(f"{RECIPE} {VERSION} {data.num_classes}".encode())
    for split in (data.train, data.val, data.test):
        digest.update(repr(split.labels.shape).encode())
        digest.update(np.ascontiguousarray(split.labels).data)
    return digest.hexdigest()


def _digest(net: EdgeNet) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _spread(labels: UInt8[np.ndarray, "n h w"]) -> UInt8[Tensor, "n h w"]:
    """Label maps of about `LOOKED_AT` pixels, evenly spread."""
    n, h, w = labels.shape
    count = min(n, max(FEWEST, LOOKED_AT // (h * w)))
    chosen = np.linspace(0, n - 1, count).round().astype(int)
    return torch.from_numpy(np.ascontiguousarray(labels[chosen]))


def _crops(labels: UInt8[np.ndarray, "n h w"], draws: torch.Generator) -> UInt8[Tensor, "b y x"]:
    """A batch of random crops, each mirrored or not."""
    n, h, w = labels.shape
    height, width = min(CROP, h), min(CROP, w)
    crops = np.empty((BATCH, height, width), np.uint8)
    numbers = torch.rand(BATCH, 4, generator=draws, dtype=torch.float64).numpy()
    for crop, (picture, down, across, mirror) in zip(crops, numbers, strict=True):
        top, left = int(down * (h - height + 1)), int(across * (w - width + 1))
        part = labels[int(picture * n), top : top + height, left : left + width]
        crop[:] = part[:, ::-1] if mirror < 0.5 else part
    return torch.from_numpy(crops)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One CPU thread: sums, and so the weights, are then the same wherever the run is made."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
