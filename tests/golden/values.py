"""Values that stay the same whatever the code becomes; `python -m tests.golden.values` writes them.

Only a change that is meant, and that the changelog names, writes a file of this folder anew.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from losslab.analysis import paired_comparison, score_table, select_scores
from losslab.analysis.rankings import rank_all
from losslab.data import DATASETS, open_dataset
from losslab.losses import PRESETS, EdgeNet, build_loss, canonical, needs_edge_net
from losslab.metrics import DEFINITIONS
from losslab.study.plan import expand, load_study, study_names
from losslab.study.store import load_results

HERE = Path(__file__).parent
RUNS = HERE / "runs"

EXPRESSIONS = (
    *("ce", "focal", "focal(gamma=0.5)", "focal(one_vs_all=True)", "combo", "dice_focal(gamma=3)"),
    *("iou(smooth=1)", "iou(average='micro')", "iou(absent='zero')", "iou(absent='count')"),
    *("dice(average='sum', smooth=0.5)", "tversky(alpha=1, beta=0.2)"),
    *("levelset(epsilon=0.5, reduction='mean')", "levelset(heaviside='arctan')"),
    *("distance", "distance(metric='chessboard', smooth=1)", "distance(average='sum')"),
    *("distance(confident=0.4)", "distance(confident=0.4, confident_in='both')"),
    *("semeda(weights=(0.5, 2, 3))", "semeda(reduction='l1')", "sobel(weight=2, reduction='l1')"),
    *("lovasz", "lovasz(per='image')", "boundary", "boundary(background=False)"),
    *("active_boundary", "active_boundary(theta=2, share=0.3, smoothing=0, detach=False)"),
    *("ce + 0.5*focal(gamma=1) + 2*iou + dice", "distance + dice + 0.1*levelset + ce"),
    *(f"{name}(per={per!r}{more})" for name in ("iou", "dice", "tversky", "jaccard_distance")
      for per, more in (("batch", ""), ("image", ""), ("image", ", reduction='sum'"))),
    *("distance(per='image')", "combo(per='image')"),
)  # fmt: skip

SCENES: tuple[dict[str, Any], ...] = (
    {},
    {"classes": 2, "foreground_ratio": 30.0},
    {
        "classes": 10,
        "roughness": 1.0,
        "thin_parts": 1.0,
        "texture_overlap": 0.9,
        "void_rim": 2,
        "label_noise": 0.3,
    },
)


def run_ids() -> dict[str, list[str]]:
    """The runs of every study that comes with losslab, in their order."""
    return {name: [spec.run_id for spec in expand(load_study(name))] for name in study_names()}


def presets() -> dict[str, str]:
    """What each preset stands for."""
    return {name: canonical(name) for name in PRESETS}


def losses() -> dict[str, list[float]]:
    """Value and gradient (its absolute sum and two projections) of every loss in float64."""
    expressions = dict.fromkeys(canonical(e) for e in (*EXPRESSIONS, *PRESETS))
    return {
        f"{expression} | c={c} void={void:g}": _value_and_gradient(expression, c, void)
        for expression in expressions
        for c in (1, 3, 5)
        for void in (0.0, 0.2)
    }


def loss_case(num_classes: int, void: float) -> tuple[Tensor, Tensor]:
    """Logits (3, c, 12, 10) and labels, whose first image lacks the last class."""
    random = np.random.default_rng(num_classes)
    logits = 2 * random.standard_normal((3, num_classes, 12, 10))
    blocks = random.integers(0, max(num_classes, 2), (3, 4, 5))
    labels = blocks.repeat(3, 1).repeat(2, 2)
    labels[0][labels[0] == max(num_classes, 2) - 1] = 0
    labels[random.random(labels.shape) < void] = 255
    return torch.from_numpy(logits), torch.from_numpy(labels)


def edge_net(num_classes: int) -> EdgeNet:
    """An EdgeNet whose weights are a formula."""
    net = EdgeNet(num_classes).requires_grad_(False)
    for number, weights in enumerate(net.parameters()):
        wave = torch.sin(1.7 * torch.arange(weights.numel(), dtype=torch.float64) + number)
        weights.copy_((0.3 * wave).reshape(weights.shape))
    return net


def _value_and_gradient(expression: str, num_classes: int, void: float) -> list[float]:
    logits, labels = loss_case(num_classes, void)
    logits.requires_grad_()
    net = edge_net(num_classes) if needs_edge_net(expression) else None
    value = build_loss(expression, num_classes, edge_net=net)(logits, labels)
    gradient = torch.zeros_like(logits)
    if value.requires_grad:
        (gradient,) = torch.autograd.grad(value, logits)
    places = torch.arange(gradient.numel(), dtype=torch.float64)
    waves = [torch.sin(places), torch.cos(0.37 * places**1.1)]
    projections = [float(gradient.flatten() @ wave) for wave in waves]
    return [value.item(), float(gradient.abs().sum()), *projections]


def decodes(folder: Path) -> dict[str, list[str]]:
    """SHA-256 of every decoded picture and label map of each data set's fixture."""
    found = {}
    for name in sorted(DATASETS.keys() - {"scenes"}):
        root, options = folder / name, {"partial": True}
        if name == "folder":
            options = {"classes": ["background", "cell", "debris"]}
        write_fixture(name, root, 8, options if name == "folder" else None)
        found[name] = _digests(open_dataset(name, root, split="all", **options))
    for number, options in enumerate(SCENES):
        options = {"train": 6, "val": 2, "test": 2, **options}
        dataset = open_dataset("scenes", split="all", **options)
        found[f"scenes {number}"] = _digests(dataset)
    return found


def _digests(dataset: Any) -> list[str]:
    return [
        f"{name} {hashlib.sha256(image.tobytes()).hexdigest()[:16]} "
        f"{hashlib.sha256(label.tobytes()).hexdigest()[:16]} {image.shape} {label.max()}"
        for name, (image, label) in zip(dataset.ids, map(dataset.__getitem__, range(len(dataset))),
                                        strict=True)
    ]  # fmt: skip


def tables() -> dict[str, pd.DataFrame]:
    """The tables that are made of the stored counts of four small runs."""
    results = load_results(RUNS, scores=DEFINITIONS)
    scores = select_scores(results)
    ranked = rank_all(results)
    return {
        "results": results,
        "scores": score_table(results),
        "comparison": paired_comparison(scores, "ce"),
        "rankings": ranked[0],
        "flips": ranked[1],
    }


def as_csv(table: pd.DataFrame) -> str:
    """A table as text; a float's text is exact."""
    return table.to_csv(index=False)


def write_fixture(name: str, root: Path, count: int, options: Mapping[str, Any] | None) -> None:
    """The generated copy of a data set's layout."""
    from losslab.data.fixtures import write_fixture

    write_fixture(name, root, count, options)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "run_ids": lambda folder: run_ids(),
    "presets": lambda folder: presets(),
    "losses": lambda folder: losses(),
    "decodes": decodes,
}


def main(names: list[str]) -> None:
    """Write the named files anew, or all."""
    scratch = Path("runs/golden")
    for name in names or [*WRITERS, "tables"]:
        if name == "tables":
            for table, frame in tables().items():
                (HERE / f"{table}.csv").write_text(as_csv(frame))
            continue
        shutil.rmtree(scratch, ignore_errors=True)
        text = json.dumps(WRITERS[name](scratch), indent=0)
        (HERE / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
