"""PASCAL-Context: 459 labels become 59 classes by name, from the original or from the copies."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from losslab.data import SplitOptions, open_dataset, prepare
from losslab.data.check import check_dataset
from losslab.data.context import CLASSES, COPIES, COUNTS, RENAMED
from losslab.data.dataset import FileProblem, default_colours
from losslab.data.fixtures import write_fixture
from losslab.data.fixtures.context_labels import LABELS
from tests.data import spoil

HOME, VOC = "pascal_context", "VOCdevkit/VOC2010"
LABEL = f"{HOME}/trainval/2008_000000.mat"
JPEG = f"{VOC}/JPEGImages/2008_000000.jpg"
NAMES, MOST_USED = f"{HOME}/labels.txt", f"{HOME}/59_labels.txt"
TRAIN, VAL = f"{VOC}/ImageSets/Main/train.txt", f"{VOC}/ImageSets/Main/val.txt"
COPY = f"{VOC}/SegmentationClassContext/2008_000000.png"
USUAL_IDS = (
    *(2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113),
    *(115, 144, 158, 159, 162, 187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324),
    *(326, 347, 349, 354, 355, 360, 366, 368, 397, 415, 416, 420, 424, 427, 440, 445, 454, 458),
)
"""The 59 of 459 in ascending order, as published converters list them."""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "context"
    write_fixture("pascal_context", root, 8)
    return root


@pytest.fixture
def root(written, tmp_path):
    """A copy of the fixture that a test may spoil."""
    shutil.copytree(written, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def copies(root):
    """The same set with the label maps as PNG copies, in the alphabetical order of classes."""
    ids = sorted(LABELS.index(RENAMED.get(name, name)) + 1 for name in CLASSES[1:])
    table = np.zeros(460, dtype=np.uint8)
    table[ids] = np.arange(1, 60)
    for file in (root / HOME / "trainval").iterdir():
        place = root / VOC / "SegmentationClassContext" / f"{file.stem}.png"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(table[loadmat(file)["LabelMap"]]).save(place)
    shutil.rmtree(root / HOME)
    (root / VOC / "ImageSets/Main").rename(root / VOC / "ImageSets/SegmentationContext")
    return root


def test_the_59_classes_are_found_among_the_459_by_name():
    assert len(LABELS) == len(set(LABELS)) == 459
    assert list(LABELS) == sorted(LABELS, key=lambda name: name.replace("-", " "))
    ids = [LABELS.index(RENAMED.get(name, name)) + 1 for name in CLASSES[1:]]
    assert tuple(sorted(ids)) == USUAL_IDS
    assert RENAMED == {"diningtable": "table", "bedcloth": "bedclothes", "clothes": "cloth"}


def test_order_of_the_copies_is_that_of_the_459_labels():
    ids = [LABELS.index(RENAMED.get(name, name)) + 1 for name in COPIES[1:]]
    assert tuple(ids) == USUAL_IDS
    assert sorted(COPIES) == sorted(CLASSES)


def test_fixture_opens_with_60_classes_and_says_its_route(written):
    data = open_dataset("pascal_context", written, split="all", partial=True)
    assert data.class_names == CLASSES
    assert (data.num_classes, data.class_names[0], data.class_names[11]) == (
        60,
        "background",
        "diningtable",
    )
    assert data.splits == ["train"] * 4 + ["val"] * 4
    assert data.route == "mat"
    assert (data.colours == default_colours(60)).all()
    values = np.unique(np.concatenate([data[i][1].ravel() for i in range(len(data))]))
    assert values.tolist() == list(range(60))


def test_every_label_is_read_by_its_name(written):
    data = open_dataset("pascal_context", written, partial=True)
    stored = loadmat(written / LABEL)["LabelMap"]
    assert stored.dtype == np.uint16
    assert stored.shape == data[0][1].shape
    for value in np.unique(stored):
        name = LABELS[value - 1]
        (found,) = np.unique(data[0][1][stored == value])
        assert RENAMED.get(CLASSES[found], CLASSES[found]) == (name if found else "background")


def test_copies_give_the_same_classes_and_say_their_route(written, copies):
    original = open_dataset("pascal_context", written, split="all", partial=True)
    data = open_dataset("pascal_context", copies, split="all", partial=True)
    assert data.route == "png"
    assert data.class_names == original.class_names
    assert data.ids == original.ids
    assert all((data[i][1] == original[i][1]).all() for i in range(len(data)))
    assert data.rules() != original.rules()


def test_original_goes_before_the_copies(written, root):
    (root / COPY).parent.mkdir()
    (root / COPY).write_bytes(b"no picture")
    assert open_dataset("pascal_context", root, partial=True).route == "mat"


def test_original_may_lie_in_the_folder_of_voc(root):
    for file in (root / HOME).iterdir():
        file.rename(root / VOC / file.name)
    assert len(open_dataset("pascal_context", root, partial=True)) == 4
    assert len(open_dataset("pascal_context", root / VOC, partial=True)) == 4


def test_background_may_be_void(written, tmp_path):
    full = open_dataset("pascal_context", written, partial=True)
    data = open_dataset("pascal_context", written, partial=True, background="void")
    assert data.class_names == CLASSES[1:]
    assert (data.colours == full.colours[1:]).all()
    expected = np.where(full[0][1] == 0, 255, full[0][1].astype(int) - 1)
    assert (data[0][1] == expected).all()
    assert 255 in data[0][1]
    assert data.rules() != full.rules()


def test_both_routes_assert_their_own_counts(written, copies):
    for root, route in ((written, "mat"), (copies, "png")):
        rules = [finding.rule for finding in check_dataset("pascal_context", root)]
        for split, count in COUNTS[route].items():
            assert f"the full set has {count} pictures in {split}.txt, this one 4" in rules
    assert COUNTS == {"mat": {"train": 4998, "val": 5105}, "png": {"train": 4996, "val": 5104}}


def test_order_of_59_labels_is_ours_however_the_file_is_sorted(written, root):
    before = open_dataset("pascal_context", written, partial=True)[0][1]
    names = sorted(CLASSES[1:])
    lines = [f"{i}: {name}" for i, name in enumerate(("background", *names))]
    (root / MOST_USED).write_text("\n".join(lines))
    assert (open_dataset("pascal_context", root, partial=True)[0][1] == before).all()
    (root / MOST_USED).unlink()
    assert (open_dataset("pascal_context", root, partial=True)[0][1] == before).all()


def test_context_prepares_for_a_run_and_for_a_task(written, tmp_path):
    for task, classes in ((None, 60), ("sky+water", 1)):
        data = prepare(
            "pascal_context",
            options={"partial": True},
            task=task,
            split=SplitOptions(),
            size=(48, 64),
            data_root=written,
            cache_root=tmp_path,
        )
        assert data.num_classes == classes
        assert [len(part) for part in (data.train, data.val, data.test)] == [4, 4, 4]
        assert data.tested_on_val


def _relabelled(change):
    def damage(path: Path) -> None:
        savemat(path, change(loadmat(path)["LabelMap"]))

    return damage


def _edited(old: str, new: str):
    def damage(path: Path) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return damage


DAMAGE = {
    # what happened: (file, how, what the rule says)
    "label map cut short": (LABEL, spoil.cut, "cannot be read as a MAT-file"),
    "label map of no bytes": (LABEL, spoil.emptied, "cannot be read as a MAT-file"),
    "web page for a label map": (LABEL, spoil.web_page, "cannot be read as a MAT-file"),
    "another key": (LABEL, _relabelled(lambda v: {"labels": v}), "is in LabelMap, this file holds"),
    "value beyond 459": (LABEL, _relabelled(lambda v: {"LabelMap": v + 60}), "0..459, this one"),
    "negative value": (
        *(LABEL, _relabelled(lambda v: {"LabelMap": v.astype(int) - 460})),
        "0..459, this one holds -",
    ),
    "fractions": (LABEL, _relabelled(lambda v: {"LabelMap": v / 2}), "whole numbers, this one is"),
    "label map of another size": (
        *(LABEL, _relabelled(lambda v: {"LabelMap": v[1:]})),
        "a label map has its picture's size",
    ),
    "folder for a label map": (LABEL, spoil.folder_instead, "cannot be read as a MAT-file"),
    "picture of no bytes": (JPEG, spoil.emptied, "cannot be read as a picture"),
    "web page for a picture": (JPEG, spoil.web_page, "cannot be read as a picture"),
    "picture linked from outside": (JPEG, spoil.linked_outside, "this one links to .*elsewhere"),
    "list that is no UTF-8": (TRAIN, spoil.latin1, "cannot be read .*utf-8"),
    "id twice in a list": (TRAIN, spoil.line("2008_000000"), "once, '2008_000000' occurs again"),
    "absolute path in a list": (TRAIN, spoil.line("/home/voc/2008_000009"), "not other places"),
    "path out of the set in a list": (TRAIN, spoil.line("../VOC2007/000009"), "not other places"),
    "no label map": (LABEL, Path.unlink, "list names it and the file does not exist"),
    "no picture": (JPEG, Path.unlink, "list names it and the file does not exist"),
    "picture cut short": (JPEG, spoil.cut, "cannot be read as a picture"),
    "picture mirrored by EXIF": (JPEG, spoil.turned(2), r"turns or mirrors it \(orientation 2\)"),
    "label map linked from outside": (LABEL, spoil.linked_outside, "this one links to .*elsewhere"),
    "no list": (TRAIN, Path.unlink, "the file does not exist"),
    "id in both lists": (
        *(VAL, spoil.line("2008_000001"), "2008_000001 is in train and in val"),
        f"{VOC}/ImageSets/Main",
    ),
    "list of a class": (VAL, spoil.line("2009_000000 -1"), "one id such as 2007_000032, not so"),
    "label names without one": (NAMES, _edited("459: wool\n", ""), "there are 459 labels"),
    "label names with a gap": (NAMES, _edited("459: w", "460: w"), "there are 459 labels"),
    "label name twice": (NAMES, _edited("459: wool", "459: wood"), "there are 459 labels"),
    "number twice": (NAMES, _edited("459: wool", "458: wool"), "a line is a new number and a name"),
    "label names without numbers": (NAMES, _edited("2: aero", "aero"), "a line is a new number"),
    "label name misspelt": (NAMES, _edited(": sky", ": skye"), "all of the 59 classes, not so sky"),
    "other 59 classes": (MOST_USED, _edited("sky", "sun"), "differs in sky, sun"),
    "59 classes and one more": (MOST_USED, spoil.line("60: sun"), "differs in sun"),
}
"""Where another file than the spoilt one is named, it comes last."""


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_refused_with_set_file_rule_and_remedy(root, what):
    place, damage, rule, *named = DAMAGE[what]
    damage(root / place)
    found = spoil.problem_of("pascal_context", root)
    assert found.file == root / (named[0] if named else place)
    assert re.search(rule, found.rule)


COPY_DAMAGE = {
    "60 is no class": (spoil.with_value(60), r"label values are 0\.\.59, this one holds 0\.\.60"),
    "painted": (spoil.in_mode("RGB"), "this one is of mode 'RGB'"),
    "16-bit": (spoil.in_mode("I;16"), "this one is of mode 'I;16'"),
    "cut short": (spoil.cut, "cannot be read as a picture"),
}


@pytest.mark.parametrize("what", COPY_DAMAGE)
def test_damaged_copy_is_refused(copies, what):
    damage, rule = COPY_DAMAGE[what]
    damage(copies / COPY)
    found = spoil.problem_of("pascal_context", copies)
    assert found.file == copies / COPY
    assert re.search(rule, found.rule)


def test_missing_label_maps_are_named_by_both_routes(root):
    shutil.rmtree(root / HOME)
    with pytest.raises(FileProblem, match=r"neither pascal_context/ with .*ClassContext/ is here"):
        open_dataset("pascal_context", root, partial=True)


def test_pictures_are_those_of_voc_2010(root):
    shutil.rmtree(root / "VOCdevkit")
    with pytest.raises(FileProblem, match=r"put PASCAL VOC 2010 .* there"):
        open_dataset("pascal_context", root, partial=True)


def test_lists_and_names_saved_by_windows_are_read(written, root):
    for name in (TRAIN, VAL, NAMES, MOST_USED):
        spoil.windows(root / name)
    before = spoil.read_all("pascal_context", written)
    after = spoil.read_all("pascal_context", root)
    assert all((a == b).all() for a, b in zip(after, before, strict=True))
