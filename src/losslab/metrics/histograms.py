"""Counting labels by image and class."""

import torch
from jaxtyping import Bool, Int, Integer
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError


def check_labels(pred: Tensor, labels: Tensor, num_classes: int) -> None:
    """Raise `DataError` unless both are label maps (n, h, w) of one shape with indices of classes.

    Labels may be void (255); what is predicted at void pixels is free, elsewhere it has to be a
    class.
    """
    if pred.shape != labels.shape or pred.ndim != 3:
        raise DataError(
            f"predictions and labels: one shape (n, h, w), got {tuple(pred.shape)} "
            f"and {tuple(labels.shape)}"
        )
    last = max(num_classes - 1, 1)
    annotated = labels != IGNORE_INDEX
    for what, values in (("label", labels), ("predicted index", pred)):
        wrong = annotated & ((values < 0) | (values > last))
        if wrong.any():
            value = int(values[wrong][0])
            raise DataError(f"{what} {value} is outside the classes 0 to {last}")


def overlap_counts(
    pred: Integer[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    in_pred: Bool[Tensor, "n h w"],
    in_labels: Bool[Tensor, "n h w"],
    num_classes: int,
) -> dict[str, Int[Tensor, "n c"]]:
    """`tp`, `fp`, `fn` of each image and class, of predictions and labels restricted to a mask
    each.

    From three histograms: of the prediction, of the label, and of the label where the two agree.
    """
    predicted = _histogram(pred, in_pred, num_classes)
    labelled = _histogram(labels, in_labels, num_classes)
    tp = _histogram(labels, in_pred & in_labels & (pred == labels), num_classes)
    return {"tp": tp, "fp": predicted - tp, "fn": labelled - tp}


def _histogram(values: Tensor, mask: Tensor, num_classes: int) -> Tensor:
    """How often each class occurs under the mask, (n, c) int64; with one class: how often label 1
    does.
    """
    n = len(values)
    bins = max(num_classes, 2) + 1
    # The last bin takes what the mask leaves out.
    index = values.long().masked_fill(~mask, bins - 1).flatten(1)
    index = index + torch.arange(n, device=index.device)[:, None] * bins
    counts = torch.bincount(index.flatten(), minlength=n * bins).view(n, bins)
    return counts[:, 1:2] if num_classes == 1 else counts[:, :num_classes]
