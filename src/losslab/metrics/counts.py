"""Counts per image and class, from which every score is computed later."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int, Integer
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError, unknown
from losslab.metrics.boundary import boundary_counts, boundary_width
from losslab.metrics.histograms import check_labels, overlap_counts

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
    annotated = labels != IGNORE_INDEX
    counts = overlap_counts(pred, labels, annotated, annotated, num_classes)
    return {**counts, "pixels": annotated.flatten(1).sum(1)}


def counts_table(
    pred: Integer[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    num_classes: int,
    ids: Sequence[str],
    class_names: Sequence[str],
) -> pd.DataFrame:
    """The counts of some images: a row per image and class, columns `COUNT_COLUMNS`.

    `pixels` is the number of annotated pixels of the whole image; `boundary_*` count within the
    bands of Boundary IoU, `boundary_width` pixels wide. Tables of several batches may be
    concatenated.
    """
    if len(ids) != len(labels) or len(class_names) != num_classes:
        raise DataError(
            f"counts_table: one id an image and one name a class; got {len(ids)} ids for "
            f"{len(labels)} images and {len(class_names)} names for {num_classes} classes"
        )
    counts = region_counts(pred, labels, num_classes=num_classes)
    width = boundary_width(*labels.shape[1:])
    bands = boundary_counts(pred, labels, num_classes=num_classes, width=width)
    columns: dict[str, object] = {
        "image": np.repeat(np.asarray(ids, dtype=object), num_classes),
        "class": np.tile(np.asarray(class_names, dtype=object), len(ids)),
        "pixels": np.repeat(counts["pixels"].cpu().numpy(), num_classes),
    }
    for name in ("tp", "fp", "fn"):
        columns[name] = counts[name].flatten().cpu().numpy()
        columns[f"boundary_{name}"] = bands[name].flatten().cpu().numpy()
    columns["boundary_width"] = np.full(len(ids) * num_classes, width)
    return pd.DataFrame(columns)[list(COUNT_COLUMNS)]


def group_counts_table(
    pred: Integer[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    groups: Mapping[str, Sequence[str]],
    ids: Sequence[str],
    class_names: Sequence[str],
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
        tables.append(counts_table(*views, num_classes=1, ids=ids, class_names=[group]))
    return pd.concat(tables, ignore_index=True)
