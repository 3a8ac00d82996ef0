"""Boundary bands and Boundary IoU."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from losslab.errors import DataError
from losslab.metrics import boundary_band, boundary_counts, boundary_iou, boundary_width
from tests.metrics.maps import blobs, label_maps, masks_of, of_masks


def reference_band(mask, width):
    """Cheng et al.'s own steps: one pixel of zeros around, `width` erosions by 3 x 3, the
    difference.
    """
    padded = np.pad(mask, 1)
    eroded = ndimage.binary_erosion(padded, np.ones((3, 3)), iterations=width, border_value=0)
    return mask & ~eroded[1:-1, 1:-1]


@pytest.mark.parametrize("size", [(40, 60), (7, 30), (1, 1), (64, 5)])
@pytest.mark.parametrize("width", [1, 2, 5, 9])
def test_bands_equal_those_of_eroding_every_class_by_itself(size, width):
    for seed in range(3):
        labels = blobs(seed, size, 4, void=True)
        band = boundary_band(labels[None], width)[0].numpy()
        for index in labels.unique():
            mask = (labels == index).numpy()
            np.testing.assert_array_equal(band & mask, reference_band(mask, width))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.integers(1, 12))
def test_a_band_is_where_the_outside_is_at_most_its_width_away(seed, width):
    mask = blobs(seed, (25, 31), 2)
    band = boundary_band(mask[None], width)[0].numpy()
    inside = np.pad(mask.numpy() == 1, 1)
    distance = ndimage.distance_transform_cdt(inside, "chessboard")[1:-1, 1:-1]
    np.testing.assert_array_equal(band & (mask.numpy() == 1), (distance > 0) & (distance <= width))


def test_bands_do_not_change_when_classes_are_renumbered():
    labels = blobs(0, (50, 50), 5)[None]
    numbers = torch.tensor([200, 3, 0, 254, 17])
    assert torch.equal(boundary_band(labels, 3), boundary_band(numbers[labels], 3))


@settings(max_examples=60, deadline=None)
@given(maps=label_maps(), width=st.integers(1, 30))
def test_counts_of_any_maps_equal_the_reference_even_where_the_band_is_wider_than_the_image(
    maps, width
):
    pred, labels, num_classes = maps
    counts = boundary_counts(pred, labels, num_classes=num_classes, width=width)
    for image in range(len(labels)):
        valid = (labels[image] != 255).numpy()
        for column, (p, y) in enumerate(masks_of(pred[image], labels[image], num_classes)):
            bands = (reference_band(mask, width) & valid for mask in (p, y))
            found = tuple(int(counts[name][image, column]) for name in ("tp", "fp", "fn"))
            assert found == of_masks(*bands)


@pytest.mark.parametrize("num_classes", [1, 4])
def test_counts_equal_the_reference_class_by_class_with_void_dropped_last(num_classes):
    labels = blobs(1, (60, 80), max(num_classes, 2), void=True)[None]
    pred = blobs(2, (60, 80), max(num_classes, 2))[None]
    width = boundary_width(60, 80)
    assert width == 2
    counts = boundary_counts(pred, labels, num_classes=num_classes)
    valid = (labels[0] != 255).numpy()
    for column, index in enumerate([1] if num_classes == 1 else range(num_classes)):
        p = reference_band((pred[0] == index).numpy(), width) & valid
        y = reference_band((labels[0] == index).numpy(), width) & valid
        assert int(counts["tp"][0, column]) == (p & y).sum()
        assert int(counts["fp"][0, column]) == (p & ~y).sum()
        assert int(counts["fn"][0, column]) == (~p & y).sum()


def test_the_width_is_two_percent_of_the_diagonal_and_at_least_one_pixel():
    assert boundary_width(512, 1024) == 23
    assert boundary_width(10, 10) == 1
    assert boundary_width(300, 400) == 10


def test_a_perfect_prediction_has_boundary_iou_1():
    labels = blobs(0, (50, 50), 3)[None]
    assert boundary_iou(labels, labels, num_classes=3) == 1


def test_boundary_iou_of_a_shifted_square_is_as_counted_by_hand():
    labels = torch.zeros(1, 10, 10, dtype=torch.int64)
    labels[0, 2:6, 2:6] = 1
    pred = labels.roll(1, 2)
    # Rings of 12 pixels; shifted by one they share 3 pixels above and 3 below.
    assert float(boundary_iou(pred, labels, num_classes=1, width=1)) == pytest.approx(6 / 18)


def test_a_class_with_two_empty_bands_is_left_out_of_the_mean():
    labels = blobs(0, (50, 50), 3)[None]
    pred = blobs(1, (50, 50), 3)[None]
    expected = boundary_iou(pred, labels, num_classes=3)
    assert boundary_iou(pred, labels, num_classes=9) == expected


def test_a_band_of_no_width_is_an_error():
    with pytest.raises(DataError, match="at least 1 pixel"):
        boundary_band(torch.zeros(1, 4, 4, dtype=torch.int64), 0)
