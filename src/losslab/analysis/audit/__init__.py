"""The audit of the five papers' own tables: what they print, and what their cells give for it."""

import pandas as pd

from losslab.analysis.audit.chen_kim import audit_chen, audit_kim
from losslab.analysis.audit.early import audit_rahman, audit_van_beers
from losslab.analysis.audit.findings import VERDICTS
from losslab.analysis.audit.gul import audit_gul
from losslab.analysis.published import load_published

AUDITS = {
    "rahman2016": audit_rahman,
    "vanbeers2018": audit_van_beers,
    "kim2019": audit_kim,
    "chen2020": audit_chen,
    "gul2023": audit_gul,
}

__all__ = ["AUDITS", "VERDICTS", "audit"]


def audit(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Every statistic that the papers print and that their tables can give, derived again.

    `table` is that of `load_published` (default). Columns: paper, table (as numbered there),
    claim, printed (text; of a claim about many cells how many these are; "" where the text gives no
    figure), derived (of such a claim how many hold), verdict (one of `VERDICTS`), note.
    """
    cells = load_published() if table is None else table
    return pd.concat([recompute(cells) for recompute in AUDITS.values()], ignore_index=True)
