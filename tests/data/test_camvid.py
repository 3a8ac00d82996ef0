"""CamVid's layout, its checks, and fixtures that follow them."""

import numpy as np
import pytest
from PIL import Image

from losslab.data import SplitOptions, open_dataset, prepare
from losslab.data.celebamask import CelebAMaskHQ
from losslab.data.check import check_dataset
from losslab.data.fixtures import write_fixture
from losslab.errors import DataError
from tests.data.conftest import save


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "camvid"
    write_fixture("camvid", root, 8)
    return root


@pytest.fixture
def camvid(tmp_path):
    """A tiny set in CamVid's layout that a test may spoil."""
    for split in ("train", "val", "test"):
        for i in range(2):
            picture = np.full((6, 8, 3), 40 * i + 10 * len(split))
            save(picture, tmp_path / split / f"{split}{i}.png")
            save(np.arange(48).reshape(6, 8) % 12, tmp_path / f"{split}annot" / f"{split}{i}.png")
    return tmp_path


def test_fixture_opens_and_has_nothing_to_find(written):
    data = open_dataset("camvid", written.parent, split="train", partial=True)
    image, label = data[0]
    assert len(data) == 4
    assert image.shape == (360, 480, 3)
    assert label.shape == (360, 480)
    assert data.num_classes == 11
    assert check_dataset("camvid", written, partial=True) == []


def test_fixture_writes_the_official_lists_and_void_value(written):
    line = (written / "val.txt").read_text().splitlines()[0]
    assert line == "/SegNet/CamVid/val/val_00000.png /SegNet/CamVid/valannot/val_00000.png"
    with Image.open(written / "valannot" / "val_00000.png") as stored:
        assert stored.mode == "L"
        values = np.unique(np.array(stored))
    assert values.max() == 11


def test_void_of_the_files_becomes_255(camvid):
    label = open_dataset("camvid", camvid, partial=True)[0][1]
    assert sorted(np.unique(label)) == [*range(11), 255]


def test_class_order_and_colours_are_segnets(camvid):
    data = open_dataset("camvid", camvid, partial=True)
    assert data.class_names[:3] == ("Sky", "Building", "Pole")
    assert data.class_names[-1] == "Bicyclist"
    assert tuple(data.colours[8]) == (64, 0, 128)


def test_jpeg_pictures_are_paired_by_stem(camvid):
    for file in (camvid / "train").iterdir():
        with Image.open(file) as picture:
            picture.save(file.with_suffix(".jpg"))
        file.unlink()
    assert len(open_dataset("camvid", camvid, partial=True)) == 2


def test_incomplete_set_is_refused_unless_partial(camvid):
    with pytest.raises(
        DataError, match="full set has 367 pictures in train, this one 2; complete it"
    ):
        open_dataset("camvid", camvid)


def test_missing_set_says_where_it_is_looked_for(tmp_path):
    with pytest.raises(DataError, match="holds trainannot; put SegNet's CamVid there"):
        open_dataset("camvid", tmp_path)


def test_all_mistakes_are_found_in_one_check(camvid):
    (camvid / "trainannot" / "train0.png").unlink()
    save(np.full((6, 8), 13), camvid / "valannot" / "val0.png")
    save(np.zeros((6, 9)), camvid / "valannot" / "val1.png")
    (camvid / "test" / "test0.png").write_bytes((camvid / "train" / "train1.png").read_bytes())
    save(np.full((6, 8), 11), camvid / "testannot" / "test1.png")
    findings = check_dataset("camvid", camvid, partial=True)
    found = {(f.severity, f.file.removeprefix(str(camvid)), f.rule.split(",")[0]) for f in findings}
    assert found == {
        (
            "error",
            "/train/train0.png",
            "every picture has a label map of the same stem and the reverse",
        ),
        ("error", "/valannot/val0.png", "label values are 0..10 or 255 (void)"),
        ("error", "/valannot/val1.png", "a label map has its picture's size"),
        ("error", "/test/test0.png", "a picture occurs once"),
        ("warning", "/testannot/test1.png", "a label map annotates some pixels"),
    }
    assert all(f.remedy for f in findings)


