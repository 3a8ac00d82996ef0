"""VOC aug: its list, label maps in MAT-files and as grey copies, and what is refused."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from losslab.data import SplitOptions, open_dataset, prepare
from losslab.data.check import check_dataset
from losslab.data.dataset import FileProblem
from losslab.data.fixtures import write_fixture
from losslab.data.sbd import COUNTS, TRAINAUG, VocAug
from losslab.data.voc import CLASSES
from tests.data import spoil

VOC, SBD = "VOCdevkit/VOC2012", "benchmark_RELEASE/dataset"
LABEL = f"{SBD}/cls/2008_000001.mat"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "voc_aug"
    write_fixture("voc_aug", root, 8)
    return root


@pytest.fixture
def aug(written, tmp_path):
    """A copy of the fixture that a test may spoil."""
    shutil.copytree(written, tmp_path / "aug")
    return tmp_path / "aug"


def test_trainaug_is_every_listed_picture_that_voc_does_not_validate(written):
    data = open_dataset("voc_aug", written, split="all", partial=True)
    lists = [written / VOC / "ImageSets/Segmentation", written / SBD]
    (train, val), listed = (
        [(folder / f"{name}.txt").read_text().split() for name in ("train", "val")]
        for folder in lists
    )
    assert set(listed[0]) & set(train)
    assert set(listed[1]) & set(val)
    trainaug = sorted({*train, *listed[0], *listed[1]} - {*val})
    assert len(trainaug) == 4 > len(train)
    assert data.ids == [*trainaug, *val]
    assert data.splits == ["train"] * 4 + ["val"] * 4
    assert data.class_names == CLASSES
    assert data.route == "mat"


def test_fixture_is_the_same_each_time_to_the_byte(written, tmp_path):
    write_fixture("voc_aug", tmp_path / "again", 8)
    files = sorted(file.relative_to(written) for file in written.rglob("*") if file.is_file())
    assert any(file.suffix == ".mat" for file in files)
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (written / file).read_bytes()


def test_label_maps_of_voc_go_before_those_of_sbd(written):
    data = open_dataset("voc_aug", written, partial=True)
    folders = [pair.label.parent.name for pair in data.pairs if pair.split == "train"]
    assert folders == ["SegmentationClass", "cls", "cls", "cls"]
    assert (written / SBD / "cls" / f"{data.ids[0]}.mat").is_file()
    voids = [255 in data[i][1] for i in range(len(data))]
    assert voids == [True, False, False, False]


def test_label_map_of_sbd_is_what_its_structure_holds(written):
    data = open_dataset("voc_aug", written, partial=True)
    stored = loadmat(written / SBD / "cls" / f"{data.ids[1]}.mat")["GTcls"]
    assert stored.dtype.names == ("Boundaries", "Segmentation", "CategoriesPresent")
    assert (data[1][1] == stored[0]["Segmentation"][0]).all()
    present = np.unique(data[1][1])
    assert (stored[0]["CategoriesPresent"][0].ravel() == present[present > 0]).all()


def test_grey_copies_are_read_where_sbd_is_not_there(written, aug):
    before = open_dataset("voc_aug", written, split="all", partial=True)
    home = aug / VOC
    for pair, index in ((p, i) for i, p in enumerate(before.pairs) if p.label.suffix == ".mat"):
        (home / "SegmentationClassAug").mkdir(exist_ok=True)
        copy = home / "SegmentationClassAug" / f"{pair.id}.png"
        Image.fromarray(before.read(index)[1]).save(copy)
        shutil.copy(pair.image, home / "JPEGImages")
    with_both = open_dataset("voc_aug", aug, split="all", partial=True)
    assert with_both.route == "mat"
    shutil.rmtree(aug / "benchmark_RELEASE")
    data = open_dataset("voc_aug", aug, split="all", partial=True)
    assert data.route == "png"
    assert (data.ids, data.splits) == (before.ids, before.splits)
    assert all((data[i][1] == before[i][1]).all() for i in range(len(data)))
    assert data.rules() != before.rules()


def test_counts_of_trainaug_and_of_each_list_are_asserted(written):
    rules = [finding.rule for finding in check_dataset("voc_aug", written)]
    for name, count in {"train": 1464, "val": 1449, "trainaug": TRAINAUG}.items():
        assert any(f"full set has {count} pictures in {name}" in rule for rule in rules)
    for count in COUNTS.values():
        assert any(f"full set has {count} pictures" in rule for rule in rules)
    assert (TRAINAUG, COUNTS) == (10582, {"train": 8498, "val": 2857})


def test_voc_aug_prepares_for_a_run(written, tmp_path):
    data = prepare(
        "voc_aug",
        options={"partial": True},
        task=None,
        split=SplitOptions(),
        size=(48, 64),
        data_root=written,
        cache_root=tmp_path,
    )
    assert [len(part) for part in (data.train, data.val, data.test)] == [4, 4, 4]
    assert data.num_classes == 21


def _resaved(change, **options):
    def damage(path):
        value = loadmat(path)["GTcls"][0]["Segmentation"][0]
        savemat(path, change(value), **options)

    return damage


def _as_sbd(value):
    return {"GTcls": {"Segmentation": value}}


DAMAGE = {
    "cut short": (spoil.cut, "cannot be read as a MAT-file"),
    "no bytes": (spoil.emptied, "cannot be read as a MAT-file .*header"),
    "web page": (spoil.web_page, "cannot be read as a MAT-file .*header"),
    "one byte changed": (
        lambda path: path.write_bytes(
            path.read_bytes()[:700] + bytes([path.read_bytes()[700] ^ 1]) + path.read_bytes()[701:]
        ),
        "cannot be read as a MAT-file .*decompressing",
    ),
    "another key": (_resaved(lambda v: {"GTinst": v}), "GTcls.Segmentation, this file holds GTin"),
    "another field": (_resaved(lambda v: {"GTcls": {"Labels": v}}), "is in GTcls.Segmentation"),
    "no structure": (_resaved(lambda v: {"GTcls": v}), "is in GTcls.Segmentation, this file holds"),
    "fractions": (_resaved(lambda v: _as_sbd(v + 0.5)), "whole numbers, this one is float64"),
    "three axes": (_resaved(lambda v: _as_sbd(v[..., None].repeat(2, 2))), "is a matrix of whole"),
    "class that is none": (_resaved(lambda v: _as_sbd(v | 32)), "0..20, this one holds 32..52"),
    "another size": (_resaved(lambda v: _as_sbd(v[:-1])), "has its picture's size, this one is"),
    "folder": (spoil.folder_instead, "cannot be read as a MAT-file"),
    "linked from outside": (spoil.linked_outside, "this one links to .*elsewhere"),
    "gone": (Path.unlink, "an official list names it and the file does not exist"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_label_map_of_sbd_is_one_clear_error(aug, what):
    damage, rule = DAMAGE[what]
    file = aug / LABEL
    damage(file)
    found = spoil.problem_of("voc_aug", aug)
    assert found.file == file
    assert re.search(rule, found.rule)


def test_uncompressed_label_map_of_sbd_is_read(aug):
    before = open_dataset("voc_aug", aug, partial=True)[1][1]
    _resaved(_as_sbd)(aug / LABEL)
    assert (open_dataset("voc_aug", aug, partial=True)[1][1] == before).all()


def test_voc_aug_without_added_label_maps_says_what_to_put_where(aug):
    shutil.rmtree(aug / "benchmark_RELEASE")
    with pytest.raises(FileProblem, match=r"neither benchmark_REL.*SegmentationClassAug.*tgz"):
        open_dataset("voc_aug", aug, partial=True)


def test_sbd_picture_missing_is_named(aug):
    (aug / "benchmark_RELEASE/dataset/img/2008_000002.jpg").unlink()
    assert spoil.problem_of("voc_aug", aug).file.name == "2008_000002.jpg"


def test_known_classes_need_no_files():
    assert VocAug.known_classes(None) == CLASSES
