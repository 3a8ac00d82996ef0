"""Cityscapes: label ids become 19 classes, files lie in the folder of their city."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from losslab.data import SplitOptions, open_dataset, prepare
from losslab.data.check import check_dataset
from losslab.data.cityscapes import CLASSES, COUNTS, TABLE
from losslab.data.dataset import FileProblem
from losslab.data.fixtures import write_fixture
from tests.data import spoil

AACHEN = "aachen_000000_000000"
PICTURE = f"leftImg8bit/train/aachen/{AACHEN}_leftImg8bit.png"
LABEL = f"gtFine/train/aachen/{AACHEN}_gtFine_labelIds.png"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "cityscapes"
    write_fixture("cityscapes", root, 8)
    return root


@pytest.fixture
def root(written, tmp_path):
    """The fixture's layout with four small pictures, which a test may spoil."""
    for file in written.rglob("*_00000[01]_*.png"):
        place = tmp_path / "data" / file.relative_to(written)
        place.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(file) as picture:
            picture.resize((64, 32), Image.Resampling.NEAREST).save(place)
    return tmp_path / "data"


def test_fixture_is_of_full_size_and_has_all_classes_and_void(written):
    data = open_dataset("cityscapes", written, split="all", partial=True)
    assert data.class_names == tuple(CLASSES)
    assert data.num_classes == 19
    assert data.splits == ["train"] * 4 + ["val"] * 4
    image, label = data[0]
    assert image.shape == (1024, 2048, 3)
    assert label.shape == (1024, 2048)
    values = {v for i in range(len(data)) for v in np.unique(data[i][1]).tolist()}
    assert values == {*range(19), 255}


def test_every_label_id_has_its_published_class(written):
    data = open_dataset("cityscapes", written, partial=True)
    with Image.open(written / LABEL) as stored:
        assert stored.mode == "L"
        assert (data[0][1] == TABLE[np.array(stored)]).all()
    scored = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    assert TABLE[scored].tolist() == list(range(19))
    assert (np.delete(TABLE, scored) == 255).all()


def test_classes_have_the_published_colours(written):
    data = open_dataset("cityscapes", written, partial=True)
    colours = dict(zip(data.class_names, map(tuple, data.colours.tolist()), strict=True))
    assert colours["road"] == (128, 64, 128)
    assert colours["car"] == (0, 0, 142)
    assert colours["bicycle"] == (119, 11, 32)
    assert len(set(colours.values())) == 19


def test_licence_plates_are_void(root):
    """Their id is -1, which 8 bits hold as 255."""
    spoil.with_value(255)(root / LABEL)
    assert open_dataset("cityscapes", root, partial=True)[0][1][5, 7] == 255


def test_split_of_testing_is_never_opened(root):
    for folder, ending in (("leftImg8bit", "leftImg8bit"), ("gtFine", "gtFine_labelIds")):
        place = root / folder / "test" / "berlin" / f"berlin_000000_000019_{ending}.png"
        place.parent.mkdir(parents=True)
        place.write_bytes(b"no picture")
    data = open_dataset("cityscapes", root, split="all", partial=True)
    assert set(data.splits) == {"train", "val"}
    assert len(data) == 4


def test_counts_and_the_size_of_the_full_set_are_asserted(root):
    rules = [finding.rule for finding in check_dataset("cityscapes", root)]
    assert "the full set has 2975 pictures in train, this one 2" in rules
    assert "the full set has 500 pictures in val, this one 2" in rules
    assert rules.count("pictures are 2048x1024, this one is 64x32") == 4
    assert COUNTS == {"train": 2975, "val": 500}


def test_set_is_found_in_a_folder_of_its_name(root, tmp_path):
    root.rename(tmp_path / "cityscapes")
    assert len(open_dataset("cityscapes", tmp_path, partial=True)) == 2


def test_cityscapes_prepares_for_a_run_and_for_a_task_of_two_words(root, tmp_path):
    for task, classes in ((None, 19), ("traffic light+traffic sign", 1)):
        data = prepare(
            "cityscapes",
            options={"partial": True},
            task=task,
            split=SplitOptions(),
            size=(32, 64),
            data_root=root,
            cache_root=tmp_path / "cache",
        )
        assert data.num_classes == classes
        assert [len(part) for part in (data.train, data.val, data.test)] == [2, 2, 2]
        assert data.tested_on_val


def _in_another_city(path: Path) -> None:
    place = path.parent.parent / "ulm"
    place.mkdir()
    path.rename(place / path.name)


def _in_both_splits(path: Path) -> None:
    """The city's pictures and label maps also lie in val."""
    root = path.parents[3]
    for folder in ("leftImg8bit", "gtFine"):
        shutil.copytree(root / folder / "train/aachen", root / folder / "val/aachen")


