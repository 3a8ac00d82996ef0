"""Downloads from a server that fails in every way a server can."""

import hashlib
import json
import shutil
from errno import ENOSPC
from pathlib import Path

import pytest

from losslab.data.dataset import FileProblem
from losslab.data.get import transfer
from losslab.data.get.getting import fetch
from losslab.data.get.sources import Archive
from tests.data.loopback import serving

BODY = b"\x1f\x8b" + hashlib.sha256(b"seed").digest() * 40_000
DIGEST = "sha256:" + hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(transfer, "WAIT", 0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with serving({"/a/set.tgz": BODY, "/b/set.tgz": BODY}) as one:
        yield one


def archive(server, *paths: str, digest: str | None = DIGEST, **more) -> Archive:
    urls = tuple(server.url + path for path in paths or ("/a/set.tgz",))
    return Archive(file="set.tgz", urls=urls, digest=digest, into="set", **more)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_fetched_verified_and_recorded(server, tmp_path: Path) -> None:
    path = fetch(archive(server), tmp_path)
    assert path.read_bytes() == BODY
    note = json.loads((tmp_path / "set.tgz.json").read_text())
    assert (note["from"], note["bytes"]) == (server.url + "/a/set.tgz", len(BODY))
    assert "sha256:" + note["sha256"] == DIGEST
    assert left(tmp_path) == {"set.tgz", "set.tgz.json"}


def test_a_verified_file_is_not_fetched_again(server, tmp_path: Path) -> None:
    for digest in (DIGEST, None):
        fetch(archive(server, digest=digest), tmp_path)
    assert len(server.requests) == 1


def test_a_file_placed_by_hand_is_verified_and_taken(server, tmp_path: Path) -> None:
    (tmp_path / "set.tgz").write_bytes(BODY)
    fetch(archive(server), tmp_path)
    assert server.requests == []
    assert json.loads((tmp_path / "set.tgz.json").read_text())["from"] == "placed by hand"


def test_a_damaged_file_is_replaced(server, tmp_path: Path) -> None:
    for digest in (DIGEST, None):
        path = fetch(archive(server, digest=digest), tmp_path)
        path.write_bytes(BODY[:-1])
        assert fetch(archive(server, digest=digest), tmp_path).read_bytes() == BODY
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()


@pytest.mark.parametrize("digest", [DIGEST, None])
def test_a_broken_connection_goes_on_where_it_stopped(server, tmp_path: Path, digest) -> None:
    server.faults["/a/set.tgz"] = ["reset"]
    assert fetch(archive(server, digest=digest), tmp_path).read_bytes() == BODY
    (_, first), (_, second) = server.requests
    assert first is None
    assert second == f"bytes={len(BODY) // 2}-"


def test_a_later_call_goes_on_where_an_earlier_one_stopped(server, tmp_path: Path) -> None:
    server.faults["/a/set.tgz"] = ["reset", "404"]
    with pytest.raises(FileProblem, match="404"):
        fetch(archive(server), tmp_path)
    assert "set.tgz" not in left(tmp_path)
    assert fetch(archive(server), tmp_path).read_bytes() == BODY
    assert server.requests[-1][1] == f"bytes={len(BODY) // 2}-"


def test_what_one_mirror_began_another_continues(server, tmp_path: Path) -> None:
    server.faults["/a/set.tgz"] = ["reset", "404"]
    assert fetch(archive(server, "/a/set.tgz", "/b/set.tgz"), tmp_path).read_bytes() == BODY
    assert server.requests[-1] == ("/b/set.tgz", f"bytes={len(BODY) // 2}-")


def test_without_a_digest_no_two_mirrors_are_mixed(server, tmp_path: Path) -> None:
    server.faults["/a/set.tgz"] = ["reset", "404"]
    fetch(archive(server, "/a/set.tgz", "/b/set.tgz", digest=None), tmp_path)
    assert server.requests[-1] == ("/b/set.tgz", None)


def test_a_file_that_has_changed_on_the_server_is_fetched_whole(server, tmp_path: Path) -> None:
    server.faults["/a/set.tgz"] = ["reset", "404"]
    with pytest.raises(FileProblem):
        fetch(archive(server, digest=None), tmp_path)
    notes = tmp_path / "set.tgz.part.json"
    notes.write_text(notes.read_text().replace('\\"1\\"', '\\"0\\"'))
    assert fetch(archive(server, digest=None), tmp_path).read_bytes() == BODY


def test_a_server_without_ranges_is_asked_for_the_whole_file(server, tmp_path: Path) -> None:
    server.traits.add("no range")
    server.faults["/a/set.tgz"] = ["reset"]
    assert fetch(archive(server), tmp_path).read_bytes() == BODY


def test_a_server_without_ranges_that_always_breaks_is_given_up(server, tmp_path: Path) -> None:
    server.traits.add("no range")
    server.faults["/a/set.tgz"] = ["reset"] * 20
    with pytest.raises(FileProblem, match="connection broke"):
        fetch(archive(server), tmp_path)
    assert len(server.requests) == 1 + transfer.TRIES


def test_a_part_of_something_else_is_thrown_away(server, tmp_path: Path) -> None:
    (tmp_path / "set.tgz.part").write_bytes(b"x" * 1000)
    assert fetch(archive(server), tmp_path).read_bytes() == BODY
    assert [asked for _, asked in server.requests] == ["bytes=1000-", None]


def test_a_part_that_is_whole_already_is_taken(server, tmp_path: Path) -> None:
    (tmp_path / "set.tgz.part").write_bytes(BODY)
    assert fetch(archive(server), tmp_path).read_bytes() == BODY
    assert server.requests == [("/a/set.tgz", f"bytes={len(BODY)}-")]


def test_a_part_of_the_known_size_needs_no_request(server, tmp_path: Path) -> None:
    (tmp_path / "set.tgz.part").write_bytes(BODY)
    assert fetch(archive(server, size=len(BODY)), tmp_path).read_bytes() == BODY
    assert server.requests == []
    (tmp_path / "set.tgz").unlink()
    (tmp_path / "set.tgz.part").write_bytes(BODY[:-1] + b"?")  # but it is verified
    assert fetch(archive(server, size=len(BODY)), tmp_path).read_bytes() == BODY
    assert server.requests == [("/a/set.tgz", None)]


def test_a_part_that_is_too_long_is_thrown_away(server, tmp_path: Path) -> None:
    for size in (None, len(BODY)):
        (tmp_path / "set.tgz.part").write_bytes(BODY + b"more")
        assert fetch(archive(server, size=size), tmp_path).read_bytes() == BODY
        (tmp_path / "set.tgz").unlink()


def test_another_range_than_asked_for_is_not_believed(server, tmp_path: Path) -> None:
    server.faults["/a/set.tgz"] = ["reset", "wrong range"]
    assert fetch(archive(server), tmp_path).read_bytes() == BODY


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("404", "404"),
        ("403", "403"),
        ("html", "a web page instead of the file"),
        ("html as data", "a web page instead of the file"),
        ("garbage", "is no tgz file"),
        ("flipped", "another file than the published one: [0-9a-f]{64}, not sha256:"),
        ("announces less", "bytes, the known one"),
    ],
)
def test_the_next_mirror_is_tried(server, tmp_path: Path, fault: str, rule: str) -> None:
    told: list[str] = []
    server.faults["/a/set.tgz"] = [fault] * 9
    size = len(BODY) if fault == "announces less" else None
    wanted = archive(server, "/a/set.tgz", "/b/set.tgz", size=size)
    assert fetch(wanted, tmp_path, told.append).read_bytes() == BODY
    server.faults["/b/set.tgz"] = [fault] * 9
    (tmp_path / "set.tgz").unlink()
    with pytest.raises(FileProblem, match=rule) as caught:
        fetch(wanted, tmp_path, told.append)
    assert caught.value.file == tmp_path / "set.tgz"
    assert caught.value.rule.count(server.url) == 2
    assert "by hand" in caught.value.remedy
    assert "set.tgz" not in left(tmp_path)
    assert any("/a/set.tgz" in line for line in told)


