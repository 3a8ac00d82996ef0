"""Scores from counts."""

import numpy as np
import pandas as pd
import pytest
import torch
from torchmetrics.classification import MulticlassJaccardIndex

from losslab.errors import DataError
from losslab.metrics import (
    DEFINITIONS,
    SCORES,
    Score,
    boundary_iou,
    counts_table,
    e_measure,
    image_scores,
    score,
)
from losslab.metrics.scores import MEAN
from tests.metrics.test_boundary import blobs
from tests.metrics.test_counts import random_maps


def table_of(pred, labels, num_classes):
    names = [f"class {index}" for index in range(num_classes)]
    ids = [f"image {index}" for index in range(len(labels))]
    return counts_table(pred, labels, num_classes=num_classes, ids=ids, class_names=names)


def value(scores, metric, level, name="mean"):
    rows = scores[(scores["metric"] == metric) & (scores["class"] == name)]
    rows = rows[rows["level"] == level]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


@pytest.fixture
def two_images():
    """Class 0 and 1 in the first image, class 0 alone in the second; class 2 nowhere."""
    labels = torch.tensor([[[0, 0], [1, 1]], [[0, 0], [0, 255]]])
    pred = torch.tensor([[[0, 1], [1, 1]], [[0, 1], [0, 0]]])
    return pred, labels


def test_scores_of_two_2x2_images_are_as_computed_by_hand(two_images):
    scores = score(table_of(*two_images, 3))
    assert value(scores, "accuracy", "dataset") == pytest.approx(5 / 7)
    assert value(scores, "accuracy", "image") == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert value(scores, "iou", "dataset", "class 0") == pytest.approx(3 / 5)
    assert value(scores, "iou", "dataset", "class 1") == pytest.approx(2 / 4)
    assert np.isnan(value(scores, "iou", "dataset", "class 2"))
    assert value(scores, "iou", "dataset") == pytest.approx((3 / 5 + 2 / 4) / 2)
    assert value(scores, "iou", "image", "class 0") == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert value(scores, "iou", "image", "class 1") == pytest.approx(2 / 3)
    assert value(scores, "dice", "image", "class 1") == pytest.approx(4 / 5)


def test_image_scores_are_of_the_images_that_contain_the_class(two_images):
    scores = image_scores(table_of(*two_images, 3)).set_index(["image", "class", "metric"])["value"]
    assert scores["image 0", "class 0", "iou"] == pytest.approx(1 / 2)
    assert scores["image 0", "class 1", "iou"] == pytest.approx(2 / 3)
    assert scores["image 0", "mean", "iou"] == pytest.approx(7 / 12)
    assert scores["image 1", "mean", "iou"] == pytest.approx(2 / 3)
    assert scores["image 1", "mean", "accuracy"] == pytest.approx(2 / 3)
    assert ("image 1", "class 1", "iou") not in scores.index


def test_a_table_without_trimap_and_entropy_has_all_other_scores(two_images):
    scores = score(table_of(*two_images, 3))
    beyond = ("trimap", "nonboundary", "entropy")
    assert set(scores["definition"]) == {name for name in SCORES if not name.startswith(beyond)}
    assert list(scores.columns) == ["class", "metric", "level", "definition", "value"]
    assert (scores["definition"] == scores["metric"] + "@" + scores["level"]).all()


def test_dataset_iou_is_torchmetrics_jaccard_index():
    pred, labels = random_maps(5)
    labels[labels == 4] = 255
    pred[pred == 4] = 3
    index = MulticlassJaccardIndex(5, ignore_index=255)
    ours = value(score(table_of(pred, labels, 5)), "iou", "dataset")
    assert ours == pytest.approx(float(index(pred, labels)))


def test_dice_is_derived_from_iou_at_dataset_level():
    scores = score(table_of(*random_maps(4), 4))
    for name in ("class 0", "class 1", "class 2", "class 3"):
        iou = value(scores, "iou", "dataset", name)
        assert value(scores, "dice", "dataset", name) == pytest.approx(2 * iou / (1 + iou))


