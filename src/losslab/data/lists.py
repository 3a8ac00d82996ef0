"""Lists of pictures in text files: official ones, and those of a user's own folder."""

import re
from collections.abc import Callable
from pathlib import Path, PureWindowsPath

from losslab.data.problems import FileProblem, Report


def read_lines(path: Path, remedy: str) -> list[str]:
    """The lines of a UTF-8 text file that are not blank; a byte order mark and CRLF are taken off.

    Raises `FileProblem`, with `remedy` where there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileProblem(path, "the file does not exist", remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        rule = f"the file cannot be read ({error})"
        raise FileProblem(path, rule, "save it as UTF-8 text") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def leads_elsewhere(name: str) -> bool:
    """Whether a name in a list is a path out of the set: absolute, or with "..", on any system."""
    place = PureWindowsPath(name)  # takes both separators
    return bool(place.drive or place.root) or ".." in place.parts


def own_id(match: re.Match[str]) -> str:
    """The id of a line of a list: the group "id" of its match, or the whole line."""
    return match.groupdict().get("id", match[0])


def read_ids(
    path: Path,
    report: Report,
    *,
    pattern: str,
    form: str,
    named: Callable[[re.Match[str]], str] = own_id,
) -> list[str]:
    """The ids of an official list, in its order, each once.

    Every line must match `pattern` whole; `named` makes the id of the match. `form` says in words
    what a line looks like. A line of another form, one that names a place outside the set and one
    that repeats an id are told to `report` and left out.
    """
    found: dict[str, None] = {}
    for line in read_lines(path, "restore the official list"):
        match = re.fullmatch(pattern, line)
        name = "" if match is None else named(match)
        if leads_elsewhere(name) or line.startswith(("/", "..")):
            rule = f"a list names pictures of the set, not other places, as {line!r} does"
            report(FileProblem(path, rule, "restore the official list"))
        elif not name:
            rule = f"a line is {form}, not so {line!r}"
            report(FileProblem(path, rule, "restore the official list"))
        elif name in found:
            rule = f"a list names a picture once, {name!r} occurs again"
            report(FileProblem(path, rule, "keep one of the lines"))
        else:
            found[name] = None
    return list(found)
