"""What is refused in the data sets of faces, in CamVid and in people's own folders, and what is
not; VOC, PASCAL-Context and Cityscapes have such tables of their own.
"""

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image

from losslab.data import open_dataset
from losslab.data.check import check_dataset
from losslab.data.dataset import FileProblem
from losslab.data.fixtures import write_fixture
from tests.data import spoil

LFW = {
    "picture": "lfw_funneled/Train_Person000/Train_Person000_0001.jpg",
    "label": "parts_lfw_funneled_gt_images/Train_Person000_0001.ppm",
    "list": "parts_train.txt",
    "other list": "parts_test.txt",
    "line": "Train_Person000 1",
}
HELEN = {
    "picture": "images/100007919_1.jpg",
    "label": "labels/100007919_1/100007919_1_lbl04.png",
    "folder": "labels/100007919_1",
    "list": "exemplars.txt",
    "other list": "testing.txt",
    "line": "1 , 100007919_1",
}
CELEBA = {
    "masks": "CelebAMask-HQ-mask-anno",
    "picture": "CelebA-HQ-img/0.jpg",
    "label": "CelebAMask-HQ-mask-anno/0/00000_hair.png",
    "skin": "CelebAMask-HQ-mask-anno/0/00000_skin.png",
    "list": "CelebA-HQ-to-CelebA-mapping.txt",
    "line": "0 7 000008.jpg",
}
CAMVID = {"picture": "train/train_00000.png", "label": "trainannot/train_00000.png"}
FOLDER = {
    "picture": "images/train_00000.png",
    "label": "masks/train_00000.png",
    "list": "train.txt",
    "other list": "val.txt",
    "line": "train_00000",
}
SETS = {
    "lfw_parts": LFW,
    "helen": HELEN,
    "celebamask_hq": CELEBA,
    "camvid": CAMVID,
    "folder": FOLDER,
}
ALL, FACES = tuple(SETS), ("lfw_parts", "helen", "celebamask_hq")
LISTED, GREY = ("lfw_parts", "helen"), ("helen", "celebamask_hq")


def narrower(path):
    """In place of a file, one that lacks a column."""
    with Image.open(path) as picture:
        picture.crop((0, 0, picture.width - 1, picture.height)).save(path)


def at_a_corner(value):
    """One pixel of the label map gets the value."""

    def change(path):
        with Image.open(path) as picture:
            changed = picture.copy()
        changed.putpixel((0, 0), value)
        changed.save(path)

    return change


def grey_of_16_bits(path):
    with Image.open(path) as picture:
        values = np.array(picture.convert("L")).astype(np.uint16)
    # JPEG has no 16 bits; what a file is tells its content, not its name
    Image.fromarray(values * 257).save(path, format="PPM" if path.suffix == ".ppm" else "PNG")


def file_instead(folder):
    shutil.rmtree(folder)
    folder.write_text("not unpacked")


def twice_of_a_stem(path):
    shutil.copy(path, path.with_suffix(".bmp"))


def linked_outside(path):
    home = next(folder for folder in path.parents if folder.name == "data")
    path.rename(home.parent / path.name)
    path.symlink_to(home.parent / path.name)


def moved(path):
    """A mask in the folder of other pictures."""
    path.rename(path.parents[1] / "1" / path.name)


def renamed(name):
    return lambda path: path.rename(path.with_name(name))


def first_again(path):
    """The list, or another list of the set, gets the first picture of training again."""
    lists = {
        places[key]: places["line"]
        for places in SETS.values()
        for key in ("list", "other list")
        if key in places
    }
    spoil.line(lists[path.name])(path)


def in_validation_too(path):
    """A picture of training and its label map are copied to validation."""
    home = path.parents[1]
    for part in ("", "annot"):
        copy = home / f"val{part}" / path.name
        copy.write_bytes((home / f"train{part}" / path.name).read_bytes())


