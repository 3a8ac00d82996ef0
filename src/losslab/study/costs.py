"""What the runs of a study will take, reckoned from counted operations and measured rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from losslab.bench.work import BACKWARD, count_work
from losslab.data import DATASETS, parse_options
from losslab.spec import RunSpec
from losslab.study.needs import Pictures

BYTES = 4
"""Of a number in float32."""

OPTIMIZER_COPIES = {"sgd": 1, "rmsprop": 2, "adam": 2, "adamw": 2}
"""Numbers that an optimiser keeps for each parameter, with momentum."""

WORKSPACE = 1.3
"""What a step takes in units of what is counted: steps of four networks took 1.2 to 1.6."""

CANVAS_BYTES = 4
"""Of a pixel in the cache: three of its picture, one of its label."""

UNKNOWN_CLASSES = 21
"""Where only the files tell how many classes there are; it hardly matters."""


@dataclass(frozen=True)
class Cost:
    """What one run will take."""

    steps: int
    """Training steps, at most: patience may end it before."""
    seconds: float | None
    """None where no rate is known."""
    looking: float
    """The share of the operations that is validation after each epoch, and the test."""
    memory: float
    """Bytes at the peak of a training step: weights, gradients, the optimiser's numbers, what the
    forward pass keeps, and workspace."""
    disk: float
    """Bytes that the run leaves: best weights, and the state to resume from."""


@dataclass(frozen=True)
class Speed:
    """How fast a network is trained, and where that was measured."""

    flops: float
    """Operations a second."""
    optimizer_seconds: float
    device: str
    network: str
    """Whose rate it is."""


def cost_of(spec: RunSpec, pictures: Pictures, speed: Speed | None) -> Cost:
    """Reckon one run: its steps, then its validations and its test, by the network's operations.

    Not in it are reading pictures, augmentation, the loss beyond cross-entropy, and scoring.
    """
    num_classes = _num_classes(spec)
    batch = min(spec.batch_size, pictures.train)
    epoch_steps = max(1, pictures.train // batch)
    steps = spec.max_iterations or epoch_steps * (spec.epochs or 1)
    epochs = -(-steps // epoch_steps)
    works = {
        size: count_work(
            spec.model,
            encoder=spec.encoder,
            options=spec.model_options,
            size=size,
            num_classes=num_classes,
        )
        for size in {spec.crop_size or spec.size, spec.size, spec.test_size or spec.size}
    }
    trained = works[spec.crop_size or spec.size]
    training = steps * batch * (1 + BACKWARD) * trained.flops
    looking = (epochs + (not pictures.tested_on_val)) * pictures.val * works[spec.size].flops
    looking += pictures.test * works[spec.test_size or spec.size].flops
    seconds = None
    if speed is not None:
        seconds = (training + looking) / speed.flops + steps * speed.optimizer_seconds
    copies = OPTIMIZER_COPIES[spec.optimizer]
    kept = trained.saved_bytes * (1 if spec.precision == "fp32" else 0.5)
    numbers = float(trained.parameters * BYTES)
    return Cost(
        steps,
        seconds,
        looking / (training + looking),
        WORKSPACE * ((2 + copies) * numbers + batch * kept),
        (2 + copies) * numbers,
    )


def speed_of(spec: RunSpec, rates: pd.DataFrame, device: str) -> Speed | None:
    """The rate of the run's network: measured on this device, else on another, else that of the
    other networks there.
    """
    if rates.empty:
        return None
    here = rates[rates["device"] == device]
    table = here if len(here) else rates[rates["device"] == rates["device"].iloc[0]]
    same = table[(table["model"] == spec.model) & (table["encoder"] == spec.encoder)]
    exact = same[same["precision"] == spec.precision]
    for rows in (exact, same):
        if len(rows):
            row = rows.iloc[0]
            network = f"{row['model']} {row['encoder']}"
            return Speed(
                1e9 * row["gigaflops"], row["optimizer_seconds"], str(row["device"]), network
            )
    middle = table[["gigaflops", "optimizer_seconds"]].median()
    return Speed(
        1e9 * middle["gigaflops"], middle["optimizer_seconds"], str(table["device"].iloc[0]), ""
    )


def cache_bytes(specs: Sequence[RunSpec], pictures: Mapping[str, Pictures]) -> float:
    """Of the decoded pictures of all runs: each data set once at each size and fit."""
    entries = {}
    for spec in specs:
        counted = pictures.get(spec.run_id)
        if counted is None:
            continue
        sizes = {(spec.size, spec.fit), (spec.test_size or spec.size, spec.test_fit or spec.fit)}
        for (height, width), fit in sizes:
            key = (spec.dataset, str(sorted(spec.dataset_options.items())), height, width, fit)
            entries[key] = counted.total * height * width * CANVAS_BYTES
    return float(sum(entries.values()))


def _num_classes(spec: RunSpec) -> int:
    if spec.task is not None:
        return 1
    options = parse_options(spec.dataset, spec.dataset_options)
    classes = DATASETS[spec.dataset].known_classes(options)
    return UNKNOWN_CLASSES if classes is None else len(classes)
