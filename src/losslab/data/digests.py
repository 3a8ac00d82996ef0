"""SHA-256 of files, remembered by (path, size, modification time) so that an unchanged tree is not
read again.
"""

import json
import time
from contextlib import suppress
from pathlib import Path

from losslab.data.dataset import FileProblem
from losslab.files import file_digest, write_json

SETTLED_NANOSECONDS = 2_000_000_000
"""A younger file may still change within one tick of the file system's clock, so its digest is not
remembered.
"""


def read_digest(path: Path) -> str:
    """SHA-256 of a file of a data set in hex; raises `FileProblem` where it cannot be read."""
    try:
        return file_digest(path)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> FileProblem:
    rule = f"the file cannot be read ({error.strerror})"
    return FileProblem(path, rule, "restore the file or its permissions")


class Digests:
    """Callable path -> SHA-256 in hex, with a memory in a JSON file."""

    def __init__(self, memory: Path):
        self._memory = memory
        self._known: dict[str, list] = {}
        self._changed = False
        self._told: dict[Path, str] = {}
        with suppress(OSError, ValueError):  # a lost memory costs a reading, nothing else
            known = json.loads(memory.read_text())
            if isinstance(known, dict):
                self._known = known

    def __call__(self, path: Path) -> str:
        if path not in self._told:  # the same answer to all who ask through this object
            self._told[path] = self._digest(path)
        return self._told[path]

    def _digest(self, path: Path) -> str:
        place = str(path.absolute())
        try:
            state = path.stat()
            mark = [state.st_size, state.st_mtime_ns]
            known = self._known.get(place)
            if isinstance(known, list) and known[:2] == mark and len(known) == 3:
                return known[2]
        except OSError as error:
            raise _unreadable(path, error) from None
        digest = read_digest(path)
        if time.time_ns() - state.st_mtime_ns > SETTLED_NANOSECONDS:
            self._known[place] = [*mark, digest]
            self._changed = True
        return digest

    def remember(self) -> None:
        """Save what was learnt; where the folder cannot be written the files are read again next
        time.
        """
        if self._changed:
            with suppress(OSError):
                write_json(self._memory, self._known)
