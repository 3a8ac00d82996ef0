"""`losslab data get` end to end, on archives that are packed from generated copies."""

import hashlib
import io
import json
import os
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from losslab import cli
from losslab.data import DATASETS, open_dataset
from losslab.data.fixtures import WRITERS, write_fixture
from losslab.data.get import SOURCES, Archive, get_dataset, getting, transfer
from losslab.errors import DataError
from tests.data.loopback import serving

FOLDERS = {
    "camvid": "CamVid",
    "cityscapes": "cityscapes",
    "lfw_parts": "lfw",
    "helen": "SmithCVPR2013_dataset_resized",
    "celebamask_hq": "CelebAMask-HQ",
}
"""Where a data root has the sets whose generated copies have no folder of their own."""


def pack(folder: Path, path: str, top: str, without: set[Path]) -> bytes:
    """The files of a folder as an archive of the kind that `path` names, below `top`."""
    whole = io.BytesIO()
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file not in without]
    names = {file: f"{top}{file.relative_to(folder)}" for file in files}
    if path.endswith(".zip"):
        with zipfile.ZipFile(whole, "w") as archive:
            for file, name in names.items():
                archive.write(file, name)
    else:
        with tarfile.open(fileobj=whole, mode="w" if path.endswith(".tar") else "w:gz") as archive:
            for file, name in names.items():
                archive.add(file, name)
    return whole.getvalue()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(transfer, "WAIT", 0)


@pytest.fixture
def published(monkeypatch, tmp_path: Path):
    """Publish a generated copy of a data set on the loopback address: its archives as its source
    says that they are packed, with their true digests.
    """
    with serving({}) as server:

        def publish(name: str) -> None:
            home = tmp_path / f"original-{name}"
            write_fixture(name, home / FOLDERS.get(name, ""), 4)
            apart = {home / archive.into for archive in SOURCES[name].archives}
            archives = []
            for archive in SOURCES[name].archives:
                place = home / archive.into
                if place.is_dir():
                    top = "some-version/" if archive.named is None else f"deep/{archive.named}/"
                    body = pack(place, archive.file, top, apart)
                else:
                    body = place.read_bytes()
                server.files[f"/{archive.file}"] = body
                archives.append(
                    replace(
                        archive,
                        urls=(f"{server.url}/{archive.file}",) if archive.urls else (),
                        size=len(body),
                        digest="sha256:" + hashlib.sha256(body).hexdigest(),
                        noted=None,
                    )
                )
            source = replace(SOURCES[name], archives=tuple(archives))
            monkeypatch.setitem(getting.SOURCES, name, source)

        server.publish = publish
        yield server


def without_digest(name: str) -> Archive:
    """The one archive of a published set, from now on as if nobody knew its digest."""
    source = getting.SOURCES[name]
    archive = replace(source.archives[0], digest=None, size=None)
    getting.SOURCES[name] = replace(source, archives=(archive,))
    return archive


def test_every_published_data_set_has_a_source() -> None:
    assert set(SOURCES) == set(DATASETS) - {"scenes", "folder"}


@pytest.mark.parametrize("name", sorted(set(SOURCES) & set(WRITERS)))
def test_what_is_got_is_what_its_loader_reads(published, name: str, tmp_path: Path) -> None:
    published.publish(name)
    root, told = tmp_path / "data", []
    source = SOURCES[name]
    complete = get_dataset(name, root, told.append)
    by_hand = [archive for archive in source.archives if not archive.urls]
    assert complete is not bool(by_hand or source.placed)
    if not complete:
        assert "again" in told[-1]
        for archive in by_hand:
            body = published.files[f"/{archive.file}"]
            (root / getting.DOWNLOADS / archive.file).write_bytes(body)
        for path in source.placed:
            original = tmp_path / f"original-{name}" / path
            (root / path).parent.mkdir(exist_ok=True, parents=True)
            (root / path).write_bytes(original.read_bytes())
        assert get_dataset(name, root, told.append)
    assert f"losslab data check {name} --data-root {root}" in told[-1]
    got = open_dataset(name, root, split="all", partial=True)
    original = open_dataset(name, tmp_path / f"original-{name}", split="all", partial=True)
    assert got.ids == original.ids
    assert (got[0][1] == original[0][1]).all()


def test_a_set_that_is_there_is_left_alone(published, tmp_path: Path) -> None:
    published.publish("camvid")
    get_dataset("camvid", tmp_path / "data")
    asked, told = len(published.requests), []
    for archive in (tmp_path / "data" / getting.DOWNLOADS).glob("*.zip"):
        archive.unlink()  # the archives may go
    assert get_dataset("camvid", tmp_path / "data", told.append)
    assert len(published.requests) == asked
    assert any("is there" in line for line in told)


def test_a_whole_set_in_another_folder_is_recognised(
    published, tmp_path: Path, monkeypatch
) -> None:
    published.publish("camvid")
    write_fixture("camvid", tmp_path / "data" / "camvid", 8)
    monkeypatch.setitem(SETS["camvid"], "counts", {"train": 4, "val": 2, "test": 2})
    told: list[str] = []
    assert get_dataset("camvid", tmp_path / "data", told.append)
    assert published.requests == []
    assert "the whole set is there" in told[-1]


