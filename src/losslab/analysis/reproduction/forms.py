"""Which loss of a run stands for a printed one: the same expression, or another form of it."""

import re
from functools import cache

from losslab.errors import SpecError
from losslab.losses import PRESETS, canonical

_FORMS = {"printed": "as the equation is printed", "as_run": "as the named library runs it"}


@cache
def forms_of(paper: str, loss: str) -> dict[str, str]:
    """The expressions that may stand for a printed loss, best first, each with what is different.

    The first is `loss` itself, with "". The papers' tables hold one form where presets give two:
    Gul's overlap losses as run and as printed, SEMEDA's and Sobel's differences as sums over
    channels ("l1") and as means.
    """
    found = {loss: ""}
    name = next((n for n, text in PRESETS.items() if n.startswith(paper) and text == loss), "")
    stem = re.sub(r"_(printed|as_run)$", "", name)
    for ending, words in _FORMS.items() if paper == "gul2023" and name else ():
        other = PRESETS.get(f"{stem}_{ending}")
        if other and _spelled(other):
            found.setdefault(canonical(other), f"the loss {words}")
    if paper == "chen2020" and "reduction='l1'" in loss:
        without = re.sub(r"\(reduction='l1'\)|, reduction='l1'", "", loss)
        found.setdefault(canonical(without), "means over channels in place of the L1 norm's sums")
    return found


def is_any(loss: str) -> str:
    """The name of a loss that is printed without its weights, or ""."""
    return "semeda" if loss == "SEMEDA" else ""


def _spelled(loss: str) -> bool:
    try:
        canonical(loss)
    except SpecError:
        return False
    return True
