"""Rahman & Wang 2016, Table 2: background pixels for each pixel of an object in PASCAL VOC."""

import pandas as pd

from losslab.analysis.published import load_published

_CELLS = load_published("rahman2016").query("table == '2'")

PUBLISHED = {str(name): tuple(cells["value"]) for name, cells in _CELLS.groupby("dataset")}
"""By data set, in the order of VOC's categories: aeroplane (1) to TV/monitor (20)."""


def with_published(ratios: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The table of `ratios` with a column `published`, NaN where the paper prints none.

    The paper does not say of which pictures its ratios are; the whole of each set is likely.
    """
    printed = _CELLS[_CELLS["dataset"] == dataset].set_index("class")["value"]
    return ratios.assign(published=ratios["class"].map(printed).astype(float))
