"""Counts per image and class, from which every score is computed later."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError, unknown
from losslab.metrics.bands import check_widths, edge_bands, mark_border, mark_edges
from losslab.metrics.boundary import boundary_width, counts_on_bands
from losslab.metrics.histograms import Tally, check_labels, class_sums, of_classes, tally
from losslab.metrics.trimap import counts_within

COUNT_COLUMNS = (
    "image",
    "class",
    "pixels",
    "tp",
    "fp",
    "fn",
    "boundary_width",
    "boundary_tp",
    "boundary_fp",
    "boundary_fn",
)
"""Columns of `counts_table`, in their order."""


ENTROPY_COLUMNS = (
    "entropy_band",
    "entropy_inside",
    "image_band_pixels",
    "image_entropy_band",
    "image_entropy_inside",
)
"""Further columns of `counts_table` where entropies are given."""


def region_counts(
    pred: Integer[Tensor, "n h w"], labels: Integer[Tensor, "n h w"], *, num_classes: int
) -> dict[str, Int[Tensor, "..."]]:
    """True positive, false positive and false negative pixels of each image and class.

    `tp`, `fp`, `fn` are (n, c), `pixels` (n,) is the number of annotated pixels; all int64. A pixel
    labelled 255 counts nowhere, as in PASCAL VOC. With `num_classes=1` the one class is the
    foreground, label 1. Raises `DataError` for a label that is neither a class nor 255, and for a
    predicted index at an annotated pixel that is no class.
    """
    check_labels(pred, labels, num_classes)
    return _region(tally(pred, labels, num_classes=num_classes), num_classes)


def counts_table(
    pred: Integer[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    num_classes: int,
    ids: Sequence[str],
    class_names: Sequence[str],
    trimap_widths: Sequence[int] = (),
    entropies: Float[Tensor, "n h w"] | None = None,
) -> pd.DataFrame:
    """The counts of some images: a row per image and class, columns `COUNT_COLUMNS`.

    `pixels` is the number of annotated pixels of the whole image; `boundary_*` count within the
    bands of Boundary IoU, `boundary_width` pixels wide. `trimap_widths`, ascending, add the columns
    of `trimap_columns` (see `trimap_counts`). `entropies` (0 to 1) add `ENTROPY_COLUMNS`: their sum
    over the pixels labelled as the class on the label's band, which are `boundary_tp` +
    `boundary_fn`, and over its other pixels; and both sums over all annotated pixels of the image
    with the number of those on the band, the same in every row of the image. Tables of several
    batches may be concatenated.
    """
    if len(ids) != len(labels) or len(class_names) != num_classes:
        raise DataError(
            f"counts_table: one id an image and one name a class; got {len(ids)} ids for "
            f"{len(labels)} images and {len(class_names)} names for {num_classes} classes"
        )
    check_labels(pred, labels, num_classes)
    width = boundary_width(*labels.shape[1:])
    marks, levels = _places(pred, labels, width, trimap_widths)
    num_places = 4 * (len(trimap_widths) + 1)
    counts = tally(
        pred, labels, marks | (levels << 2), num_places=num_places, num_classes=num_classes
    )
    by_level = Tally(*(part.unflatten(1, (-1, 4)) for part in counts))
    whole = Tally(*(part.sum(1, keepdim=True) for part in counts))
    on_bands = Tally(*(part.sum(1) for part in by_level))
    in_levels = Tally(*(part.sum(2) for part in by_level))

    region = _region(whole, num_classes)
    layers = {name: region[name] for name in ("tp", "fp", "fn")}
    layers["pixels"] = region["pixels"][:, None].expand_as(region["tp"])
    of_bands = {"boundary_": counts_on_bands(on_bands, num_classes)}
    for trimap, values in counts_within(in_levels, trimap_widths, num_classes).items():
        of_bands[f"trimap_{trimap}_"] = values
    for prefix, values in of_bands.items():
        layers |= {f"{prefix}{name}": layer for name, layer in values.items()}
    if entropies is not None:
        band_pixels = on_bands.labelled[:, 1::2].sum((1, 2))
        layers["image_band_pixels"] = band_pixels[:, None].expand_as(region["tp"])
    # All counts leave the device at once.
    numbers = torch.stack(list(layers.values())).flatten(1).cpu().numpy()
    columns: dict[str, object] = dict(zip(layers, numbers, strict=True))
    columns["image"] = np.repeat(np.asarray(ids, dtype=object), num_classes)
    columns["class"] = np.tile(np.asarray(class_names, dtype=object), len(ids))
    columns["boundary_width"] = np.full(len(ids) * num_classes, width)
    names = [*COUNT_COLUMNS, *trimap_columns(trimap_widths)]
    if entropies is not None:
        columns |= _entropy_columns(entropies, labels, marks, num_classes)
        names += ENTROPY_COLUMNS
    return pd.DataFrame({name: columns[name] for name in names})


def trimap_columns(widths: Sequence[int]) -> list[str]:
    """The columns of a table of counts that hold those of these trimaps."""
    return [f"trimap_{width}_{name}" for width in widths for name in ("tp", "fp", "fn")]


def _region(counts: Tally, num_classes: int) -> dict[str, Tensor]:
    labelled, predicted, tp = (of_classes(part[:, 0], num_classes) for part in counts)
    pixels = counts.labelled[:, 0].sum(1)
    return {"tp": tp, "fp": predicted - tp, "fn": labelled - tp, "pixels": pixels}


def _places(
    pred: Tensor, labels: Tensor, width: int, trimap_widths: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Each pixel's bands of Boundary IoU (1: of the label, 2: of the prediction) and the number of
    trimaps that it is in; the bands of all widths grow in one pass, the one from the other.
    """
    check_widths(trimap_widths)
    marks, levels = (torch.zeros_like(labels, dtype=torch.uint8) for _ in range(2))
    widths = sorted({width, *trimap_widths})
    for reached, bands in zip(widths, edge_bands(mark_edges(labels, pred), widths), strict=True):
        if reached == width:
            marks = mark_border(bands, width, 3)
        if reached in trimap_widths:
            levels += bands & 1
    return marks, levels


