"""Predictions in the formats of the servers of PASCAL VOC and Cityscapes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from losslab import cli
from losslab.data import open_dataset
from losslab.data.fixtures import write_fixture
from losslab.data.transforms import normalize
from losslab.data.sets import SETS, read_voc_label
from losslab.errors import StudyError
from losslab.metrics import region_counts
from losslab.postprocess.export import export_predictions
from losslab.postprocess.servers import FORMATS, cityscapes_picture, voc_picture
from losslab.spec import RunSpec
from losslab.study.smoke import SMALLEST
from losslab.training import train
from losslab.training.finished import FinishedRun, reopen

OFFICIAL_IDS = {
    "road": 7,
    "sidewalk": 8,
    "building": 11,
    "wall": 12,
    "fence": 13,
    "pole": 17,
    "traffic light": 19,
    "traffic sign": 20,
    "vegetation": 21,
    "terrain": 22,
    "sky": 23,
    "person": 24,
    "rider": 25,
    "car": 26,
    "truck": 27,
    "bus": 28,
    "train": 31,
    "motorcycle": 32,
    "bicycle": 33,
}
"""The publisher's ids of the 19 classes that it evaluates (cityscapesScripts, labels.py)."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root and finished runs on VOC 2012 and Cityscapes."""
    home = tmp_path_factory.mktemp("servers")
    for number, dataset in enumerate(("voc2012", "cityscapes")):
        root = home / f"data-{dataset}"
        write_fixture(dataset, root, 4)
        fields = SMALLEST | {"dataset": dataset, "dataset_options": {"partial": True}}
        fields |= {"epochs": 1, "batch_size": 2, "fit": "pad" if number == 0 else "stretch"}
        fields |= {"size": (32, 32) if number == 0 else (32, 64)}
        runs = {dataset: {}, f"{dataset}-task": {"task": "person"}}
        for name, more in runs.items():
            spec = RunSpec(**(fields | more))
            places = {"data_root": root, "cache_root": home / "cache"}
            train(spec, home / "runs" / name, device="cpu", **places)
    return home


def opened(home: Path, name: str, root: Path | None = None) -> FinishedRun:
    data = root or home / f"data-{name.removesuffix('-task')}"
    return reopen(home / "runs" / name, data_root=data, cache_root=home / "cache")


def iou(prediction: np.ndarray, label: np.ndarray, classes: int) -> list[float]:
    """IoU of each class that occurs."""
    maps = (torch.from_numpy(one.astype(np.int64))[None] for one in (prediction, label))
    counts = region_counts(*maps, num_classes=classes)
    tp, fp, fn = (counts[key][0].numpy() for key in ("tp", "fp", "fn"))
    there = tp + fp + fn > 0
    return (tp[there] / (tp + fp + fn)[there]).tolist()


def test_a_prediction_that_is_voc_s_label_map_scores_1_when_read_back(made: Path, tmp_path) -> None:
    data = open_dataset("voc2012", made / "data-voc2012", split="val", partial=True)
    for number in range(len(data)):
        _, label = data[number]
        path = tmp_path / "one.png"
        voc_picture(np.where(label == 255, 0, label).astype(np.uint8)).save(path)
        read = read_voc_label(path)  # refuses another mode, and a palette that is not VOC's
        assert set(iou(read, label, 21)) == {1.0}
        with Image.open(path) as picture:
            assert (picture.mode, picture.size) == ("P", label.shape[::-1])


def test_a_prediction_that_is_cityscapes_label_map_scores_1_under_the_official_ids(
    made: Path, tmp_path
) -> None:
    train_ids = np.full(256, 255, np.uint8)
    for index, name in enumerate(SETS["cityscapes"]["classes"]):
        train_ids[OFFICIAL_IDS[name]] = index
    data = open_dataset("cityscapes", made / "data-cityscapes", split="val", partial=True)
    _, label = data[0]
    path = tmp_path / "one.png"
    cityscapes_picture(np.where(label == 255, 0, label).astype(np.uint8)).save(path)
    with Image.open(path) as picture:
        assert (picture.mode, picture.size) == ("L", (2048, 1024))
        ids = np.array(picture)
    assert set(np.unique(ids).tolist()) <= set(OFFICIAL_IDS.values())
    assert set(iou(train_ids[ids], label, 19)) == {1.0}


def test_voc_predictions_lie_where_the_devkit_looks_for_them(made: Path, tmp_path: Path) -> None:
    run = opened(made, "voc2012")
    found = export_predictions(run, "voc", tmp_path, device="cpu")
    assert (found.files, found.split) == (len(run.data.test.ids), "val")
    (note,) = found.notes
    assert "tested on" in note
    folder = tmp_path / "results" / "VOC2012" / "Segmentation" / "comp5_val_cls"
    assert {path.stem for path in folder.glob("*.png")} == set(run.data.test.ids)
    read = run.at_original_size()
    for name in run.data.test.ids:
        assert read_voc_label(folder / f"{name}.png").shape == read(name)[1].shape