def test_a_length_too_long_ends_well_where_the_server_knows_the_end(server, tmp_path: Path) -> None:
    server.faults["/a/set.tgz"] = ["announces more"]
    assert fetch(archive(server), tmp_path).read_bytes() == BODY
    assert [asked for _, asked in server.requests] == [None, f"bytes={len(BODY)}-"]
    server.traits.add("no range")
    server.faults["/b/set.tgz"] = ["announces more"] * 9
    (tmp_path / "set.tgz").unlink()
    with pytest.raises(FileProblem, match="connection broke"):
        fetch(archive(server, "/b/set.tgz"), tmp_path)


def test_a_length_too_short_is_found_by_the_digest(server, tmp_path: Path) -> None:
    server.faults["/a/set.tgz"] = ["announces less"]
    with pytest.raises(FileProblem, match="another file than the published one"):
        fetch(archive(server), tmp_path)
    assert "set.tgz" not in left(tmp_path)


def test_a_server_that_is_busy_is_asked_again(server, tmp_path: Path) -> None:
    server.faults["/a/set.tgz"] = ["503", "429"]
    assert fetch(archive(server), tmp_path).read_bytes() == BODY


def test_a_file_of_unknown_length_is_taken(server, tmp_path: Path) -> None:
    server.faults["/a/set.tgz"] = ["no length"]
    assert fetch(archive(server), tmp_path).read_bytes() == BODY


