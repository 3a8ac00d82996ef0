"""A study of seconds: enough finished runs for every notebook to show itself."""

from pathlib import Path
from typing import Any

from losslab.files import write_json
from losslab.study.store import is_done

SMALLEST: dict[str, Any] = {
    "dataset": "scenes",
    "dataset_options": {"train": 16, "val": 8, "test": 8},
    "size": (32, 32),
    "model": "unet",
    "model_options": {"encoder_depth": 3, "decoder_channels": (16, 16, 8)},
    "encoder": "tu-resnet10t",
    "batch_size": 4,
    "epochs": 2,
}


def smoke_runs(
    folder: Path, *, losses: tuple[str, ...] = ("ce", "iou"), seeds: int = 2
) -> list[str]:
    """Train each loss with each seed for two epochs on 16 generated pictures; return the run ids.

    About ten seconds on one core. What is already in `folder` is kept.
    """
    return [
        _done({**SMALLEST, "loss": loss, "seed": seed}, folder)
        for loss in losses
        for seed in range(seeds)
    ]


def smoke_ratios(folder: Path, *, ratios: tuple[int, ...] = (1, 10)) -> list[str]:
    """`smoke_runs` of one kind of object at several ratios of background to object pixels."""
    run_ids = []
    for ratio in ratios:
        options = {**SMALLEST["dataset_options"], "classes": 2, "foreground_ratio": float(ratio)}
        small = SMALLEST | {"dataset_options": options, "task": "blob"}
        for loss in ("ce", "iou"):
            run_ids += [_done({**small, "loss": loss, "seed": s}, folder) for s in range(2)]
    return run_ids


def _done(fields: dict[str, Any], folder: Path) -> str:
    """Train the run where it is not done."""
    # Here, as training takes seconds to import, and the notebooks of finished runs do without it.
    from losslab.spec import RunSpec
    from losslab.training.loop import train

    spec = RunSpec(**fields)
    run_dir = folder / spec.run_id
    if not is_done(run_dir):
        facts = train(spec, run_dir, cache_root=folder / "cache", device="cpu")
        write_json(run_dir / "done.json", {"status": facts["status"], "reason": facts["reason"]})
    return spec.run_id