def test_check_counts_the_full_set(camvid):
    rules = [f.rule for f in check_dataset("camvid", camvid)]
    assert sum("full set has" in rule for rule in rules) == 3
    assert sum("pictures are 480x360" in rule for rule in rules) == 6


def test_picture_in_two_splits_is_found(camvid):
    save(np.zeros((6, 8, 3)), camvid / "val" / "train0.png")
    save(np.zeros((6, 8)), camvid / "valannot" / "train0.png")
    with pytest.raises(DataError, match="a picture lies in one split, this one also in train"):
        open_dataset("camvid", camvid, partial=True)


def test_absent_classes_are_warned_of(tree):
    options = {"classes": ["background", "cat", "dog", "bird"]}
    (finding,) = check_dataset("folder", tree, options)
    assert finding.severity == "warning"
    assert "not so bird" in finding.rule


def test_checking_scenes_finds_nothing():
    assert check_dataset("scenes") == []


def test_check_of_a_set_that_cannot_be_opened_is_a_finding(tmp_path):
    (finding,) = check_dataset("camvid", tmp_path)
    assert (finding.severity, finding.file) == ("error", str(tmp_path))


def test_folder_fixture_has_an_official_split_and_all_classes(tmp_path):
    classes = [f"part{i}" for i in range(19)]
    write_fixture("folder", tmp_path / "own", 8, {"name": "faces", "classes": classes})
    data = open_dataset("folder", tmp_path / "own", split="test", name="faces")
    assert data.class_names == tuple(classes)
    assert len(data) == 2
    rules = [f.rule for f in check_dataset("folder", tmp_path / "own", {"name": "faces"})]
    assert all("every class occurs" in rule for rule in rules)  # 8 pictures may lack a rare one


def test_folder_fixture_paints_label_maps_when_colours_are_given(tmp_path):
    options = {"classes": ["ground", "thing"], "colours": [[1, 2, 3], [200, 0, 0]]}
    write_fixture("folder", tmp_path / "own", 4, options)
    label = open_dataset("folder", tmp_path / "own", **options)[0][1]
    assert set(np.unique(label)) <= {0, 1}


def test_fixture_never_writes_into_a_filled_folder(tree):
    with pytest.raises(DataError, match="a fixture goes into a new or empty folder"):
        write_fixture("folder", tree, 8)


@pytest.mark.parametrize(
    ("name", "count", "message"),
    [
        ("scenes", 8, "generated and needs no files; fixtures: camvid, folder"),
        ("camvit", 8, "unknown fixture 'camvit'.*'camvid'"),
        ("folder", 3, "at least 4 pictures"),
    ],
)
def test_impossible_fixtures_are_named(tmp_path, name, count, message):
    with pytest.raises(DataError, match=message):
        write_fixture(name, tmp_path, count)


FACES = CelebAMaskHQ.static_classes


def test_real_faces_open_as_a_folder_and_as_binary_tasks(shared_data):
    options = {"name": "faces", "classes": FACES}
    data = open_dataset("folder", shared_data, split="all", **options)
    face = open_dataset("folder", shared_data, split="all", task="not background", **options)
    assert (len(data), data.num_classes, face.num_classes) == (1000, 19, 1)
    for i in (0, 500, 999):
        label, binary = data[i][1], face[i][1]
        assert label.max() < 19
        assert (binary == (label > 0)).all()


def test_real_camvid_has_its_counts_and_label_values(shared_data):
    sizes = []
    for split in ("train", "val", "test"):
        data = open_dataset("camvid", shared_data, split=split)
        sizes.append(len(data))
        assert set(np.unique(data[0][1])) <= {*range(11), 255}
    assert sizes == [367, 101, 233]


def test_partial_camvid_prepares_in_its_official_split(written, tmp_path):
    data = prepare(
        "camvid",
        options={"partial": True},
        task="Car",
        split=SplitOptions(),
        size=(36, 48),
        data_root=written,
        cache_root=tmp_path,
    )
    assert [len(p) for p in (data.train, data.val, data.test)] == [4, 2, 2]
    assert set(np.unique(data.train.labels)) <= {0, 1, 255}
