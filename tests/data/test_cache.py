"""The cache: built once and whole, shared by tasks, keyed by content, honest about a bad disk."""

import errno
import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from losslab.data import SplitOptions, prepare
from losslab.data import cache as cache_module
from losslab.data.folder import Folder
from losslab.errors import DataError
from tests.data.conftest import save

THIRDS = SplitOptions(rule="fractions", fractions=(0.5, 0.25, 0.25))


def ready(tree, cache, *, task=None, size=(16, 20), split=THIRDS, **options):
    return prepare(
        "folder",
        options=options,
        task=task,
        split=split,
        size=size,
        data_root=tree,
        cache_root=cache,
    )


def entries(cache):
    return sorted(p.name for p in cache.iterdir() if p.is_dir() and p.name.startswith("folder-"))


def scenes(cache, **options):
    dials = {"train": 6, "val": 3, "test": 3, **options}
    return prepare(
        "scenes",
        options=dials,
        task=None,
        split=SplitOptions(),
        size=(24, 24),
        data_root=None,
        cache_root=cache,
    )


@pytest.fixture
def reads(monkeypatch):
    """Positions that were decoded from files."""
    seen = []
    original = Folder.read

    def read(self, position, size=None):
        seen.append(position)
        return original(self, position, size)

    monkeypatch.setattr(Folder, "read", read)
    return seen


def test_cached_pictures_are_those_of_the_files(tree, tmp_path):
    data = ready(tree, tmp_path / "cache")
    for part in (data.train, data.val, data.test):
        for i, name in enumerate(part.ids):
            assert (part.images[i] == np.array(Image.open(tree / "images" / f"{name}.png"))).all()
            assert (part.labels[i] == np.array(Image.open(tree / "masks" / f"{name}.png"))).all()
    assert [len(p) for p in (data.train, data.val, data.test)] == [6, 3, 3]


def test_second_run_reads_the_cache_and_not_the_pictures(tree, tmp_path, reads):
    first = ready(tree, tmp_path / "cache")
    assert len(reads) == 12
    second = ready(tree, tmp_path / "cache")
    assert len(reads) == 12
    assert first.fingerprint == second.fingerprint
    assert (first.train.images == second.train.images).all()


def test_tasks_and_divisions_share_one_entry(tree, tmp_path, reads):
    data = ready(tree, tmp_path / "cache")
    binary = ready(tree, tmp_path / "cache", task="cat+dog")
    ready(tree, tmp_path / "cache", split=SplitOptions(rule="folds", folds=3))
    assert len(reads) == 12
    assert (binary.class_names, binary.num_classes) == (("cat+dog",), 1)
    known = data.train.labels != 255
    assert (binary.train.labels[known] == (data.train.labels[known] > 0)).all()
    assert (binary.train.labels[~known] == 255).all()
    assert data.fingerprint != binary.fingerprint


def test_labels_are_resized_without_new_values(tree, tmp_path):
    data = ready(tree, tmp_path / "cache", size=(7, 31))
    assert data.train.images.shape[1:] == (7, 31, 3)
    assert set(np.unique(data.train.labels)) <= {0, 1, 2, 255}


def test_official_splits_are_windows_of_the_memory_map(tmp_path):
    data = scenes(tmp_path / "cache")
    assert isinstance(data.train.images, np.memmap)
    assert [len(p) for p in (data.train, data.val, data.test)] == [6, 3, 3]


def test_changed_file_makes_another_entry(tree, tmp_path):
    first = ready(tree, tmp_path / "cache")
    save(np.zeros((16, 20, 3)), tree / "images" / "p00.png")
    second = ready(tree, tmp_path / "cache")
    assert first.fingerprint != second.fingerprint
    assert len(entries(tmp_path / "cache")) == 2


def test_entry_depends_on_content_and_not_on_place_or_time(tree, tmp_path, reads):
    first = ready(tree, tmp_path / "cache")
    moved = tree.rename(tree.parent / "elsewhere")
    for file in moved.rglob("*.png"):
        os.utime(file, (1, 1))
    assert ready(moved, tmp_path / "cache").fingerprint == first.fingerprint
    assert len(reads) == 12


def test_digests_of_settled_files_are_remembered(tree, tmp_path, monkeypatch):
    for file in tree.rglob("*.png"):
        os.utime(file, (1, 1))
    ready(tree, tmp_path / "cache")

    def fail(path):
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr("losslab.data.digests.file_digest", fail)
    ready(tree, tmp_path / "cache")


def test_lost_or_broken_memory_of_digests_costs_a_reading_only(tree, tmp_path):
    first = ready(tree, tmp_path / "cache")
    memory = tmp_path / "cache" / "digests" / "folder.json"
    memory.parent.mkdir(exist_ok=True)
    for text in ("", "[]", '{"a": 3}'):
        memory.write_text(text)
        assert ready(tree, tmp_path / "cache").fingerprint == first.fingerprint


