"""Manifests: what they record, what they find, and that a cache is built only from what matches."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from losslab.data import SplitOptions, prepare
from losslab.data.check import survey
from losslab.data.dataset import FileProblem
from losslab.files import file_digest
from tests.data.conftest import save
from tests.test_cli import call  # noqa: F401

SETS = {
    "lfw_parts": "parts_lfw_funneled_gt_images/Train_Person000_0001.ppm",
    "helen": "labels/100007919_1/100007919_1_lbl10.png",
    "celebamask_hq": "CelebAMask-HQ-mask-anno/0/00000_hair.png",
    "camvid": "train/train_00000.png",
    "folder": "masks/train_00000.png",
    "voc2012": "VOCdevkit/VOC2012/JPEGImages/2008_000000.jpg",
    "voc_aug": "benchmark_RELEASE/dataset/cls/2008_000001.mat",
    "pascal_context": "pascal_context/trainval/2008_000000.mat",
    "cityscapes": "gtFine/train/aachen/aachen_000000_000000_gtFine_labelIds.png",
}


def check(name, root, /, *, manifest=True, **options):
    found = survey(name, root, options, partial=True, manifest=manifest)
    errors = {
        f.file.removeprefix(f"{root}/"): f.rule for f in found.findings if f.severity == "error"
    }
    return errors, found.facts[-1]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def flip(path):
    """One bit in the middle of the file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def prepared(name, root, cache, /, **options):
    if name not in ("folder", "scenes"):
        options["partial"] = True
    return prepare(
        name,
        options=options,
        task=None,
        split=SplitOptions(),
        size=(32, 32),
        data_root=root,
        cache_root=cache,
    )


@pytest.mark.parametrize("name", SETS)
def test_manifest_records_every_file_once(copy_of, name):
    root = copy_of(name, 4)
    errors, fact = check(name, root)
    recorded = lines(root / f"{name}.manifest.jsonl")
    assert (errors, fact) == (
        {},
        f"manifest: {len(recorded)} files in {root}/{name}.manifest.jsonl",
    )
    names = [entry["file"] for entry in recorded]
    assert len(set(names)) == len(names)
    assert SETS[name] in names
    for entry in recorded:
        path = root / entry["file"]
        assert entry["sha256"] == file_digest(path)
        assert entry["bytes"] == path.stat().st_size
        if "mode" in entry:
            with Image.open(path) as picture:
                assert (entry["mode"], tuple(entry["size"])) == (picture.mode, picture.size)
        else:
            assert path.suffix in (".txt", ".mat")
    assert sum("histogram" in entry for entry in recorded) == 4


def test_manifest_has_the_lists_and_the_histogram_of_each_label_map(copy_of):
    root = copy_of("lfw_parts", 4)
    check("lfw_parts", root)
    recorded = {entry["file"]: entry for entry in lines(root / "lfw_parts.manifest.jsonl")}
    assert {"parts_train.txt", "parts_validation.txt", "parts_test.txt"} < recorded.keys()
    label = np.array(Image.open(root / SETS["lfw_parts"])).argmax(-1)
    values, counts = np.unique(2 - label, return_counts=True)
    expected = {str(v): int(c) for v, c in zip(values, counts, strict=True)}
    assert recorded[SETS["lfw_parts"]]["histogram"] == expected


@pytest.mark.parametrize("name", SETS)
def test_a_flipped_bit_is_found_by_name_and_keeps_a_cache_from_being_built(copy_of, tmp_path, name):
    root = copy_of(name, 4)
    check(name, root)
    file = root / SETS[name]
    flip(file)
    errors, fact = check(name, root, manifest=False)
    assert "has changed" in errors[SETS[name]] or "cannot be read" in errors[SETS[name]]
    assert fact.startswith("manifest: 1 of ")
    with pytest.raises(FileProblem, match="has changed; restore it, or delete the manif") as caught:
        prepared(name, root, tmp_path / "cache")
    assert (caught.value.file, caught.value.dataset) == (file, name)
    assert not list((tmp_path / "cache").glob("**/images.npy"))
    flip(file)
    assert check(name, root)[0] == {}
    assert len(prepared(name, root, tmp_path / "cache").train) == 2


def test_missing_and_new_files_are_errors_that_name_them(copy_of, tmp_path):
    root = copy_of("celebamask_hq", 4)
    check("celebamask_hq", root)
    lost, new = root / SETS["celebamask_hq"], root / "CelebAMask-HQ-mask-anno/1/02000_hat.png"
    kept = new.read_bytes()
    lost.rename(lost.with_name("00001_hair.png"))
    errors, _ = check("celebamask_hq", root)
    assert "it does not exist" in errors[SETS["celebamask_hq"]]
    with pytest.raises(FileProblem, match=r"00000_hair.png: .* does not exist"):
        prepared("celebamask_hq", root, tmp_path)
    new.unlink()
    manifest = root / "celebamask_hq.manifest.jsonl"
    manifest.unlink()
    assert check("celebamask_hq", root)[0] == {}
    new.write_bytes(kept)
    errors, _ = check("celebamask_hq", root)
    assert [rule for file, rule in errors.items() if file.endswith("02000_hat.png")] == [
        "celebamask_hq.manifest.jsonl does not have this file, it is new"
    ]
    with pytest.raises(FileProblem, match="it is new; move it away, or delete the manifest"):
        prepared("celebamask_hq", root, tmp_path)


