"""Samples that runs leave, and what is read from them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from losslab.analysis.samples import (
    choose_runs,
    left_out,
    load_samples,
    read_index,
    sample_summary,
)
from losslab.analysis.sentences import read_left_out, read_samples
from losslab.errors import StudyError
from tests.analysis.synthetic import CLASSES, synthetic_runs, write_runs


@pytest.fixture
def chosen(tmp_path: Path) -> pd.DataFrame:
    runs = synthetic_runs(seeds=1, diverged=False)
    write_runs(tmp_path, runs)
    return choose_runs(runs)


def test_one_run_per_loss_is_chosen(chosen: pd.DataFrame) -> None:
    assert len(chosen) == 5
    assert (chosen["seed"] == 0).all()


def test_a_seed_that_was_not_run_is_an_error_with_the_seeds() -> None:
    with pytest.raises(StudyError, match="no finished run has seed 7: seeds are 0, 1, 2"):
        choose_runs(synthetic_runs(), 7)


def test_void_pixels_are_neither_right_nor_wrong(tmp_path: Path, chosen: pd.DataFrame) -> None:
    index, found = load_samples(tmp_path, chosen, count=1)
    sample = found["scene_000", "ce"]
    assert index.class_names == CLASSES
    assert not sample.annotated[:3].any()
    assert not sample.wrong[:3].any()
    assert sample.entropy.max() <= 1


def test_summary_counts_wrong_pixels_of_the_annotated(tmp_path: Path, chosen: pd.DataFrame) -> None:
    _, found = load_samples(tmp_path, chosen)
    table = sample_summary(found)
    assert len(table) == 2 * 5
    sample = found["scene_000", "iou"]
    row = table[(table["image"] == "scene_000") & (table["loss"] == "iou")].iloc[0]
    expected = np.sum(sample.wrong) / np.sum(sample.label != 255)
    assert row["wrong"] == pytest.approx(expected)
    assert row["entropy_wrong"] > row["entropy_right"]
    assert "errs on the fewest pixels" in read_samples(table)


def test_an_unknown_image_is_an_error_with_the_choices(
    tmp_path: Path, chosen: pd.DataFrame
) -> None:
    with pytest.raises(StudyError, match="unknown sample image 'scene_9': one of scene_000"):
        load_samples(tmp_path, chosen, ["scene_9"])


def test_a_damaged_picture_is_an_error_that_names_run_and_file(
    tmp_path: Path, chosen: pd.DataFrame
) -> None:
    path = tmp_path / chosen["run_id"].iloc[0] / "samples" / "scene_000_entropy.png"
    path.write_bytes(b"not a picture")
    with pytest.raises(StudyError, match=r"no readable scene_000_entropy\.png: run it again"):
        load_samples(tmp_path, chosen)


def test_a_binary_task_names_both_label_values(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "samples"
    folder.mkdir(parents=True)
    stored = {"ids": ["a"], "class_names": ["Car"], "colours": [[64, 0, 128]]}
    (folder / "index.json").write_text(json.dumps(stored))
    index = read_index(tmp_path, "run")
    assert index.class_names == ("other", "Car")
    assert index.colours[1].tolist() == [64, 0, 128]


def test_palette_pictures_are_read_as_class_indices(tmp_path: Path, chosen: pd.DataFrame) -> None:
    path = tmp_path / chosen["run_id"].iloc[0] / "samples" / "scene_000_label.png"
    with Image.open(path) as picture:
        before = np.array(picture)
    indexed = Image.fromarray(before)
    indexed.putpalette([7] * 768)
    indexed.save(path)
    _, found = load_samples(tmp_path, chosen.head(1))
    assert np.array_equal(next(iter(found.values())).label, before)


def test_the_lowest_fold_and_seed_at_which_most_losses_finished_is_chosen() -> None:
    runs = synthetic_runs(diverged=False)
    runs.loc[(runs["loss"] == "iou") & (runs["seed"] == 0), "status"] = "diverged"
    chosen = choose_runs(runs)
    assert set(chosen["seed"]) == {1}
    assert left_out(runs, chosen).empty
    missing = left_out(runs, choose_runs(runs, 0))
    assert missing["loss"].to_list() == ["iou"]
    assert "with that fold and seed: `iou` (scenes, unet, resnet34)." in read_left_out(missing)
    assert read_left_out(missing.head(0)) == ""


def test_runs_without_a_shared_image_are_a_sentence(tmp_path: Path, chosen: pd.DataFrame) -> None:
    path = tmp_path / chosen["run_id"].iloc[0] / "samples" / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"ids": []}))
    _, found = load_samples(tmp_path, chosen)
    assert found == {}
    assert read_samples(sample_summary(found)).startswith("The runs share no test image")


def test_images_without_an_annotated_pixel_are_a_sentence(
    tmp_path: Path, chosen: pd.DataFrame
) -> None:
    _, found = load_samples(tmp_path, chosen, count=1)
    void = {key: replace(one, label=np.full_like(one.label, 255)) for key, one in found.items()}
    assert read_samples(sample_summary(void)).startswith("No pixel of the images shown")