def flip_a_bit(entry):
    path = entry / "labels.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def forget_the_labels(entry):
    meta = json.loads((entry / "meta.json").read_text())
    del meta["sha256"]["labels.npy"]
    (entry / "meta.json").write_text(json.dumps(meta))
    (entry / "labels.npy").unlink()


DAMAGE = {
    "forgotten": forget_the_labels,
    "bit": flip_a_bit,
    "cut": lambda e: (e / "images.npy").write_bytes((e / "images.npy").read_bytes()[:-1]),
    "empty": lambda e: (e / "images.npy").write_bytes(b""),
    "gone": lambda e: (e / "labels.npy").unlink(),
    "meta": lambda e: (e / "meta.json").write_text("{"),
    "other meta": lambda e: (e / "meta.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_entry_is_rebuilt(tmp_path, damage):
    cache = tmp_path / "cache"
    first = scenes(cache)
    expected = np.array(first.train.labels), first.fingerprint
    (entry,) = (p for p in cache.iterdir() if p.is_dir())
    DAMAGE[damage](entry)
    second = scenes(cache)
    assert (second.train.labels == expected[0]).all()
    assert second.fingerprint == expected[1]


def test_two_builders_at_once_build_once(tree, tmp_path, reads):
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: ready(tree, tmp_path / "cache"), range(4)))
    assert len(reads) == 12
    assert len({data.fingerprint for data in results}) == 1


def nothing_half_written(cache):
    return [p.name for p in cache.iterdir() if p.is_dir()] == []


def test_unreadable_picture_leaves_no_entry(tree, tmp_path):
    (tree / "images" / "p05.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"p05.png: cannot be read as a picture"):
        ready(tree, tmp_path / "cache")
    assert nothing_half_written(tmp_path / "cache")


def test_interrupted_build_leaves_no_entry_and_the_next_one_works(tree, tmp_path, monkeypatch):
    original = cache_module.fitted

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache_module, "fitted", stop)
    with pytest.raises(KeyboardInterrupt):
        ready(tree, tmp_path / "cache")
    assert nothing_half_written(tmp_path / "cache")
    monkeypatch.setattr(cache_module, "fitted", original)
    ready(tree, tmp_path / "cache")


def test_what_a_killed_builder_left_behind_is_cleared_away(tmp_path):
    cache = tmp_path / "cache"
    first = scenes(cache).fingerprint
    (entry,) = (p for p in cache.iterdir() if p.is_dir())
    left = entry.rename(entry.with_name(f".{entry.name}.partial"))
    (left / "images.npy").write_bytes(b"half")
    assert scenes(cache).fingerprint == first
    assert not left.exists()


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full.*free some space.*Finished entries are untouched"),
        (errno.EROFS, "cannot be written.*make it writable or name another"),
        (errno.EACCES, "cannot be written.*make it writable or name another"),
        (errno.EIO, "the cache cannot be written.*name another"),
    ],
)
def test_disk_that_refuses_is_one_error_and_finished_entries_stay(
    tmp_path, monkeypatch, number, message
):
    cache = tmp_path / "cache"
    kept = scenes(cache).fingerprint

    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(DataError, match=message) as caught:
            scenes(cache, seed=1)
        assert str(cache) in str(caught.value)
        assert scenes(cache).fingerprint == kept
    assert len([p for p in cache.iterdir() if p.is_dir()]) == 1


def test_file_in_place_of_the_cache_folder_is_named(tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(DataError, match="the cache cannot be written"):
        scenes(tmp_path / "cache")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process as on Linux")
def test_full_disk_is_an_error_and_not_a_crash(tmp_path):
    """The limit on a file's size stands for the full disk: both refuse a write half-way."""
    code = f"""
        import resource, signal
        from losslab.data import SplitOptions, prepare
        from losslab.errors import DataError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({20_000}, {20_000}))
        try:
            prepare("scenes", options={{"train": 20, "val": 1, "test": 1}}, task=None,
                    split=SplitOptions(), size=(32, 32), data_root=None,
                    cache_root={str(tmp_path / "cache")!r})
        except DataError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "the disk is full" in done.stdout
    assert nothing_half_written(tmp_path / "cache")


@pytest.mark.parametrize("size", [(0, 64), (64, -1), (9000, 64), (8, 200)])
def test_impossible_sizes_are_named(tmp_path, size):
    with pytest.raises(DataError, match=rf"size {size[0]}x{size[1]}: .*choose another size"):
        prepare(
            "scenes",
            options={},
            task=None,
            split=SplitOptions(),
            size=size,
            data_root=None,
            cache_root=tmp_path,
        )


def test_fingerprint_does_not_depend_on_the_cache_folder(tmp_path):
    assert scenes(tmp_path / "a").fingerprint == scenes(tmp_path / "b").fingerprint
