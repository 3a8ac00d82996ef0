"""Sets of exactly the published counts open without `partial`; one picture less is refused.

Their files are empty: a set is opened by its lists and folders, before any picture is decoded.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

from losslab.data import open_dataset
from losslab.data.dataset import FileProblem
from losslab.data.fixtures.context_labels import LABELS


def touch(folder: Path, names: Iterable[str], suffix: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}{suffix}").touch()


def write_lists(folder: Path, **lists: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, ids in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(ids))


def ids_of(count: int, start: int = 0) -> list[str]:
    return [f"2008_{i:06d}" for i in range(start, start + count)]


def write_voc(home: Path, train: list[str], val: list[str]) -> None:
    write_lists(home / "ImageSets/Segmentation", train=train, val=val)
    touch(home / "JPEGImages", train + val, ".jpg")
    touch(home / "SegmentationClass", train + val, ".png")


@pytest.mark.parametrize(
    ("name", "place", "train", "val"),
    [
        ("voc2010", "VOCdevkit/VOC2010", 964, 964),
        ("voc2011", "TrainVal/VOCdevkit/VOC2011", 1112, 1111),
        ("voc2012", "VOCdevkit/VOC2012", 1464, 1449),
    ],
)
def test_full_voc_opens_and_one_picture_less_is_refused(tmp_path, name, place, train, val):
    home = tmp_path / place
    write_voc(home, ids_of(train), ids_of(val, start=train))
    data = open_dataset(name, tmp_path, split="all")
    assert [data.splits.count(split) for split in ("train", "val")] == [train, val]
    write_lists(home / "ImageSets/Segmentation", val=ids_of(val - 1, start=train))
    with pytest.raises(
        FileProblem, match=f"full set has {val} pictures in val.txt, this one {val - 1}"
    ):
        open_dataset(name, tmp_path)


def test_full_trainaug_has_10582_pictures_and_one_less_is_refused(tmp_path):
    voc, sbd = tmp_path / "VOCdevkit/VOC2012", tmp_path / "benchmark_RELEASE/dataset"
    train, val, added = ids_of(1464), ids_of(1449, start=1464), ids_of(9118, start=2913)
    write_voc(voc, train, val)
    listed = [*added, *val[:1100], *train[: 8498 + 2857 - 9118 - 1100]]
    write_lists(sbd, train=listed[:8498], val=listed[8498:])
    touch(sbd / "img", listed, ".jpg")
    touch(sbd / "cls", listed, ".mat")
    data = open_dataset("voc_aug", tmp_path, split="all")
    assert [data.splits.count(split) for split in ("train", "val")] == [10582, 1449]
    assert set(data.ids[:10582]) == {*train, *added}
    listed[0] = val[-1]  # SBD's lists stay as long, and overlap more with VOC's validation
    write_lists(sbd, train=listed[:8498], val=listed[8498:])
    with pytest.raises(FileProblem, match=r"full set has 10582 pictures in trainaug, .* 10581"):
        open_dataset("voc_aug", tmp_path)


@pytest.mark.parametrize(
    ("route", "lists", "train", "val"),
    [("mat", "Main", 4998, 5105), ("png", "SegmentationContext", 4996, 5104)],
)
def test_full_context_opens_by_either_route(tmp_path, route, lists, train, val):
    voc, home = tmp_path / "VOCdevkit/VOC2010", tmp_path / "pascal_context"
    ids = ids_of(train + val)
    write_lists(voc / f"ImageSets/{lists}", train=ids[:train], val=ids[train:])
    touch(voc / "JPEGImages", ids, ".jpg")
    if route == "mat":
        touch(home / "trainval", ids, ".mat")
        (home / "labels.txt").write_text("\n".join(f"{i}: {n}" for i, n in enumerate(LABELS, 1)))
    else:
        touch(voc / "SegmentationClassContext", ids, ".png")
    data = open_dataset("pascal_context", tmp_path, split="all")
    assert data.route == route
    assert [data.splits.count(split) for split in ("train", "val")] == [train, val]


def test_full_cityscapes_opens_and_one_picture_less_is_refused(tmp_path):
    for split, city, count in (("train", "aachen", 2975), ("val", "lindau", 500)):
        names = [f"{city}_{i:06d}_000019" for i in range(count)]
        touch(tmp_path / "leftImg8bit" / split / city, names, "_leftImg8bit.png")
        touch(tmp_path / "gtFine" / split / city, names, "_gtFine_labelIds.png")
    data = open_dataset("cityscapes", tmp_path, split="all")
    assert [data.splits.count(split) for split in ("train", "val")] == [2975, 500]
    for file in tmp_path.rglob("lindau_000000_*"):
        file.unlink()
    with pytest.raises(FileProblem, match="the full set has 500 pictures in val, this one 499"):
        open_dataset("cityscapes", tmp_path)