def test_boundary_iou_from_the_table_is_that_of_the_maps():
    pred = torch.stack([blobs(seed, (60, 60), 3) for seed in range(3)])
    labels = torch.stack([blobs(seed + 10, (60, 60), 3, void=True) for seed in range(3)])
    ours = value(score(table_of(pred, labels, 3)), "boundary_iou", "dataset")
    assert ours == pytest.approx(float(boundary_iou(pred, labels, num_classes=3)))


def test_binary_scores_are_of_the_foreground_and_accuracy_of_both():
    pred, labels = random_maps(1)
    both = torch.where(labels == 255, 255, labels)
    binary, two = score(table_of(pred, labels, 1)), score(table_of(pred, both, 2))
    for level in ("dataset", "image"):
        assert value(binary, "accuracy", level) == value(two, "accuracy", level)
        for metric in ("iou", "dice", "boundary_iou"):
            assert value(binary, metric, level, "class 0") == value(two, metric, level, "class 1")
            assert value(binary, metric, level) == value(binary, metric, level, "class 0")


@pytest.mark.parametrize("level", ["dataset", "image"])
def test_the_mean_iou_of_a_binary_task_is_that_of_two_classes(level):
    pred, labels = random_maps(1, size=(3, 4), count=6)
    labels[0][labels[0] == 1] = 0  # an image without the object
    labels[1] = 255
    pred[1] = 7
    two = table_of(pred, labels, 2)
    both = named(table_of(pred, labels, 1), f"iou@{level}, both")
    assert both[MEAN] == pytest.approx(named(two, f"iou@{level}")[MEAN])
    assert both["class 0"] == pytest.approx(named(two, f"iou@{level}")["class 1"])
    assert not DEFINITIONS[f"iou@{level}, both"].applies(two)


def test_binary_images_without_foreground_count_at_dataset_level_alone():
    labels = torch.zeros(2, 4, 4, dtype=torch.int64)
    labels[0, :2] = 1
    pred = torch.zeros_like(labels)
    pred[:, :1] = 1
    scores = score(table_of(pred, labels, 1))
    assert value(scores, "iou", "dataset") == pytest.approx(4 / 12)
    assert value(scores, "iou", "image") == pytest.approx(1 / 2)


def test_an_image_with_nothing_annotated_changes_no_score():
    pred, labels = random_maps(3)
    labels[2] = 255
    table = table_of(pred, labels, 3)
    with_void, without = score(table), score(table[table["image"] != "image 2"])
    pd.testing.assert_frame_equal(with_void, without)
    pd.testing.assert_frame_equal(
        image_scores(table), image_scores(table[table["image"] != "image 2"])
    )


def test_a_set_with_nothing_annotated_has_no_scores():
    pred, labels = random_maps(3)
    table = table_of(pred, torch.full_like(labels, 255), 3)
    assert score(table)["value"].isna().all()
    assert image_scores(table).empty


def test_scores_do_not_depend_on_how_the_table_was_batched():
    pred, labels = random_maps(3)
    table = table_of(pred, labels, 3)
    shuffled = table.sample(frac=1, random_state=0)
    keys = ["class", "metric", "level"]
    expected = score(table).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(score(shuffled).sort_values(keys, ignore_index=True), expected)


def named(table, name):
    return DEFINITIONS[name].of(table)


