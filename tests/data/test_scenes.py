"""Generated pictures: the same everywhere, and each dial does what it says."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from losslab.data import open_dataset, parse_options
from losslab.data.scenes import SPLIT_START, generate
from losslab.errors import DataError


def dials(**values):
    return parse_options("scenes", values)


def label_maps(count=40, size=(64, 64), **values):
    return np.stack([generate(dials(**values), i, size)[1] for i in range(count)])


PINNED = {
    (0, 64, 64): "489552efc651905632ae5ad3278f8398ea76e180cda283b8ddd627a9ebed1729",
    (1_000_003, 48, 80): "bfadc086c4d8a36091d1ee48fa493b920a830077b87529c5b07f1adc7e0781ae",
    (2_000_007, 96, 96): "8dca76075d0017f8f2ce40f029528f1b90725f44e8d06200d796215ebf06c56e",
}


@pytest.mark.parametrize("where", PINNED)
def test_pictures_are_the_same_on_every_machine(where):
    index, *size = where
    image, label = generate(dials(seed=5), index, tuple(size))
    assert hashlib.sha256(image.tobytes() + label.tobytes()).hexdigest() == PINNED[where]


def test_pinned_picture_with_every_dial_turned():
    turned = dials(
        classes=10,
        foreground_ratio=3.0,
        roughness=0.8,
        thin_parts=1.0,
        texture_overlap=0.9,
        void_rim=1,
        label_noise=0.5,
        seed=2**40,
    )
    image, label = generate(turned, 12, (64, 64))
    digest = hashlib.sha256(image.tobytes() + label.tobytes()).hexdigest()
    assert digest == "35f8bf50522d01c494e526289d851dcfd4914f7af21e12a09cf5a98980d465f3"


@settings(max_examples=40, deadline=None)
@given(
    ratio=st.floats(0.1, 1000),
    index=st.integers(0, 10_000),
    h=st.integers(1, 70),
    w=st.integers(1, 70),
    classes=st.integers(2, 10),
)
def test_foreground_ratio_is_exact_in_every_picture(ratio, index, h, w, classes):
    _, label = generate(dials(foreground_ratio=ratio, classes=classes), index, (h, w))
    assert (label > 0).sum() == min(max(round(h * w / (1 + ratio)), 1), h * w)


def test_foreground_ratio_changes_only_how_much_of_the_objects_is_seen():
    small, large = (label_maps(foreground_ratio=ratio) for ratio in (300.0, 1.0))
    assert ((small > 0) <= (large > 0)).all()


def test_same_scene_at_two_sizes_shows_the_same_objects():
    _, small = generate(dials(), 3, (64, 64))
    _, large = generate(dials(), 3, (128, 128))
    assert (large[::2, ::2] == small).mean() > 0.95


def test_classes_dial_keeps_the_objects_of_the_other_classes():
    few, many = label_maps(classes=3), label_maps(classes=6)
    assert few.max() == 2
    assert many.max() == 5
    assert (few[(many == 1) | (many == 2)] > 0).all()


def test_rough_boundaries_are_longer():
    def boundary(maps):
        return (maps[:, 1:] != maps[:, :-1]).sum() + (maps[:, :, 1:] != maps[:, :, :-1]).sum()

    assert boundary(label_maps(roughness=1.0)) > 1.2 * boundary(label_maps(roughness=0.0))


def test_thin_parts_vanish_under_an_opening():
    def thin(maps):
        objects = (maps == 1) | (maps == 2)
        kept = np.stack([ndimage.binary_opening(m, np.ones((4, 4))) for m in objects])
        return (objects & ~kept).sum()

    assert thin(label_maps(thin_parts=1.0)) > 2 * thin(label_maps(thin_parts=0.0))


def test_texture_overlap_makes_colour_uninformative():
    def spread(overlap):
        """Standard deviation over pictures of the mean colour of class 1."""
        means = [
            image[label == 1].mean(0)
            for image, label in (
                generate(dials(texture_overlap=overlap), i, (64, 64)) for i in range(40)
            )
            if (label == 1).sum() > 50
        ]
        return np.std(means, axis=0).mean()

    assert spread(1.0) > 2 * spread(0.0)


def test_void_rim_covers_boundaries_and_nothing_else():
    plain, rimmed = label_maps(void_rim=0), label_maps(void_rim=1)
    void = rimmed == 255
    assert (rimmed[~void] == plain[~void]).all()
    edges = (plain[:, 1:] != plain[:, :-1])[:, :, :]
    assert void[:, 1:][edges].all()
    assert void[:, :-1][edges].all()
    assert 0 < void.mean() < 0.5


def test_label_noise_renames_objects_and_leaves_pictures_and_the_test_split():
    for start, changes in ((0, True), (SPLIT_START["val"], True), (SPLIT_START["test"], False)):
        clean = [generate(dials(), start + i, (64, 64)) for i in range(20)]
        noisy = [generate(dials(label_noise=0.5), start + i, (64, 64)) for i in range(20)]
        assert all((a[0] == b[0]).all() for a, b in zip(clean, noisy, strict=True))
        assert changes == any((a[1] != b[1]).any() for a, b in zip(clean, noisy, strict=True))


def test_default_scenes_hold_small_thin_and_rare_objects():
    maps = label_maps(count=100)
    share = np.bincount(maps.ravel(), minlength=6) / maps.size
    present = [(maps == k).any(axis=(1, 2)).mean() for k in range(6)]
    assert share[0] > 0.6
    assert 0.0005 < share[5] < 0.01  # specks are small
    assert present[5] < 0.5  # and rare
    assert min(present) > 0.2


def test_every_picture_holds_an_object_unless_it_lies_beyond_the_border():
    maps = label_maps(count=100, classes=2)
    assert (maps == 1).any(axis=(1, 2)).mean() > 0.98


def test_seeds_and_indices_give_different_pictures():
    pictures = [generate(dials(seed=s), i, (32, 32))[0].tobytes() for s in (0, 1) for i in (0, 1)]
    assert len(set(pictures)) == 4


def test_size_of_one_split_leaves_the_others_alone():
    few = open_dataset("scenes", split="test", train=4, val=4, test=4)
    many = open_dataset("scenes", split="test", train=9, val=5, test=8)
    assert few.ids == many.ids[:4]
    assert (few[2][0] == many[2][0]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"klasses": 3}, "unknown scenes option 'klasses'.*did you mean 'classes'"),
        ({"classes": 1}, "scenes option classes: .*greater than or equal to 2, got 1"),
        ({"classes": "6"}, "scenes option classes: .*integer"),
        ({"roughness": 1.5}, "scenes option roughness: .*less than or equal to 1"),
        ({"label_noise": float("nan")}, "scenes option label_noise"),
        ({"seed": -1}, "scenes option seed"),
        ({"train": 0}, "scenes option train"),
        ({"train": object()}, "numbers, texts and lists only"),
    ],
)
def test_wrong_dials_are_named(options, message):
    with pytest.raises(DataError, match=message):
        parse_options("scenes", options)
