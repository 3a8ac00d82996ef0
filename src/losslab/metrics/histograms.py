"""Counting labels by image, place and class."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Integer, UInt8
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError

ENTROPY_STEPS = 2**32
"""Sums of fractions are made of whole numbers of such steps, so that their order cannot matter."""


def check_labels(pred: Tensor, labels: Tensor, num_classes: int) -> None:
    """Raise `DataError` unless both are label maps (n, h, w) of one shape with indices of classes,
    of which there are 1 to 255.

    Labels may be void (255); what is predicted at void pixels is free, elsewhere it has to be a
    class.
    """
    if pred.shape != labels.shape or pred.ndim != 3:
        raise DataError(
            f"predictions and labels: one shape (n, h, w), got {tuple(pred.shape)} "
            f"and {tuple(labels.shape)}"
        )
    if pred.is_floating_point() or labels.is_floating_point():
        raise DataError(
            f"predictions and labels: indices of classes, whole numbers; got {pred.dtype} and "
            f"{labels.dtype}; take the argmax of logits over classes first"
        )
    if not 1 <= num_classes <= IGNORE_INDEX:
        raise DataError(
            f"num_classes {num_classes}: 1 for a binary task, else 2 to {IGNORE_INDEX} (a label of "
            f"{IGNORE_INDEX} is void)"
        )
    last = max(num_classes - 1, 1)
    if pred.dtype == labels.dtype == torch.uint8 and _only_classes(pred, labels, last):
        return
    annotated = labels != IGNORE_INDEX
    for what, values in (("label", labels), ("predicted index", pred)):
        wrong = annotated & ((values < 0) | (values > last))
        if wrong.any():
            value = int(values[wrong][0])
            raise DataError(f"{what} {value} is outside the classes 0 to {last}")


def _only_classes(pred: Tensor, labels: Tensor, last: int) -> bool:
    """`check_labels` of bytes at a tenth of the time, with one look at the device."""
    if not labels.numel():
        return True
    # One more than void, 255, is 0.
    label, index = torch.stack([(labels + 1).max(), (pred & ~_void(labels)).max()]).tolist()
    return label <= last + 1 and index <= last


def _void(labels: Tensor) -> Tensor:
    """255 at void pixels of a map of bytes, 0 elsewhere."""
    # Comparing with a number takes ten times as long as with a map.
    return (labels == torch.full_like(labels, IGNORE_INDEX)).view(torch.uint8).neg()


class Tally(NamedTuple):
    """Annotated pixels by image, place and class, int64; a binary task has two classes here."""

    labelled: Int[Tensor, "n p c"]
    predicted: Int[Tensor, "n p c"]
    correct: Int[Tensor, "n p c"]
    """Label and prediction agree."""


def tally(
    pred: Integer[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    places: UInt8[Tensor, "n h w"] | None = None,
    *,
    num_places: int = 1,
    num_classes: int,
) -> Tally:
    """How often each class is labelled, predicted and both, in each image and place.

    `places` gives each pixel one of `num_places` (at most 128) numbers, such as the bands that it
    is in; None is one place for all. Label maps are checked ones. From two histograms: of the
    prediction, and of the label by whether the two agree.
    """
    n = len(labels)
    bins = max(num_classes, 2) + 1
    labels, pred = labels.to(torch.uint8), pred.to(torch.uint8)
    # The last bin takes void pixels; what is predicted there becomes 255, too.
    agree = (labels == pred).view(torch.uint8)
    by_label = agree if places is None else (places << 1) | agree
    labelled = _histogram(labels.clamp(max=bins - 1), by_label, 2 * num_places, bins)
    predicted = _histogram((pred | _void(labels)).clamp(max=bins - 1), places, num_places, bins)
    labelled = labelled.view(n, num_places, 2, bins)[..., :-1]
    predicted = predicted.view(n, num_places, bins)[..., :-1]
    return Tally(labelled.sum(2), predicted, labelled[:, :, 1])


def of_classes(counts: Tensor, num_classes: int) -> Tensor:
    """The columns of the classes (..., c): of a binary task that of the foreground."""
    return counts[..., 1:2] if num_classes == 1 else counts


def class_sums(
    values: Float[Tensor, "n h w"],
    labels: Integer[Tensor, "n h w"],
    places: UInt8[Tensor, "n h w"],
    *,
    num_places: int,
    num_classes: int,
) -> Float[Tensor, "n p c"]:
    """Sums of fractions (0 to 1) over the annotated pixels of each image, place and class, float64.

    The same bits on every device and in every order; NaN for an image with a value that is not
    finite. A binary task has two classes here.
    """
    bins = max(num_classes, 2) + 1
    index = _index(labels.to(torch.uint8).clamp(max=bins - 1), places, num_places, bins)
    steps = (values.double() * ENTROPY_STEPS).round().long().flatten()
    total = torch.zeros(len(labels) * num_places * bins, dtype=torch.int64, device=labels.device)
    total.index_add_(0, index.int(), steps)
    sums = total.view(len(labels), num_places, bins)[..., :-1].double() / ENTROPY_STEPS
    unknown = ~values.isfinite().flatten(1).all(1)
    return sums.masked_fill(unknown[:, None, None], float("nan"))


def _histogram(classes: Tensor, places: Tensor | None, num_places: int, bins: int) -> Tensor:
    """How often each pair of place and class occurs in each image, one after the other, int64."""
    index = _index(classes, places, num_places, bins)
    return torch.bincount(index, minlength=len(classes) * num_places * bins)


def _index(classes: Tensor, places: Tensor | None, num_places: int, bins: int) -> Tensor:
    """The number of each pixel's image, place and class together, flat."""
    n = len(classes)
    small = n * num_places * bins <= torch.iinfo(torch.int16).max
    kind = torch.int16 if small else torch.int32  # the less memory, the faster
    index = classes.to(kind)
    if places is not None:
        index.add_(places.to(kind), alpha=bins)
    if n > 1:
        images = torch.arange(n, dtype=kind, device=index.device)[:, None, None]
        index.add_(images, alpha=num_places * bins)
    return index.flatten()
