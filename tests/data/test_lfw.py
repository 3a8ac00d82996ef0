"""LFW Part Labels: layout, painted label maps, lists, divisions, and people in two splits."""

import numpy as np
import pytest
from PIL import Image

from losslab.data import open_dataset
from losslab.data.check import check_dataset, survey
from losslab.data.dataset import FileProblem
from losslab.data.lfw import PORTIONS
from losslab.data.portions import in_portions
from losslab.errors import DataError

LABELS = "parts_lfw_funneled_gt_images"


@pytest.fixture
def root(fixture_of):
    return fixture_of("lfw_parts")


def opened(root, split="all", **options):
    return open_dataset("lfw_parts", root, split=split, partial=True, **options)


def test_fixture_has_the_official_layout_and_encodings(root):
    stem = "Train_Person000_0001"
    with Image.open(root / LABELS / f"{stem}.ppm") as label:
        assert (label.format, label.mode, label.size) == ("PPM", "RGB", (250, 250))
    with Image.open(root / "lfw_funneled" / "Train_Person000" / f"{stem}.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (250, 250))
    assert (root / LABELS / f"._{stem}.ppm").exists()
    assert (root / "parts_train.txt").read_text().splitlines()[0] == "Train_Person000 1"
    assert (root / "parts_validation.txt").read_text().splitlines()[0] == "Val_Person000 0001"


def test_red_is_hair_green_is_skin_and_blue_is_background(root):
    data = opened(root)
    assert data.class_names == ("background", "skin", "hair")
    seen = set()
    for i, pair in enumerate(data.pairs):
        painted = np.array(Image.open(pair.label))
        assert (data[i][1] == np.array([2, 1, 0])[painted.argmax(-1)]).all()
        seen |= set(np.unique(data[i][1]).tolist())
    assert seen == {0, 1, 2}


def test_official_lists_divide_the_pictures(root):
    assert [len(opened(root, split)) for split in ("train", "val", "test")] == [4, 2, 2]
    assert opened(root, "val").ids == ["Val_Person000_0001", "Val_Person001_0001"]
    assert opened(root).ids == sorted(opened(root).ids)


def test_full_set_has_its_counts_and_sizes(root):
    rules = [finding.rule for finding in check_dataset("lfw_parts", root)]
    for count, file in ((1500, "train"), (500, "validation"), (927, "test")):
        assert any(f"full set has {count} pictures in parts_{file}.txt" in rule for rule in rules)


def test_tasks_are_the_face_with_and_without_hair(root):
    label = opened(root)[1][1]
    assert (opened(root, task="face")[1][1] == (label > 0)).all()
    assert (opened(root, task="face_without_hair")[1][1] == (label == 1)).all()


@pytest.mark.parametrize(
    ("division", "train", "val", "none"),
    [("vanbeers2018_large", 2342, 292, 1), ("vanbeers2018_small", 1000, 100, 1535)],
)
def test_van_beers_tests_on_the_last_tenth_of_all_2927_sorted_pictures(division, train, val, none):
    ids = [f"{i:04d}" for i in range(2927)]
    splits = list(in_portions(ids[::-1], PORTIONS[division], 2927).values())
    assert splits == ["train"] * train + ["val"] * val + [None] * none + ["test"] * 292


def test_van_beers_divisions_scale_down_with_a_partial_set(root):
    assert opened(root, division="vanbeers2018_large").splits == ["train"] * 6 + ["val", "test"]
    small = opened(root, division="vanbeers2018_small")
    assert [small.splits.count(s) for s in ("train", "val", "test")] == [3, 1, 1]
    assert small.ids == opened(root).ids


def test_unknown_division_is_named_with_the_choices(root):
    with pytest.raises(DataError, match=r"lfw_parts option division.*'vanbeers2018_small'"):
        opened(root, division="vanbeers")


def test_people_in_two_splits_are_told_and_are_no_error(root):
    found = survey("lfw_parts", root, partial=True)
    assert found.findings == []
    assert "people of train who are in test too: 1 (Train_Person000)" in found.facts
    assert sum("too:" in fact for fact in found.facts) == 1


def test_numbers_are_the_same_padded_or_not(copy_of):
    root = copy_of("lfw_parts")
    path = root / "parts_train.txt"
    path.write_text(path.read_text() + "Train_Person001 0001\n")
    with pytest.raises(FileProblem, match="'Train_Person001_0001' occurs again"):
        opened(root)