def test_other_labels_and_pretraining_make_it_comp6(made: Path) -> None:
    path = FORMATS["voc"].path
    spec = RunSpec(dataset="voc2012", dataset_options={"partial": True}, epochs=1)
    assert "comp5_test_cls" in path(spec, "test", "2008_000006").parts
    for more in ({"encoder_weights": "imagenet"}, {"dataset": "voc_aug"}):
        fields = {"dataset": "voc2012", "epochs": 1, **more}
        assert "comp6_test_cls" in path(RunSpec(**fields), "test", "2008_000006").parts


def test_the_written_classes_are_the_most_probable_ones_at_the_original_size(
    made: Path, tmp_path: Path
) -> None:
    """The run's canvas is padded: a picture's own pixels are cut out before they are enlarged."""
    run = opened(made, "voc2012")
    export_predictions(run, "voc", tmp_path, device="cpu")
    name = run.data.test.ids[0]
    top, left, height, width = run.data.test.extents[0].tolist()
    image = torch.from_numpy(run.data.test.images[:1].copy()).permute(0, 3, 1, 2)
    with torch.inference_mode():
        probs = run.network(torch.device("cpu"))(normalize(image)).softmax(1)
    shown = probs[..., top : top + height, left : left + width]
    shape = run.at_original_size()(name)[1].shape
    large = torch.nn.functional.interpolate(shown, size=shape, mode="bilinear")
    folder = tmp_path / "results" / "VOC2012" / "Segmentation" / "comp5_val_cls"
    written = read_voc_label(folder / f"{name}.png")
    assert (written == large.argmax(1)[0].numpy()).mean() > 0.999


def test_the_servers_own_pictures_need_no_labels(made: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(made / "data-voc2012", root)
    home = root / "VOCdevkit" / "VOC2012"
    pictures = sorted((home / "JPEGImages").glob("2009*.jpg"))
    names = []
    for number, path in enumerate(pictures[:2]):
        names.append(f"2010_{number:06d}")
        shutil.copy(path, home / "JPEGImages" / f"{names[-1]}.jpg")
    (home / "ImageSets" / "Segmentation" / "test.txt").write_text("\n".join(names))
    found = export_predictions(opened(made, "voc2012", root), "voc", tmp_path / "out", device="cpu")
    assert (found.files, found.split) == (2, "test")
    assert found.notes == ["the server scores 1456 pictures, and 2 are here"]
    folder = tmp_path / "out" / "results" / "VOC2012" / "Segmentation" / "comp5_test_cls"
    assert sorted(path.stem for path in folder.iterdir()) == names
    (home / "JPEGImages" / f"{names[0]}.jpg").unlink()
    with pytest.raises(StudyError, match="lists 1 pictures that are not in"):
        export_predictions(opened(made, "voc2012", root), "voc", tmp_path / "out", device="cpu")


def test_cityscapes_test_pictures_are_found_by_their_city(made: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(made / "data-cityscapes", root)
    (source, *_) = sorted((root / "leftImg8bit" / "val").rglob("*.png"))
    place = root / "leftImg8bit" / "test" / "berlin"
    place.mkdir(parents=True)
    shutil.copy(source, place / "berlin_000000_000019_leftImg8bit.png")
    run = opened(made, "cityscapes", root)
    found = export_predictions(run, "cityscapes", tmp_path / "out", device="cpu")
    assert (found.files, found.split) == (1, "test")
    path = tmp_path / "out" / "results" / "berlin_000000_000019_pred_labelIds.png"
    with Image.open(path) as picture:
        assert picture.size == (2048, 1024)
        assert set(np.unique(np.array(picture)).tolist()) <= set(OFFICIAL_IDS.values())


def test_runs_that_a_server_does_not_score_are_refused(made: Path, tmp_path: Path) -> None:
    for name, wanted, message in (
        ("voc2012", "cityscapes", "for runs on cityscapes; this one is on voc2012"),
        ("voc2012-task", "voc", "scores all classes, and this run knows 'person' alone"),
        ("voc2012", "kitti", "unknown format 'kitti': one of voc, cityscapes"),
    ):
        with pytest.raises(StudyError, match=message):
            export_predictions(opened(made, name), wanted, tmp_path, device="cpu")
    with pytest.raises(StudyError, match="holds no pictures of voc2012 that the server scores"):
        export_predictions(opened(made, "voc2012"), "voc", tmp_path, pictures="server")


def test_the_command_says_what_was_written_and_how_it_is_handed_in(
    made: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    def call(*words: str) -> tuple[int, str, str]:
        places = ("--runs", made / "runs", "--data-root", made / "data-voc2012")
        options = [*map(str, places), "--cache-root", str(made / "cache"), "--device", "cpu"]
        monkeypatch.setattr("sys.argv", ["losslab", "predict", *words, *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    out = str(tmp_path / "out")
    code, text, _ = call("voc2012", "--format", "voc", "--output", out, "--pictures", "tested")
    assert code == 0
    assert f"{out}: 2 pictures of val" in text
    assert "the server does not score them" in text
    assert "to hand in: tar czf results.tgz results" in text
    assert call("voc2012", "--output", out)[0] == 2
    assert "need --format" in call("voc2012", "--output", out)[2]
    assert "name one run" in call("a", "b", "--format", "voc", "--output", out)[2]
