"""`losslab bench train`: what a loss costs within a whole training step.

Every loss trains a network of its own from the same initial weights; the networks take turns, a
step each in a random order, on the same batches. A step is that of `training.loop`, cut where its
parts meet: the gradient is stopped at the logits once, so that the loss's backward pass and the
network's can be told apart.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from losslab.bench.inputs import blobs
from losslab.bench.rows import OURS, TORCH
from losslab.bench.targets import step_target
from losslab.bench.timing import in_fresh_process
from losslab.constants import IGNORE_INDEX
from losslab.data import CachedSplit
from losslab.data.fitting import whole_extents
from losslab.data.transforms import Geometry, draw_geometry, normalize
from losslab.losses import EdgeNet, build_loss, needs_edge_net
from losslab.models import build_model
from losslab.spec import RunSpec
from losslab.training.device import autocast
from losslab.training.label_maps import LabelMaps
from losslab.training.optimizers import build_optimizer
from losslab.training.pictures import Pictures

SECTIONS = ("data", "augmentation", "forward", "loss", "backward", "optimiser")

BASELINE = "cross_entropy"
BARE = "none: the network alone"
"""Forward pass, backward pass and optimiser on a batch that is already there."""

COLUMNS = (
    "loss",
    "library",
    "milliseconds",
    "ratio",
    "ratio_low",
    "ratio_high",
    "ratio_by_parts",
    *(f"share_{name}" for name in SECTIONS),
    "target",
    "target_of",
    "target_ratio",
    "met",
)

Maps = Mapping[str, Tensor]
LossOfBatch = Callable[[Tensor, Tensor, Maps], Tensor]


@dataclass(frozen=True)
class Setting:
    """What is trained."""

    losses: tuple[str, ...]
    steps: int = 10
    batch_size: int = 8
    num_classes: int = 19
    size: tuple[int, int] = (256, 256)
    encoder: str = "mobilenet_v2"
    precision: str = "fp32"
    device: str = "cpu"


def bench_training(setting: Setting, *, threads: int) -> pd.DataFrame:
    """A row for each loss with the columns `COLUMNS`.

    `ratio` is the median over the rounds of the step's time in units of the step with torch's
    cross-entropy, between the quartiles `ratio_low` and `ratio_high`. `ratio_by_parts` is what the
    ratio would be if data, augmentation and loss alone took other times. The sections are shares of
    the loss's own step.
    """
    laps = in_fresh_process(measure_steps, setting, threads=threads)
    return steps_table(laps, device=setting.device)


def steps_table(laps: Mapping[str, Sequence[Mapping[str, float]]], *, device: str) -> pd.DataFrame:
    """The table of `bench_training` from what `measure_steps` found."""
    base = laps[BASELINE]
    table = []
    for loss, own in laps.items():
        wholes = [sum(step.values()) for step in own]
        bases = [sum(step.values()) for step in base]
        ratios = [a / b for a, b in zip(wholes, bases, strict=True)]
        low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
        parts = {name: statistics.median(step.get(name, 0.0) for step in own) for name in SECTIONS}
        other = {name: statistics.median(step[name] for step in base) for name in SECTIONS}
        changed = sum(parts[name] - other[name] for name in ("data", "augmentation", "loss"))
        ours = loss not in (BASELINE, BARE)
        line: dict[str, Any] = {
            "loss": loss,
            "library": OURS if ours else TORCH,
            "milliseconds": statistics.median(wholes),
            "ratio": middle,
            "ratio_low": low,
            "ratio_high": high,
            "ratio_by_parts": 1 + changed / statistics.median(bases) if loss != BARE else None,
            **{f"share_{name}": parts[name] / sum(parts.values()) for name in SECTIONS},
        }
        bound = step_target(loss, device=device) if ours else None
        if bound is not None:
            line |= {
                "target": bound,
                "target_of": "the step with torch's cross-entropy",
                "target_ratio": middle,
                "met": "yes" if middle <= bound else "no",
            }
        table.append(line)
    return pd.DataFrame(table, columns=list(COLUMNS))


def measure_steps(setting: Setting) -> dict[str, list[dict[str, float]]]:
    """Milliseconds of each section of each step, for each loss; the steps take turns."""
    device = torch.device(setting.device)
    split = make_split(setting)
    pictures = Pictures(split, device)
    torch.manual_seed(0)
    model = build_model(
        "unet", num_classes=setting.num_classes, encoder=setting.encoder, weights=None
    )
    weights = model.state_dict()
    names = (BASELINE, BARE, *setting.losses)
    with tempfile.TemporaryDirectory() as cache:
        trainees = {
            name: _Trainee(name, setting, pictures, split, weights, Path(cache)) for name in names
        }
        laps: dict[str, list[dict[str, float]]] = {name: [] for name in trainees}
        order, chance = list(trainees), random.Random(0)
        for step in range(setting.steps + 1):
            first = step * setting.batch_size
            group = [(first + i) % len(split) for i in range(setting.batch_size)]
            draws = torch.Generator().manual_seed(step)
            geometry = draw_geometry(len(group), preset="flip", crop_size=None, generator=draws)
            chance.shuffle(order)
            for name in order:
                found = trainees[name].step(group, geometry)
                if step:  # the first one warms up
                    laps[name].append(found)
        for trainee in trainees.values():
            trainee.close()
    return laps


def make_split(setting: Setting) -> CachedSplit:
    """Pictures of coloured blobs, twice a batch; what they show does not change the time."""
    generator = torch.Generator().manual_seed(0)
    count = 2 * setting.batch_size
    labels = blobs((count, setting.num_classes, *setting.size), generator).to(torch.uint8)
    colours = torch.randint(0, 256, (256, 3), generator=generator, dtype=torch.uint8)
    images = colours[labels.long()]
    ids = [f"blobs_{number}" for number in range(count)]
    return CachedSplit(images.numpy(), labels.numpy(), ids, whole_extents(labels.numpy()))


class _Laps:
    """The time between marks; on a GPU by its own clock."""

    def __init__(self, device: torch.device):
        self.device = device
        self.marks: list[tuple[str, Any]] = []

    def mark(self, name: str) -> None:
        """The section `name` ends here; the first mark only starts the clock."""
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append((name, event))
        else:
            self.marks.append((name, time.perf_counter()))

    def milliseconds(self) -> dict[str, float]:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        pairs = zip(self.marks, self.marks[1:], strict=False)
        return {
            name: start.elapsed_time(end) if self.device.type == "cuda" else 1000 * (end - start)
            for (_, start), (name, end) in pairs
        }


class _Trainee:
    """One loss with its network and optimiser."""

    def __init__(
        self,
        loss: str,
        setting: Setting,
        pictures: Pictures,
        split: CachedSplit,
        weights: dict[str, Any],
        cache: Path,
    ):
        self.device, self.precision = torch.device(setting.device), setting.precision
        self.pictures = pictures
        model = build_model(
            "unet", num_classes=setting.num_classes, encoder=setting.encoder, weights=None
        )
        model.load_state_dict(weights)
        self.model: nn.Module = model.to(self.device).to(memory_format=torch.channels_last)  # pyright: ignore
        spec = RunSpec(encoder=setting.encoder, epochs=1)
        self.optimizer = build_optimizer(spec, self.model, self.device)
        self.loss, names = _loss(loss, setting.num_classes, self.device)
        self.maps = LabelMaps(split, names, setting.num_classes, self.device, cache_root=cache)
        self.bare = loss == BARE
        self.ready: tuple[Tensor, Tensor] | None = None

    def step(self, group: Sequence[int], geometry: Geometry) -> dict[str, float]:
        """One step on the pictures of these numbers; milliseconds of its sections."""
        return self._bare_step(group) if self.bare else self._step(group, geometry)

    def _step(self, group: Sequence[int], geometry: Geometry) -> dict[str, float]:
        laps = _Laps(self.device)
        laps.mark("start")
        images, labels = next(self.pictures.batches([group]))
        (maps,) = self.maps.batches([group], [geometry])
        laps.mark("data")
        images, labels = geometry.images(images), geometry.labels(labels)
        x = normalize(images)
        laps.mark("augmentation")
        logits = self._forward(x)
        laps.mark("forward")
        leaf = logits.detach().requires_grad_()
        self.loss(leaf, labels.long(), maps).backward()
        laps.mark("loss")
        assert leaf.grad is not None
        self._backward(logits, leaf.grad, laps)
        return laps.milliseconds()

    def _bare_step(self, group: Sequence[int]) -> dict[str, float]:
        if self.ready is None:
            x = normalize(next(self.pictures.batches([group]))[0])
            logits = self._forward(x).detach()
            self.ready = x, torch.randn_like(logits) / logits.numel()
        laps = _Laps(self.device)
        laps.mark("start")
        x, gradient = self.ready
        logits = self._forward(x)
        laps.mark("forward")
        self._backward(logits, gradient, laps)
        return laps.milliseconds()

    def _forward(self, x: Tensor) -> Tensor:
        with autocast(self.device, self.precision):
            return self.model(x)

    def _backward(self, logits: Tensor, gradient: Tensor, laps: _Laps) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        logits.backward(gradient)
        laps.mark("backward")
        self.optimizer.step()
        laps.mark("optimiser")

    def close(self) -> None:
        """End the thread that makes the maps."""
        self.maps.__exit__(None, None, None)


def _loss(name: str, num_classes: int, device: torch.device) -> tuple[LossOfBatch, tuple[str, ...]]:
    """The loss of a row, and the names of the label maps that it reads."""
    if name in (BASELINE, BARE):
        return lambda logits, labels, maps: cross_entropy(
            logits.float(), labels, ignore_index=IGNORE_INDEX
        ), ()
    net = EdgeNet(num_classes).requires_grad_(False).to(device) if needs_edge_net(name) else None
    objective = build_loss(name, num_classes, edge_net=net, validate=False).to(device)
    return objective, objective.label_maps
