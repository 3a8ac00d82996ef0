"""The training of one run, from its spec to its files, in the order in which it happens.

A run can be killed at any moment and resumed: it goes on from its last checkpoint and, on a CPU
with the same number of threads, ends with the same bits. Inside a step nothing waits for the
device; losses stay there until they are looked at, every `LOOK_EVERY` steps and at the end of an
epoch.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch.amp.grad_scaler import GradScaler

from losslab.data import RunData, prepare
from losslab.data.transforms import augment, normalize
from losslab.errors import Terminated
from losslab.files import write_atomically, write_json
from losslab.losses import build_loss
from losslab.metrics import score
from losslab.models import build_model
from losslab.spec import RunSpec
from losslab.training.checkpoint import Progress, RunState, load_weights, save_weights
from losslab.training.device import (
    ask_for_determinism,
    autocast,
    choose_device,
    describe_machine,
    peak_memory,
    pin_allocator,
)
from losslab.training.evaluate import evaluate, write_samples
from losslab.training.optimizers import build_optimizer, build_schedule
from losslab.training.pictures import Pictures
from losslab.training.provenance import code_state
from losslab.training.randomness import generator, seed_everything
from losslab.training.stop import StopRequest

LOOK_EVERY = 50


def train(
    spec: RunSpec,
    run_dir: Path,
    *,
    data_root: Path | None = None,
    cache_root: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    resident: bool | None = None,
    workers: int = 0,
) -> dict[str, Any]:
    """Train, validate and test one run; write its files into `run_dir` and return what run.json
    holds.

    An interrupted run goes on where its last checkpoint stands. A loss that becomes NaN or infinite
    ends the run with status "diverged" and the step, learning rate and loss term in its reason. On
    SIGTERM the state is saved and `Terminated` raised. `resident` and `workers` are those of
    `Pictures`.
    """
    started = time.perf_counter()
    if threads is not None:
        torch.set_num_threads(threads)
    pinned = pin_allocator()
    where = choose_device(device)
    ask_for_determinism(spec.deterministic)
    write_json(run_dir / "spec.json", spec.to_dict())

    data = prepare(
        spec.dataset,
        options=spec.dataset_options,
        task=spec.task,
        split=spec.split_options(),
        size=spec.size,
        data_root=data_root,
        cache_root=cache_root,
    )
    pictures = {
        name: Pictures(split, where, resident=resident, workers=workers)
        for name, split in (("train", data.train), ("val", data.val), ("test", data.test))
    }
    batch_size = min(spec.batch_size, len(pictures["train"]))
    epoch_steps = len(pictures["train"]) // batch_size
    total_steps = spec.max_iterations or epoch_steps * (spec.epochs or 1)

    seed_everything(spec.seed)
    model = build_model(
        spec.model,
        num_classes=data.num_classes,
        encoder=spec.encoder,
        weights=spec.encoder_weights,
        **spec.model_options,
    )
    model = model.to(where).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    objective = build_loss(spec.loss, num_classes=data.num_classes).to(where)
    optimizer = build_optimizer(spec, model.parameters(), where)
    state = RunState(
        model=model,
        optimizer=optimizer,
        schedule=build_schedule(spec, optimizer, total_steps),
        scaler=GradScaler(where.type, enabled=spec.precision == "fp16"),
        progress=Progress(),
        loss_log=torch.zeros(epoch_steps, len(objective.names), device=where),
    )
    checkpoint = run_dir / "last.pt"
    if checkpoint.exists():
        state.restore(checkpoint, where)
    progress = state.progress
    before = progress.seconds

    def save() -> None:
        progress.seconds = before + time.perf_counter() - started
        state.save(checkpoint)

    def stop_if_asked() -> None:
        if stop.requested:
            save()
            raise Terminated(
                f"stopped by SIGTERM in epoch {progress.epoch + 1} after step {progress.step}; the "
                "state is saved"
            )

    def record(reason: str | None) -> dict[str, Any]:
        _write_history(progress, run_dir)
        facts = {
            "status": "diverged" if reason else "finished",
            "reason": reason,
            "run_id": spec.run_id,
            "dataset": data_facts(data),
            "parameters": sum(p.numel() for p in model.parameters()),
            "epochs": progress.epoch,
            "iterations": progress.iterations,
            "best_epoch": progress.best_epoch + 1,
            "stopped_early": progress.stopped_early,
            "order_sha256": progress.order_digest,
            "wall_seconds": before + time.perf_counter() - started,
            **_speed(progress, batch_size, epoch_steps),
            "peak_memory_bytes": peak_memory(where),
            "resident": pictures["train"].resident,
            "allocator_pinned": pinned,
            **describe_machine(where),
            **code_state(),
        }
        write_json(run_dir / "run.json", facts)
        return facts

    with StopRequest() as stop:
        # a full epoch that was saved before its validation still has it before it
        while (progress.iterations < total_steps or progress.step) and not progress.stopped_early:
            epoch_started = time.perf_counter() - progress.epoch_seconds
            order = torch.randperm(
                len(pictures["train"]), generator=generator(spec.seed, "order", progress.epoch)
            )
            groups = order[: epoch_steps * batch_size].view(epoch_steps, batch_size).tolist()
            last_step = min(epoch_steps, progress.step + total_steps - progress.iterations)
            batches = pictures["train"].batches(groups[progress.step : last_step])

            model.train()
            for images, labels in batches:
                draws = generator(spec.seed, "augment", progress.epoch, progress.step)
                images, labels = augment(
                    images,
                    labels,
                    preset=spec.augmentation,
                    crop_size=spec.crop_size,
                    generator=draws,
                )
                with autocast(where, spec.precision):
                    logits = model(normalize(images))
                terms = torch.stack(list(objective.terms(logits, labels.long()).values()))
                state.loss_log[progress.step] = terms.detach()
                optimizer.zero_grad(set_to_none=True)
                state.scaler.scale(terms.sum()).backward()
                state.scaler.step(optimizer)
                state.scaler.update()
                state.schedule.step()

                seen = "\n".join(pictures["train"].ids[i] for i in groups[progress.step])
                progress.order_digest = _chain(progress.order_digest, seen)
                progress.step += 1
                progress.iterations += 1
                progress.epoch_seconds = time.perf_counter() - epoch_started
                if progress.step % LOOK_EVERY == 0 or progress.step == epoch_steps:
                    reason = _divergence(state, objective.names)
                    if reason:
                        return record(reason)
                stop_if_asked()

            reason = _divergence(state, objective.names)
            if reason:
                return record(reason)
            train_seconds = time.perf_counter() - epoch_started
            counts, val_loss = evaluate(
                model,
                pictures["val"],
                data,
                precision=spec.precision,
                batch_size=batch_size,
                objective=objective,
                check=stop_if_asked,
            )
            row = {
                **_mean_losses(state, objective.names),
                "val_loss": val_loss,
                **{f"val_{name}": value for name, value in _dataset_means(counts).items()},
                "lr": state.schedule.get_last_lr()[0],
                "train_seconds": train_seconds,
                "seconds": time.perf_counter() - epoch_started,
            }
            progress.history += [
                {"epoch": progress.epoch + 1, "metric": name, "value": value}
                for name, value in row.items()
            ]
            if _is_better(spec.monitor, row[spec.monitor], progress):
                progress.best_epoch, progress.best_value = progress.epoch, row[spec.monitor]
                save_weights(model, run_dir / "best.safetensors")
            waited = progress.epoch - progress.best_epoch
            progress.stopped_early = spec.patience is not None and waited >= spec.patience
            progress.epoch += 1
            progress.step, progress.epoch_seconds = 0, 0.0
            state.loss_log.zero_()
            save()
            print(_epoch_line(progress.epoch, row), flush=True)
            stop_if_asked()

        if spec.selection == "last":
            save_weights(model, run_dir / "best.safetensors")
        load_weights(model, run_dir / "best.safetensors")
        counts, _ = evaluate(
            model,
            pictures["test"],
            data,
            precision=spec.precision,
            batch_size=batch_size,
            check=stop_if_asked,
        )
        write_atomically(run_dir / "counts.parquet", counts.to_parquet)
        write_samples(model, pictures["test"], data, run_dir / "samples", precision=spec.precision)
    return record(None)


def data_facts(data: RunData) -> dict[str, Any]:
    """What a run's record says of its data."""
    return {
        "fingerprint": data.fingerprint,
        "class_names": list(data.class_names),
        "train": len(data.train.ids),
        "val": len(data.val.ids),
        "test": len(data.test.ids),
    }


