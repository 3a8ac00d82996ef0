"""Archives as they should be, and archives that mean harm."""

import io
import shutil
import stat
import tarfile
import zipfile
from errno import ENOSPC
from pathlib import Path

import pytest

from losslab.data.dataset import FileProblem
from losslab.data.get import archives
from losslab.data.get.archives import Damaged, unpack

FILES = {"top/set/a.txt": b"a", "top/set/deep/b.bin": bytes(range(256)) * 50, "top/other.txt": b"o"}


def tar(path: Path, entries: dict[str, bytes | tarfile.TarInfo], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, entry in entries.items():
            info = entry if isinstance(entry, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            body = b"" if isinstance(entry, tarfile.TarInfo) else entry
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return path


def zipped(path: Path, entries: dict[str, bytes], modes: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in entries.items():
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(info, body)
    return path


def packed(folder: Path, kind: str, entries: dict[str, bytes]) -> Path:
    if kind == "zip":
        return zipped(folder / "set.zip", entries)
    return tar(folder / f"set.{kind}", entries, {"tar": "w", "tgz": "w:gz"}[kind])


def special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("kind", ["tar", "tgz", "zip"])
def test_one_folder_of_an_archive_becomes_the_target(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path, kind, FILES)
    expected = {"a.txt": b"a", "deep/b.bin": FILES["top/set/deep/b.bin"]}
    assert unpack(path, tmp_path / "by" / "name", named="set") == 2
    assert tree(tmp_path / "by" / "name") == expected
    assert unpack(path, tmp_path / "by" / "holding", holding="a.txt") == 2
    assert tree(tmp_path / "by" / "holding") == expected
    assert {p.name for p in (tmp_path / "by").iterdir()} == {"name", "holding"}


@pytest.mark.parametrize("kind", ["tar", "tgz", "zip"])
def test_the_topmost_folder_is_meant(tmp_path: Path, kind: str) -> None:
    entries = {"x/y/set/no.txt": b"", "set/yes.txt": b"", "x/list": b"", "x/y/list": b""}
    path = packed(tmp_path, kind, entries)
    unpack(path, tmp_path / "named", named="set")
    unpack(path, tmp_path / "holding", holding="list")
    assert tree(tmp_path / "named") == {"yes.txt": b""}
    assert "y/set/no.txt" in tree(tmp_path / "holding")


def test_a_folder_at_the_top_may_hold_what_is_looked_for(tmp_path: Path) -> None:
    path = packed(tmp_path, "tgz", {"./labels.txt": b"1", "./trainval/1.mat": b"2"})
    unpack(path, tmp_path / "out", holding="trainval")
    assert tree(tmp_path / "out") == {"labels.txt": b"1", "trainval/1.mat": b"2"}


EVIL_NAMES = [
    "/etc/passwd",
    "../outside.txt",
    "top/../../outside.txt",
    "top/set/..",
    "C:/outside.txt",
    "C:outside.txt",
    "//server/share/outside.txt",
    "..\\outside.txt",
    "top\\set\\x.txt",
]


@pytest.mark.parametrize("name", EVIL_NAMES)
@pytest.mark.parametrize("kind", ["tar", "tgz", "zip"])
def test_a_path_outside_is_refused_before_anything_is_written(
    tmp_path: Path, kind: str, name: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    path = packed(tmp_path, kind, {**FILES, name: b"evil"})
    with pytest.raises(FileProblem, match="nothing of it was written") as caught:
        unpack(path, root / "set", named="set")
    assert repr(name) in caught.value.rule
    assert list(root.iterdir()) == []
    assert not (tmp_path / "outside.txt").exists()


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        (special(tarfile.SYMTYPE, "/etc"), "link"),
        (special(tarfile.SYMTYPE, "../../outside"), "link"),
        (special(tarfile.SYMTYPE, "a.txt"), "link"),
        (special(tarfile.LNKTYPE, "/etc/passwd"), "link"),
        (special(tarfile.LNKTYPE, "top/set/a.txt"), "link"),
        (special(tarfile.CHRTYPE), "device"),
        (special(tarfile.BLKTYPE), "device"),
        (special(tarfile.FIFOTYPE), "device"),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, entry, word: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    path = tar(tmp_path / "set.tar", {**FILES, "top/set/evil": entry, "top/set/evil/x": b"x"})
    with pytest.raises(FileProblem, match=f"not a {word}"):
        unpack(path, root / "set", named="set")
    assert list(root.iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "word"),
    [(stat.S_IFLNK | 0o777, "link"), (stat.S_IFCHR | 0o666, "device"), (stat.S_IFIFO, "device")],
)
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, mode: int, word: str) -> None:
    path = zipped(tmp_path / "set.zip", {**FILES, "top/set/evil": b"/etc"}, {"top/set/evil": mode})
    with pytest.raises(FileProblem, match=f"not a {word}"):
        unpack(path, tmp_path / "set", named="set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("kind", ["tar", "tgz", "zip"])
def test_a_damaged_archive_leaves_nothing(tmp_path: Path, kind: str) -> None:
    whole = packed(tmp_path, kind, FILES).read_bytes()
    path = tmp_path / f"set.{kind}"
    lengths = range(0, len(whole) - 1024, 97) if kind != "tar" else range(0, 15_000, 512)
    for length in lengths:
        path.write_bytes(whole[:length])
        with pytest.raises(Damaged, match="damaged"):
            unpack(path, tmp_path / "out" / "set", named="set")
    if kind != "tar":  # which has no checksum of its contents
        for start in range(10, len(whole) - 64, 61):
            path.write_bytes(whole[:start] + b"\xaa" * 32 + whole[start + 32 :])
            with pytest.raises((Damaged, FileProblem)):
                unpack(path, tmp_path / "out" / "set", named="set")
    assert not (tmp_path / "out").exists() or tree(tmp_path / "out") == {}


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    for kind in ("tar", "zip"):
        path = packed(tmp_path, kind, {**FILES, "top/set/a.txt/x": b"x"})
        with pytest.raises(FileProblem, match="not an entry within a file"):
            unpack(path, tmp_path / "set", named="set")
        assert not (tmp_path / "set").exists()


def test_an_archive_of_something_else_is_named(tmp_path: Path) -> None:
    path = packed(tmp_path, "tar", {"other/x": b""})
    with pytest.raises(FileProblem, match="a folder set, this one has none"):
        unpack(path, tmp_path / "set", named="set")
    with pytest.raises(FileProblem, match="a folder with list, this one has none"):
        unpack(path, tmp_path / "set", holding="list")


def test_what_an_earlier_unpacking_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".set.unpacking").mkdir()
    (tmp_path / ".set.unpacking" / "old").write_text("old")
    unpack(packed(tmp_path, "tar", FILES), tmp_path / "set", named="set")
    assert set(tree(tmp_path / "set")) == {"a.txt", "deep/b.bin"}


def test_a_full_disk_is_said_before_and_while_it_fills(tmp_path: Path, monkeypatch) -> None:
    path = packed(tmp_path, "tar", FILES)
    little = shutil.disk_usage(tmp_path)._replace(free=100)
    with monkeypatch.context() as patch:
        patch.setattr(archives.shutil, "disk_usage", lambda folder: little)
        with pytest.raises(FileProblem, match="takes 12801 bytes and 100 are free"):
            unpack(path, tmp_path / "set", named="set")

    def full(source, target, length) -> None:
        target.write(source.read(10))
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(archives.shutil, "copyfileobj", full)
    with pytest.raises(FileProblem, match="no room for it"):
        unpack(path, tmp_path / "set", named="set")
    assert {p.name for p in tmp_path.iterdir()} == {"set.tar"}
