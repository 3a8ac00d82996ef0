"""The E-measure from counts is the E-measure from pixels."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losslab.errors import DataError
from losslab.metrics import counts_table, e_measure, e_measure_of_counts

EPS = np.spacing(1)


def from_pixels(pred, label):
    """Fan et al. 2018 for two binary maps, term by term."""
    f, g = pred.astype(float), label.astype(float)
    if not g.any():
        return (1 - f).mean()
    if g.all():
        return f.mean()
    a, b = f - f.mean(), g - g.mean()
    alignment = 2 * a * b / (a * a + b * b + EPS)
    return float(((1 + alignment) ** 2 / 4).sum() / (f.size - 1 + EPS))


def maps(seed, num_classes, size=(7, 9), count=4):
    generator = torch.Generator().manual_seed(seed)
    shape = (count, *size)
    pred = torch.randint(0, max(2, num_classes), shape, generator=generator)
    labels = torch.randint(0, max(2, num_classes), shape, generator=generator)
    labels[torch.rand(shape, generator=generator) < 0.2] = 255
    return pred, labels


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), num_classes=st.sampled_from([1, 2, 4]))
def test_the_closed_form_is_the_sum_over_pixels(seed, num_classes):
    pred, labels = maps(seed, num_classes)
    names = [f"class{c}" for c in range(num_classes)]
    ids = [str(i) for i in range(len(pred))]
    table = counts_table(pred, labels, num_classes=num_classes, ids=ids, class_names=names)
    table["e_measure"] = e_measure_of_counts(table)
    for i, one in enumerate(ids):
        kept = (labels[i] != 255).numpy()
        for c, name in enumerate(names):
            index = 1 if num_classes == 1 else c
            want = from_pixels(pred[i].numpy()[kept] == index, labels[i].numpy()[kept] == index)
            row = table[(table["image"] == one) & (table["class"] == name)]
            assert row["e_measure"].item() == pytest.approx(want, abs=1e-12, nan_ok=True)


def test_a_perfect_map_scores_one_but_for_the_authors_divisor():
    labels = torch.zeros(1, 10, 10, dtype=torch.long)
    labels[:, :5] = 1
    assert e_measure(labels, labels, num_classes=2).item() == pytest.approx(100 / 99)


def test_an_inverted_map_scores_zero():
    labels = torch.zeros(1, 10, 10, dtype=torch.long)
    labels[:, :5] = 1
    assert e_measure(1 - labels, labels, num_classes=2).item() == pytest.approx(0, abs=1e-12)


def test_a_label_of_one_class_throughout_scores_the_share_predicted():
    labels = torch.ones(1, 2, 5, dtype=torch.long)
    pred = labels.clone()
    pred[0, 0, :3] = 0
    assert e_measure(pred, labels, num_classes=1).item() == pytest.approx(0.7)


def test_images_that_lack_the_class_are_left_out():
    labels = torch.zeros(2, 4, 4, dtype=torch.long)
    labels[0, :2] = 1
    pred = labels.clone()
    pred[1] = 1  # of an image without the object
    alone = e_measure(pred[:1], labels[:1], num_classes=1)
    assert torch.equal(e_measure(pred, labels, num_classes=1), alone)
    assert e_measure(pred[1:], labels[1:], num_classes=1).isnan()


def test_an_image_without_an_annotated_pixel_has_no_score():
    void = torch.full((1, 3, 3), 255)
    assert e_measure(torch.zeros_like(void), void, num_classes=2).isnan()
    table = pd.DataFrame({"tp": [0], "fp": [0], "fn": [0], "pixels": [0]})
    assert e_measure_of_counts(table).isna().all()


@pytest.mark.parametrize("num_classes", [2, 5])
def test_renumbering_the_classes_and_mirroring_change_nothing(num_classes):
    pred, labels = maps(3, num_classes)
    value = e_measure(pred, labels, num_classes=num_classes)
    order = torch.cat([torch.randperm(num_classes), torch.full((256 - num_classes,), 255)])
    renumbered = e_measure(order[pred], order[labels], num_classes=num_classes)
    mirrored = e_measure(pred.flip(-1), labels.flip(-1), num_classes=num_classes)
    assert torch.allclose(value, renumbered)
    assert torch.equal(value, mirrored)


def test_an_index_that_is_no_class_is_refused():
    with pytest.raises(DataError):
        e_measure(torch.full((1, 2, 2), 7), torch.zeros(1, 2, 2, dtype=torch.long), num_classes=2)