def _of_other_name(path: Path) -> None:
    path.rename(path.with_name(path.name.replace("_000000_000000_", "_0_0_")))


def _as_jpeg(path: Path) -> None:
    with Image.open(path) as picture:
        picture.save(path.with_suffix(".jpg"))
    path.unlink()


def _of_train_ids(path: Path) -> None:
    path.rename(path.with_name(path.name.replace("labelIds", "labelTrainIds")))


DAMAGE = {
    # what happened: (file, how, what the rule says)
    "picture cut short": (PICTURE, spoil.cut, "cannot be read as a picture"),
    "label map cut short": (LABEL, spoil.cut, "cannot be read as a picture"),
    "picture of no bytes": (PICTURE, spoil.emptied, "cannot be read as a picture"),
    "label map of no bytes": (LABEL, spoil.emptied, "cannot be read as a picture"),
    "web page for a picture": (PICTURE, spoil.web_page, "cannot be read as a picture"),
    "folder for a picture": (PICTURE, spoil.folder_instead, "cannot be read as a picture"),
    "label map linked from outside": (LABEL, spoil.linked_outside, "this one links to .*elsewhere"),
    "web page for a label map": (LABEL, spoil.web_page, "cannot be read as a picture"),
    "16-bit label map": (LABEL, spoil.in_mode("I;16"), r"\(mode L\), this one is of mode 'I;16'"),
    "label map of palette indices": (LABEL, spoil.in_mode("P"), r"\(mode L\), this one .* 'P'"),
    "painted label map": (LABEL, spoil.in_mode("RGB"), r"\(mode L\), this one is of mode 'RGB'"),
    "label id that is none": (LABEL, spoil.with_value(34), r"0\.\.33 or 255, this one holds 34"),
    "label map of another size": (LABEL, spoil.narrower, "has its picture's size, this one is 63x"),
    "picture turned by EXIF": (PICTURE, spoil.turned(3), r"turns or mirrors it \(orientation 3\)"),
    "no label map": (LABEL, Path.unlink, "every picture has a label map", PICTURE),
    "no picture": (PICTURE, Path.unlink, "every picture has a label map", LABEL),
    "picture as JPEG": (PICTURE, _as_jpeg, "every picture has a label map", LABEL),
    "label map of train ids": (LABEL, _of_train_ids, "every picture has a label map", PICTURE),
    "picture in the folder of another city": (
        *(PICTURE, _in_another_city, "named after its folder: ulm_<sequence>_<frame>_leftImg8bit"),
        PICTURE.replace("/aachen/", "/ulm/"),
    ),
    "picture of another name": (
        *(PICTURE, _of_other_name, "named after its folder: aachen_<sequence>_<frame>"),
        PICTURE.replace("_000000_000000_", "_0_0_"),
    ),
    "city in both splits": (PICTURE, _in_both_splits, "is in train and in val", "."),
    "picture linked from outside": (PICTURE, spoil.linked_outside, "this one links to .*elsewhere"),
    "no split": ("gtFine/val", shutil.rmtree, "the folder does not exist"),
}
"""Where another file than the spoilt one is named, it comes last."""


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_refused_with_set_file_rule_and_remedy(root, what):
    place, damage, rule, *named = DAMAGE[what]
    damage(root / place)
    found = spoil.problem_of("cityscapes", root)
    assert found.file == root / (named[0] if named else place)
    assert re.search(rule, found.rule)


def test_16_bit_picture_is_refused(root):
    Image.fromarray(np.zeros((32, 64), dtype=np.uint16)).save(root / PICTURE)
    assert "a picture has 8 bits a channel" in spoil.problem_of("cityscapes", root).rule


def test_hidden_and_foreign_files_are_left_alone(root):
    for folder in ("leftImg8bit", "gtFine"):
        (root / folder / "train" / ".DS_Store").write_bytes(b"\0")
        (root / folder / "train" / ".hidden").mkdir()
        (root / folder / "train" / "license.txt").write_text("Cityscapes")
    (root / PICTURE).with_name(f"._{AACHEN}_leftImg8bit.png").write_bytes(b"\0\5\26\7")
    (root / LABEL).with_name(f"{AACHEN}_gtFine_polygons.json").write_text("{}")
    shutil.copy(root / LABEL, (root / LABEL).with_name(f"{AACHEN}_gtFine_instanceIds.png"))
    assert len(open_dataset("cityscapes", root, split="all", partial=True)) == 4


def test_missing_set_says_where_it_is_looked_for(tmp_path):
    with pytest.raises(FileProblem, match=r"cityscapes: .*holds leftImg8bit; put leftImg8bit/ and"):
        open_dataset("cityscapes", tmp_path)
