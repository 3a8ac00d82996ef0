"""Errors about one file or folder of a data set, in parts that a report can lay out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from losslab.errors import DataError


class FileProblem(DataError):
    """A file or folder breaks a rule: which one, the rule, and what to do about it."""

    def __init__(self, file: Path, rule: str, remedy: str):
        super().__init__(file, rule, remedy)
        self.file = file
        self.rule = rule
        self.remedy = remedy
        self.dataset = ""
        """Name of the data set, filled in by `of_dataset`."""

    def __str__(self) -> str:
        whose = f"{self.dataset}: " if self.dataset else ""
        return f"{whose}{self.file}: {self.rule}; {self.remedy}"


Report = Callable[[FileProblem], None]
"""What happens with a problem that need not end the search for others."""


def refuse(problem: FileProblem) -> None:
    """The report of everyday use: the first problem is an error."""
    raise problem


@contextmanager
def of_dataset(name: str) -> Iterator[None]:
    """Problems that arise within carry the data set's name; a place that cannot be looked into is a
    problem too.
    """
    try:
        yield
    except FileProblem as problem:
        problem.dataset = problem.dataset or name
        raise
    except (PermissionError, NotADirectoryError) as error:
        if error.filename is None:
            raise
        problem = closed(Path(error.filename), error)
        problem.dataset = name
        raise problem from error


def closed(file: Path, error: OSError) -> FileProblem:
    """What the operating system refuses to open, as a problem."""
    rule = f"it cannot be opened ({error.strerror})"
    return FileProblem(file, rule, "check what it is, and that it and its folder may be read")