def test_an_archive_that_is_called_compressed_stays_as_it_is(server, tmp_path: Path) -> None:
    server.traits.add("encoded")
    assert fetch(archive(server), tmp_path).read_bytes() == BODY


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    nowhere = Archive(file="set.tgz", urls=("http://127.0.0.1:9/set.tgz",), into="set")
    with pytest.raises(FileProblem, match=r"127\.0\.0\.1:9/set\.tgz: it cannot be reached"):
        fetch(nowhere, tmp_path)


def test_a_file_larger_than_the_disk_is_refused_at_once(
    server, tmp_path: Path, monkeypatch
) -> None:
    little = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda path: little)
    with pytest.raises(FileProblem, match="no room for it") as caught:
        fetch(archive(server, "/a/set.tgz", "/b/set.tgz"), tmp_path)
    assert "--data-root" in caught.value.remedy
    assert len(server.requests) == 1


def test_a_disk_that_fills_up_keeps_what_came(server, tmp_path: Path, monkeypatch) -> None:
    calls = []

    def full(self, done: int, total: int | None) -> None:
        calls.append(done)
        if done > len(BODY) // 2:
            raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(
        "losslab.data.get.getting._advance", lambda bar, done, total: full(bar, done, total)
    )
    with pytest.raises(FileProblem, match="no room for it"):
        fetch(archive(server, "/a/set.tgz", "/b/set.tgz"), tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(transfer, "WAIT", 0)
    assert len(server.requests) == 1
    assert fetch(archive(server), tmp_path).read_bytes() == BODY
    assert server.requests[-1][1] == f"bytes={calls[-1]}-"


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path: Path, monkeypatch) -> None:
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pooch.retrieve", refuse)
    with pytest.raises(FileProblem, match="cannot be written"):
        fetch(archive(server), tmp_path)


def test_what_others_noted_is_compared_and_told(server, tmp_path: Path) -> None:
    md5 = hashlib.md5(BODY).hexdigest()
    for noted, words in ((md5, "is the one that others"), ("0" * 32, "look at it"), (None, "SHA")):
        told: list[str] = []
        fetch(archive(server, digest=None, noted=noted), tmp_path, told.append)
        assert words in told[-1]
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