UNREADABLE = "cannot be read as a picture"
ABSENT = "does not exist|has a label map of the same stem|files of the set"
DAMAGE = [
    # what happened, in which sets, to which file, how, what the rule says, which file is named
    ("picture cut short", ALL, "picture", spoil.cut, UNREADABLE),
    ("label cut short", ALL, "label", spoil.cut, UNREADABLE),
    ("picture of no bytes", ALL, "picture", spoil.emptied, UNREADABLE),
    ("label of no bytes", ALL, "label", spoil.emptied, UNREADABLE),
    ("web page for a picture", ALL, "picture", spoil.web_page, UNREADABLE),
    ("web page for a label", ALL, "label", spoil.web_page, UNREADABLE),
    ("folder for a picture", ALL, "picture", spoil.folder_instead, UNREADABLE),
    ("folder for a label", ALL, "label", spoil.folder_instead, UNREADABLE),
    ("no picture", ALL, "picture", Path.unlink, ABSENT, "either"),
    ("no label", (*LISTED, "camvid", "folder"), "label", Path.unlink, ABSENT, "either"),
    ("no mask of skin", ("celebamask_hq",), "skin", Path.unlink, "its image and a mask of skin"),
    ("picture linked from outside", ALL, "picture", linked_outside, "this one links to"),
    ("label linked from outside", ALL, "label", linked_outside, "this one links to"),
    ("picture of another size", ("lfw_parts", "camvid", "folder"), "picture", narrower,
     "a label map has its picture's size", "label"),
    ("picture of another size", ("helen",), "picture", narrower, "has its picture's s", "folder"),
    ("picture of another shape", ("celebamask_hq",), "picture", narrower, "one ratio of sides"),
    ("one of eleven maps smaller", ("helen",), "label", narrower, "eleven maps of a picture have"),
    ("one mask smaller", ("celebamask_hq",), "label", narrower, "masks of a picture have one size"),
    ("picture turned by EXIF", ALL, "picture", spoil.turned(3), "orientation 3"),
    ("picture of 16 bits", ALL, "picture", grey_of_16_bits, "8 bits a channel"),
    ("label of 16 bits", GREY, "label", grey_of_16_bits, "8-bit grey .* mode 'I;16'"),
    ("label of 16 bits", ("lfw_parts",), "label", grey_of_16_bits, "8 bits a channel"),
    ("label of 16 bits", ("camvid", "folder"), "label", grey_of_16_bits, "values lie in 0..255"),
    ("label with a palette", GREY, "label", spoil.in_mode("P"), "8-bit grey .* mode 'P'"),
    ("transparent label", GREY, "label", spoil.in_mode("RGBA"), "8-bit grey .* mode 'RGBA'"),
    ("painted label", ("camvid", "folder"), "label", spoil.in_mode("RGB"), "of mode 'RGB'"),
    ("coloured mask", ("celebamask_hq",), "label", at_a_corner((255, 0, 0)), "grey, this one is"),
    ("bluish mask", ("celebamask_hq",), "label", at_a_corner((255, 255, 254)), "grey, this one is"),
    ("colour that is no class", ("lfw_parts",), "label", at_a_corner((254, 0, 0)), "254, 0, 0"),
    ("grey painted label", ("lfw_parts",), "label", spoil.in_mode("L"), "in the colour table, not"),
    ("mask with a third value", ("celebamask_hq",), "label", at_a_corner((128,) * 3), "also 128"),
    ("class that is none", ("camvid", "folder"), "label", at_a_corner(99), "this one holds 99"),
    ("mask of an unknown part", ("celebamask_hq",), "label", renamed("00000_beard.png"),
     "a mask is named", None),
    ("file for the folder of masks", ("celebamask_hq",), "masks", file_instead, "Not a directory"),
    ("mask in another folder", ("celebamask_hq",), "label", moved, "lie in folder 0", None),
    ("picture without a number", ("celebamask_hq",), "picture", renamed("zero.jpg"),
     "named by its number", None),
    ("no list", ("lfw_parts", "celebamask_hq", "folder"), "list", Path.unlink, "the file does not"),
    ("no list", ("helen",), "other list", Path.unlink, "the file does not exist"),
    ("list that is no UTF-8", (*FACES, "folder"), "list", spoil.latin1, "cannot be read"),
    ("picture twice in a list", (*FACES, "folder"), "list", first_again, "occurs again|is already"),
    ("picture in two lists", LISTED, "other list", first_again, "is in train and in test", None),
    ("picture in two lists", ("folder",), "other list", first_again, "is already in train.txt"),
    ("two pictures of a stem", ("camvid", "folder"), "picture", twice_of_a_stem,
     "paired by stem, and train_00000.bmp has the same"),
    ("two labels of a stem", ("camvid", "folder"), "label", twice_of_a_stem,
     "paired by stem, and train_00000.bmp has the same"),
    ("picture in two splits", ("camvid",), "picture", in_validation_too, "also in train", None),
    ("absolute path in a list", ("lfw_parts",), "list", spoil.line("/data/A 1"), "not other pl"),
    ("absolute path in a list", ("helen",), "list", spoil.line("9 , /data/1_1"), "not other pl"),
    ("path out of the set", ("lfw_parts",), "list", spoil.line("../A 1"), "not other places"),
    ("path out of the set", ("helen",), "list", spoil.line("9 , ../../1_1"), "not other places"),
    ("absolute path in a list", ("folder",), "list", spoil.line("/images/val_00000.png"),
     "names pictures of images"),
    ("path out of the set", ("folder",), "list", spoil.line("../images/val_00000"),
     "names pictures of images"),
    ("line of another form", ("lfw_parts",), "list", spoil.line("A_B"), "a name and a number, suc"),
    ("line of another form", ("helen",), "list", spoil.line("123_1"), "a number, a comma and an i"),
    ("bad line in the mapping", ("celebamask_hq",), "list", spoil.line("8 x 9.jpg"), "not so '8 x"),
    ("picture in no line", ("celebamask_hq",), "list", lambda path: path.write_text("idx\n"),
     "every picture is in CelebA-HQ"),
    ("listed picture that is not there", ("lfw_parts",), "list", spoil.line("Nobody 3"),
     "the file does not exist", None),
    ("listed picture that is not there", ("helen",), "list", spoil.line("9 , 12_1"),
     "the file does not exist", None),
]  # fmt: skip
CASES = [(name, *row) for row in DAMAGE for name in row[1]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_damage_is_refused_with_set_file_rule_and_remedy(copy_of, case):
    name, _, _, place, damage, rule, *named = case
    root, places = copy_of(name, 4), SETS[name]
    damage(root / places[place])
    found = spoil.problem_of(name, root)
    assert re.search(rule, found.rule)
    if named == ["either"]:
        assert found.file in (root / places["picture"], root / places["label"])
    elif named != [None]:
        assert found.file == root / places[(named or [place])[0]]


PAINTED = {
    "colour that is no class": (at_a_corner((1, 2, 4)), r"colour table, not so \(1, 2, 4\)"),
    "grey": (spoil.in_mode("L"), "every colour of a label map is in the colour table"),
    "16 bits": (grey_of_16_bits, "a painted label map has 8 bits a channel"),
    "cut short": (spoil.cut, UNREADABLE),
}


@pytest.mark.parametrize("what", PAINTED)
def test_damaged_paintings_of_a_folder_are_refused(tmp_path, what):
    damage, rule = PAINTED[what]
    options = {"classes": ["ground", "thing"], "colours": [[1, 2, 3], [200, 0, 0]]}
    write_fixture("folder", tmp_path / "data", 4, options)
    label = tmp_path / "data" / FOLDER["label"]
    damage(label)
    data = open_dataset("folder", tmp_path / "data", split="train", **options)
    with pytest.raises(FileProblem, match=rule) as caught:
        data[0]
    assert (caught.value.file, caught.value.dataset) == (label, "folder")


def appled(root):
    for path in [path for path in root.rglob("*.*") if path.is_file()]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\26\7")
        path.with_name(".DS_Store").write_bytes(b"\0\0\0\1Bud1")


def windowed(root):
    for path in root.rglob("*.txt"):
        spoil.windows(path)


def linked_inside(root):
    """A picture is a link to a file in its own folder, and a whole folder a link to another."""
    picture = next(path for path in sorted(root.rglob("*.*g")) if "label" not in path.parts)
    kept = picture.with_suffix(".kept")
    picture.rename(kept)
    picture.symlink_to(kept.name)
    folder = next(path for path in sorted(root.iterdir()) if path.is_dir())
    moved = root.parent / f"{folder.name}_elsewhere"
    folder.rename(moved)
    folder.symlink_to(moved)


@pytest.mark.parametrize("change", [appled, windowed, linked_inside])
@pytest.mark.parametrize("name", [*ALL, "voc_aug", "pascal_context", "cityscapes"])
def test_harmless_differences_change_nothing(fixture_of, copy_of, name, change):
    before = open_dataset(name, fixture_of(name, 4), split="all", partial=True)
    root = copy_of(name, 4)
    change(root)
    after = open_dataset(name, root, split="all", partial=True)
    assert (after.ids, after.splits) == (before.ids, before.splits)
    for i in range(4):
        (image, label), (same_image, same_label) = before[i], after[i]
        assert (image == same_image).all()
        assert (label == same_label).all()


@pytest.mark.parametrize("name", ALL)
def test_every_fixture_is_read_whole_and_all_its_classes_occur(fixture_of, name):
    data = open_dataset(name, fixture_of(name), split="all", partial=True)
    values = set()
    for i in range(len(data)):
        image, label = data[i]
        assert image.shape[:2] == label.shape
        values |= {*np.unique(label).tolist()}
    assert values - {255} == {*range(data.num_classes)}


CLOSED = [
    ("lfw_parts", "parts_lfw_funneled_gt_images"),
    ("lfw_parts", "lfw_funneled"),
    ("lfw_parts", "parts_train.txt"),
    ("helen", "images"),
    ("helen", "labels/100007919_1/100007919_1_lbl04.png"),
    ("celebamask_hq", "CelebAMask-HQ-mask-anno"),
    ("celebamask_hq", "CelebA-HQ-img/0.jpg"),
    ("camvid", "."),
    ("camvid", "trainannot"),
    ("folder", "masks"),
    ("folder", "classes.txt"),
    ("voc2011", "TrainVal/VOCdevkit"),
    ("cityscapes", "gtFine/train"),
    ("voc_aug", "benchmark_RELEASE/dataset"),
    ("pascal_context", "pascal_context/trainval"),
]


@contextmanager
def without_privileges():
    """What may not be read is not read, by root neither."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize(("name", "place"), CLOSED)
def test_what_may_not_be_read_is_named_and_not_said_to_be_missing(fixture_of, name, place):
    with TemporaryDirectory() as outer:  # pytest's own folders are root's alone
        Path(outer).chmod(0o755)
        root = Path(outer) / "data"
        shutil.copytree(fixture_of(name, 4), root)
        (root / place).chmod(0)
        try:
            with without_privileges():
                found = spoil.problem_of(name, root)
                (finding, *_) = [f for f in check_dataset(name, root, partial=True) if f.remedy]
        finally:
            (root / place).chmod(0o755)
    assert "Permission denied" in found.rule
    assert found.file.is_relative_to(root / place)
    assert (finding.severity, finding.rule) == ("error", found.rule)
