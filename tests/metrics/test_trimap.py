"""Trimaps: bands around the edges of the label map, and the scores inside and outside them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losslab.edges import semantic_edges
from losslab.errors import DataError
from losslab.metrics import TRIMAP_WIDTHS, trimap_band, trimap_counts, trimap_iou
from tests.metrics.maps import blobs, label_maps, masks_of, of_masks


def within(labels: np.ndarray, width: int) -> np.ndarray:
    """Pixels with another label at most `width` pixels away: every pixel against every other."""
    rows, columns = np.indices(labels.shape).reshape(2, -1)
    down, across = (np.abs(x[:, None] - x[None]) for x in (rows, columns))
    differs = labels.reshape(-1)[:, None] != labels.reshape(-1)[None]
    return ((np.maximum(down, across) <= width) & differs).any(1).reshape(labels.shape)


@pytest.mark.parametrize("size", [(17, 23), (1, 1), (1, 30), (40, 3)])
@pytest.mark.parametrize("width", TRIMAP_WIDTHS)
def test_a_trimap_is_what_lies_within_its_width_of_another_label(size, width):
    for seed in range(3):
        labels = blobs(seed, size, 4, void=True)
        band = trimap_band(labels[None], width)[0].numpy()
        np.testing.assert_array_equal(band, within(labels.numpy(), width))


def test_the_trimap_of_width_1_is_the_semantic_edges():
    labels = blobs(0, (40, 50), 5, void=True)[None]
    assert torch.equal(trimap_band(labels, 1), semantic_edges(labels))


def test_an_image_of_one_label_has_no_trimap_though_its_border_ends():
    assert not trimap_band(torch.full((2, 6, 5), 3), 40).any()


def test_a_band_by_hand_has_its_width_on_both_sides_of_the_edge():
    labels = torch.zeros(1, 1, 10, dtype=torch.uint8)
    labels[..., 5:] = 1
    assert trimap_band(labels, 1).long().tolist() == [[[0, 0, 0, 0, 1, 1, 0, 0, 0, 0]]]
    assert trimap_band(labels, 3).long().tolist() == [[[0, 0, 1, 1, 1, 1, 1, 1, 0, 0]]]


@settings(max_examples=25, deadline=None)
@given(maps=label_maps(), chance=st.randoms(use_true_random=False))
def test_counts_of_any_widths_are_those_of_the_masks_within_each_band(maps, chance):
    pred, labels, num_classes = maps
    widths = sorted(chance.sample(range(1, 12), chance.randint(1, 5)))
    counts = trimap_counts(pred, labels, num_classes=num_classes, widths=widths)
    assert list(counts) == widths
    for image in range(len(labels)):
        for width in widths:
            band = within(labels[image].numpy(), width) & (labels[image] != 255).numpy()
            for column, (p, y) in enumerate(masks_of(pred[image], labels[image], num_classes)):
                found = tuple(int(counts[width][k][image, column]) for k in ("tp", "fp", "fn"))
                assert found == of_masks(p & band, y & band)


def test_void_makes_edges_and_is_never_counted():
    labels = torch.zeros(1, 1, 9, dtype=torch.uint8)
    labels[..., 4] = 255
    pred = labels.clone()
    pred[..., 4] = 1  # on the void pixel
    pred[..., 3] = 1  # beside it
    counts = trimap_counts(pred, labels, num_classes=2, widths=(1, 2))
    assert counts[1]["fn"].tolist() == [[1, 0]]
    assert counts[1]["tp"].tolist() == [[1, 0]]
    assert counts[2]["tp"].tolist() == [[3, 0]]
    assert counts[2]["fp"].tolist() == [[0, 1]]


@pytest.mark.parametrize("num_classes", [1, 3])
def test_inside_and_outside_are_the_iou_of_the_pixels_there(num_classes):
    labels = torch.stack([blobs(s, (30, 40), max(num_classes, 2), void=True) for s in (0, 1)])
    pred = torch.stack([blobs(s, (30, 40), max(num_classes, 2)) for s in (0, 7)])
    band = np.stack([within(label.numpy(), 3) for label in labels])
    valid = (labels != 255).numpy()
    for inside in (True, False):
        there = (band if inside else ~band) & valid
        ratios = []
        for p, y in masks_of(pred, labels, num_classes):
            tp, fp, fn = of_masks(p & there, y & there)
            ratios.append(tp / (tp + fp + fn))
        value = trimap_iou(pred, labels, num_classes=num_classes, width=3, inside=inside)
        assert value.dtype == torch.float64
        assert float(value) == pytest.approx(np.mean(ratios), abs=1e-12)


def test_a_perfect_prediction_has_trimap_iou_1_and_none_where_there_is_no_edge():
    labels = blobs(0, (30, 30), 3)[None]
    assert trimap_iou(labels, labels, num_classes=3, width=2) == 1
    plain = torch.zeros_like(labels)
    assert trimap_iou(plain, plain, num_classes=3, width=2).isnan()
    assert trimap_iou(plain, plain, num_classes=3, width=2, inside=False) == 1


@pytest.mark.parametrize("widths", [(0,), (2, 1), (3, 3), tuple(range(1, 33))])
def test_other_widths_are_an_error(widths):
    layer = torch.zeros(1, 4, 4, dtype=torch.uint8)
    with pytest.raises(DataError, match="at most 31, ascending, each at least 1 pixel"):
        trimap_counts(layer, layer, num_classes=2, widths=widths)


def test_an_index_that_is_no_class_is_an_error():
    layer = torch.zeros(1, 4, 4, dtype=torch.uint8)
    for call in (
        lambda: trimap_counts(layer + 2, layer, num_classes=2),
        lambda: trimap_iou(layer + 2, layer, num_classes=2, width=1),
    ):
        with pytest.raises(DataError, match="predicted index 2 is outside the classes 0 to 1"):
            call()
