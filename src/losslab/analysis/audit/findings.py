"""One row a finding: what a paper prints, and what its own tables give for it."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pandas as pd

from losslab.analysis.claims import ALPHA

COLUMNS = ("paper", "table", "says", "claim", "printed", "derived", "verdict", "note")

VERDICTS = ("reproduced", "contradicted", "undeterminable")
"""Of what a paper prints."""

CHECKS = ("holds", "fails")
"""Of what its tables must satisfy though the paper does not say so: a check of ours."""

NEARLY_ALL = 0.8
"""The share of cells for which a claim of "almost all" or "nearly every" holds, as we read it."""

MOST = 0.51
"""The share for which a claim of "most" holds."""

_EXACT = 1e-9
"""Slack for the rounding of floats."""

Row = dict[str, object]


def finding(
    paper: str,
    table: str,
    says: str,
    claim: str,
    printed: str,
    derived: Any,  # a number: pandas types its scalars too widely to say so
    *,
    slack: float | int = 0,
    note: str = "",
) -> Row:
    """What a paper prints against what its tables give.

    `says` is where, and the wording: `4.2: "in all 5 categories"` is of section 4.2. `claim` is how
    we read it. `printed` is a number as the paper writes it; of a claim about many cells it is how
    many cells are meant, and `derived` how many of them hold. "reproduced" where the two differ by
    no more than half a unit of the last printed digit, plus `slack`: how far the rounding of the
    printed inputs can move the derived value. "undeterminable" where `derived` is NaN, because
    something that it needs is not printed; else "contradicted".
    """
    half = 0.5 * 10.0 ** int(Decimal(printed).as_tuple().exponent)
    derived = float(derived)
    gap = abs(float(printed) - derived)
    verdict = "reproduced" if gap <= half + slack + _EXACT else "contradicted"
    verdict = "undeterminable" if math.isnan(derived) else verdict
    values = (paper, table, says, claim, printed, derived, verdict, note)
    return dict(zip(COLUMNS, values, strict=True))


def count_finding(
    paper: str,
    table: str,
    says: str,
    claim: str,
    holds: pd.Series,
    *,
    share: float | int = 1,
    note: str = "",
) -> Row:
    """A claim about many cells: True in `holds` for each of which it is true.

    Reproduced where at least `share` of them are.
    """
    held = int(holds.sum())
    row = finding(paper, table, says, claim, str(len(holds)), held, note=note)
    verdict = "reproduced" if held >= share * len(holds) else "contradicted"
    return row | {"verdict": verdict}


def tendency(paper: str, table: str, says: str, claim: str, rank: Any, *, note: str) -> Row:
    """A claim that one thing grows with another, without a figure in the text.

    `rank` is SciPy's result of a rank correlation. At 5 % it is reproduced, or contradicted where
    the correlation is negative; else the few cells do not settle it, and it is undeterminable.
    """
    row = finding(paper, table, says, claim, "1", rank.statistic, note=note)
    sure = "reproduced" if rank.statistic > 0 else "contradicted"
    return row | {"printed": "", "verdict": sure if rank.pvalue < ALPHA else "undeterminable"}


def untold(paper: str, table: str, says: str, claim: str, printed: str, note: str) -> Row:
    """A printed figure or claim for which no table has what it needs; `note` says what is missing.

    `printed` is "" for a claim without a figure.
    """
    row = finding(paper, table, says, claim, printed or "0", math.nan, note=note)
    return row | {"printed": printed}


def check(paper: str, table: str, claim: str, holds: pd.Series, *, note: str = "") -> Row:
    """What the cells must satisfy, though the paper does not say so: "holds" where all of them do.

    `says` is "".
    """
    row = count_finding(paper, table, "", claim, holds, note=note)
    return row | {"verdict": CHECKS[0] if bool(holds.all()) else CHECKS[1]}


def as_table(rows: Iterable[Row]) -> pd.DataFrame:
    """The findings as a table with `COLUMNS`."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def signed(text: str) -> str:
    """The text with true minus signs for its hyphens; for notes that hold numbers only."""
    return text.replace("-", "−")


def of(table: pd.DataFrame, paper: str, *tables: str) -> pd.DataFrame:
    """The cells of some of a paper's tables."""
    return table[(table["paper"] == paper) & table["table"].isin(tables)]


def wide(rows: pd.DataFrame, index: list[str], columns: str | list[str] = "loss") -> pd.DataFrame:
    """Values with `index` down and `columns` across; a cell that is there twice is an error."""
    return rows.pivot(index=index, columns=columns, values="value")


def dice_of(iou: pd.Series, top: float | int = 1) -> pd.Series:
    """The Dice that belongs to an IoU of the same pixels, both on the scale 0 to `top`."""
    return 2 * iou / (1 + iou / top)


def minus(pairs: pd.DataFrame, loss: str = "iou", baseline: str = "ce") -> pd.Series:
    """One column less another."""
    return pairs[loss] - pairs[baseline]


def cell(values: pd.DataFrame, *key: str) -> float:
    """The value of a row and a column."""
    places: Any = values.loc
    return float(places[key])
