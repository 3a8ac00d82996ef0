"""A downloader for pooch that goes on where it stopped, and takes nothing but the file.

Pooch checks the digest and moves the file into place; its own downloader starts from the first byte
each time.
"""

import json
import re
import shutil
import time
from collections.abc import Callable
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from losslab.data.dataset import FileProblem
from losslab.files import write_json

TRIES = 3
"""Requests in a row that bring nothing new, after which a mirror is given up."""

WAIT = 2.0
"""Seconds before the second request; twice as many before the third."""

TIMEOUT = (15, 60)
"""Seconds to connect and between two pieces."""

PIECE = 1 << 18
"""Bytes read at once."""

PASSING = (408, 429, 500, 502, 503, 504)
"""HTTP statuses that may be another a moment later."""

MAGIC = {
    ".zip": (0, b"PK"),
    ".tgz": (0, b"\x1f\x8b"),
    ".gz": (0, b"\x1f\x8b"),
    ".tar": (257, b"ustar"),
}
"""Where in an archive of each suffix which bytes stand."""


class Unavailable(Exception):
    """This address does not give the file; the text says why."""


class _Broken(Exception):
    """The connection ended early; another request may go on."""


class ResumableDownload:
    """Fetches an address into `part` and, when it is whole, moves it to where pooch wants it.

    A `part` that is there is continued by an HTTP range, wherever it came from if `any_mirror` (the
    digest of the whole file is checked afterwards), otherwise only from the address that gave it
    and only if that says that its file is still the same. `size` is the file's in bytes, if known.
    Raises `Unavailable` for what another mirror may do better, `FileProblem` for what none can: a
    full or read-only disk.
    """

    def __init__(
        self,
        part: Path,
        *,
        size: int | None = None,
        any_mirror: bool = False,
        progress: Callable[[int, int | None], object] = lambda done, total: None,
    ):
        self.part = part
        self.size = size
        self.any_mirror = any_mirror
        self.progress = progress
        self.resumed = False
        self._notes = part.with_name(part.name + ".json")

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        fault = self._fetch(url)
        if fault and self.resumed:  # what was here may have been of something else
            self.discard()
            self.resumed = False
            fault = self._fetch(url)
        if fault:
            self.discard()
            raise Unavailable(fault)
        self.part.replace(output_file)
        self._notes.unlink(missing_ok=True)

    def _fetch(self, url: str) -> str | None:
        """Request until `part` is whole; return what is plainly wrong with it."""
        fruitless = 0
        while True:
            before = self._held()
            try:
                self._request(url)
                return self._fault()
            except _Broken as broken:
                fruitless = 0 if self._held() > before else fruitless + 1
                if fruitless == TRIES:
                    raise Unavailable(str(broken)) from None
                time.sleep(WAIT * fruitless)
            except OSError as error:
                raise unwritable(self.part, error) from error

    def discard(self) -> None:
        """Forget what was fetched."""
        self.part.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def _held(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _request(self, url: str) -> None:
        """One request: the rest of the file, or all of it."""
        validator = self._validator(url)
        if self.any_mirror and self.size is not None and self._held() >= self.size:
            if self._held() == self.size:
                self.resumed = True
                return
            self.discard()
        held = self._held() if self.any_mirror or validator else 0
        # a compressed transfer would have another length, and another range
        headers = {"User-Agent": "losslab", "Accept-Encoding": "identity"}
        if held:
            headers["Range"] = f"bytes={held}-"
            if validator:
                headers["If-Range"] = validator
        try:
            response = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise _Broken(f"it cannot be reached ({type(error).__name__})") from None
        with response:
            start, total = self._accepted(response, held)
            if start is None:  # all of it is here
                return
            self.resumed = self.resumed or start > 0
            self._room(total, start)
            self._note(url, response)
            self._receive(response, start, total)

    def _validator(self, url: str) -> str | None:
        """What the server said identifies the version of its file that `part` holds."""
        try:
            notes = json.loads(self._notes.read_text())
            return notes["validator"] if notes["url"] == url else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _note(self, url: str, response: requests.Response) -> None:
        tag = response.headers.get("ETag", "")
        strong = tag if tag.startswith('"') else None
        write_json(
            self._notes,
            {"url": url, "validator": strong or response.headers.get("Last-Modified")},
        )

    def _accepted(self, response: requests.Response, held: int) -> tuple[int | None, int | None]:
        """First byte that comes and size of the whole file; no first byte where none is missing."""
        status = response.status_code
        if status == 416 and held:
            whole = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
            if whole and int(whole[1]) == held:
                return None, held
            self.discard()
            raise _Broken("it cannot go on where the download stopped")
        if status in PASSING:
            raise _Broken(f"the server answers {status} {response.reason}")
        if status not in (200, 206):
            raise Unavailable(f"the server answers {status} {response.reason}")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise Unavailable("the server sends a web page instead of the file")
        length = response.headers.get("Content-Length", "")
        start, total = 0, int(length) if length.isdigit() else None
        if status == 206:
            span = re.fullmatch(
                r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "")
            )
            if span is None or int(span[1]) != held:
                self.discard()
                raise _Broken("the server sends another range than the one asked for")
            start, total = held, None if span[2] == "*" else int(span[2])
        if total is not None and self.size is not None and total != self.size:
            raise Unavailable(f"the server's file has {total} bytes, the known one {self.size}")
        return start, total

    def _room(self, total: int | None, start: int) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if total is not None and total - start > free:
            raise OSError(ENOSPC, f"{total - start} bytes are to come and {free} are free")

    def _receive(self, response: requests.Response, start: int, total: int | None) -> None:
        pieces = response.raw.stream(PIECE, decode_content=False)
        self.progress(start, total)
        done = start
        with self.part.open("r+b" if start else "wb") as file:
            file.seek(start)
            while True:
                try:
                    piece = next(pieces, b"")
                except (HTTPError, OSError) as error:
                    raise _Broken(
                        f"the connection broke after {done} bytes ({type(error).__name__})"
                    ) from None
                if not piece:
                    break
                file.write(piece)
                done += len(piece)
                self.progress(done, total)
        if total is not None and done != total:
            if done > total:
                self.discard()
            raise _Broken(f"{done} bytes came where the server announced {total}")

    def _fault(self) -> str | None:
        """What shows that this is not the file, whose digest nobody may have published."""
        suffix = Path(self.part.name.removesuffix(".part")).suffix
        with self.part.open("rb") as file:
            head = file.read(512)
        if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
            return "the server sends a web page instead of the file"
        where, magic = MAGIC.get(suffix, (0, b""))
        if not head or head[where : where + len(magic)] != magic:
            return f"what the server sends is no {suffix[1:]} file"
        return None


def unwritable(file: Path, error: OSError) -> FileProblem:
    """What the file system refuses, as an error that says what to do."""
    if error.errno in (ENOSPC, EDQUOT, EFBIG):
        return FileProblem(
            file,
            f"the disk has no room for it ({error.strerror})",
            "free some space, or name another --data-root; what is here already is kept and the "
            "download goes on from it",
        )
    return FileProblem(
        file,
        f"it cannot be written ({error.strerror or error})",
        "make the folder writable, or name another --data-root",
    )
