"""Tidy tables as the store of results gives them, made from a known effect of each loss."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

EFFECTS = {"ce": 0.0, "iou": 0.02, "dice": 0.012, "focal": -0.006, "dice + 0.5*ce": 0.015}
CLASSES = ("background", "disc", "ring", "bar", "star", "wire")
SETTINGS = (("scenes", "", "unet", "resnet34"),)
OFFSETS = {"accuracy": 0.2, "iou": 0.0, "dice": 0.1, "boundary_iou": -0.2}


def run_columns(setting: tuple[str, ...], loss: str, seed: int) -> dict[str, object]:
    dataset, task, model, encoder = setting
    names = {"dataset": dataset, "task": task, "model": model, "encoder": encoder}
    tidy = "".join(c if c.isalnum() else "-" for c in loss)
    run_id = f"{dataset}-{model}-{encoder}-{tidy}-s{seed}"
    return {"run_id": run_id, **names, "loss": loss, "seed": seed, "fold": 0}


def synthetic_results(
    *,
    effects: dict[str, float] | None = None,
    seeds: int = 3,
    images: int = 12,
    noise: float = 0.006,
    settings: tuple[tuple[str, ...], ...] = SETTINGS,
    classes: tuple[str, ...] = CLASSES,
) -> pd.DataFrame:
    """Score = base + effect + seed noise, per class and image; "mean" is the mean over classes."""
    rng = np.random.default_rng(7)
    rows = []
    for place, setting in enumerate(settings):
        base = 0.62 + 0.05 * place + np.linspace(0.2, -0.2, len(classes))
        hard = rng.normal(0, 0.06, (images, 1))
        for loss, effect in (effects or EFFECTS).items():
            for seed in range(seeds):
                run = run_columns(setting, loss, seed)
                gain = effect * np.linspace(0.2, 1.8, len(classes)) + rng.normal(0, noise)
                each = base + gain + hard + rng.normal(0, 0.02, (images, len(classes)))
                for metric, offset in OFFSETS.items():
                    rows += score_rows(run, metric, each + offset, classes)
    return pd.DataFrame(rows)


def score_rows(
    run: dict[str, object], metric: str, scores: np.ndarray, classes: tuple[str, ...]
) -> list[dict[str, object]]:
    names = ["mean"] if metric == "accuracy" else [*classes, "mean"]
    table = scores.mean(1, keepdims=True) if metric == "accuracy" else scores
    table = table if len(names) == 1 else np.hstack([table, table.mean(1, keepdims=True)])
    rows = []
    for name, column in zip(names, table.T, strict=True):
        row = {**run, "class": name, "metric": metric}
        rows.append({**row, "image": "", "level": "dataset", "value": column.mean() + 0.01})
        rows.append({**row, "image": "", "level": "image", "value": column.mean()})
        for number, value in enumerate(column):
            one = {"image": f"scene_{number:03d}", "level": "per_image", "value": value}
            rows.append({**row, **one})
    return rows


def synthetic_histories(*, seeds: int = 3, epochs: int = 20) -> pd.DataFrame:
    """Validation IoU rises as 1 - exp(-epoch / tau), faster for losses with a larger effect."""
    rng = np.random.default_rng(3)
    epoch = np.arange(1, epochs + 1)
    rows = []
    for loss, effect in EFFECTS.items():
        for seed in range(seeds):
            run = run_columns(SETTINGS[0], loss, seed)
            curve = (0.62 + effect) * (1 - np.exp(-epoch / (4 - 60 * effect)))
            curve = curve + rng.normal(0, 0.008, epochs)
            for metric, values in (("val_iou", curve), ("train_loss", 1 - curve)):
                rows += [
                    {**run, "epoch": int(e), "metric": metric, "value": float(v)}
                    for e, v in zip(epoch, values, strict=True)
                ]
    return pd.DataFrame(rows)


def synthetic_runs(
    *, seeds: int = 3, settings: tuple[tuple[str, ...], ...] = SETTINGS, diverged: bool = True
) -> pd.DataFrame:
    """One row per run; the last loss's last seed diverged."""
    rng = np.random.default_rng(5)
    rows = []
    for setting in settings:
        for number, loss in enumerate(EFFECTS):
            for seed in range(seeds):
                rows.append(
                    run_columns(setting, loss, seed)
                    | {"status": "finished", "wall_seconds": 190 + 5 * number + rng.normal(0, 4)}
                    | {"step_seconds": 0.051 + 0.002 * number, "images_per_second": 300.0}
                    | {"peak_memory_bytes": 2_400_000_000 + 90_000_000 * number, "device": "cpu"}
                    | {"parameters": 24_436_369, "epochs": 20, "best_epoch": 18, "reason": ""}
                )
    table = pd.DataFrame(rows)
    if diverged:
        table.loc[len(table) - 1, ["status", "reason"]] = ["diverged", "loss is nan at epoch 3"]
    return table


def write_runs(root: Path, runs: pd.DataFrame, *, size: tuple[int, int] = (96, 128)) -> None:
    """spec.json, run.json and samples/ of each run, with two generated images."""
    for number, run in enumerate(runs.to_dict("records")):
        folder = root / run["run_id"] / "samples"
        folder.mkdir(parents=True)
        names = ("dataset", "task", "model", "encoder", "loss", "seed", "fold", "epochs")
        spec = {name: run[name] or None if name == "task" else run[name] for name in names}
        (folder.parent / "spec.json").write_text(json.dumps(spec | {"size": [96, 128]}))
        record = {"git": {"commit": "0123abc", "dirty": False}, "status": run["status"]}
        (folder.parent / "run.json").write_text(json.dumps(record | {"device": run["device"]}))
        for place, image_id in enumerate(("scene_000", "scene_001")):
            write_sample(folder, image_id, size, place, number)
        colours = [[90, 90, 90], [0, 114, 178], [213, 94, 0], [0, 158, 115]]
        colours += [[204, 121, 167], [230, 159, 0]]
        index = {"ids": ["scene_000", "scene_001"], "class_names": list(CLASSES)}
        (folder / "index.json").write_text(json.dumps(index | {"colours": colours}))


def write_sample(folder: Path, name: str, size: tuple[int, int], place: int, run: int) -> None:
    rng = np.random.default_rng(place)
    h, w = size
    y, x = np.mgrid[:h, :w]
    label = np.zeros(size, np.uint8)
    for index in range(1, len(CLASSES)):
        cy, cx, r = rng.uniform(0.2, 0.8) * h, rng.uniform(0.1, 0.9) * w, rng.uniform(8, 22)
        label[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = index
    shift = 1 + run % 4
    prediction = np.roll(label, shift, axis=(0, 1))
    wrong = prediction != label
    entropy = np.clip(0.05 + 0.5 * wrong + rng.normal(0, 0.03, size), 0, 1)
    texture = (40 * rng.random(size))[..., None]
    image = np.clip(60 + 30 * label[..., None] + texture + np.array([0, 20, 40]), 0, 255)
    label[:3] = 255
    Image.fromarray(image.astype(np.uint8)).save(folder / f"{name}_image.png")
    for kind, values in (
        ("label", label),
        ("prediction", prediction),
        ("entropy", np.round(255 * entropy).astype(np.uint8)),
    ):
        Image.fromarray(values).save(folder / f"{name}_{kind}.png")
