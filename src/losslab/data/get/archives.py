"""Archives, looked through before anything of them is written."""

import gzip
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal

from losslab.data.dataset import FileProblem
from losslab.data.get.transfer import unwritable
from losslab.errors import brief

DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, NotImplementedError, ValueError),
)
"""What reading a damaged archive raises; gzip's own error is an OSError."""


class Damaged(FileProblem):
    """The archive cannot be read to its end."""


@dataclass(frozen=True)
class Member:
    """One entry of an archive."""

    name: str
    kind: Literal["file", "folder", "link", "device", "encrypted file"]
    size: int
    handle: Any

    @property
    def parts(self) -> tuple[str, ...]:
        """The components of its path, without "."."""
        return PurePosixPath(self.name).parts


class OpenArchive:
    """A tar (plain or compressed) or zip file, opened for reading."""

    def __init__(self, archive: tarfile.TarFile | zipfile.ZipFile):
        self._archive = archive

    def members(self) -> list[Member]:
        """All entries, in the archive's order."""
        if isinstance(self._archive, tarfile.TarFile):
            found = [Member(m.name, _tar_kind(m), m.size, m) for m in self._archive.getmembers()]
            _check_end(self._archive)
            return found
        return [Member(m.filename, _zip_kind(m), m.file_size, m) for m in self._archive.infolist()]

    def read(self, member: Member) -> Any:
        """The contents of a file, opened to read bytes."""
        if isinstance(self._archive, tarfile.TarFile):
            file = self._archive.extractfile(member.handle)
            assert file is not None
            return file
        return self._archive.open(member.handle)


@contextmanager
def opened(path: Path) -> Iterator[OpenArchive]:
    """The archive at `path`, by its suffix; what is wrong with its bytes raises `Damaged`."""
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                yield OpenArchive(archive)
        else:
            if path.suffix in (".tgz", ".gz"):
                _check_gzip(path)
            with tarfile.open(path) as archive:
                yield OpenArchive(archive)
    except DAMAGE as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is None:  # gzip's errors have no number, the file system's do
            raise _damaged(path, error) from error
        raise


def _check_gzip(path: Path) -> None:
    """Read the compressed file to its checksum, which tarfile may never come to."""
    with gzip.open(path) as stream:
        while stream.read(1 << 20):
            pass


def _check_end(archive: tarfile.TarFile) -> None:
    """Where the last member ends there is the archive's end: tarfile takes rubbish for it too."""
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it has no end")


def _damaged(path: Path, error: BaseException) -> Damaged:
    return Damaged(
        path, f"the archive is damaged ({brief(error)})", "delete it and get the data set again"
    )


def _tar_kind(member: tarfile.TarInfo) -> Any:
    if member.isdir():
        return "folder"
    if member.isreg():
        return "file"
    return "link" if member.issym() or member.islnk() else "device"


def _zip_kind(member: zipfile.ZipInfo) -> Any:
    if member.flag_bits & 1:
        return "encrypted file"
    form = stat.S_IFMT(member.external_attr >> 16)
    if form == stat.S_IFLNK:
        return "link"
    if form not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "device"
    return "folder" if member.is_dir() else "file"


def check_members(path: Path, members: Sequence[Member]) -> None:
    """Raise `FileProblem` for an entry that would be written outside the folder it is unpacked
    into, and for links and devices.
    """
    files = {member.parts for member in members if member.kind == "file"}
    for member in members:
        inside_file = any(member.parts[:n] in files for n in range(1, len(member.parts)))
        fault = _fault(member) or ("an entry within a file" if inside_file else None)
        if fault:
            raise FileProblem(
                path,
                f"an archive holds files and folders with paths below its own, not {fault} "
                f"({member.name!r}); nothing of it was written",
                "delete it and get the data set again, from another mirror if it is so there",
            )


def _fault(member: Member) -> str | None:
    windows = PureWindowsPath(member.name)
    if member.name.startswith("/") or windows.drive or windows.root:
        return "an absolute path"
    if "\\" in member.name or "\0" in member.name or not member.name:
        return "a path of another system"
    if ".." in member.parts:
        return "a path that leaves its folder"
    return None if member.kind in ("file", "folder") else f"a {member.kind}"


def find_folder(
    path: Path, members: Sequence[Member], *, named: str | None, holding: str | None
) -> tuple[str, ...]:
    """The path within the archive of the folder that is called `named`, or that holds an entry
    called `holding`: the one nearest to the top.
    """
    found = []
    for member in members:
        folders = member.parts if member.kind == "folder" else member.parts[:-1]
        if named is not None and named in folders:
            found.append(folders[: folders.index(named) + 1])
        if holding is not None and holding in member.parts:
            found.append(member.parts[: member.parts.index(holding)])
    if not found:
        what = f"a folder {named}" if named is not None else f"a folder with {holding}"
        raise FileProblem(
            path, f"the archive has {what}, this one has none", "get the right archive"
        )
    return min(found, key=lambda parts: (len(parts), parts))


def unpack(
    path: Path,
    target: Path,
    *,
    named: str | None = None,
    holding: str | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> int:
    """Write one folder of an archive as `target`, whole or not at all; return its number of files.

    `named` or `holding` chooses the folder as in `find_folder`. The files lie in a hidden neighbour
    of `target` until all are written. Raises `FileProblem` before anything is written for an entry
    that may not be in an archive (`check_members`) and where the disk has too little room.
    """
    with opened(path) as archive:
        members = archive.members()
        check_members(path, members)
        top = find_folder(path, members, named=named, holding=holding)
        wanted = [m for m in members if m.parts[: len(top)] == top and m.kind == "file"]
        staging = target.with_name(f".{target.name}.unpacking")
        try:
            shutil.rmtree(staging, ignore_errors=True)  # of an unpacking that was stopped
            staging.mkdir(parents=True)
            _check_room(target, sum(member.size for member in wanted))
            for done, member in enumerate(wanted, start=1):
                _write(archive, member, staging.joinpath(*member.parts[len(top) :]))
                progress(done, len(wanted))
            os.sync()  # the name is the promise that every file is there
            staging.rename(target)
        except OSError as error:
            if error.errno is None:
                raise
            raise unwritable(target, error) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return len(wanted)


def _write(archive: OpenArchive, member: Member, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with archive.read(member) as source, file.open("wb") as written:
        shutil.copyfileobj(source, written, 1 << 20)


def _check_room(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise FileProblem(
            target,
            f"unpacked it takes {needed} bytes and {free} are free",
            "free some space, or name another --data-root; the archive is kept",
        )
