"""The audit of the five papers' own tables: what they print, and what their cells give for it."""

import pandas as pd

from losslab.analysis.audit.chen import audit_chen
from losslab.analysis.audit.findings import CHECKS, VERDICTS
from losslab.analysis.audit.gul import audit_gul
from losslab.analysis.audit.kim import audit_kim
from losslab.analysis.audit.rahman import audit_rahman
from losslab.analysis.audit.van_beers import audit_van_beers
from losslab.analysis.published import load_published

AUDITS = {
    "rahman2016": audit_rahman,
    "vanbeers2018": audit_van_beers,
    "kim2019": audit_kim,
    "chen2020": audit_chen,
    "gul2023": audit_gul,
}

__all__ = ["AUDITS", "CHECKS", "VERDICTS", "audit"]


def audit(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Every statistic and claim that the papers print and their tables can settle, derived again.

    `table` is that of `load_published` (default). Columns: paper, table (as numbered there; "–" for
    none), says (section and wording; "" for a check of ours), claim (how it is read), printed
    (text; of a claim about many cells how many these are; "" where the text gives no figure),
    derived (of such a claim how many hold), verdict (one of `VERDICTS`, of a check one of
    `CHECKS`), note. A claim that can be read in more than one way is contradicted only where no
    fair reading holds; the note has the others.
    """
    cells = load_published() if table is None else table
    return pd.concat([recompute(cells) for recompute in AUDITS.values()], ignore_index=True)
