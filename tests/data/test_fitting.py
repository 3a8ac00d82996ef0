"""Pictures on canvases: stretched, scaled to fit, laid down, and back again."""

import numpy as np
import pytest
import torch

from losslab.data import SplitOptions, prepare
from losslab.data.dataset import resize
from losslab.data.fitting import FITS, fitted, unfitted, whole_extents
from losslab.data.fixtures import write_fixture
from losslab.data.fixtures import save
from losslab.data.transforms import draw_geometry
from losslab.errors import DataError


def picture(h, w):
    """A picture whose red channel repeats its label."""
    label = (np.arange(h)[:, None] // 4 + np.arange(w)[None] // 4).astype(np.uint8) % 5
    return np.repeat(label[..., None] * 40, 3, axis=2), label


def test_stretching_is_resizing_to_the_whole_canvas():
    image, label = picture(30, 50)
    got = fitted(image, label, (20, 24), "stretch")
    want = resize(image, label, (20, 24))
    assert np.array_equal(got[0], want[0])
    assert np.array_equal(got[1], want[1])
    assert got[2] == (0, 0, 20, 24)


@pytest.mark.parametrize(
    ("shape", "size", "extent"),
    [
        ((1024, 2048), (512, 512), (128, 0, 256, 512)),  # Cityscapes as Gul pads it
        ((512, 512), (256, 256), (0, 0, 256, 256)),  # CelebAMask-HQ as Gul pads it
        ((30, 10), (60, 60), (0, 20, 60, 20)),
        ((1, 16), (8, 8), (3, 0, 1, 8)),
    ],
)
def test_padding_keeps_the_ratio_of_the_sides_and_centres(shape, size, extent):
    image, label = np.full((*shape, 3), 9, np.uint8), np.ones(shape, np.uint8)
    canvas, labels, got = fitted(image, label, size, "pad")
    top, left, height, width = got
    assert got == extent
    assert (labels == 1).sum() == height * width == (canvas[..., 0] == 9).sum()
    assert (labels[top : top + height, left : left + width] == 1).all()
    assert set(np.unique(labels)) <= {1, 255}


def test_keeping_changes_no_pixel_and_leaves_void_below_and_to_the_right():
    image, label = picture(30, 50)
    canvas, labels, extent = fitted(image, label, (40, 60), "keep")
    assert extent == (0, 0, 30, 50)
    assert np.array_equal(canvas[:30, :50], image)
    assert np.array_equal(labels[:30, :50], label)
    assert (labels[30:] == 255).all()
    assert (labels[:, 50:] == 255).all()


def test_a_picture_larger_than_its_canvas_is_refused_by_its_size():
    with pytest.raises(DataError, match=r"picture of 30x50.*canvas of 32x48.*larger size"):
        fitted(*picture(30, 50), (32, 48), "keep")


def test_an_unknown_fit_names_the_choices():
    with pytest.raises(DataError, match="unknown fit 'pat': one of stretch, pad, keep"):
        fitted(*picture(8, 8), (8, 8), "pat")


@pytest.mark.parametrize("fit", FITS)
def test_an_output_comes_back_to_the_pictures_own_pixels(fit):
    label = np.zeros((24, 40), np.uint8)
    label[:, 20:] = 1
    _, canvas, extent = fitted(np.zeros((24, 40, 3), np.uint8), label, (48, 48), fit)
    layers = torch.from_numpy(np.stack([canvas == 0, canvas == 1]).astype(np.float32))
    back = unfitted(layers, extent, (24, 40))
    assert back.shape == (2, 24, 40)
    agree = back.argmax(0).numpy() == label
    assert agree.mean() > 0.97  # the column in which the classes meet may fall to either


def test_crops_keep_to_the_picture_and_not_to_its_canvas():
    image, label = picture(20, 28)
    canvas, labels, extent = fitted(image, label, (64, 64), "keep")
    images = torch.from_numpy(canvas)[None].permute(0, 3, 1, 2).repeat(32, 1, 1, 1)
    maps = torch.from_numpy(labels)[None].repeat(32, 1, 1)
    generator = torch.Generator().manual_seed(0)
    geometry = draw_geometry(
        32,
        preset="crop_flip",
        crop_size=(16, 16),
        generator=generator,
        extents=[list(extent)] * 32,
    )
    moved, moved_labels = geometry.images(images), geometry.labels(maps)
    assert (moved_labels != 255).all()
    assert torch.equal(moved[:, 0], moved_labels * 40)


def test_a_crop_larger_than_the_picture_is_filled_with_void():
    image, label = picture(10, 40)
    _, labels, extent = fitted(image, label, (64, 64), "keep")
    geometry = draw_geometry(
        1,
        preset="crop_flip",
        crop_size=(24, 24),
        generator=torch.Generator().manual_seed(1),
        extents=[list(extent)],
    )
    moved = geometry.labels(torch.from_numpy(labels)[None])[0]
    assert (moved[10:] == 255).all()
    assert (moved[:10] != 255).all()


def test_pictures_of_whole_canvases_have_whole_extents():
    assert whole_extents(np.zeros((2, 5, 7), np.uint8)).tolist() == [[0, 0, 5, 7]] * 2


@pytest.fixture(scope="module")
def camvid(tmp_path_factory):
    root = tmp_path_factory.mktemp("fit")
    write_fixture("camvid", root / "data", 8)
    return {
        "name": "camvid",
        "options": {"partial": True},
        "task": None,
        "split": SplitOptions(),
        "data_root": root / "data",
        "cache_root": root / "cache",
    }


def test_test_pictures_may_have_a_size_and_a_fit_of_their_own(camvid):
    data = prepare(**camvid, size=(96, 96), fit="pad", test_size=(384, 512), test_fit="keep")
    assert data.train.images.shape[1:] == data.val.images.shape[1:] == (96, 96, 3)
    assert data.train.extents.tolist() == [[12, 0, 72, 96]] * 4
    assert data.test.images.shape[1:] == (384, 512, 3)
    assert data.test.extents.tolist() == [[0, 0, 360, 480]] * 2


def test_the_fit_is_part_of_the_fingerprint(camvid):
    prints = {
        prepare(**camvid, size=(96, 128), fit="stretch").fingerprint,
        prepare(**camvid, size=(96, 128), fit="pad").fingerprint,
        prepare(**camvid, size=(96, 128), test_size=(360, 480)).fingerprint,
    }
    # 96 x 128 has CamVid's own ratio, so padding to it is stretching to it
    assert len(prints) == 2


def test_a_canvas_too_small_to_keep_names_the_picture(camvid):
    with pytest.raises(DataError, match="camvid: picture train_00000: a picture of 360x480"):
        prepare(**camvid, size=(320, 480), fit="keep")


@pytest.mark.parametrize("fit", ["keep", "pad"])
def test_the_void_of_a_canvas_is_none_of_the_pictures(tmp_path, fit):
    for number in range(3):
        for folder, shape in (("images", (20, 30, 3)), ("masks", (20, 30))):
            save(np.full(shape, 0, np.uint8), tmp_path / "own" / folder / f"{number}.png")
    data = prepare(
        "folder",
        options={"name": "own", "classes": ["ground", "thing"]},
        task=None,
        split=SplitOptions(rule="fractions", fractions=(0.34, 0.33, 0.33)),
        size=(40, 40),
        fit=fit,
        data_root=tmp_path,
        cache_root=tmp_path / "cache",
    )
    assert (data.train.labels == 255).any()