def test_missing_files_are_told_in_the_order_of_the_manifest(copy_of):
    root = copy_of("camvid")
    check("camvid", root)
    lost = sorted((root / "train").iterdir()) + sorted((root / "trainannot").iterdir())
    for path in lost[1:4] + lost[5:]:
        path.unlink()
    found = survey("camvid", root, partial=True).findings
    names = [f.file.removeprefix(f"{root}/") for f in found if "it does not exist" in f.rule]
    assert names == [e["file"] for e in lines(root / "camvid.manifest.jsonl") if e["file"] in names]
    assert len(names) == 6


def test_a_changed_list_is_found(copy_of, tmp_path):
    root = copy_of("lfw_parts", 4)
    check("lfw_parts", root)
    train, test = root / "parts_train.txt", root / "parts_test.txt"
    first, *rest = train.read_text().splitlines()
    train.write_text("\n".join(rest) + "\n")
    test.write_text(test.read_text() + first + "\n")
    errors, fact = check("lfw_parts", root)
    assert errors.keys() == {"parts_train.txt", "parts_test.txt"}
    assert fact.startswith("manifest: 2 of 11 files differ")
    with pytest.raises(FileProblem, match=r"parts_train.txt: a file is as it was"):
        prepared("lfw_parts", root, tmp_path)


def test_manifest_is_not_written_over_nor_of_a_set_with_errors(copy_of):
    root = copy_of("camvid", 4)
    picture = root / SETS["camvid"]
    whole = picture.read_bytes()
    picture.write_bytes(whole[:99])
    errors, fact = check("camvid", root)
    assert (list(errors), fact) == (
        [SETS["camvid"]],
        "manifest: not written, for there are errors",
    )
    assert not (root / "camvid.manifest.jsonl").exists()
    picture.write_bytes(whole)
    check("camvid", root)
    before = (root / "camvid.manifest.jsonl").read_bytes()
    save(np.zeros((360, 480, 3)), picture)
    assert SETS["camvid"] in check("camvid", root)[0]
    assert (root / "camvid.manifest.jsonl").read_bytes() == before


def test_a_data_root_that_cannot_be_written_is_a_finding(copy_of, monkeypatch):
    def full(path, write):
        raise OSError(30, "Read-only file system")

    root = copy_of("camvid", 4)
    monkeypatch.setattr("losslab.data.manifest.write_atomically", full)
    errors, fact = check("camvid", root)
    rule = "the manifest cannot be written (Read-only file system)"
    assert errors == {"camvid.manifest.jsonl": rule}
    assert not fact.startswith("manifest")


def test_without_the_option_no_manifest_is_written(copy_of):
    root = copy_of("camvid", 4)
    check("camvid", root, manifest=False)
    assert not list(root.rglob("*.jsonl"))


def test_a_manifest_that_is_none_is_named(copy_of, tmp_path):
    root = copy_of("camvid", 4)
    (root / "camvid.manifest.jsonl").write_text('{"file": "a", "sha256": "b"}\nnot JSON\n')
    errors, _ = check("camvid", root)
    assert "line 2 is none with a file" in errors["camvid.manifest.jsonl"]
    with pytest.raises(FileProblem, match="delete it and record it anew"):
        prepared("camvid", root, tmp_path)


def test_folders_of_one_data_root_have_manifests_of_their_own(tree):
    root = tree.parent
    for name in ("dogs", "a/b", "a-b"):
        shutil.copytree(tree, root / name)
    for name in ("pets", "dogs", "a/b", "a-b"):
        assert check("folder", root, name=name)[0] == {}
    assert {path.name for path in root.glob("*.jsonl")} == {
        "folder-pets.manifest.jsonl",
        "folder-dogs.manifest.jsonl",
        "folder-a%2Fb.manifest.jsonl",
        "folder-a-b.manifest.jsonl",
    }


def test_a_moved_data_root_keeps_its_manifest(copy_of, tmp_path):
    root = copy_of("camvid", 4)
    check("camvid", root)
    moved = root.rename(tmp_path / "moved")
    assert check("camvid", moved)[0] == {}


def test_a_manifest_costs_no_second_reading_of_the_files(copy_of, tmp_path, monkeypatch):
    root = copy_of("camvid", 4)
    check("camvid", root)
    for path in root.rglob("*.png"):
        os.utime(path, (1, 1))
    prepared("camvid", root, tmp_path / "cache")
    read = []
    monkeypatch.setattr("losslab.data.digests.file_digest", lambda path: read.append(path))
    prepared("camvid", root, tmp_path / "cache")
    assert read == []


def test_the_command_ends_with_1_where_a_file_differs(call, copy_of):  # noqa: F811
    root = copy_of("lfw_parts", 4)
    words = ("data", "check", "lfw_parts", "--partial", "--data-root", str(root))
    code, out, _ = call(*words, "--manifest")
    assert (code, "manifest: 11 files in" in out) == (0, True)
    assert "people of train who are in test too: 1 (Train_Person000)" in out
    assert out.endswith("lfw_parts: 0 errors, 0 warnings\n")
    flip(root / SETS["lfw_parts"])
    code, out, _ = call(*words)
    assert code == 1
    assert out.endswith("error, 0 warnings\n") == (out.count("error: ") == 1)
    (error,) = [line for line in out.splitlines() if line.startswith("error: ") and "chang" in line]
    assert SETS["lfw_parts"] in error
    assert "delete the manifest and record it anew" in error


def test_the_command_needs_the_full_set_unless_told(call, fixture_of):  # noqa: F811
    words = ("data", "check", "helen", "--data-root", str(fixture_of("helen")))
    code, out, _ = call(*words)
    assert (code, "full set has 2000 pictures in exemplars.txt" in out) == (1, True)
    code, out, _ = call(*words, "--option", "division=semeda2020", "--partial")
    assert (code, "pictures: 8 (train 4, test 4)" in out) == (0, True)
