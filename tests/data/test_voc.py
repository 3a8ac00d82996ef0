"""PASCAL VOC: layouts, divisions, label maps, and what is refused."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from losslab.data import SplitOptions, open_dataset, prepare
from losslab.data.check import check_dataset
from losslab.data.dataset import FileProblem
from losslab.data.fixtures import write_fixture
from losslab.data.fixtures.voc import save_palette
from losslab.data.sets import DATASETS
from losslab.data.voc import CLASSES, rahman2016
from losslab.errors import DataError
from tests.data import spoil

YEARS = {"voc2010": (964, 964), "voc2011": (1112, 1111), "voc2012": (1464, 1449)}
HOMES = {
    "voc2010": "VOCdevkit/VOC2010",
    "voc2011": "TrainVal/VOCdevkit/VOC2011",
    "voc2012": "VOCdevkit/VOC2012",
}
JPEG, MASK = "JPEGImages/2008_000000.jpg", "SegmentationClass/2008_000000.png"
LISTS = "ImageSets/Segmentation"
TRAIN, VAL = "ImageSets/Segmentation/train.txt", "ImageSets/Segmentation/val.txt"


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory):
    """A fixture of eight pictures of every set, by name."""
    roots = {name: tmp_path_factory.mktemp("data") / name for name in YEARS}
    for name, root in roots.items():
        write_fixture(name, root, 8)
    return roots


@pytest.fixture
def root(fixtures, tmp_path):
    """A copy of VOC 2012's fixture that a test may spoil."""
    shutil.copytree(fixtures["voc2012"], tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def home(root):
    return root / HOMES["voc2012"]


@pytest.mark.parametrize("name", YEARS)
def test_fixture_opens_with_its_classes_void_and_two_official_splits(fixtures, name):
    data = open_dataset(name, fixtures[name], split="all", partial=True)
    assert data.class_names == CLASSES == DATASETS[name].static_classes
    assert data.splits == ["train"] * 4 + ["val"] * 4
    assert data.ids == sorted(data.ids)
    values = set()
    for image, label in (data[i] for i in range(len(data))):
        assert image.shape[:2] == label.shape
        assert max(label.shape) == 500
        values |= set(np.unique(label).tolist())
    assert values == {*range(21), 255}


def test_pictures_of_several_sizes_come_as_they_lie_there(fixtures):
    data = open_dataset("voc2012", fixtures["voc2012"], partial=True)
    assert len({data[i][1].shape for i in range(len(data))}) > 1


@pytest.mark.parametrize("name", YEARS)
def test_files_are_found_from_the_data_root_its_folders_and_the_set_itself(fixtures, name):
    home = fixtures[name] / HOMES[name]
    for place in (fixtures[name], home.parent, home):
        assert len(open_dataset(name, place, partial=True)) == 4


@pytest.mark.parametrize("name", YEARS)
def test_counts_of_the_full_set_are_asserted(fixtures, name):
    train, val = YEARS[name]
    with pytest.raises(
        FileProblem, match=f"the full set has {train} pictures in train.txt, this one"
    ):
        open_dataset(name, fixtures[name])
    rules = [finding.rule for finding in check_dataset(name, fixtures[name])]
    assert f"the full set has {val} pictures in val.txt, this one 4" in rules


def test_colours_are_those_of_the_files_own_palette(fixtures):
    with Image.open(fixtures["voc2012"] / HOMES["voc2012"] / MASK) as stored:
        assert stored.mode == "P"
        palette = np.array(stored.getpalette()).reshape(-1, 3)
    data = open_dataset("voc2012", fixtures["voc2012"], partial=True)
    assert (data.colours == palette[:21]).all()
    assert tuple(palette[255]) == (224, 224, 192)
    assert tuple(data.colours[CLASSES.index("person")]) == (192, 128, 128)


def test_label_map_is_what_the_file_holds(fixtures):
    data = open_dataset("voc2012", fixtures["voc2012"], partial=True)
    with Image.open(fixtures["voc2012"] / HOMES["voc2012"] / MASK) as stored:
        assert (data[0][1] == np.array(stored)).all()


def test_a_category_against_the_rest_is_a_task_of_its_name(fixtures):
    data = open_dataset("voc2011", fixtures["voc2011"], partial=True)
    index = CLASSES.index("bus")
    binary = open_dataset("voc2011", fixtures["voc2011"], partial=True, task="bus")
    assert binary.num_classes == 1
    for i in range(len(data)):
        label = data[i][1]
        expected = np.where(label == 255, 255, label == index)
        assert (binary[i][1] == expected).all()


def test_division_of_rahman_and_wang_takes_every_fifth_training_picture_for_validation(fixtures):
    official = open_dataset("voc2010", fixtures["voc2010"], split="all", partial=True)
    data = open_dataset(
        "voc2010", fixtures["voc2010"], split="all", partial=True, division="rahman2016"
    )
    by_split = {
        s: [i for i, own in zip(data.ids, data.splits, strict=True) if own == s]
        for s in ("train", "val", "test")
    }
    assert by_split == {
        "train": official.ids[1:4],
        "val": official.ids[:1],
        "test": official.ids[4:],
    }


@pytest.mark.parametrize(("count", "train", "val"), [(964, 771, 193), (1112, 889, 223)])
def test_division_of_rahman_and_wang_is_80_to_20_of_the_full_lists(count, train, val):
    ids = [f"{i:06d}" for i in range(count)]
    lists = rahman2016({"train": ids, "val": ["a"]})
    assert {split: len(found) for split, found in lists.items()} == {
        "train": train,
        "val": val,
        "test": 1,
    }
    assert sorted([*lists["train"], *lists["val"]]) == ids


def test_unknown_division_is_named_with_the_choices(fixtures):
    with pytest.raises(DataError, match=r"option division.*'official' or 'rahman2016'.*'gul'"):
        open_dataset("voc2010", fixtures["voc2010"], division="gul")


def test_run_reads_the_task_and_is_tested_on_validation_pictures(fixtures, tmp_path):
    def prepared(**options):
        return prepare(
            "voc2012",
            options={"partial": True, **options},
            task="person",
            split=SplitOptions(),
            size=(48, 64),
            data_root=fixtures["voc2012"],
            cache_root=tmp_path,
        )

    data = prepared()
    assert [len(part) for part in (data.train, data.val, data.test)] == [4, 4, 4]
    assert data.tested_on_val
    assert set(np.unique(data.train.labels)) <= {0, 1, 255}
    divided = prepared(division="rahman2016")
    assert [len(part) for part in (divided.train, divided.val, divided.test)] == [3, 1, 4]
    assert not divided.tested_on_val
    assert divided.fingerprint != data.fingerprint


DAMAGE = {
    # what happened: (file, how, what the rule says)
    "picture cut short": (JPEG, spoil.cut, "cannot be read as a picture .*truncated"),
    "label map cut short": (MASK, spoil.cut, "cannot be read as a picture"),
    "picture of no bytes": (JPEG, spoil.emptied, "cannot be read as a picture"),
    "label map of no bytes": (MASK, spoil.emptied, "cannot be read as a picture"),
    "web page for a picture": (JPEG, spoil.web_page, "cannot be read as a picture"),
    "web page for a label map": (MASK, spoil.web_page, "cannot be read as a picture"),
    "folder for a picture": (JPEG, spoil.folder_instead, "cannot be read as a picture"),
    "grey label map": (MASK, spoil.in_mode("L"), r"\(mode P\), this one is of mode 'L'"),
    "painted label map": (MASK, spoil.in_mode("RGB"), r"\(mode P\), this one is of mode 'RGB'"),
    "16-bit label map": (MASK, spoil.in_mode("I;16"), r"\(mode P\), this one is of mode 'I;16'"),
    "class that is none": (MASK, spoil.with_value(21), r"0\.\.20 or 255 \(void\), .* holds 21"),
    "label map of another size": (MASK, spoil.narrower, "has its picture's size, this one is 499x"),
    "label map saved anew": (MASK, spoil.saved_anew, "VOC's colours by class index, this one that"),
    "picture turned by EXIF": (JPEG, spoil.turned(3), r"turns or mirrors it \(orientation 3\)"),
    "picture on its side by EXIF": (JPEG, spoil.turned(6), "has its picture's size", MASK),
    "picture linked from outside": (JPEG, spoil.linked_outside, "this one links to .*elsewhere"),
    "label map linked from outside": (MASK, spoil.linked_outside, "this one links to .*elsewhere"),
    "no picture": (JPEG, Path.unlink, "list names it and the file does not exist"),
    "no label map": (MASK, Path.unlink, "list names it and the file does not exist"),
    "no folder": ("JPEGImages", shutil.rmtree, "the folder does not exist"),
    "no list": (TRAIN, Path.unlink, "the file does not exist"),
    "list that is no UTF-8": (TRAIN, spoil.latin1, "cannot be read .*utf-8"),
    "id twice in a list": (TRAIN, spoil.line("2008_000000"), "once, '2008_000000' occurs again"),
    "id in both lists": (VAL, spoil.line("2008_000001"), "is in train and in val", LISTS),
    "list of a class": (TRAIN, spoil.line("2008_000009  1"), "one id such as 2007_000032, not so"),
    "absolute path in a list": (TRAIN, spoil.line("/home/voc/2008_000009"), "not other places"),
    "path out of the set in a list": (TRAIN, spoil.line("../VOC2007/000009"), "not other places"),
    "id without its file": (
        *(VAL, spoil.line("2009_000077"), "list names it and the file does not exist"),
        "JPEGImages/2009_000077.jpg",
    ),
}
"""Where another file than the spoilt one is named, it comes last."""


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_refused_with_set_file_rule_and_remedy(root, home, what):
    place, damage, rule, *named = DAMAGE[what]
    damage(home / place)
    found = spoil.problem_of("voc2012", root)
    assert found.file == home / (named[0] if named else place)
    assert re.search(rule, found.rule)


def test_palette_of_greys_is_read_by_index(root, home):
    with Image.open(home / MASK) as stored:
        label = np.array(stored)
    picture = Image.fromarray(label)
    picture.putpalette(np.arange(256).repeat(3).astype(np.uint8).tobytes())
    picture.save(home / MASK)
    assert (open_dataset("voc2012", root, partial=True)[0][1] == label).all()


def test_folder_of_another_year_is_refused(fixtures):
    with pytest.raises(FileProblem, match="the set of 2010 is in a folder VOC2010, not VOC2012"):
        open_dataset("voc2010", fixtures["voc2012"] / HOMES["voc2012"], partial=True)


def test_missing_set_says_where_it_is_looked_for(tmp_path):
    with pytest.raises(FileProblem, match=r"voc2011: .*TrainVal/VOCdevkit/VOC2011/.*holds Segm"):
        open_dataset("voc2011", tmp_path)


HARMLESS = {
    "list saved by Windows": lambda home: spoil.windows(home / TRAIN),
    "files that begin with a dot": lambda home: [
        (home / folder / name).write_bytes(b"\0\5\26\7")
        for folder, suffix in (("JPEGImages", "jpg"), ("SegmentationClass", "png"))
        for name in (".DS_Store", f"._2008_000000.{suffix}")
    ],
    "pictures that no list names": lambda home: shutil.copy(
        home / JPEG, home / "JPEGImages" / "2007_000001.jpg"
    ),
    "folder that is a link": lambda home: (
        (home / "JPEGImages").rename(home.parent / "moved")
        and (home / "JPEGImages").symlink_to(home.parent / "moved")
    ),
    "suffix in capitals": lambda home: (home / JPEG).rename((home / JPEG).with_suffix(".JPG")),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_harmless_differences_change_nothing(fixtures, root, home, what):
    before = open_dataset("voc2012", fixtures["voc2012"], split="all", partial=True)
    HARMLESS[what](home)
    after = open_dataset("voc2012", root, split="all", partial=True)
    assert after.ids == before.ids
    assert all((after[i][1] == before[i][1]).all() for i in range(len(before)))


def test_order_of_the_lists_does_not_matter(root, home):
    before = open_dataset("voc2012", root, split="all", partial=True).ids
    lines = (home / TRAIN).read_text().splitlines()
    (home / TRAIN).write_text("\n".join(lines[::-1]))
    assert open_dataset("voc2012", root, split="all", partial=True).ids == before


def test_writing_a_palette_keeps_every_value(tmp_path):
    label = np.arange(256, dtype=np.uint8).reshape(16, 16)
    save_palette(label, tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as stored:
        assert stored.mode == "P"
        assert (np.array(stored) == label).all()
