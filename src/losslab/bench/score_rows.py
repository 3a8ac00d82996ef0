"""What is timed of scores: losslab's counts, and other libraries on the same maps."""

from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy
import torch
from torch import Tensor

from losslab.bench.inputs import Maps
from losslab.bench.rows import OURS, TORCH, Row
from losslab.bench.targets import CONFUSION, E_OF_LIBRARY, ERODED, SUITE
from losslab.constants import IGNORE_INDEX
from losslab.metrics import (
    TRIMAP_WIDTHS,
    boundary_counts,
    boundary_width,
    counts_table,
    e_measure,
    e_measure_of_counts,
    entropy,
    region_counts,
    trimap_counts,
)

LIBRARIES = {"PySODMetrics": "py_sod_metrics", "torchmetrics": "torchmetrics", "OpenCV": "cv2"}
"""The package of each library that takes part where it is installed."""

HOW_TO_INSTALL = {
    "PySODMetrics": "pip install --no-deps --constraint constraints.txt pysodmetrics",
    "torchmetrics": "pip install -e '.[references]'",
    "OpenCV": "pip install -e '.[references]'",
}
"""PySODMetrics asks for an older numpy than losslab does, but runs with it."""


def versions() -> dict[str, str]:
    """The versions of what takes part beside torch, by library."""
    found = {"numpy": np.__version__, "scipy": scipy.__version__}
    for name, package in LIBRARIES.items():
        if find_spec(package):
            distribution = metadata.packages_distributions()[package][0]
            found[name] = metadata.version(distribution)
    return found


def missing_references() -> list[str]:
    """A sentence for each library that is not installed."""
    missing = [name for name, package in LIBRARIES.items() if find_spec(package) is None]
    notes = [
        f"{name} is left out, as it is not installed here; `{HOW_TO_INSTALL[name]}` brings it."
        for name in missing
    ]
    if "OpenCV" in missing:
        notes.append("Without OpenCV it is scipy that erodes.")
    return notes


def score_rows(maps: Maps, logits: Tensor, num_classes: int) -> Iterator[Row]:
    """The baseline first, then losslab's, then the others."""
    yield Row(CONFUSION, TORCH, lambda: confusion(*maps, num_classes))
    yield from _ours(maps, logits, num_classes)
    yield from _others(maps, num_classes)


