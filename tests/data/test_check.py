"""What a check of a data set tells and finds."""

import shutil

import numpy as np
import pytest
from PIL import Image

from losslab.data.check import check_dataset, survey
from tests.data import spoil
from tests.data.conftest import save

NAMES = ("lfw_parts", "helen", "celebamask_hq", "camvid", "folder")


def facts(name, root, **options):
    return survey(name, root, options, partial=True).facts


def errors(name, root, **options):
    found = survey(name, root, options, partial=True).findings
    return {(f.file.removeprefix(f"{root}/"), f.rule) for f in found if f.severity == "error"}


@pytest.mark.parametrize("name", NAMES)
def test_fixtures_have_nothing_wrong_and_their_pictures_are_counted(fixture_of, name):
    found = survey(name, fixture_of(name), partial=True)
    assert found.findings == []
    assert found.facts[0] == "pictures: 8 (train 4, val 2, test 2)"


def test_sizes_modes_and_files_of_a_label_map_are_told(fixture_of):
    found = facts("helen", fixture_of("helen"))
    sizes = "sizes as read (width x height): 400x500 (3), 500x500 (3), 500x375 (2)"
    assert sizes in found
    assert "modes: pictures RGB (8); label files L (8)" in found
    assert "files of a label map: 11" in found


def test_many_sizes_are_summed_up(tree):
    for i in range(12):
        save(np.zeros((16 + i % 6, 20, 3)), tree / "images" / f"p{i:02d}.png")
        save(np.arange(20 * (16 + i % 6)).reshape(-1, 20) % 3, tree / "masks" / f"p{i:02d}.png")
    (sizes,) = [fact for fact in facts("folder", tree) if fact.startswith("sizes")]
    assert "6 sizes, widths 20 to 20, heights 16 to 21, most often 20x16 (2)" in sizes


def test_class_shares_are_of_annotated_pixels_and_void_is_of_all(tree):
    for path in (tree / "masks").iterdir():
        label = np.zeros((16, 20))
        label[:4], label[4:8], label[8:10] = 1, 255, 2
        save(label, path)
    (shares,) = [fact for fact in facts("folder", tree) if fact.startswith("%")]
    expected = "background 50.00, cat 33.33, dog 16.67; void 25.00 % of all"
    assert shares == f"% of annotated pixels: {expected}"


def test_files_that_belong_to_no_picture_are_told_and_are_no_error(copy_of):
    root = copy_of("lfw_parts")
    labels = root / "parts_lfw_funneled_gt_images"
    shutil.copy(labels / "Val_Person000_0001.ppm", labels / "Unlisted_0001.ppm")
    (root / "lfw_funneled" / "Val_Person000" / "notes.txt").write_text("later")
    found = survey("lfw_parts", root, partial=True)
    assert found.findings == []
    told = "files beside them that belong to no picture: 2 (notes.txt, Unlisted_0001.ppm)"
    assert told in found.facts


def test_pictures_in_no_split_are_a_fact_of_a_division_and_a_warning_of_ones_own_lists(
    fixture_of, copy_of
):
    found = survey(
        "lfw_parts", fixture_of("lfw_parts"), {"division": "vanbeers2018_small"}, partial=True
    )
    assert found.findings == []
    assert found.facts[0] == "pictures: 8 (train 3, val 1, test 1, in no split 3)"
    root = copy_of("folder")
    (root / "train.txt").write_text("train_00000\n")
    (finding,) = check_dataset("folder", root)
    assert (finding.severity, "not so 3 of 8" in finding.rule) == ("warning", True)


def test_a_set_of_training_and_validation_alone_is_whole(fixture_of, copy_of):
    assert check_dataset("voc2012", fixture_of("voc2012"), partial=True) == []
    root = copy_of("folder")
    for split in ("val", "test"):
        (root / f"{split}.txt").write_text("")
    rules = [finding.rule for finding in check_dataset("folder", root)]
    assert any("this one only train" in rule for rule in rules)
    (root / "train.txt").write_text("")
    for split in ("val", "test"):
        (root / f"{split}.txt").write_text(f"{split}_00000\n")
    rules = [finding.rule for finding in check_dataset("folder", root)]
    assert any(rule.endswith("this one only val, test") for rule in rules)


def test_all_mistakes_are_found_in_one_check(copy_of):
    root = copy_of("helen")
    images, labels = root / "images", root / "labels"
    ids = sorted(path.name for path in labels.iterdir())
    (labels / ids[0] / f"{ids[0]}_lbl03.png").unlink()
    spoil.cut(labels / ids[1] / f"{ids[1]}_lbl10.png")
    spoil.narrower(images / f"{ids[2]}.jpg")
    shutil.copy(images / f"{ids[3]}.jpg", images / f"{ids[7]}.jpg")
    for k in range(11):
        own = labels / ids[3] / f"{ids[3]}_lbl{k:02d}.png"
        shutil.copy(own, labels / ids[7] / f"{ids[7]}_lbl{k:02d}.png")
    spoil.line(f"9 , {ids[4]}")(root / "testing.txt")
    found = {(file, rule.split(",")[0]) for file, rule in errors("helen", root)}
    assert found == {
        (f"labels/{ids[0]}/{ids[0]}_lbl03.png", "a list names this picture"),
        (f"labels/{ids[1]}/{ids[1]}_lbl10.png", next(r for f, r in found if "lbl10" in f)),
        (f"labels/{ids[2]}", "a label map has its picture's size"),
        (f"images/{ids[7]}.jpg", "a picture occurs once"),
        (str(root), "a picture lies in one split"),
    }


def test_web_pages_for_pictures_are_each_told_once(copy_of):
    root = copy_of("lfw_parts", 4)
    pictures = sorted((root / "lfw_funneled").rglob("*.jpg"))
    for path in pictures:
        spoil.web_page(path)
    found = check_dataset("lfw_parts", root, partial=True)
    assert [f.file for f in found] == [f.file for f in found if f.file.endswith(".jpg")]
    assert sorted(f.file for f in found) == [str(path) for path in pictures]
    assert all("cannot be read as a picture" in f.rule for f in found)


def test_the_remedy_for_an_absent_class_fits_the_set(copy_of):
    root = copy_of("camvid", 4)
    for path in sorted(root.glob("*annot/*.png")):
        label = np.array(Image.open(path))
        save(np.where(label == 8, 11, label), path)
    (found,) = check_dataset("camvid", root, partial=True)
    assert (found.severity, found.rule.rpartition(" ")[2]) == ("warning", "Car")
    assert found.remedy.startswith("complete the set")


@pytest.mark.parametrize("name", ["voc_aug", "pascal_context"])
def test_the_route_by_which_label_maps_are_read_is_told(fixture_of, name):
    assert any("label maps" in fact and ".mat" in fact for fact in facts(name, fixture_of(name)))


def test_real_camvid_and_faces_have_nothing_wrong(shared_data):
    camvid = survey("camvid", shared_data)
    assert camvid.findings == []
    assert camvid.facts[0] == "pictures: 701 (train 367, val 101, test 233)"
    assert camvid.facts[1] == "sizes as read (width x height): 480x360 (701)"
    faces = survey(
        "folder", shared_data, {"name": "faces", "classes": [f"c{i}" for i in range(19)]}
    )
    assert faces.findings == []
    assert faces.facts[0] == "pictures: 1000 (in no split 1000)"


def test_a_pictures_mode_is_that_of_its_file(tree):
    path = tree / "images" / "p00.png"
    Image.open(path).convert("L").save(path)
    assert "modes: pictures RGB (11), L (1); label files L (12)" in facts("folder", tree)
