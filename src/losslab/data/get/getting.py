"""A data set from its mirrors to the data root: fetched, verified, unpacked, recorded."""

import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pooch
from filelock import FileLock
from tqdm import tqdm

from losslab.data.dataset import FileProblem, of_dataset
from losslab.data.get.archives import Damaged, unpack
from losslab.data.get.sources import SOURCES, Archive, Source
from losslab.data.get.transfer import ResumableDownload, Unavailable, unwritable
from losslab.data.preparation import open_dataset
from losslab.errors import DataError, unknown
from losslab.files import write_atomically, write_json

DOWNLOADS = "downloads"
"""Folder of the data root that keeps the archives."""

Tell = Callable[[str], object]


def get_dataset(name: str, root: Path, tell: Tell = print) -> bool:
    """Bring data set `name` into the data root; whether it is complete there.

    What is public is downloaded, verified and unpacked, unless it is there; for the rest `tell` is
    given the steps that a person has to take. Archives stay in `downloads`, each with a note of
    where it came from and its SHA-256. Raises `DataError` for an unknown name, where no mirror
    gives a file that is the published one, and where the disk refuses.
    """
    if name not in SOURCES:
        raise DataError(unknown("data set to get", name, SOURCES))
    source, downloads = SOURCES[name], root / DOWNLOADS
    tell(f"{name}: {source.title}\nterms: {source.terms}; {source.home}")
    finish = f"next: losslab data check {name} --data-root {root}"
    if _opens(name, root):
        tell(f"{root}: the whole set is there\n{finish}")
        return True
    waiting = []
    with of_dataset(name), _prepared(downloads):
        for archive in source.archives:
            place = root / archive.into
            if place.exists():
                tell(f"{place}: is there, left as it is")
            elif not archive.urls and not (downloads / archive.file).exists():
                waiting.append(archive.into)
            else:
                _bring(archive, place, downloads, tell)
    waiting += [path for path in source.placed if not (root / path).exists()]
    if waiting:
        tell(_steps(source, root, waiting))
        return False
    tell(finish)
    return True


def _opens(name: str, root: Path) -> bool:
    """Whether the loader finds the whole set, which may lie in another folder than ours."""
    try:
        open_dataset(name, root, split="all")
    except DataError:
        return False
    return True


def describe_sources(root: Path | None = None) -> list[str]:
    """A line for each data set: what `get_dataset` would do, whether it is there, and its terms."""
    lines = []
    for name, source in SOURCES.items():
        public = sum(bool(archive.urls) for archive in source.archives)
        how = "by hand" if not public else "downloaded"
        if public and (source.steps or public < len(source.archives)):
            how = "in part by hand"
        places = [*(archive.into for archive in source.archives), *source.placed]
        if root is not None and all((root / place).exists() for place in places):
            how = "is there"
        lines.append(f"{name:15s} {how:16s} {source.title}; {source.terms}")
    return lines


def _steps(source: Source, root: Path, waiting: list[str]) -> str:
    missing = ", ".join(str(root / path) for path in waiting)
    steps = source.steps.format(root=root, downloads=root / DOWNLOADS)
    return f"missing: {missing}\n{steps}"


@contextmanager
def _prepared(downloads: Path) -> Iterator[None]:
    """The folder exists, is used by this process alone, and pooch says nothing by itself."""
    logger = pooch.get_logger()
    level = logger.level
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        lock = FileLock(downloads / ".lock", timeout=0.1)
        lock.acquire()
    except TimeoutError:
        raise DataError(
            f"{downloads}: another process is getting a data set; wait for it, or stop it"
        ) from None
    except OSError as error:
        raise unwritable(downloads, error) from error
    try:
        logger.setLevel(logging.ERROR)
        yield
    finally:
        logger.setLevel(level)
        lock.release()


def _bring(archive: Archive, place: Path, downloads: Path, tell: Tell) -> None:
    """One file of a set, from wherever it is to `place`."""
    path = fetch(archive, downloads, tell)
    if archive.named is None and archive.holding is None:
        write_atomically(place, lambda temporary: shutil.copyfile(path, temporary))
        tell(f"{place}: written")
        return
    with _bar(f"unpacking {archive.file}", unit="file") as bar:
        try:
            count = unpack(
                path,
                place,
                named=archive.named,
                holding=archive.holding,
                progress=lambda done, total: _advance(bar, done, total),
            )
        except Damaged:
            if archive.urls and archive.digest is None:  # only now is it known that it is not whole
                _forget(path)
            raise
    tell(f"{place}: {count} files")


