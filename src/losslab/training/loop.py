"""The training of one run, from its spec to its files, in the order in which it happens.

A run can be killed at any moment and resumed: it goes on from its last checkpoint and, on a CPU
with the same number of threads, ends with the same bits. Inside a step nothing waits for the
device; losses stay there until they are looked at, every `LOOK_EVERY` steps and at the end of an
epoch.
"""

import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch.amp.grad_scaler import GradScaler

from losslab.data import prepare
from losslab.data.preparation import cache_folder
from losslab.data.transforms import AUGMENTATIONS, draw_geometry, normalize
from losslab.errors import StudyError, Terminated
from losslab.files import write_atomically, write_json
from losslab.losses import build_loss, needs_edge_net
from losslab.metrics import TRIMAP_WIDTHS
from losslab.models import build_model
from losslab.spec import RunSpec
from losslab.training.checkpoint import (
    Progress,
    RunState,
    load_start,
    load_weights,
    save_weights,
)
from losslab.training.device import (
    ask_for_determinism,
    autocast,
    choose_device,
    describe_machine,
    out_of_memory_named,
    peak_memory,
    pin_allocator,
    reset_peak_memory,
)
from losslab.training.edges import edge_net_for
from losslab.training.evaluate import batch_at_test, evaluate, write_samples
from losslab.training.label_maps import LabelMaps
from losslab.training.optimizers import build_optimizer, build_schedule
from losslab.training.order import epoch_batches, with_foreground
from losslab.training.pictures import Pictures, fit
from losslab.training.provenance import code_state
from losslab.training.randomness import generator, seed_everything
from losslab.training.record import (
    chain,
    data_facts,
    dataset_means,
    divergence,
    epoch_line,
    is_better,
    mean_losses,
    speed,
    statistics_of,
    weights_facts,
    write_history,
)
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
    _claim_folder(run_dir, spec)
    code = code_state(spec.loss)

    data = prepare(**spec.data_arguments(), data_root=data_root, cache_root=cache_root)
    splits = {"train": data.train, "val": data.val, "test": data.test}
    if resident is None:
        resident = fit(splits.values(), where)
    pictures = {
        name: Pictures(split, where, resident=resident, workers=workers)
        for name, split in splits.items()
    }
    batch_size = min(spec.batch_size, len(pictures["train"]))
    epoch_steps = len(pictures["train"]) // batch_size
    total_steps = spec.max_iterations or epoch_steps * (spec.epochs or 1)
    positive = None
    if spec.batches == "positive":
        positive = with_foreground(data.train.labels, spec.task)

    reset_peak_memory(where)
    edge_net, edge_facts = None, None
    if needs_edge_net(spec.loss):
        edge_net, edge_facts = edge_net_for(data, cache_root)
    seed_everything(spec.seed)
    checkpoint = run_dir / "last.pt"
    model = build_model(
        spec.model,
        num_classes=data.num_classes,
        encoder=spec.encoder,
        # a checkpoint and another run hold all weights: then no published ones are looked for
        weights=None if checkpoint.exists() or spec.start_from else spec.encoder_weights,
        **spec.model_options,
    )
    if spec.start_from and not checkpoint.exists():
        load_start(model, run_dir.parent / spec.start_from)
    model = model.to(where).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    objective = build_loss(
        spec.loss, num_classes=data.num_classes, edge_net=edge_net, validate=False
    ).to(where)
    crops = AUGMENTATIONS[spec.augmentation].crop
    label_maps = {
        name: LabelMaps(
            splits[name],
            objective.label_maps,
            data.num_classes,
            where,
            cache_root=None if crops and name == "train" else cache_folder(cache_root),
        )
        for name in ("train", "val")
    }
    optimizer = build_optimizer(spec, model, where)
    state = RunState(
        model=model,
        optimizer=optimizer,
        schedule=build_schedule(spec, optimizer, total_steps),
        scaler=GradScaler(where.type, enabled=spec.precision == "fp16"),
        progress=Progress(weights=weights_facts(model)),
        loss_log=torch.zeros(epoch_steps, len(objective.names), device=where),
        data=data.fingerprint,
        user_losses=code["user_losses"],
        device=where,
    )
    if checkpoint.exists():
        state.restore(checkpoint)
    progress = state.progress
    before = progress.seconds
    if progress.weights:
        model.statistics = statistics_of(progress.weights)

    def save() -> None:
        progress.seconds = before + time.perf_counter() - started
        progress.peak_memory = max(progress.peak_memory, peak_memory(where))
        state.save(checkpoint)

    def stop_if_asked() -> None:
        if stop.requested:
            save()
            raise Terminated(
                f"stopped by SIGTERM in epoch {progress.epoch + 1} after step {progress.step}; the "
                "state is saved"
            )

    def stop_without_saving() -> None:
        """While testing: the model holds the weights under test, and all else is saved already."""
        if stop.requested:
            raise Terminated("stopped by SIGTERM while testing; the state is saved")

    def record(reason: str | None) -> dict[str, Any]:
        write_history(progress, run_dir)
        facts = {
            "status": "diverged" if reason else "finished",
            "reason": reason,
            "run_id": spec.run_id,
            "dataset": data_facts(data),
            "edge_net": edge_facts,
            "weights": progress.weights,
            "parameters": sum(p.numel() for p in model.parameters()),
            "epochs": progress.epoch,
            "iterations": progress.iterations,
            "best_epoch": progress.best_epoch + 1,
            "stopped_early": progress.stopped_early,
            "order_sha256": progress.order_digest,
            "wall_seconds": before + time.perf_counter() - started,
            **speed(progress, batch_size),
            "peak_memory_bytes": progress.peak_memory or peak_memory(where),
            "resident": pictures["train"].resident,
            "allocator_pinned": pinned,
            **describe_machine(where),
            **code,
        }
        write_json(run_dir / "run.json", facts)
        return facts

    size = spec.crop_size or data.train.images.shape[1:3]
    what = f"batch_size {batch_size}, {size[0]} x {size[1]} pixels and precision {spec.precision}"
    with (
        StopRequest() as stop,
        label_maps["train"],
        label_maps["val"],
        out_of_memory_named(where, what),
    ):
        # a full epoch that was saved before its validation still has it before it
        while (progress.iterations < total_steps or progress.step) and not progress.stopped_early:
            epoch_started = time.perf_counter() - progress.epoch_seconds
            groups = epoch_batches(
                spec.seed,
                progress.epoch,
                count=len(pictures["train"]),
                batch_size=batch_size,
                positive=positive,
            )
            last_step = min(epoch_steps, progress.step + total_steps - progress.iterations)
            left = groups[progress.step : last_step]
            geometries = [
                draw_geometry(
                    batch_size,
                    preset=spec.augmentation,
                    crop_size=spec.crop_size,
                    generator=generator(spec.seed, "augment", progress.epoch, step),
                    extents=data.train.extents[group].tolist(),
                )
                for step, group in enumerate(left, start=progress.step)
            ]
            batches = pictures["train"].batches(left)
            maps_of_batches = label_maps["train"].batches(left, geometries)

            model.train()
            for (images, labels), maps, geometry in zip(
                batches, maps_of_batches, geometries, strict=True
            ):
                images, labels = geometry.images(images), geometry.labels(labels)
                with autocast(where, spec.precision):
                    logits = model(normalize(images, *model.statistics))
                terms = torch.stack(list(objective.terms(logits, labels.long(), maps).values()))
                state.loss_log[progress.step] = terms.detach()
                optimizer.zero_grad(set_to_none=True)
                state.scaler.scale(terms.sum()).backward()
                state.scaler.step(optimizer)
                state.scaler.update()
                state.schedule.step()

                seen = "\n".join(pictures["train"].ids[i] for i in groups[progress.step])
                progress.order_digest = chain(progress.order_digest, seen)
                progress.step += 1
                progress.iterations += 1
                progress.epoch_seconds = time.perf_counter() - epoch_started
                if progress.step % LOOK_EVERY == 0 or progress.step == epoch_steps:
                    reason = divergence(state, objective.names)
                    if reason:
                        return record(reason)
                stop_if_asked()

            reason = divergence(state, objective.names)
            if reason:
                return record(reason)
            step_seconds = (time.perf_counter() - epoch_started) / progress.step
            validation = evaluate(
                model,
                pictures["val"],
                data,
                precision=spec.precision,
                batch_size=batch_size,
                objective=objective,
                label_maps=label_maps["val"],
                check=stop_if_asked,
            )
            if not math.isfinite(validation.loss):
                return record(
                    f"the validation loss became {validation.loss} after epoch "
                    f"{progress.epoch + 1}, at learning rate {state.schedule.get_last_lr()[0]:.3g}"
                )
            row = {
                **mean_losses(state, objective.names),
                "val_loss": validation.loss,
                **{f"val_{k}": value for k, value in dataset_means(validation.counts).items()},
                "lr": state.schedule.get_last_lr()[0],
                "step_seconds": step_seconds,
                "seconds": time.perf_counter() - epoch_started,
            }
            progress.history += [
                {"epoch": progress.epoch + 1, "metric": name, "value": value}
                for name, value in row.items()
            ]
            if is_better(spec.monitor, row[spec.monitor], progress):
                progress.best_epoch, progress.best_value = progress.epoch, row[spec.monitor]
                save_weights(model, run_dir / "best.safetensors")
            waited = progress.epoch - progress.best_epoch
            progress.stopped_early = spec.patience is not None and waited >= spec.patience
            progress.epoch += 1
            progress.step, progress.epoch_seconds = 0, 0.0
            state.loss_log.zero_()
            save()
            print(epoch_line(progress.epoch, row), flush=True)
            stop_if_asked()

        if spec.selection == "last":
            save_weights(model, run_dir / "best.safetensors")
        load_weights(model, run_dir / "best.safetensors")
        tested = evaluate(
            model,
            pictures["test"],
            data,
            precision=spec.precision,
            batch_size=batch_at_test(batch_size, data),
            groups=data.groups,
            trimap_widths=TRIMAP_WIDTHS,
            entropies=True,
            check=stop_without_saving,
        )
        write_atomically(run_dir / "counts.parquet", tested.counts.to_parquet)
        if tested.group_counts is not None:
            write_atomically(run_dir / "group_counts.parquet", tested.group_counts.to_parquet)
        if not data.tested_on_val:  # else the counts are of these pictures already
            validated = evaluate(
                model,
                pictures["val"],
                data,
                precision=spec.precision,
                batch_size=batch_size,
                check=stop_without_saving,
            )
            write_atomically(run_dir / "counts_val.parquet", validated.counts.to_parquet)
        write_samples(model, pictures["test"], data, run_dir / "samples", precision=spec.precision)
    return record(None)


def _claim_folder(run_dir: Path, spec: RunSpec) -> None:
    """Write the spec; a folder that holds the state of another spec is refused."""
    path = run_dir / "spec.json"
    if (run_dir / "last.pt").exists() and path.exists():
        there, here = json.loads(path.read_text()), spec.to_dict()
        differ = [key for key in here if key in there and there[key] != here[key]]
        if differ:
            raise StudyError(
                f"{run_dir} holds a run with another {', '.join(differ)}; give this run a folder "
                f"of its own, or delete that one"
            )
    write_json(path, spec.to_dict())
