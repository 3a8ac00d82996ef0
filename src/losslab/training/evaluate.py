"""A network's predictions on one split, as counts from which every score is computed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.data import RunData
from losslab.data.fitting import cut
from losslab.data.transforms import normalize
from losslab.files import write_atomically, write_json
from losslab.losses import Objective
from losslab.metrics import counts_table, entropy, group_counts_table
from losslab.models import Segmenter
from losslab.training.device import autocast
from losslab.training.label_maps import LabelMaps
from losslab.training.pictures import Pictures

SAMPLES = 6
"""Test pictures whose prediction and entropy are stored."""


class Evaluation(NamedTuple):
    """What a network's predictions on a split come to."""

    counts: pd.DataFrame
    """As `counts_table` makes it."""
    group_counts: pd.DataFrame | None
    """As `group_counts_table` makes it; None where no groups were asked for."""
    loss: float
    """Mean of the objective over batches; 0 without an objective."""


@torch.inference_mode()
def predictions(
    model: Segmenter, pictures: Pictures, *, precision: str, batch_size: int
) -> Iterator[tuple[slice, UInt8[Tensor, "n h w"], Float[Tensor, "n c h w"]]]:
    """Positions, labels and float32 logits of each batch of a split, in its order."""
    model.eval()
    groups = in_order(len(pictures), batch_size)
    for group, (images, labels) in zip(groups, pictures.batches(groups), strict=True):
        with autocast(pictures.device, precision):
            logits = model(normalize(images, *model.statistics))
        yield slice(group[0], group[-1] + 1), labels, logits.float()


def batch_at_test(batch_size: int, data: RunData) -> int:
    """Test pictures that are predicted at once: fewer than the `batch_size` of training where their
    canvas is larger, so that a batch has no more pixels.
    """
    trained, tested = (split.labels[0].size for split in (data.train, data.test))
    return max(1, min(batch_size, batch_size * trained // tested))


def in_order(count: int, batch_size: int) -> list[list[int]]:
    """The indices 0 to `count` - 1 in groups of `batch_size`; the last may be smaller."""
    return [
        list(range(start, min(start + batch_size, count))) for start in range(0, count, batch_size)
    ]


def classify(logits: Float[Tensor, "n c h w"]) -> UInt8[Tensor, "n h w"]:
    """The most probable class of each pixel; with one logit, 1 where the probability is over one
    half.
    """
    if logits.shape[1] == 1:
        return (logits[:, 0] > 0).to(torch.uint8)
    return logits.argmax(1).to(torch.uint8)


def evaluate(
    model: Segmenter,
    pictures: Pictures,
    data: RunData,
    *,
    precision: str,
    batch_size: int,
    objective: Objective | None = None,
    label_maps: LabelMaps | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    trimap_widths: Sequence[int] = (),
    entropies: bool = False,
    check: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Counts of every picture, class and group, and the mean loss over batches.

    Pictures are counted without what lies around them on their canvas: boundary bands end at the
    picture's own border and are as wide as its own diagonal says.
    `label_maps` are those of the split that `objective` reads; without them it makes its own.
    `groups` are the unions of classes that are counted too; `trimap_widths` and `entropies` say
    what `counts_table` is to count beyond regions and their boundaries.
    `check` is called after each batch and may raise to end the evaluation.
    """
    tables, of_groups, losses = [], [], []
    maps = repeat(None)
    if label_maps is not None:
        maps = label_maps.batches(in_order(len(pictures), batch_size))
    predicted = predictions(model, pictures, precision=precision, batch_size=batch_size)
    for (where, labels, logits), maps_of_batch in zip(predicted, maps, strict=False):
        pred, ids = classify(logits), pictures.ids[where]
        undecided = entropy(logits) if entropies else None
        for alike, extent in _alike(pictures.extents[where]):
            shown = cut(pred[alike], extent), cut(labels[alike], extent)
            named: dict[str, Any] = {"ids": ids[alike], "class_names": data.class_names}
            named["trimap_widths"] = trimap_widths
            of_pixels = None if undecided is None else cut(undecided[alike], extent)
            tables.append(
                counts_table(*shown, num_classes=data.num_classes, entropies=of_pixels, **named)
            )
            if groups:
                of_groups.append(group_counts_table(*shown, groups=groups, **named))
        if objective is not None:
            losses.append(objective(logits, labels.long(), maps_of_batch))
        check()
    loss = torch.stack(losses).mean().item() if losses else 0.0
    group_counts = pd.concat(of_groups, ignore_index=True) if of_groups else None
    return Evaluation(pd.concat(tables, ignore_index=True), group_counts, loss)


def write_samples(
    model: Segmenter, pictures: Pictures, data: RunData, folder: Path, *, precision: str
) -> None:
    """Write a few test pictures with label, prediction and entropy as PNG, and an index of them.

    Label and prediction hold class indices with the data set's palette, 255 = not annotated;
    entropy is 0..1 in 255 steps. The pictures are evenly spread over the split, so all runs on the
    same data show the same ones; what lies around a picture on its canvas is cut off.
    """
    chosen = sorted({round(i) for i in np.linspace(0, len(pictures) - 1, SAMPLES)})
    palette = np.full((256, 3), 255, np.uint8)
    colours = np.asarray(data.colours, np.uint8)
    palette[: len(colours)] = colours
    palette[IGNORE_INDEX] = 255
    model.eval()
    for index in chosen:
        images, labels = next(iter(pictures.batches([[index]])))
        with torch.inference_mode(), autocast(pictures.device, precision):
            logits = model(normalize(images, *model.statistics)).float()
        extent = pictures.extents[index].tolist()
        images, labels, logits = (cut(one, extent) for one in (images, labels, logits))
        layers = {
            "image": Image.fromarray(images[0].permute(1, 2, 0).cpu().numpy()),
            "label": _indexed(labels[0], palette),
            "prediction": _indexed(classify(logits)[0], palette),
            "entropy": Image.fromarray((entropy(logits)[0] * 255).round().byte().cpu().numpy()),
        }
        for layer, picture in layers.items():
            path = folder / f"{_file_name(pictures.ids[index])}_{layer}.png"
            write_atomically(path, picture.save)
    write_json(
        folder / "index.json",
        {
            "ids": [_file_name(pictures.ids[i]) for i in chosen],
            "class_names": list(data.class_names),
            "colours": colours.tolist(),
        },
    )


def _alike(extents: Int[np.ndarray, "n 4"]) -> Iterator[tuple[slice, list[int]]]:
    """Neighbours in a batch that lie alike on their canvases, and how."""
    start = 0
    for extent, same in groupby(extents.tolist()):
        stop = start + len(list(same))
        yield slice(start, stop), extent
        start = stop


def _indexed(classes: UInt8[Tensor, "h w"], palette: UInt8[np.ndarray, "256 3"]) -> Image.Image:
    picture = Image.fromarray(classes.cpu().numpy())
    picture.putpalette(palette.flatten().tolist())
    return picture


def _file_name(picture_id: str) -> str:
    return picture_id.replace("/", "_")
