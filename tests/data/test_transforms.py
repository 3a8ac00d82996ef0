"""Augmentation: picture and label move together, and only the given generator decides."""

import pytest
import torch

from losslab.constants import MEAN, STD
from losslab.data.transforms import AUGMENTATIONS, draw_geometry, normalize
from losslab.errors import DataError


def batch(n=8, h=24, w=32, seed=0):
    """Pictures whose red channel repeats the label."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 5, (n, h // 8, w // 8), generator=generator, dtype=torch.uint8)
    labels = labels.repeat_interleave(8, 1).repeat_interleave(8, 2)
    images = torch.randint(0, 256, (n, 3, h, w), generator=generator, dtype=torch.uint8)
    images[:, 0] = labels * 40
    return images, labels


def moved(images, labels, preset, crop, generator):
    """Picture and label after one movement, as the training loop moves them."""
    geometry = draw_geometry(len(images), preset=preset, crop_size=crop, generator=generator)
    return geometry.images(images), geometry.labels(labels)


def run(preset, crop=None, seed=0, **shape):
    return moved(*batch(**shape), preset, crop, torch.Generator().manual_seed(seed))


def crop_of(preset, size=(16, 16)):
    return size if AUGMENTATIONS[preset].crop else None


@pytest.mark.parametrize("preset", AUGMENTATIONS)
def test_same_generator_state_gives_the_same_batch(preset):
    first, second = (run(preset, crop_of(preset), seed=3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("preset", AUGMENTATIONS)
def test_global_random_state_is_neither_read_nor_changed(preset):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = run(preset, crop_of(preset))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(run(preset, crop_of(preset))[0], first[0])


@pytest.mark.parametrize("preset", ["none", "flip", "crop_flip"])
def test_picture_and_label_move_together(preset):
    images, labels = run(preset, crop_of(preset))
    assert torch.equal(images[:, 0], labels * 40)


def test_scaled_picture_and_label_stay_aligned():
    images, labels = run("scale_crop_mirror", (16, 16), n=32)
    seen = labels != 255
    # Bilinear scaling blends at the boundaries only.
    agree = (images[:, 0].float() - labels.float() * 40).abs()[seen] < 8
    assert agree.float().mean() > 0.7


def test_none_returns_the_batch_itself():
    images, labels = batch()
    out = moved(images, labels, "none", None, torch.Generator())
    assert out[0] is images
    assert out[1] is labels


def test_flip_mirrors_about_half_of_the_pictures():
    images, _ = batch(n=200)
    out, _ = run("flip", n=200)
    mirrored = (out == images.flip(3)).flatten(1).all(1)
    kept = (out == images).flatten(1).all(1)
    assert (mirrored | kept).all()
    assert 70 < mirrored.sum() < 130


@pytest.mark.parametrize("preset", ["crop_flip", "scale_crop_mirror"])
def test_pictures_smaller_than_the_crop_are_padded_with_void(preset):
    images, labels = run(preset, (80, 80))
    assert images.shape == (8, 3, 80, 80)
    assert labels.shape == (8, 80, 80)
    assert (labels == 255).any()
    assert (images.permute(0, 2, 3, 1)[labels == 255] == 0).all()


def test_crops_reach_every_corner():
    images, labels = batch(n=1, h=8, w=8)
    labels[0] = torch.arange(64, dtype=torch.uint8).view(8, 8)
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(300):
        _, out = moved(images, labels, "crop_flip", (4, 4), generator)
        seen |= set(out.flatten().tolist())
    assert seen == set(range(64))


def test_types_stay_uint8():
    for preset in AUGMENTATIONS:
        images, labels = run(preset, crop_of(preset))
        assert images.dtype == labels.dtype == torch.uint8


def test_crop_presets_ask_for_a_crop_size():
    with pytest.raises(DataError, match="'crop_flip' needs a crop_size"):
        run("crop_flip")


def test_unknown_preset_is_named():
    with pytest.raises(DataError, match=r"unknown augmentation 'flop': one of none, flip.*'flip'"):
        run("flop")


def test_normalize_takes_out_imagenets_mean_and_deviation():
    images, _ = batch()
    out = normalize(images)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))
    torch.testing.assert_close(out, (images.float() / 255 - mean) / std, atol=1e-5, rtol=1e-5)
    assert out.dtype == torch.float32
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert images.dtype == torch.uint8