def _divergence(state: RunState, names: Sequence[str]) -> str | None:
    """Where this epoch's first loss that is not finite stands, or None; waits for the device."""
    bad = (~state.loss_log[: state.progress.step].isfinite()).nonzero()
    if len(bad) == 0:
        return None
    step, term = bad[0].tolist()
    progress = state.progress
    iteration = progress.iterations - progress.step + step
    lr = state.optimizer.defaults["lr"] * state.schedule.lr_lambdas[0](iteration)
    return (
        f"the loss term {names[term]!r} became {state.loss_log[step, term].item()} in epoch "
        f"{progress.epoch + 1}, "
        f"step {step + 1} (iteration {iteration + 1}), at learning rate {lr:.3g}"
    )


def _mean_losses(state: RunState, names: Sequence[str]) -> dict[str, float]:
    """The epoch's mean loss, and of each term where there are several."""
    means = state.loss_log[: state.progress.step].mean(0).tolist()
    rows: dict[str, float] = {"train_loss": sum(means)}
    if len(names) > 1:
        rows |= {f"train_loss: {name}": mean for name, mean in zip(names, means, strict=True)}
    return rows


def _dataset_means(counts: pd.DataFrame) -> dict[str, float]:
    """Data-set level scores, averaged over classes."""
    table = score(counts)
    means = table[(table["class"] == "mean") & (table["level"] == "dataset")]
    return {
        str(name): float(value) for name, value in zip(means["metric"], means["value"], strict=True)
    }


def _is_better(monitor: str, value: float, progress: Progress) -> bool:
    """True for a first value and for one beyond the best so far: lower for losses, higher for
    scores.
    """
    if progress.best_epoch < 0:
        return True
    return value < progress.best_value if monitor == "val_loss" else value > progress.best_value


def _chain(digest: str, text: str) -> str:
    return hashlib.sha256(f"{digest}\n{text}".encode()).hexdigest()


def _speed(progress: Progress, batch_size: int, epoch_steps: int) -> dict[str, float | None]:
    """Median over epochs of the seconds of a training step, and the pictures a second then."""
    seconds = [row["value"] for row in progress.history if row["metric"] == "train_seconds"]
    if not seconds:
        return {"step_seconds": None, "images_per_second": None}
    step_seconds = float(pd.Series(seconds).median()) / epoch_steps
    return {"step_seconds": step_seconds, "images_per_second": batch_size / step_seconds}


def _write_history(progress: Progress, run_dir: Path) -> None:
    history = pd.DataFrame(progress.history, columns=["epoch", "metric", "value"])
    write_atomically(run_dir / "history.parquet", history.to_parquet)


def _epoch_line(epoch: int, row: dict[str, float]) -> str:
    return (
        f"epoch {epoch:3d}  train loss {row['train_loss']:.4f}  val loss {row['val_loss']:.4f}  "
        f"val IoU {100 * row['val_iou']:5.1f} %  {row['seconds']:.1f} s"
    )
