"""Errors about one file or folder of a data set, in parts that a report can lay out."""

from collections.abc import Callable
from pathlib import Path

from losslab.errors import DataError


class FileProblem(DataError):
    """A file or folder breaks a rule: which one, the rule, and what to do about it."""

    def __init__(self, file: Path, rule: str, remedy: str):
        super().__init__(f"{file}: {rule}; {remedy}")
        self.file = file
        self.rule = rule
        self.remedy = remedy


Report = Callable[[FileProblem], None]
"""What happens with a problem that need not end the search for others."""


def refuse(problem: FileProblem) -> None:
    """The report of everyday use: the first problem is an error."""
    raise problem
