"""Rahman & Wang 2016, Table 2: background pixels for each pixel of an object in PASCAL VOC."""

import pandas as pd

from losslab.data import DATASETS

PUBLISHED = {
    "voc2010": (
        *(152, 319, 107, 142, 150, 64, 66, 40, 97, 152),
        *(82, 75, 117, 91, 25, 182, 111, 99, 85, 104),
    ),
    "voc2011": (
        *(153, 341, 100, 158, 152, 60, 68, 41, 94, 160),
        *(82, 71, 127, 86, 23, 176, 115, 88, 76, 113),
    ),
}
"""By data set, in the order of VOC's categories: aeroplane (1) to TV/monitor (20)."""


def with_published(ratios: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The table of `ratios` with a column `published`, NaN where the paper prints none.

    The paper does not say of which pictures its ratios are; the whole of each set is likely.
    """
    categories = (DATASETS[dataset].static_classes or ())[1:]
    printed = dict(zip(categories, PUBLISHED.get(dataset, ()), strict=False))
    return ratios.assign(published=ratios["class"].map(printed).astype(float))
