"""Pictures that do not fill their canvases are scored and shown as if there were no canvas."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from losslab.data import CachedSplit, RunData
from losslab.data.fitting import fitted
from losslab.models import Segmenter
from losslab.training.evaluate import batch_at_test, evaluate, write_samples
from losslab.training.pictures import Pictures

SHAPES = ((60, 90), (60, 90), (130, 80))
CANVAS = (160, 140)
CLASSES = ("ground", "thing", "other")
CPU = torch.device("cpu")


class GoesOn(Segmenter):
    """Predicts class 1 where a picture is bright and where the canvas is black:
    what it sees in a picture goes on beside it.
    """

    def __init__(self) -> None:
        super().__init__(nn.Identity(), stride=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        bright = images[:, 0] > 0
        black = images[:, 0] < -2
        thing = (bright | black).float()
        return torch.stack([1 - thing, thing, 0.5 * thing], 1)


def run_data(fit: str | None) -> RunData:
    """Pictures on canvases of 160 x 140; with `fit` None the first two by themselves."""
    chance = np.random.default_rng(0)
    images, labels, extents = [], [], []
    for shape in SHAPES if fit else SHAPES[:2]:
        label = np.ones(shape, np.uint8)
        label[20:45, 15:40] = 0
        label[2:4, 2:4] = 255
        image = np.repeat(np.where(label == 0, 40, 250).astype(np.uint8)[..., None], 3, 2)
        image[chance.random(shape) < 0.02] = 40
        image, label, extent = fitted(image, label, CANVAS if fit else shape, fit or "stretch")
        images.append(image)
        labels.append(label)
        extents.append(extent)
    ids = [f"set/{number}" for number in range(len(images))]
    split = CachedSplit(np.stack(images), np.stack(labels), ids, np.array(extents))
    return RunData(
        train=split,
        val=split,
        test=split,
        class_names=CLASSES,
        num_classes=3,
        colours=np.zeros((3, 3), np.uint8),
        fingerprint="",
        groups={"any": ("thing", "other")},
        tested_on_val=False,
    )


def score_of(data: RunData, *, batch_size: int, resident: bool = True):
    pictures = Pictures(data.test, CPU, resident=resident)
    return evaluate(
        GoesOn(),
        pictures,
        data,
        precision="fp32",
        batch_size=batch_size,
        groups=data.groups,
        trimap_widths=(1, 5, 40),
        entropies=True,
    )


@pytest.mark.parametrize("resident", [True, False])
def test_counts_of_a_kept_picture_are_those_of_the_picture_alone(resident: bool) -> None:
    whole = score_of(run_data(None), batch_size=2)
    kept = score_of(run_data("keep"), batch_size=3, resident=resident)
    for alone, on_canvas in zip(whole[:2], kept[:2], strict=True):
        assert isinstance(alone, pd.DataFrame)
        assert isinstance(on_canvas, pd.DataFrame)
        pd.testing.assert_frame_equal(alone, on_canvas.iloc[: len(alone)])
    assert (whole.counts["trimap_5_tp"] > 0).any()
    assert (whole.counts["image_entropy_inside"] > 0).all()


@pytest.mark.parametrize("fit", ["keep", "pad"])
def test_counts_keep_the_order_of_the_pictures_and_each_ones_own_band(fit: str) -> None:
    data = run_data(fit)
    counts = score_of(data, batch_size=3).counts
    assert counts["image"].tolist() == [name for name in data.test.ids for _ in CLASSES]
    diagonals = np.hypot(data.test.extents[:, 2], data.test.extents[:, 3])
    widths = [max(1, round(0.02 * diagonal)) for diagonal in diagonals]
    assert counts["boundary_width"].tolist() == list(np.repeat(widths, 3))
    areas = data.test.extents[:, 2] * data.test.extents[:, 3]
    void = (data.test.labels == 255).sum((1, 2)) - (CANVAS[0] * CANVAS[1] - areas)
    assert counts["pixels"].tolist() == list(np.repeat(areas - void, 3))


def test_samples_show_the_picture_without_its_canvas(tmp_path: Path) -> None:
    data = run_data("keep")
    write_samples(GoesOn(), Pictures(data.test, CPU), data, tmp_path, precision="fp32")
    names = json.loads((tmp_path / "index.json").read_text())["ids"]
    for name, shape in zip(names, SHAPES, strict=True):
        for layer in ("image", "label", "prediction", "entropy"):
            with Image.open(tmp_path / f"{name}_{layer}.png") as picture:
                assert picture.size == shape[::-1]


@pytest.mark.parametrize(("batch_size", "at_once"), [(1, 1), (4, 1), (16, 3), (100, 24)])
def test_a_batch_of_larger_test_pictures_has_no_more_pixels(batch_size: int, at_once: int) -> None:
    small, large = run_data(None), run_data("keep")  # 60 x 90 and 160 x 140 pixels
    assert batch_at_test(batch_size, replace(small, test=large.test)) == at_once
    assert batch_at_test(batch_size, replace(large, test=small.test)) == batch_size
    assert batch_at_test(batch_size, small) == batch_size
