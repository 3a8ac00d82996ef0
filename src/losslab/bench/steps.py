"""`losslab bench steps`: how fast this machine trains the networks of studies, for `--plan`.

A training step of each network is timed on small pictures and divided by its operations, which are
counted. How much of a machine's speed a network reaches depends on its layers far more than on the
size of its pictures, so the rate serves for the size of a study, within a factor of about two.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

import pandas as pd
import torch
from torch.nn.functional import cross_entropy

from losslab.bench.work import BACKWARD, count_work
from losslab.data.preparation import cache_folder
from losslab.files import write_atomically
from losslab.models import build_model
from losslab.spec import RunSpec
from losslab.training.device import autocast, describe_machine, pin_allocator
from losslab.training.optimizers import build_optimizer

LONGEST = {"cpu": 320, "cuda": 1024}
"""Pixels of the longer side of the pictures that are timed, at most, on each kind of device."""

BATCH = {"cpu": 2, "cuda": 8}
STEPS = 2
"""Timed after one more."""

NUM_CLASSES = 21
FILE = "rates.csv"

KEY = ("model", "encoder", "precision", "device", "threads")
"""The columns that together name one rate."""


@dataclass(frozen=True)
class Rate:
    """How fast a machine trains a network."""

    model: str
    encoder: str
    precision: str
    device: str
    threads: int
    height: int
    width: int
    batch_size: int
    seconds: float
    """Median of both passes of a step; of the processor on a CPU, so that other processes do not
    count."""
    optimizer_seconds: float
    """Median of its end, whatever the number of pictures: zeroing gradients, and the optimiser."""
    gigaflops: float
    """Counted operations of both passes in 10^9, over their seconds."""
    torch: str


def networks(specs: Iterable[RunSpec]) -> list[RunSpec]:
    """The first run of each network at each precision."""
    firsts: dict[tuple[str, str | None, str], RunSpec] = {}
    for spec in specs:
        firsts.setdefault((spec.model, spec.encoder, spec.precision), spec)
    return list(firsts.values())


def measure_rates(
    specs: Sequence[RunSpec],
    device: torch.device,
    *,
    threads: int,
    tell: Callable[[str], object] = lambda text: None,
) -> pd.DataFrame:
    """A row for each network of the specs, with the columns of `Rate`."""
    torch.set_num_threads(threads)
    pin_allocator()
    rows = []
    for spec in networks(specs):
        rate = measure_rate(spec, device)
        tell(f"{rate.model} {rate.encoder} {rate.precision}: {rate.gigaflops:.1f} GFLOP/s")
        rows.append(asdict(rate))
    return pd.DataFrame(rows)


def measure_rate(spec: RunSpec, device: torch.device) -> Rate:
    """Train the run's network for a few steps on noise, with cross-entropy."""
    size = _reduced(spec.crop_size or spec.size, LONGEST[device.type])
    batch = min(spec.batch_size, BATCH[device.type])
    model = build_model(
        spec.model, num_classes=NUM_CLASSES, encoder=spec.encoder, **spec.model_options
    )
    model = model.to(device).to(memory_format=torch.channels_last).train()  # pyright: ignore
    optimizer = build_optimizer(spec, model, device)
    noise = torch.Generator().manual_seed(0)
    images = torch.randn(batch, 3, *size, generator=noise).to(device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(NUM_CLASSES, (batch, *size), generator=noise).to(device)
    passes, ends = [], []
    for _ in range(STEPS + 1):
        started = _now(device)
        with autocast(device, spec.precision):
            logits = model(images)
        cross_entropy(logits.float(), labels).backward()
        passed = _now(device)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        passes.append(passed - started)
        ends.append(_now(device) - passed)
    work = count_work(
        spec.model,
        encoder=spec.encoder,
        options=spec.model_options,
        size=size,
        num_classes=NUM_CLASSES,
    )
    threads = torch.get_num_threads() if device.type == "cpu" else 0
    # what is timed on a CPU is the sum over its threads
    seconds, end = (statistics.median(laps[1:]) / max(threads, 1) for laps in (passes, ends))
    return Rate(
        spec.model,
        spec.encoder or "",
        spec.precision,
        describe_machine(device)["device"],
        threads,
        *size,
        batch,
        seconds,
        end,
        (1 + BACKWARD) * work.flops * batch / seconds / 1e9,
        torch.__version__,
    )


def keep_rates(rates: pd.DataFrame, cache_root: Path | None) -> Path:
    """Add the rates to those of this user, in place of older ones of the same network and machine;
    returns their file.
    """
    path = cache_folder(cache_root) / FILE
    known = [pd.read_csv(path)] if path.exists() else []
    both = pd.concat([*known, rates], ignore_index=True).drop_duplicates([*KEY], keep="last")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda temporary: both.to_csv(temporary, index=False))
    return path


def load_rates(cache_root: Path | None) -> pd.DataFrame:
    """The user's rates, then those that come with losslab: the columns of `Rate`."""
    own = cache_folder(cache_root) / FILE
    with (resources.files("losslab") / "bench" / FILE).open(encoding="utf-8") as text:
        shipped = pd.read_csv(text)
    tables = [pd.read_csv(own), shipped] if own.exists() else [shipped]
    return pd.concat(tables, ignore_index=True)


def _reduced(size: tuple[int, int], longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(size))
    height, width = (max(32, round(side * scale)) for side in size)
    return height, width


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()
