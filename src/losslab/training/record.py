"""What a run writes down of itself, and what it reads off its own records."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from losslab.data import RunData
from losslab.files import write_atomically
from losslab.metrics import SCORES
from losslab.metrics.ratios import TableOfCounts
from losslab.metrics.scores import MEAN
from losslab.models import Segmenter
from losslab.training.checkpoint import Progress, RunState

MOST_SKIPPED = 20
"""Steps in a row without a finite loss that a loss scaler is given to find its scale."""


def data_facts(data: RunData) -> dict[str, Any]:
    """What a run's record says of its data."""
    return {
        "fingerprint": data.fingerprint,
        "class_names": list(data.class_names),
        "train": len(data.train.ids),
        "val": len(data.val.ids),
        "test": len(data.test.ids),
        "tested_on_val": data.tested_on_val,
    }


def weights_facts(model: Segmenter) -> dict[str, Any] | None:
    """What a run's record says of its encoder's weights: file, sha256, origin, mean and std."""
    if model.weights_file is None:
        return None
    mean, std = model.statistics
    return {**model.weights_file.facts(), "mean": list(mean), "std": list(std)}


def statistics_of(facts: Mapping[str, Any]) -> tuple[Any, Any]:
    """Mean and standard deviation in such a record."""
    return tuple(facts["mean"]), tuple(facts["std"])


def divergence(state: RunState, names: Sequence[str]) -> str | None:
    """Where this epoch's first loss that is not finite stands, or None; waits for the device.

    With a loss scaler (fp16) the step of such a loss is skipped and the weights stay as they were:
    only `MOST_SKIPPED` in a row are a divergence.
    """
    lost = ~state.loss_log[: state.progress.step].isfinite()
    needed = MOST_SKIPPED if state.scaler.is_enabled() else 1
    rows = [step for step, bad in enumerate(lost.any(1).tolist()) if bad]
    runs = [rows[i] for i in range(len(rows)) if rows[i : i + needed][-1] - rows[i] == needed - 1]
    if not runs:
        return None
    step = runs[0]
    term = int(lost[step].nonzero()[0])
    progress = state.progress
    iteration = progress.iterations - progress.step + step
    lr = state.optimizer.defaults["lr"] * state.schedule.lr_lambdas[0](iteration)
    return (
        f"the loss term {names[term]!r} became {state.loss_log[step, term].item()} in epoch "
        f"{progress.epoch + 1}, "
        f"step {step + 1} (iteration {iteration + 1}), at learning rate {lr:.3g}"
    )


def mean_losses(state: RunState, names: Sequence[str]) -> dict[str, float]:
    """The epoch's mean loss, and of each term where there are several."""
    losses = state.loss_log[: state.progress.step]
    if state.scaler.is_enabled():  # steps that were skipped
        losses = losses[losses.isfinite().all(1)]
    means = losses.mean(0).tolist()
    rows: dict[str, float] = {"train_loss": sum(means)}
    if len(names) > 1:
        rows |= {f"train_loss: {name}": mean for name, mean in zip(names, means, strict=True)}
    return rows


def dataset_means(counts: pd.DataFrame) -> dict[str, float]:
    """Data-set level scores, averaged over classes."""
    shared = TableOfCounts(counts)
    wanted = (score for score in SCORES.values() if score.level == "dataset")
    return {
        score.metric: float(score.of(shared)[MEAN]) for score in wanted if score.applies(shared)
    }


def is_better(monitor: str, value: float, progress: Progress) -> bool:
    """True for a first value and for one beyond the best so far: lower for losses, higher for
    scores. A score that no class gave (NaN) is never better, and every other is better than it.
    """
    if progress.best_epoch < 0 or math.isnan(progress.best_value):
        return True
    return value < progress.best_value if monitor == "val_loss" else value > progress.best_value


def chain(digest: str, text: str) -> str:
    return hashlib.sha256(f"{digest}\n{text}".encode()).hexdigest()


def speed(progress: Progress, batch_size: int) -> dict[str, float | None]:
    """Median over epochs of the seconds of a training step, and the pictures a second then."""
    seconds = [row["value"] for row in progress.history if row["metric"] == "step_seconds"]
    if not seconds:
        return {"step_seconds": None, "images_per_second": None}
    median = float(pd.Series(seconds).median())
    return {"step_seconds": median, "images_per_second": batch_size / median}


def write_history(progress: Progress, run_dir: Path) -> None:
    history = pd.DataFrame(progress.history, columns=["epoch", "metric", "value"])
    write_atomically(run_dir / "history.parquet", history.to_parquet)


def epoch_line(epoch: int, row: dict[str, float]) -> str:
    return (
        f"epoch {epoch:3d}  train loss {row['train_loss']:.4f}  val loss {row['val_loss']:.4f}  "
        f"val IoU {100 * row['val_iou']:5.1f} %  {row['seconds']:.1f} s"
    )
