"""CelebAMask-HQ: layout, masks painted over one another, the partition of CelebA, divisions."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from losslab.data import SplitOptions, open_dataset, prepare
from losslab.data.celebamask import PARTS, PORTIONS, read_mapping
from losslab.data.check import check_dataset
from losslab.data.dataset import refuse
from losslab.data.portions import in_portions
from tests.data.conftest import save

MASKS = "CelebAMask-HQ-mask-anno"
MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"


@pytest.fixture
def root(fixture_of):
    return fixture_of("celebamask_hq")


def opened(root, split="all", **options):
    return open_dataset("celebamask_hq", root, split=split, partial=True, **options)


def mask(pair, part):
    (path,) = [path for path in pair.parts if path.stem == f"{pair.id}_{part}"]
    return np.array(Image.open(path).convert("L")) > 0


def test_fixture_has_the_official_layout_and_encodings(root):
    with Image.open(root / "CelebA-HQ-img" / "2000.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (1024, 1024))
    with Image.open(root / MASKS / "1" / "02000_skin.png") as stored:
        assert (stored.format, stored.mode, stored.size) == ("PNG", "RGB", (512, 512))
        assert set(np.unique(np.array(stored))) == {0, 255}
    assert (root / MASKS / "0" / "00000_skin.png").exists()
    header, first, *_ = (root / MAPPING).read_text().splitlines()
    assert header.split() == ["idx", "orig_idx", "orig_file"]
    assert first.split() == ["0", "0", "000001.jpg"]


def test_a_later_part_lies_over_an_earlier_one(root):
    data = opened(root)
    for i, pair in enumerate(data.pairs):
        expected = np.zeros((512, 512), dtype=int)
        names = [path.stem.partition("_")[2] for path in pair.parts]
        assert names == [part for part in PARTS if part in names]
        for part in names:
            expected[mask(pair, part)] = 1 + PARTS.index(part)
        assert (data[i][1] == expected).all()
    first, names = data.pairs[0], data.class_names
    nose = mask(first, "nose")
    assert (nose & mask(first, "skin")).any()
    assert (data[0][1][nose & mask(first, "skin")] > names.index("skin")).all()


def test_a_part_that_is_not_to_be_seen_has_no_file(copy_of):
    root = copy_of("celebamask_hq")
    (root / MASKS / "0" / "00000_cloth.png").unlink()
    data = opened(root)
    assert PARTS.index("cloth") + 1 not in data[0][1]
    assert (data[0][1] == 0).any()


@pytest.mark.parametrize("mode", ["L", "1"])
def test_masks_of_one_channel_are_read_alike(copy_of, mode):
    root = copy_of("celebamask_hq")
    before = opened(root)[0][1]
    for path in opened(root).pairs[0].parts:
        Image.open(path).convert(mode).save(path)
    assert (opened(root)[0][1] == before).all()


def test_the_picture_is_reduced_to_the_size_of_its_masks(root):
    image, label = opened(root)[0]
    assert image.shape == (512, 512, 3)
    assert label.shape == (512, 512)
    large = np.array(Image.open(root / "CelebA-HQ-img" / "0.jpg"))
    means = large.reshape(512, 2, 512, 2, 3).mean((1, 3))
    assert abs(image - means).mean() < abs(large[::2, ::2] - means).mean()  # antialiased


def test_split_is_that_of_the_number_in_celeba(tmp_path):
    numbers = (0, 162770, 162771, 182637, 182638, 202598)
    lines = [f"{i}   {n}    {n + 1:06d}.jpg" for i, n in enumerate(numbers)]
    path = tmp_path / MAPPING
    path.write_text("\n".join(["idx     orig_idx    orig_file", *lines]) + "\n")
    splits = read_mapping(path, refuse)
    assert list(splits.values()) == ["train", "train", "val", "val", "test", "test"]


def test_full_set_has_its_counts(root):
    rules = [finding.rule for finding in check_dataset("celebamask_hq", root)]
    for count, split in ((24183, "train"), (2993, "val"), (2824, "test")):
        assert any(f"full set has {count} pictures in {split}" in rule for rule in rules)


def test_gul_divides_the_numbers_in_their_order():
    ids = [f"{i:05d}" for i in range(30_000)]
    splits = in_portions(ids, PORTIONS["gul2023"], 30_000)
    assert list(splits) == ids
    assert list(splits.values()) == ["train"] * 23200 + ["val"] * 5800 + ["test"] * 1000


@pytest.mark.parametrize("count", [3, 4, 9, 10, 50, 100])
def test_gul_leaves_no_picture_of_a_partial_set_out(count):
    splits = list(
        in_portions([f"{i:05d}" for i in range(count)], PORTIONS["gul2023"], 30_000).values()
    )
    assert len(splits) == count
    assert {*splits} == {"train", "val", "test"}
    assert splits == sorted(splits, key=["train", "val", "test"].index)


def test_pictures_of_a_split_are_neighbours_in_the_cache(copy_of, tmp_path):
    root = copy_of("celebamask_hq")
    path = root / MAPPING
    header, *lines = path.read_text().splitlines()
    moved = [
        line.replace(" 0 ", " 190000 ", 1) if line.startswith("0 ") else line for line in lines
    ]
    path.write_text("\n".join([header, *moved]))
    data = opened(root)
    assert data.splits == ["train"] * 3 + ["val"] * 2 + ["test"] * 3
    assert data.ids[-3:] == ["00000", "02000", "02001"]
    run = prepare(
        "celebamask_hq",
        options={"partial": True},
        task="face",
        split=SplitOptions(rule="folds", folds=5, fold_val=0.1),
        size=(32, 32),
        data_root=root,
        cache_root=tmp_path / "cache",
    )
    assert [len(part) for part in (run.train, run.val, run.test)] == [5, 1, 2]
    assert set(np.unique(run.train.labels)) == {0, 1}


def test_task_is_the_union_of_all_parts(root):
    label = opened(root)[0][1]
    assert (opened(root, task="face")[0][1] == (label > 0)).all()


def test_opening_lists_each_folder_once_and_asks_for_no_single_file(root, monkeypatch):
    listed = []
    scandir, stat = os.scandir, os.stat

    def counting(path):
        listed.append(os.fspath(path))
        return scandir(path)

    def watched(path, *args, **kwargs):
        assert not str(path).endswith((".png", ".jpg"))
        return stat(path, *args, **kwargs)

    monkeypatch.setattr(os, "scandir", counting)
    monkeypatch.setattr(os, "stat", watched)
    opened(root)
    assert len(listed) == len(set(listed)) == 3


def test_folders_of_masks_are_found_below_the_archives_own_folder(root, tmp_path):
    shutil.copytree(root, tmp_path / "celebamask_hq" / "CelebAMask-HQ")
    assert len(opened(tmp_path)) == 8


def test_label_maps_need_not_be_512_wide_in_a_partial_set(copy_of):
    root = copy_of("celebamask_hq")
    for path in opened(root).pairs[0].parts:
        save(np.array(Image.open(path))[::2, ::2], path)
    image = root / "CelebA-HQ-img" / "0.jpg"
    Image.open(image).resize((512, 512)).save(image)
    assert opened(root)[0][0].shape == (256, 256, 3)
    Image.open(image).resize((256, 256)).save(image)
    assert opened(root)[0][0].shape == (256, 256, 3)


def test_folders_that_are_no_number_are_left_out(copy_of):
    root = copy_of("celebamask_hq", 4)
    masks = root / "CelebAMask-HQ-mask-anno"
    for name in ("notes", "\N{SUPERSCRIPT TWO}"):
        shutil.copytree(masks / "0", masks / name)
    assert len(open_dataset("celebamask_hq", root, split="all", partial=True)) == 4