def _entropy_columns(
    entropies: Tensor, labels: Tensor, marks: Tensor, num_classes: int
) -> dict[str, object]:
    sums = class_sums(entropies, labels, marks & 1, num_places=2, num_classes=num_classes).cpu()
    rows = of_classes(sums, num_classes)
    columns: dict[str, object] = {}
    for place, name in enumerate(("entropy_inside", "entropy_band")):
        columns[name] = rows[:, place].flatten().numpy()
        columns[f"image_{name}"] = np.repeat(sums[:, place].sum(1).numpy(), num_classes)
    return columns


def group_counts_table(
    pred: Integer[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    groups: Mapping[str, Sequence[str]],
    ids: Sequence[str],
    class_names: Sequence[str],
    trimap_widths: Sequence[int] = (),
) -> pd.DataFrame:
    """`counts_table` of unions of classes, each against the rest: a row per image and group.

    A pixel of one class of a group that is predicted as another of the same group is right, so
    these counts do not follow from those of the classes. Raises `DataError` for a group of unknown
    classes.
    """
    tables = []
    for group, members in groups.items():
        for name in members:
            if name not in class_names:
                raise DataError(f"group {group!r}: {unknown('class', name, class_names)}")
        lookup = torch.full((256,), IGNORE_INDEX, dtype=torch.uint8, device=labels.device)
        for index, name in enumerate(class_names):
            lookup[index] = name in members
        views = (lookup[layer.long()] for layer in (pred, labels))
        named: dict[str, Any] = {"ids": ids, "class_names": [group]}
        tables.append(counts_table(*views, num_classes=1, trimap_widths=trimap_widths, **named))
    return pd.concat(tables, ignore_index=True)
