"""Other libraries' scores are ours, where they score the same."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassJaccardIndex,
)

from losslab.metrics import counts_table, e_measure_of_counts, region_counts, score
from losslab.metrics.scores import MEAN
from tests.metrics.maps import blobs, label_maps

LIBRARY = {
    "iou": MulticlassJaccardIndex,
    "dice": MulticlassF1Score,
    "class_accuracy": MulticlassAccuracy,
}


def table_of(pred, labels, num_classes):
    names = [f"class {index}" for index in range(num_classes)]
    ids = [f"image {index}" for index in range(len(labels))]
    return counts_table(pred, labels, num_classes=num_classes, ids=ids, class_names=names)


@pytest.mark.parametrize("metric", LIBRARY)
@settings(max_examples=25, deadline=None)
@given(maps=label_maps(torch.int64))
def test_torchmetrics_scores_of_every_class_are_ours_at_dataset_level(metric, maps):
    pred, labels, num_classes = maps
    num_classes = max(num_classes, 2)
    counts = region_counts(pred, labels, num_classes=num_classes)
    seen = sum(counts[name].sum(0) for name in ("tp", "fp", "fn")) > 0
    if metric == "class_accuracy":
        seen = (counts["tp"] + counts["fn"]).sum(0) > 0
    # What is predicted at void pixels has to be a class there.
    free = pred.masked_fill(labels == 255, 0)
    library = LIBRARY[metric](num_classes=num_classes, ignore_index=255, average="none")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = library(free, labels).double()
    ours = score(table_of(pred, labels, num_classes))
    ours = ours[(ours["metric"] == metric) & (ours["level"] == "dataset")]
    values = ours.set_index("class")["value"]
    # Of a class that is nowhere the library says 0; for us it has no score.
    expected = theirs.where(seen, torch.nan).numpy()
    np.testing.assert_allclose(values.drop(MEAN), expected, atol=1e-6)
    mean = expected[seen.numpy()].mean() if seen.any() else np.nan
    np.testing.assert_allclose(values[MEAN], mean, atol=1e-6)


def pysod_e_measure(pred: np.ndarray, label: np.ndarray) -> float:
    """E-measure of two binary pictures as PySODMetrics computes it, at its highest threshold, less
    two of its ways: an empty or full label is divided by N - 1 there, where Fan et al. take the
    mean; a single pixel by eps.

    Its adaptive threshold, twice the mean, is 0 for an empty prediction, which then counts as full:
    it is not taken.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip("py_sod_metrics", reason="PySODMetrics is not installed")
    measure = library.Emeasure()
    measure.step(255 * pred.astype(np.uint8), 255 * label.astype(np.uint8))
    value = measure.changeable_ems[0][0]
    if label.all() or not label.any():
        value *= (label.size - 1 + np.spacing(1)) / label.size
    return float(value)


def our_e_measure(pred: np.ndarray, label: np.ndarray) -> float:
    tp, fp, fn = (pred & label).sum(), (pred & ~label).sum(), (~pred & label).sum()
    table = pd.DataFrame({"tp": [tp], "fp": [fp], "fn": [fn], "pixels": [label.size]})
    return e_measure_of_counts(table).item()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    shares=st.tuples(*[st.sampled_from([0.0, 0.02, 0.5, 0.9, 1.0])] * 2),
    size=st.sampled_from([(1, 2), (3, 5), (20, 31)]),
)
def test_e_measure_of_noise_is_that_of_pysodmetrics(seed, shares, size):
    rng = np.random.default_rng(seed)
    pred, label = (rng.random(size) < share for share in shares)
    assert our_e_measure(pred, label) == pytest.approx(pysod_e_measure(pred, label), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_e_measure_of_every_class_of_a_label_map_is_that_of_pysodmetrics(seed):
    labels = blobs(seed, (60, 80), 5, void=True)[None]
    pred = blobs(seed, (60, 80), 5)[None].roll((2, 3), (1, 2))
    table = table_of(pred, labels, 5)
    kept = (labels != 255).numpy()
    # Void is left out: what remains is a picture of one row.
    theirs = [
        pysod_e_measure((pred.numpy() == c)[kept][None], (labels.numpy() == c)[kept][None])
        for c in range(5)
    ]
    np.testing.assert_allclose(e_measure_of_counts(table), theirs, atol=1e-12)


def test_pysodmetrics_takes_an_empty_prediction_for_a_full_one_at_its_adaptive_threshold():
    """The quirk that `pysod_e_measure` goes around: should it go, so should the way around it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip("py_sod_metrics", reason="PySODMetrics is not installed")
    label = np.zeros((4, 4), np.uint8)
    label[:2] = 255
    measure = library.Emeasure()
    for pred in (np.zeros_like(label), np.full_like(label, 255)):
        measure.step(pred, label)
    assert measure.adaptive_ems[0] == measure.adaptive_ems[1]