def fetch(archive: Archive, downloads: Path, tell: Tell = print) -> Path:
    """The file in `downloads`, from there if it is what it should be, else from a mirror.

    A file that must have a digest and has another is never kept under its name; what a broken
    transfer left is continued. Raises `FileProblem` where no mirror gives the file.
    """
    path = downloads / archive.file
    digest = archive.digest or _remembered(path)
    if path.exists():
        got = digest if digest is None else _measured(path, digest)
        if got != digest and archive.digest is None and not archive.urls:
            _note(path).unlink()  # a person has put another file there
            got = digest
        if got == digest:
            _record(archive, path, "placed by hand", tell)
            return path
        if not archive.urls:
            rule = f"the published file has {digest}, this one {got}"
            raise FileProblem(path, rule, "delete it and download it again; it may not be whole")
        _forget(path)
    reasons = []
    for url in archive.urls:
        with _bar(archive.file, unit="B") as bar:
            download = ResumableDownload(
                downloads / f"{archive.file}.part",
                size=archive.size,
                any_mirror=archive.digest is not None,
                progress=lambda done, total, bar=bar: _advance(bar, done, total),
            )
            try:
                _retrieve(url, archive, downloads, download)
            except Unavailable as reason:
                reasons.append(f"{url}: {reason}")
                tell(f"{archive.file}: {reasons[-1]}")
                continue
        _record(archive, path, url, tell)
        return path
    raise FileProblem(
        path,
        "no mirror gives this file: " + "; ".join(reasons),
        "try again later (what came of it is kept), or put the file there by hand",
    )


def _retrieve(url: str, archive: Archive, downloads: Path, download: ResumableDownload) -> None:
    """Have pooch fetch, verify and place the file; once more from its start where what was left of
    another time or mirror turns out not to belong to it.
    """
    while True:
        download.resumed = False
        try:
            pooch.retrieve(
                url,
                known_hash=archive.digest,
                fname=archive.file,
                path=downloads,
                # pooch's protocol misnames the arguments that it passes
                downloader=download,  # pyright: ignore[reportArgumentType]
            )
            return
        except ValueError as error:  # pooch's word for another digest; it has deleted the file
            if not download.resumed:
                got = str(error).rsplit("but got ", 1)[-1].split(".")[0]
                raise Unavailable(
                    f"it gives another file than the published one: {got}, not {archive.digest}"
                ) from None
        except OSError as error:
            raise unwritable(downloads / archive.file, error) from error


def _record(archive: Archive, path: Path, origin: str, tell: Tell) -> None:
    """Note beside the file what was got, once; tell where it is not what somebody else got."""
    note = _note(path)
    if note.exists():
        return
    md5, sha256 = (pooch.file_hash(str(path), alg) for alg in ("md5", "sha256"))
    verified = archive.digest is not None
    facts = {
        "file": archive.file,
        "from": origin,
        "bytes": path.stat().st_size,
        "md5": md5,
        "sha256": sha256,
        "verified": verified,
        "got": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(note, facts)
    if verified:
        tell(f"{path}: {facts['bytes']} bytes, verified")
    elif archive.noted is None:
        tell(f"{path}: {facts['bytes']} bytes; nobody publishes a checksum, SHA-256 {sha256}")
    elif md5 == archive.noted:
        tell(f"{path}: {facts['bytes']} bytes; its MD5 is the one that others have noted")
    else:
        tell(
            f"{path}: {facts['bytes']} bytes; its publisher gives no checksum, and others have "
            f"noted the MD5 {archive.noted} where this file has {md5}: look at it"
        )


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _remembered(path: Path) -> str | None:
    """The digest that the file had when it was got."""
    try:
        return "sha256:" + json.loads(_note(path).read_text())["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
    _note(path).unlink(missing_ok=True)


def _measured(path: Path, digest: str) -> str:
    """The file's digest of the kind that `digest` is."""
    kind = digest.partition(":")[0]
    return f"{kind}:{pooch.file_hash(str(path), alg=kind)}"


@contextmanager
def _bar(name: str, unit: str) -> Iterator[tqdm]:
    """A line of progress, on a terminal."""
    hidden = not sys.stderr.isatty()
    with tqdm(desc=name, unit=unit, unit_scale=unit == "B", disable=hidden) as bar:
        yield bar


def _advance(bar: tqdm, done: int, total: int | None) -> None:
    bar.total = total
    bar.update(done - bar.n)