def confusion(pred: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """(c, c): labels in rows, predictions in columns."""
    # Void makes a row of its own, which is cheaper than to select what is not void.
    rows = labels.clamp(max=num_classes).long()
    size = (num_classes + 1, num_classes)
    counts = torch.bincount((rows * num_classes + pred).flatten(), minlength=size[0] * size[1])
    return counts.view(size)[:-1]


def _ours(maps: Maps, logits: Tensor, num_classes: int) -> Iterator[Row]:
    names = [str(index) for index in range(num_classes)]
    of_table = {"num_classes": num_classes, "ids": ["picture"], "class_names": names}
    table = counts_table(*maps, **of_table)

    def suite() -> tuple[Any, Any, float]:
        counts = counts_table(*maps, trimap_widths=TRIMAP_WIDTHS, **of_table)
        accuracy = counts["tp"].sum() / counts["pixels"].iloc[0]
        return counts, e_measure_of_counts(counts), accuracy

    calls: dict[str, Callable[[], object]] = {
        "region_counts": lambda: region_counts(*maps, num_classes=num_classes),
        "boundary_counts": lambda: boundary_counts(*maps, num_classes=num_classes),
        "trimap_counts, all widths": lambda: trimap_counts(*maps, num_classes=num_classes),
        "e_measure_of_counts": lambda: e_measure_of_counts(table),
        "e_measure": lambda: e_measure(*maps, num_classes=num_classes),
        "counts_table, as at validation": lambda: counts_table(*maps, **of_table),
        SUITE: suite,
        "entropy": lambda: entropy(logits),
    }
    for name, call in calls.items():
        yield Row(name, OURS, call)


def _others(maps: Maps, num_classes: int) -> Iterator[Row]:
    pred, labels = (layer[0].cpu().numpy() for layer in maps)
    library, erode = eroder()
    yield Row(ERODED, library, lambda: eroded_counts(pred, labels, num_classes, erode))
    yield Row(
        "confusion matrix of what is selected",
        "numpy",
        lambda: _fast_hist(pred, labels, num_classes),
    )
    if find_spec(LIBRARIES["PySODMetrics"]):
        measure: Any = import_module(LIBRARIES["PySODMetrics"]).Emeasure
        yield Row(
            E_OF_LIBRARY,
            "PySODMetrics",
            lambda: library_e_measure(measure, pred, labels, num_classes),
        )
    if find_spec(LIBRARIES["torchmetrics"]):
        yield from _torchmetrics(maps, num_classes)


def _torchmetrics(maps: Maps, num_classes: int) -> Iterator[Row]:
    pred, labels = (layer.long() for layer in maps)
    device = labels.device
    classification: Any = import_module("torchmetrics.classification")
    index = classification.MulticlassJaccardIndex(num_classes, ignore_index=IGNORE_INDEX)
    index = index.to(device)
    yield Row("MulticlassJaccardIndex", "torchmetrics", lambda: index(pred, labels))
    segmentation: Any = import_module("torchmetrics.segmentation")
    mean_iou = segmentation.MeanIoU(num_classes, input_format="index").to(device)
    # It knows no void.
    whole = labels.masked_fill(labels == IGNORE_INDEX, 0)
    yield Row("MeanIoU, void as class 0", "torchmetrics", lambda: mean_iou(pred, whole))


def _fast_hist(pred: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """As the evaluation code of fully convolutional networks has it (Long et al. 2015)."""
    kept = labels < num_classes
    numbers = num_classes * labels[kept].astype(int) + pred[kept]
    return np.bincount(numbers, minlength=num_classes**2).reshape(num_classes, num_classes)


Erode = Callable[[np.ndarray, int], np.ndarray]


def eroder() -> tuple[str, Erode]:
    """The library that erodes and `erode(mask, times)`: a uint8 mask by a 3 x 3 square."""
    if find_spec(LIBRARIES["OpenCV"]) is None:
        return "scipy", lambda mask, times: scipy.ndimage.minimum_filter(
            mask, 2 * times + 1, mode="constant", cval=1
        )
    cv2: Any = import_module(LIBRARIES["OpenCV"])
    cv2.setNumThreads(torch.get_num_threads())
    square = np.ones((3, 3), np.uint8)
    return "OpenCV", lambda mask, times: cv2.erode(mask, square, iterations=times)


def eroded_counts(
    pred: np.ndarray, labels: np.ndarray, num_classes: int, erode: Erode
) -> np.ndarray:
    """tp, fp and fn of each class (3, c) by the reference steps of Boundary IoU (Cheng et al.
    2021): a rim of one pixel around the mask, erosions, the difference; void is dropped last.
    """
    width, valid = boundary_width(*labels.shape), labels != IGNORE_INDEX
    counts = np.zeros((3, num_classes), np.int64)
    for index in range(num_classes):
        bands = []
        for layer in (pred, labels):
            mask = (layer == index).astype(np.uint8)
            eroded = erode(np.pad(mask, 1), width)[1:-1, 1:-1]
            bands.append((mask - eroded).astype(bool) & valid)
        p, y = bands
        counts[:, index] = (p & y).sum(), (p & ~y).sum(), (~p & y).sum()
    return counts


def library_e_measure(
    measure: Any, pred: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """PySODMetrics' E-measure of each class against the rest; it knows no void."""
    values = measure()
    for index in range(num_classes):
        values.step(*(255 * (layer == index).astype(np.uint8) for layer in (pred, labels)))
    return np.array([curve[0] for curve in values.changeable_ems])
