"""Label maps for tests, and counts of masks written out."""

import numpy as np
import torch
from hypothesis import strategies as st
from scipy import ndimage


def blobs(seed, size, num_classes, void=False):
    """A label map of smooth regions, as a photograph's is."""
    rng = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(rng.normal(size=(num_classes, *size)), (0, 4, 4))
    labels = fields.argmax(0)
    if void:
        labels[ndimage.gaussian_filter(rng.normal(size=size), 3) > 0.08] = 255
    return torch.from_numpy(labels)


@st.composite
def label_maps(draw, kind=torch.uint8):
    """Prediction, labels and number of classes: small maps, smooth or noise, with void or without,
    anything predicted at void pixels; some of them empty, full or tiny.
    """
    seed = draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    num_classes = draw(st.sampled_from([1, 2, 3, 7]))
    known = max(num_classes, 2)
    size = draw(st.sampled_from([(1, 1), (1, 9), (8, 2), (11, 14), (20, 20)]))
    shape = (draw(st.integers(1, 3)), *size)
    present = rng.choice(known, draw(st.integers(1, known)), replace=False)
    labels = present[rng.integers(0, len(present), shape)]
    if draw(st.booleans()):
        labels = np.stack([ndimage.median_filter(label, 5) for label in labels])
    wrong = rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    pred = np.where(wrong, rng.integers(0, known, shape), labels)
    void = rng.random(shape) < draw(st.sampled_from([0.0, 0.2, 1.0]))
    pred[void] = rng.integers(0, 256, void.sum())
    labels[void] = 255
    return torch.from_numpy(pred).to(kind), torch.from_numpy(labels).to(kind), num_classes


def masks_of(pred, labels, num_classes):
    """The masks of each class in prediction and label; of a binary task those of label 1."""
    for index in [1] if num_classes == 1 else range(num_classes):
        yield (pred == index).numpy(), (labels == index).numpy()


def of_masks(pred, label):
    """tp, fp, fn of two masks."""
    return (pred & label).sum(), (pred & ~label).sum(), (~pred & label).sum()