def test_every_definition_of_two_2x2_images_is_as_computed_by_hand(two_images):
    pred, labels = two_images
    table = table_of(pred, labels, 3)
    assert named(table, "iou@dataset, pooled")[MEAN] == pytest.approx(5 / (5 + 2 + 2))
    weighted = (5 * 3 / 5 + 2 * 2 / 4) / 7
    assert named(table, "iou@dataset, weighted")[MEAN] == pytest.approx(weighted)
    assert named(table, "iou@dataset, absent one")[MEAN] == pytest.approx((3 / 5 + 2 / 4 + 1) / 3)
    # in the second image class 1 is predicted and not there, class 2 in neither of them
    assert named(table, "iou@image, absent union")["class 1"] == pytest.approx((2 / 3 + 0) / 2)
    assert named(table, "iou@image, absent one")["class 2"] == 1
    first = ((1 / 2 + 2 / 3) / 2 + 2 / 3) / 2
    assert named(table, "iou@image_first")[MEAN] == pytest.approx(first)
    union = ((1 / 2 + 2 / 3) / 2 + (2 / 3 + 0) / 2) / 2
    assert named(table, "iou@image_first, absent union")[MEAN] == pytest.approx(union)
    pooled = (3 / (3 + 1 + 1) + 2 / (2 + 1 + 1)) / 2
    assert named(table, "iou@image_first, pooled")[MEAN] == pytest.approx(pooled)
    assert named(table, "class_accuracy@dataset")[MEAN] == pytest.approx((3 / 5 + 2 / 2) / 2)


def test_a_class_that_is_only_predicted_counts_as_0_unless_the_label_decides():
    labels = torch.zeros(1, 2, 2, dtype=torch.int64)
    pred = torch.tensor([[[0, 0], [0, 1]]])
    table = table_of(pred, labels, 2)
    assert named(table, "iou@dataset")[MEAN] == pytest.approx((3 / 4 + 0) / 2)
    assert named(table, "iou@dataset, absent labelled")[MEAN] == pytest.approx(3 / 4)


def test_the_foreground_is_all_classes_but_the_background(two_images):
    table = table_of(*two_images, 3)
    assert not DEFINITIONS["iou@dataset, foreground"].applies(table)
    table["class"] = table["class"].replace("class 0", "background")
    assert named(table, "iou@dataset, foreground")[MEAN] == pytest.approx(2 / 4)
    assert named(table, "iou@image, foreground")[MEAN] == pytest.approx(2 / 3)
    assert named(table, "iou@dataset, foreground")["background"] == pytest.approx(3 / 5)


def test_the_e_measure_of_a_table_is_that_of_the_maps():
    pred, labels = random_maps(4)
    ours = named(table_of(pred, labels, 4), "e_measure@image")[MEAN]
    assert ours == pytest.approx(float(e_measure(pred, labels, num_classes=4)))


def test_with_one_class_nothing_is_weighted_pooled_or_foreground():
    table = table_of(*random_maps(1), 1)
    names = set(score(table, DEFINITIONS)["definition"])
    assert not any(word in name for name in names for word in ("weighted", "pooled", "foreground"))
    assert {"iou@dataset", "iou@image, absent one", "e_measure@image"} <= names


def test_scores_that_make_no_sense_are_refused_by_name():
    for wrong, text in (
        ({"metric": "iuo"}, "iuo"),
        ({"metric": "accuracy"}, "accuracy"),
        ({"metric": "iou", "classes": "pixels"}, "iou"),
        ({"metric": "e_measure"}, "take image or image_first"),
        ({"metric": "iou", "level": "image", "classes": "weighted"}, "take dataset"),
        ({"metric": "boundary_iou", "classes": "both"}, "boundary_iou"),
        ({"metric": "iou", "level": "image_first", "classes": "both"}, "take dataset or image"),
    ):
        with pytest.raises(DataError, match=text):
            Score(**wrong)


def test_every_definition_says_what_it_is():
    texts = [definition.describe() for definition in DEFINITIONS.values()]
    assert len(set(texts)) == len(DEFINITIONS)
    for (name, definition), text in zip(DEFINITIONS.items(), texts, strict=True):
        assert name == definition.name
        assert name.startswith(f"{definition.metric}@{definition.level}")
        assert text.startswith(f"{definition.metric} at {definition.level} level: ")
        assert "255" in text
        assert text.endswith(".")
    assert "2 % of the image's diagonal" in SCORES["boundary_iou@image"].describe()
    assert "band of 3 pixels" in SCORES["trimap_iou_3@dataset"].describe()
    assert SCORES["trimap_iou_3@dataset"].width == 3
    assert all(f"{score.metric}@{score.level}" == name for name, score in SCORES.items())
