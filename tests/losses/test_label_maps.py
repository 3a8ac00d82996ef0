"""Maps of labels equal scipy's distances, class by class."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from losslab.edges import semantic_edges
from losslab.errors import SpecError
from losslab.losses import build_loss
from losslab.losses.label_maps import LABEL_MAPS, label_map
from tests.losses.cases import in_turn

VOID = 255
NAMES = list(LABEL_MAPS)

labels_of_any_kind = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: arrays.arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 1, 2, 3, VOID]))
)


def depth_in(mask, metric):
    """Distance to the nearest pixel outside a mask that does not fill the picture."""
    if metric == "euclidean":
        return ndimage.distance_transform_edt(mask)
    return ndimage.distance_transform_cdt(mask, metric="chessboard").astype(float)


def weights_by_class(labels, num_classes, metric):
    """Gul's steps 1 to 4, one class at a time, in float64."""
    weights = np.zeros(labels.shape)
    for index in [1] if num_classes == 1 else range(num_classes):
        own = labels == index
        if not own.any():
            continue
        if own.all():
            weights[own] = 1
            continue
        depth = depth_in(own, metric)[own]
        span = depth.max() - depth.min()
        weights[own] = (depth.max() - depth) / span if span else 1
    return weights


def blobs(height=60, width=80, num_classes=6, seed=0):
    """Smooth regions with a strip of void and a line one pixel thin."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((num_classes, height, width))
    labels = ndimage.gaussian_filter(noise, (0, 6, 6)).argmax(0).astype(np.uint8)
    labels[height // 2, :] = 1
    labels[:, 40:43] = VOID
    return labels


def maps(name, labels, num_classes):
    return label_map(name, torch.from_numpy(labels)[None], num_classes)[0].numpy()


@pytest.mark.parametrize("metric", ["euclidean", "chessboard"])
@settings(max_examples=150, deadline=None)
@given(labels=labels_of_any_kind, num_classes=st.sampled_from([1, 4]))
def test_weights_are_those_of_scipy_applied_to_each_class(metric, labels, num_classes):
    expected = weights_by_class(labels, num_classes, metric)
    found = maps(f"distance_{metric}", labels, num_classes)
    np.testing.assert_allclose(found, expected, atol=3e-7)
    assert ((found == 0) == (expected == 0)).all()
    assert ((found == 1) == (expected == 1)).all()


@pytest.mark.parametrize("metric", ["euclidean", "chessboard"])
@pytest.mark.parametrize("num_classes", [1, 6])
def test_weights_of_large_regions_are_those_of_scipy(metric, num_classes):
    labels = blobs()
    expected = weights_by_class(labels, num_classes, metric)
    np.testing.assert_allclose(maps(f"distance_{metric}", labels, num_classes), expected, atol=3e-7)


@settings(max_examples=150, deadline=None)
@given(labels=labels_of_any_kind, num_classes=st.sampled_from([1, 4]))
def test_signed_distances_are_those_of_scipy_for_each_class(labels, num_classes):
    found = maps("signed_distance", labels, num_classes)
    for position, index in enumerate([1] if num_classes == 1 else range(num_classes)):
        own = labels == index
        expected = np.zeros(labels.shape)
        if own.any() and not own.all():
            expected = np.where(own, 1 - depth_in(own, "euclidean"), depth_in(~own, "euclidean"))
        np.testing.assert_allclose(found[position], expected, rtol=1e-6)


@settings(max_examples=100, deadline=None)
@given(labels=labels_of_any_kind)
def test_edge_distances_are_scipys_distances_to_the_semantic_edges(labels):
    edges = semantic_edges(torch.from_numpy(labels)[None])[0].numpy()
    expected = depth_in(~edges, "euclidean") if edges.any() else np.zeros(labels.shape)
    np.testing.assert_allclose(maps("edge_distance", labels, 4), expected, rtol=1e-6)


def test_a_square_of_five_pixels_has_weights_one_half_and_none():
    labels = np.zeros((9, 9), np.uint8)
    labels[2:7, 2:7] = 1
    for name in ("distance_euclidean", "distance_chessboard"):
        rings = [[1, 1, 1, 1, 1], [1, 0.5, 0.5, 0.5, 1], [1, 0.5, 0, 0.5, 1]]
        expected = np.array([*rings, rings[1], rings[0]])
        np.testing.assert_array_equal(maps(name, labels, 1)[2:7, 2:7], expected)
        assert not maps(name, labels, 1)[labels == 0].any()


def test_a_class_is_normalised_over_all_its_parts_in_the_picture():
    labels = np.zeros((9, 20), np.uint8)
    labels[2:7, 2:7] = 1
    labels[3:6, 12:15] = 1
    weights = maps("distance_euclidean", labels, 2)
    assert weights[4, 4] == 0
    assert weights[4, 13] == 0.5


@pytest.mark.parametrize("name", ["distance_euclidean", "distance_chessboard"])
def test_parts_of_two_pixels_width_and_full_pictures_weigh_one_everywhere(name):
    thin = np.zeros((8, 8), np.uint8)
    thin[3:5] = 1
    assert (maps(name, thin, 1)[3:5] == 1).all()
    for num_classes in (1, 2):
        assert (maps(name, np.ones((4, 6), np.uint8), num_classes) == 1).all()
    assert (maps(name, np.zeros((4, 6), np.uint8), 1) == 0).all()
    assert (maps(name, np.full((4, 6), VOID, np.uint8), 3) == 0).all()


@in_turn("name", NAMES)
def test_the_pictures_border_ends_no_object(name):
    """Distances in a picture and in its mirror images around it are the same."""
    labels = blobs(30, 24)
    mirrored = np.pad(labels, ((30, 30), (24, 24)), mode="symmetric")
    inner = maps(name, mirrored, 6)[..., 30:-30, 24:-24]
    np.testing.assert_allclose(maps(name, labels, 6), inner, rtol=1e-6)


@in_turn("num_classes", [1, 6])
@in_turn("name", NAMES)
def test_a_flipped_picture_has_the_flipped_map(name, num_classes):
    labels = torch.from_numpy(blobs())[None]
    flipped = label_map(name, labels.flip(2), num_classes)
    assert torch.equal(flipped, label_map(name, labels, num_classes).flip(-1))


@in_turn("name", NAMES)
def test_a_batch_has_the_maps_of_its_pictures(name):
    labels = torch.from_numpy(np.stack([blobs(seed=seed) for seed in range(3)]))
    batch = label_map(name, labels, 6)
    assert batch.dtype == torch.float32
    assert batch.shape == ((3, 6, 60, 80) if LABEL_MAPS[name].per_class else (3, 60, 80))
    for picture, single in zip(labels, batch, strict=True):
        assert torch.equal(label_map(name, picture[None], 6)[0], single)
    strided = labels.long().transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.equal(label_map(name, strided, 6), batch)


@in_turn("name", NAMES)
def test_a_map_of_labels_that_cannot_be_written_is_made_without_a_warning(name):
    labels = blobs()
    expected = LABEL_MAPS[name].function(labels, 6)
    labels.flags.writeable = False
    np.testing.assert_array_equal(LABEL_MAPS[name].function(labels, 6), expected)


@in_turn("name", NAMES)
def test_an_empty_batch_has_an_empty_map(name):
    found = label_map(name, torch.zeros(0, 4, 5, dtype=torch.int64), 3)
    assert found.shape == ((0, 3, 4, 5) if LABEL_MAPS[name].per_class else (0, 4, 5))


@in_turn("name", NAMES)
def test_renumbering_the_classes_renumbers_the_map(name):
    labels = blobs()
    order = np.array([3, 5, 0, 1, 4, 2])
    numbers = np.full(256, VOID, np.uint8)
    numbers[order] = np.arange(6)
    expected = maps(name, labels, 6)
    found = maps(name, numbers[labels], 6)
    np.testing.assert_array_equal(found, expected[order] if found.ndim == 3 else expected)


def test_an_unknown_map_is_refused_with_the_choices():
    with pytest.raises(SpecError, match=r"unknown label map 'distance_euclid': one of .*"):
        label_map("distance_euclid", torch.zeros(1, 2, 2, dtype=torch.uint8), 2)


def test_a_map_that_is_given_takes_the_place_of_the_one_that_the_loss_makes():
    labels = torch.from_numpy(blobs())[None].long()
    logits = torch.randn(1, 6, *labels.shape[1:], generator=torch.manual_seed(0))
    objective = build_loss("distance", 6)
    given = {"distance_euclidean": label_map("distance_euclidean", labels, 6)}
    assert objective(logits, labels, given) == objective(logits, labels)
    ones = {"distance_euclidean": torch.ones(labels.shape)}
    assert objective(logits, labels, ones) != objective(logits, labels)
