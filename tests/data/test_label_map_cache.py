"""The cache of label maps: made once, named by what they depend on, never half there."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from losslab.data import label_map_cache
from losslab.data.label_map_cache import cached_maps

LABELS = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7) % 4


class Double:
    """Makes a map that is twice the label, and counts how often."""

    def __init__(self):
        self.calls = 0

    def __call__(self, labels):
        self.calls += 1
        return 2 * labels.astype(np.float32)


def maps(cache, make, labels=LABELS, **changes):
    facts = {"name": "double", "num_classes": 4, "version": 1, "shape": labels.shape, **changes}
    return cached_maps(labels, make, cache_root=cache, **facts)


def test_maps_are_those_of_each_label_map_and_are_made_once(tmp_path):
    make = Double()
    for _ in range(2):
        made = maps(tmp_path, make)
        assert isinstance(made, np.memmap)
        assert made.dtype == np.float32
        assert (made == 2.0 * LABELS).all()
    assert make.calls == len(LABELS)


def test_threads_make_the_same_maps_in_the_same_order(tmp_path):
    many = np.arange(40, dtype=np.uint8).reshape(40, 1, 1)
    assert (maps(tmp_path, Double(), many, threads=3) == 2.0 * many).all()


def test_labels_of_equal_content_share_an_entry_wherever_they_lie(tmp_path):
    make = Double()
    maps(tmp_path, make)
    np.save(tmp_path / "copy.npy", LABELS)
    maps(tmp_path, make, np.load(tmp_path / "copy.npy", mmap_mode="r"))
    maps(tmp_path, make, np.asfortranarray(LABELS))
    assert make.calls == len(LABELS)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"num_classes": 5},
        {"version": 2},
        {"labels": (LABELS + 1) % 4},
        {"labels": LABELS.reshape(5, 7, 6)},
    ],
)
def test_another_label_name_class_count_or_version_makes_another_entry(tmp_path, changes):
    make = Double()
    first = maps(tmp_path, make)
    second = maps(tmp_path, make, **changes)
    assert make.calls == 2 * len(LABELS)
    assert (first == 2.0 * LABELS).all()
    assert (second == 2.0 * changes.get("labels", LABELS)).all()


def break_a_value(entry):
    data = bytearray((entry / "maps.npy").read_bytes())
    data[-1] ^= 1
    (entry / "maps.npy").write_bytes(data)


def forget_the_map(entry):
    meta = json.loads((entry / "meta.json").read_text())
    (entry / "meta.json").write_text(json.dumps(meta | {"sha256": {}}))
    (entry / "maps.npy").unlink()


DAMAGE = {
    "forgotten": forget_the_map,
    "bit": break_a_value,
    "cut": lambda e: (e / "maps.npy").write_bytes((e / "maps.npy").read_bytes()[:-4]),
    "gone": lambda e: (e / "maps.npy").unlink(),
    "meta": lambda e: (e / "meta.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_made_anew(tmp_path, damage):
    make = Double()
    maps(tmp_path, make)
    (entry,) = (path for path in tmp_path.iterdir() if path.is_dir())
    DAMAGE[damage](entry)
    assert (maps(tmp_path, make) == 2.0 * LABELS).all()
    assert make.calls == 2 * len(LABELS)


def test_a_map_that_cannot_be_made_leaves_no_entry(tmp_path):
    def fail(labels):
        raise ValueError("no such map")

    with pytest.raises(ValueError, match="no such map"):
        maps(tmp_path, fail)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_maps_over_the_limit_are_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(label_map_cache, "LARGEST", LABELS.size * 4)
    assert maps(tmp_path / "fits", Double()) is not None
    monkeypatch.setattr(label_map_cache, "LARGEST", LABELS.size * 4 - 1)
    make = Double()
    assert maps(tmp_path / "too large", make) is None
    assert make.calls == 0
    assert not (tmp_path / "too large").exists()


def test_a_folder_that_cannot_be_written_keeps_no_maps_and_stops_nobody(tmp_path):
    (tmp_path / "cache").write_text("a file stands where the folder should be")
    assert maps(tmp_path / "cache", Double()) is None


def test_two_processes_at_once_make_each_map_once(tmp_path):
    code = f"""
        import time
        from pathlib import Path
        import numpy as np
        from losslab.data.label_map_cache import cached_maps

        def make(labels):
            with open({str(tmp_path / "made")!r}, "a") as log:
                log.write("x")
            time.sleep(0.2)
            return labels.astype(np.float32)

        labels = np.arange(8, dtype=np.uint8).reshape(8, 1, 1)
        Path({str(tmp_path)!r}, f"ready-{{time.time_ns()}}").touch()
        while len(list(Path({str(tmp_path)!r}).glob("ready-*"))) < 2:
            time.sleep(0.01)
        made = cached_maps(labels, make, name="same", num_classes=8, version=1,
                           shape=labels.shape, cache_root=Path({str(tmp_path / "cache")!r}))
        assert (made == labels).all()
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    assert (tmp_path / "made").read_text() == "x" * 8
