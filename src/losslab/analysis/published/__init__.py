"""The tables that the five papers print, cell by cell, with the doubts about their reading."""

from importlib import resources

import pandas as pd

from losslab.errors import DataError, unknown

PAPERS = {
    "rahman2016": "Rahman & Wang 2016, Tables 1-4",
    "vanbeers2018": "van Beers 2018, Tables 3.1, 3.2, 4.1-4.4",
    "kim2019": "Kim et al. 2019, Tables 1-5",
    "chen2020": "Chen et al. 2020, Tables 1-8",
    "gul2023": "Gul 2023, Tables 3.1, 4.1-4.12, A.1-A.6 (2.1 is a list of symbols)",
}

KEY = (
    *("paper", "table", "dataset", "split", "model", "encoder", "pretraining", "loss", "variant"),
    *("class", "metric"),
)
"""The columns that together name one cell."""

COLUMNS = (*KEY, "value", "unit", "printed", "note")

UNITS = ("percent", "fraction", "ratio", "count", "epochs", "seconds", "none")


def load_published(paper: str | None = None) -> pd.DataFrame:
    """The printed cells of one paper, or of all five: a row each, in the order of print.

    `value` (float) is the number as printed, in its `unit`; where a cell holds no number ("<20",
    "-", a word) it is NaN and `printed` is the text. All other columns are texts, "" where a cell
    has no such thing or the paper does not say. `note` holds what is doubtful about a cell's
    reading or contradicted by its neighbours.

    Names are losslab's: data sets, models, encoders, classes ("mean" over classes; "face" and
    "face_without_hair" are tasks) and metrics, so F1 is "dice" and a mean IoU is "iou" of "mean".
    `dataset` is the set trained on ("voc_aug" for VOC 2012 with additional labels). `loss` is the
    canonical expression of the paper's preset: the form as run where presets give two (Gul's IoU,
    Dice, combo, Dice & focal), the printed L1 norm for SEMEDA and Sobel, whose code is not known.
    Models and losses that losslab lacks keep their authors' names, and so does SEMEDA where its
    weights cannot be told. `variant` tells apart what no other column does: the amount of data, a
    seed, a fold, a CRF. A metric that ends in "_difference" is the distance loss's score less that
    row's. Raises `DataError` for an unknown paper.
    """
    if paper is not None and paper not in PAPERS:
        raise DataError(unknown("paper", paper, PAPERS))
    names = PAPERS if paper is None else (paper,)
    return pd.concat([_read(name) for name in names], ignore_index=True)


def _read(paper: str) -> pd.DataFrame:
    file = resources.files("losslab") / "analysis" / "published" / f"{paper}.csv"
    types = {column: "float64" if column == "value" else "str" for column in COLUMNS}
    with file.open(encoding="utf-8") as text:
        # Only an empty value is missing: an empty text is "", and "none" is a unit.
        table = pd.read_csv(text, dtype=types, keep_default_na=False, na_values={"value": [""]})
    assert tuple(table.columns) == COLUMNS
    return table