def test_an_unpacking_that_was_stopped_fetches_nothing_again(
    published, tmp_path: Path, monkeypatch
) -> None:
    published.publish("camvid")

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("losslab.data.get.archives._write", stop)
        with pytest.raises(KeyboardInterrupt):
            get_dataset("camvid", tmp_path / "data")
    assert get_dataset("camvid", tmp_path / "data")
    assert len(published.requests) == 1
    names = {path.name for path in (tmp_path / "data").iterdir()}
    assert names == {"CamVid", getting.DOWNLOADS}


def test_a_damaged_archive_without_a_digest_is_fetched_anew(published, tmp_path: Path) -> None:
    published.publish("camvid")
    archive = without_digest("camvid")
    whole = published.files[f"/{archive.file}"]
    published.files[f"/{archive.file}"] = whole[: len(whole) // 2]
    with pytest.raises(DataError, match=r"^camvid: .*zip: the archive is damaged"):
        get_dataset("camvid", tmp_path / "data")
    published.files[f"/{archive.file}"] = whole
    assert get_dataset("camvid", tmp_path / "data")


def test_a_wrong_file_placed_by_hand_is_refused(published, tmp_path: Path) -> None:
    published.publish("cityscapes")
    downloads = tmp_path / "data" / getting.DOWNLOADS
    downloads.mkdir(parents=True)
    (downloads / "gtFine_trainvaltest.zip").write_bytes(b"PK half of it")
    with pytest.raises(DataError, match=r"gtFine.*has sha256:\w+, this one sha256:.*again"):
        get_dataset("cityscapes", tmp_path / "data")
    assert (downloads / "gtFine_trainvaltest.zip").exists()


def test_a_damaged_file_placed_by_hand_may_be_replaced(published, tmp_path: Path) -> None:
    published.publish("celebamask_hq")
    archive = without_digest("celebamask_hq")
    whole = published.files[f"/{archive.file}"]
    placed = tmp_path / "data" / getting.DOWNLOADS / archive.file
    placed.parent.mkdir(parents=True)
    placed.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="the archive is damaged"):
        get_dataset("celebamask_hq", tmp_path / "data")
    placed.write_bytes(whole)
    assert get_dataset("celebamask_hq", tmp_path / "data")
    note = json.loads(placed.with_name(f"{placed.name}.json").read_text())
    assert note["sha256"] == hashlib.sha256(whole).hexdigest()


def test_one_process_gets_at_a_time(published, tmp_path: Path) -> None:
    published.publish("camvid")
    downloads = tmp_path / "data" / getting.DOWNLOADS
    downloads.mkdir(parents=True)
    with FileLock(downloads / ".lock"), pytest.raises(DataError, match="another process"):
        get_dataset("camvid", tmp_path / "data")


def test_a_data_root_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        get_dataset("camvid", tmp_path / "data")


def test_the_sources_are_well_formed() -> None:
    for source in SOURCES.values():
        by_hand = any(not archive.urls for archive in source.archives) or source.placed
        assert bool(by_hand) == bool(source.steps)
        assert source.terms
        for archive in source.archives:
            kind, _, digest = (archive.digest or f"md5:{archive.noted or '0' * 32}").partition(":")
            assert len(digest) == {"sha256": 64, "md5": 32}[kind]
            assert archive.named is None or archive.holding is None
            assert not os.path.isabs(archive.into)
            for url in archive.urls:
                assert url.startswith(("https://", "http://"))


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["losslab", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


def test_the_command_says_what_it_did_and_what_comes_next(published, tmp_path: Path, call) -> None:
    published.publish("camvid")
    status, out, err = call("data", "get", "camvid", "--data-root", str(tmp_path / "data"))
    assert (status, err) == (0, "")
    assert "terms: " in out
    assert "verified" in out
    assert "next: losslab data check camvid" in out
    note = next((tmp_path / "data" / getting.DOWNLOADS).glob("*.json"))
    assert json.loads(note.read_text())["verified"] is True


def test_the_command_ends_with_1_while_a_person_has_to_act(tmp_path: Path, call) -> None:
    status, out, _ = call("data", "get", "cityscapes", "--data-root", str(tmp_path))
    assert status == 1
    assert str(tmp_path / "cityscapes" / "gtFine") in out
    assert "account" in out
    assert f"put both into {tmp_path / getting.DOWNLOADS}" in out


def test_the_command_lists_what_can_be_got(call, monkeypatch) -> None:
    monkeypatch.delenv("LOSSLAB_DATA", raising=False)
    _, out, _ = call("data", "get", "--list")
    assert [line.split()[0] for line in out.splitlines()] == list(SOURCES)
    status, _, err = call("data", "get", "camvid")
    assert status == 2
    assert "--data-root" in err


def test_an_unknown_name_is_met_with_the_names_there_are(tmp_path: Path, call) -> None:
    status, _, err = call("data", "get", "scenes", "--data-root", str(tmp_path))
    assert status == 2
    assert "unknown data set to get 'scenes': one of camvid" in err
