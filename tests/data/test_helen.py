"""HELEN: layout, maps of probability, lists, divisions and the parts that are scored as one."""

import numpy as np
import pytest
from PIL import Image

from losslab.data import SplitOptions, open_dataset, prepare
from losslab.data.check import check_dataset
from losslab.data.helen import CLASSES, PORTIONS
from losslab.data.portions import in_portions
from tests.data.conftest import save


@pytest.fixture
def root(fixture_of):
    return fixture_of("helen")


def opened(root, split="all", **options):
    return open_dataset("helen", root, split=split, partial=True, **options)


def maps_of(pair):
    return np.stack([np.array(Image.open(path)) for path in pair.parts])


def test_fixture_has_the_official_layout_and_encodings(root):
    (first, *_) = opened(root).pairs
    assert [path.name for path in first.parts] == [f"{first.id}_lbl{i:02d}.png" for i in range(11)]
    assert first.parts[0].parent == root / "labels" / first.id
    for path in first.parts:
        with Image.open(path) as stored:
            assert (stored.format, stored.mode) == ("PNG", "L")
    assert (root / "exemplars.txt").read_text().startswith(f"1 , {first.id}\n2 , ")
    assert "\n\n" in (root / "exemplars.txt").read_text()


def test_fixture_maps_have_soft_edges_and_sum_to_255(root):
    for pair in opened(root).pairs:
        maps = maps_of(pair).astype(int)
        assert (abs(maps.sum(0) - 255) <= 5).all()
        assert ((maps > 0) & (maps < 255)).any()


def test_label_is_the_class_of_the_highest_map(root):
    data = opened(root)
    for i, pair in enumerate(data.pairs):
        assert (data[i][1] == maps_of(pair).argmax(0)).all()
    assert set(np.unique(np.concatenate([data[i][1].ravel() for i in range(8)]))) == {*range(11)}


def test_of_equal_maps_the_first_class_has_the_pixel(copy_of):
    root = copy_of("helen")
    (first, *_) = opened(root).pairs
    for k, path in enumerate(first.parts):
        with Image.open(path) as stored:
            maps = np.zeros((stored.height, stored.width), dtype=np.uint8)
        maps[:5] = 100 if k in (3, 7) else 0
        save(maps, path)
    label = opened(root)[0][1]
    assert (label[:5] == 3).all()
    assert (label[5:] == 0).all()


def test_maps_of_three_equal_channels_are_read_alike(copy_of):
    root = copy_of("helen")
    before = opened(root)[0][1]
    for path in opened(root).pairs[0].parts:
        save(np.repeat(np.array(Image.open(path))[..., None], 3, axis=2), path)
    assert (opened(root)[0][1] == before).all()


def test_official_lists_divide_the_pictures(root):
    assert [len(opened(root, split)) for split in ("train", "val", "test")] == [4, 2, 2]


def test_full_set_has_its_counts(root):
    rules = [finding.rule for finding in check_dataset("helen", root)]
    for count, file in ((2000, "exemplars"), (230, "tuning"), (100, "testing")):
        assert any(f"full set has {count} pictures in {file}.txt" in rule for rule in rules)


def test_semeda_tests_on_tuning_and_testing_together(root, tmp_path):
    data = opened(root, division="semeda2020")
    official = opened(root)
    assert data.ids == official.ids
    for own, other in zip(data.splits, official.splits, strict=True):
        assert own == ("train" if other == "train" else "test")
    run = prepare(
        "helen",
        options={"partial": True, "division": "semeda2020"},
        task=None,
        split=SplitOptions(),
        size=(40, 40),
        data_root=root,
        cache_root=tmp_path,
    )
    assert [len(part) for part in (run.train, run.val, run.test)] == [4, 4, 4]
    assert run.groups["mouth"] == ("upper_lip", "inner_mouth", "lower_lip")


@pytest.mark.parametrize(
    ("division", "train", "val", "none"),
    [("vanbeers2018_large", 1864, 233, 0), ("vanbeers2018_small", 1000, 100, 997)],
)
def test_van_beers_tests_on_the_last_tenth_of_all_2330_sorted_pictures(division, train, val, none):
    ids = [f"{i:04d}" for i in range(2330)]
    splits = list(in_portions(ids, PORTIONS[division], 2330).values())
    assert splits == ["train"] * train + ["val"] * val + [None] * none + ["test"] * 233


def test_tasks_are_the_face_with_and_without_hair(root):
    label = opened(root)[0][1]
    assert (opened(root, task="face")[0][1] == (label > 0)).all()
    without = opened(root, task="face_without_hair")[0][1]
    assert (without == ((label > 0) & (label < 10))).all()


def test_overall_is_the_inner_parts_without_skin_and_hair(root):
    groups = opened(root).groups
    assert groups["overall"] == CLASSES[2:10]
    assert groups["brows"] == ("left_brow", "right_brow")
    assert groups["eyes"] == ("left_eye", "right_eye")
