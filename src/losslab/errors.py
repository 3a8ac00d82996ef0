"""Errors that a user can act on: each names the thing, the rule it breaks and the remedy."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

MOST_LISTED = 100
"""Longer lists of choices are counted, not printed."""


class LosslabError(Exception):
    """Something outside losslab's own code is wrong; the message says what and what to do."""


class SpecError(LosslabError):
    """A value in a run's or a study's description breaks its rule."""


class DataError(LosslabError):
    """A data set, one of its files or its cache breaks a rule."""


class WeightsError(LosslabError):
    """Weights cannot be had or do not fit the model."""


class StudyError(LosslabError):
    """A study cannot be planned, executed or read."""


class Terminated(LosslabError):
    """The run was asked to stop and has saved its state."""


def brief(error: BaseException) -> str:
    """An error's type and the first sentence of its text, to be quoted in another error."""
    text = re.split(r"\n|\. ", str(error).strip())[0]
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def unknown(kind: str, name: object, choices: Iterable[object]) -> str:
    """The sentence for a name that is not among the choices, with the nearest one.

    >>> unknown("loss", "dize", ["ce", "dice"])
    "unknown loss 'dize': one of ce, dice (did you mean 'dice'?)"
    """
    names = [str(choice) for choice in choices]
    near = get_close_matches(str(name), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    listed = ", ".join(names) if len(names) <= MOST_LISTED else f"{len(names)} names"
    return f"unknown {kind} {name!r}: one of {listed}{hint}"
