"""The printed cells that are to be reproduced, and what their paper means by them."""

import re
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from losslab.analysis.published import COLUMNS, load_published
from losslab.errors import DataError, unknown
from losslab.metrics.scores import MEAN


class Cell(NamedTuple):
    """A row of `load_published`, its columns in their order."""

    paper: str
    table: str
    dataset: str
    split: str
    model: str
    encoder: str
    pretraining: str
    loss: str
    variant: str
    of_class: str
    metric: str
    value: float
    unit: str
    printed: str
    note: str


class Variant(NamedTuple):
    """What the column `variant` asks of a run; None is whatever it has."""

    seed: int | None = None
    fold: int | None = None
    over_folds: str = ""
    """"mean" or "standard deviation" of the five folds."""
    division: str = "official"
    folds: bool = False
    multi_scale: bool = False
    crf: int = 0
    """Mean-field iterations after the network."""


def published_cells(paper: str, tables: Iterable[str] = ()) -> pd.DataFrame:
    """The rows of `load_published` of some of a paper's tables; without names, of all.

    Raises `DataError` for an unknown paper or table.
    """
    cells, names = load_published(paper), list(tables)
    known = list(dict.fromkeys(cells["table"]))
    for name in names:
        if name not in known:
            raise DataError(unknown(f"table of {paper}", name, known))
    return cells[cells["table"].isin(names or known)].reset_index(drop=True)


def as_cells(table: pd.DataFrame) -> list[Cell]:
    """The rows of `load_published` one by one."""
    return [Cell(*row) for row in table[list(COLUMNS)].itertuples(index=False, name=None)]


def is_binary(cell: Cell) -> bool:
    """Whether the paper trains a network for that class alone."""
    faces = cell.paper == "gul2023" and cell.dataset == "celebamask_hq"
    return faces or cell.paper in ("rahman2016", "vanbeers2018")


def task_of(cell: Cell) -> str:
    """The task of a run that can stand in the cell: "" is all classes."""
    return cell.of_class if is_binary(cell) else ""


def class_of(cell: Cell) -> str:
    """The class of such a run's scores."""
    return MEAN if is_binary(cell) or not cell.of_class else cell.of_class


def variant_of(cell: Cell) -> Variant:
    """What a run must be beyond its data set, network and loss: seed, fold, division, input, CRF.

    Rahman & Wang train on four fifths of the official training list, van Beers on all pictures
    ("big") or 1,000 of them ("small"), SEMEDA tests HELEN on 330 and Gul CelebAMask-HQ on 1,000.
    Kim's "dense CRF" of Tables 1 to 3 has the score of 10 iterations in Table 4. "half resolution"
    and Table 8's labels ask nothing that a run could lack.
    """
    text, division = cell.variant, _DIVISIONS.get((cell.paper, cell.dataset), "official")
    if cell.paper == "vanbeers2018" and text:
        division = {"big": "vanbeers2018_large", "small": "vanbeers2018_small"}[text]
    if seed := re.fullmatch(r"seed (\d+)", text):
        return Variant(seed=int(seed[1]), division=division)
    if fold := re.fullmatch(r"fold (\d)", text):
        return Variant(fold=int(fold[1]) - 1, folds=True, division=division)
    if over := re.fullmatch(r"(mean|standard deviation) of 5 folds", text):
        return Variant(over_folds=over[1], folds=True, division=division)
    iterations = re.search(r"dense CRF(?:, (\d+) iterations)?", text)
    crf = int(iterations[1] or 10) if iterations else 0
    return Variant(division=division, multi_scale="multi-scale" in text, crf=crf)


_DIVISIONS = {
    ("rahman2016", "voc2010"): "rahman2016",
    ("rahman2016", "voc2011"): "rahman2016",
    ("chen2020", "helen"): "semeda2020",
    ("gul2023", "celebamask_hq"): "gul2023",
}


def excused(cell: Cell) -> str:
    """Why no run could stand in the cell, or ""."""
    if cell.note.startswith("quoted from") or cell.model.startswith("MRF_IoU"):
        return _QUOTED
    if cell.note.startswith("of masks drawn by hand"):
        return "of masks drawn by hand, which are not published: no network, no data set"
    if cell.metric == "line_colour":
        return "a colour in the paper's own figure: nothing to measure"
    if cell.split == "test" and cell.dataset in _SERVERS:
        return (
            "scored by the publisher's server on pictures whose labels are private: `losslab "
            f"predict RUN --format {_SERVERS[cell.dataset]}` writes what it takes"
        )
    return ""


_QUOTED = "quoted by the paper from elsewhere: another method, not run here"
_SERVERS = {"voc2012": "voc", "cityscapes": "cityscapes"}
