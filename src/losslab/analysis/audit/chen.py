"""The tables of Chen et al. 2020 (SEMEDA), recomputed."""

import math
import re
from functools import partial
from typing import Any, cast

import pandas as pd

from losslab.analysis.audit.findings import (
    NEARLY_ALL,
    Row,
    as_table,
    check,
    count_finding,
    dice_of,
    finding,
    of,
    signed,
    untold,
    wide,
)
from losslab.analysis.audit.names import data_set_name
from losslab.analysis.scores import METRICS

_PAPER = "chen2020"
_row = partial(finding, _PAPER)
_count = partial(count_finding, _PAPER)
_untold = partial(untold, _PAPER)

CLASS_TABLES = {"2": "VOC 2012", "3": "Cityscapes"}
_METRICS = ("iou", "dice", "e_measure")
_TENTH = 0.1  # difference of two values printed to a tenth
_EXACT = 1e-9


def by_class(table: pd.DataFrame, number: str) -> pd.DataFrame:
    """Table 2 or 3: method ("ce" or "semeda") and class down, metrics across."""
    cells = of(table, _PAPER, number)
    method = cells["loss"].where(cells["loss"] == "ce", "semeda")
    return wide(cells.assign(method=method), ["method", "class"], "metric")


def audit_chen(table: pd.DataFrame) -> pd.DataFrame:
    """Chen et al. 2020: the means, how often SEMEDA is better, its weights, F1 against IoU."""
    rows = [*_weightings(table), *_means(table), *_classes(table), *_settings(table)]
    return as_table([*rows, *_figure(), *_checks(table)])


def _means(table: pd.DataFrame) -> list[Row]:
    rows = []
    for number, name in CLASS_TABLES.items():
        scores = by_class(table, number)
        for method, label in (("ce", "baseline"), ("semeda", "SEMEDA")):
            values: Any = scores.loc[method]
            for metric in _METRICS:
                printed = float(values.loc["mean", metric])
                derived, note = float(values.drop(index="mean")[metric].mean()), ""
                if name == "VOC 2012":
                    rest = 21 * printed - 20 * derived
                    note = (
                        f"the 20 listed average {derived:.2f}; the mean includes background, which "
                        f"is not printed and would be {rest:.0f} ± 2 by the rounding"
                    )
                    derived = math.nan
                claim = f"{name}: mean {METRICS[metric]}, {label}"
                says = f"Table {number}, mean"
                rows.append(_row(number, says, claim, f"{printed:.1f}", derived, note=note))
    return rows


def _classes(table: pd.DataFrame) -> list[Row]:
    """What section 4.2 says of the means and classes of Tables 2 and 3."""
    gains = {}
    for number, name in CLASS_TABLES.items():
        scores = by_class(table, number)
        gains[name] = (scores.loc["semeda"] - scores.loc["ce"])[list(_METRICS)]
    every = cast(pd.DataFrame, pd.concat(gains)).round(6)
    mean = every.index.get_level_values(1) == "mean"
    up, down = (every[~mean] > 0), (every[~mean] < 0)
    parts = [f"{METRICS[m]} {up[m].sum()} of {len(up)}, {down[m].sum()} lose" for m in _METRICS]
    own = up[["iou", "e_measure"]].to_numpy()
    note = f"{'; '.join(parts)}; without Dice (F1), which repeats IoU, {own.sum()} of {own.size}"
    return [
        _count(
            *("2, 3", '4.2: "better than the baseline method for all these evaluation metrics"'),
            *("means that gain, on two data sets", cast(pd.Series, (every[mean] > 0).stack())),
        ),
        _count(
            *("2, 3", '4.2: "improves the baseline accuracy for nearly every class and metric"'),
            'classes and metrics that gain ("nearly every": four of five)',
            cast(pd.Series, up.stack()),
            share=NEARLY_ALL,
            note=note,
        ),
    ]


def _first_weight(loss: str) -> float:
    """The weight of Sobel, or of SEMEDA's first layer, in an expression of Table 1."""
    if "sobel" in loss:
        factor = re.search(r"([\d.]+)\*sobel", loss)
        return float(factor[1]) if factor else 1.0
    weights = re.search(r"weights=\(([\d.]+),", loss)
    return float(weights[1]) if weights else 1.0  # the default's


def _weightings(table: pd.DataFrame) -> list[Row]:
    """Table 1: each weighting against cross-entropy, and against Sobel of the same first weight."""
    rows = []
    first = of(table, _PAPER, "1")
    more = 'Table 1: "provides better results in all tested configurations"'
    far = '4.2: "a far more significant accuracy boost in all tested configurations"'
    for dataset, cells in first.groupby("dataset", sort=False):
        values = cells.set_index("loss")["value"]
        name = data_set_name(str(dataset))
        semeda = values[values.index.str.contains("semeda")]
        sobel = values[values.index.str.contains("sobel")]
        gain = semeda - values["ce"]
        note = (
            f"by {gain.min():.1f} to {gain.max():.1f}, mean {gain.mean():.2f} points; the best of "
            f"{len(gain)}, chosen on the pictures that are scored, is what other tables print"
        )
        rows.append(_count("1", more, f"{name}: weightings that gain", gain > 0, note=note))
        beside = sobel.rename(index=_first_weight)
        over = (semeda - [beside[_first_weight(loss)] for loss in semeda.index]).round(6)
        best = int((semeda > sobel.max() + _EXACT).sum())
        note = (
            f"by {over.min():.1f} to {over.max():.1f} points; above the best Sobel "
            f"({sobel.max() - values['ce']:+.1f}) in {best}"
        )
        claim = f"{name}: weightings above Sobel of the same first weight"
        rows.append(_count("1", far, claim, over > 0, note=note))
    pair = ("(1, 0.5, 0)", "(1, 0.5, 0.25)")
    values = first.assign(weights=first["loss"].str.extract(r"weights=(\([^)]*\))")[0])
    values = wide(values.dropna(subset=["weights"]), ["dataset"], "weights")
    change = cast(pd.Series, values[pair[1]] - values[pair[0]])
    texts = [f"{value:+.1f} on {data_set_name(str(name))}" for name, value in change.items()]
    note = f"one pair of rows differs in the last weight alone: {', '.join(texts)}"
    says = '4.2: "matching the output of the last layer [...] contributes less"'
    claim = "the last layer adds less than the others"
    return [*rows, _untold("1", says, claim, "", signed(note))]


def _settings(table: pd.DataFrame) -> list[Row]:
    """Tables 4 to 8: networks, pretrainings, parts of faces, and the test sets."""
    keys = ["table", "dataset", "encoder", "pretraining", "class"]
    cells = of(table, _PAPER, "4", "5", "6")
    pairs = wide(cells.assign(loss=cells["loss"].where(cells["loss"] == "ce", "ours")), keys)
    gain = (pairs["ours"] - pairs["ce"]).round(6)
    parts = gain.index.get_level_values("table") == "6"
    tests = of(table, _PAPER, "7", "8")
    ours = tests["loss"].str.contains("semeda")
    best = tests[ours].set_index("table")["value"]
    base = tests[tests["loss"] == "ce"].set_index("table")["value"]
    rest = tests[~ours & (tests["loss"] != "ce")]
    ahead = (best - rest.groupby("table")["value"].max()).round(6)
    return [
        _count(
            *("4, 5", '4.3: "SEMEDA substantially enhances the overall accuracy"'),
            *("data sets, networks and pretrainings that gain", gain[~parts] > 0),
            note=f"by {gain[~parts].min():.1f} to {gain[~parts].max():.1f} points, one run each",
        ),
        _count(
            *("6", '4.3: "significantly enhances the segmentation accuracy for all classes"'),
            *("parts of faces, and all together, that gain", gain[parts] > 0),
            note=f"by {gain[parts].min():.2f} to {gain[parts].max():.2f}; no test is printed",
        ),
        _count(
            *("7, 8", '4.4: "better than the reproduced Deeplab v3+ model"'),
            *("test sets on which it is", best > base),
            note=f"by {(best - base).min():.1f} and {(best - base).max():.1f} points, one run each",
        ),
        _count(
            *("7, 8", '4.4: "comparable with other leading methods"'),
            *("test sets on which it is not below the others", ahead >= 0),
            note=f"{ahead.min():.1f} and {ahead.max():.1f} points above the best, which is quoted",
        ),
    ]


def _figure() -> list[Row]:
    """Gains on the boundary, which section 4.3 reads from Figure 5."""
    says = '4.3: "the mIoU improvement is 4pts on VOC 2012 and 2.4pts on Cityscapes"'
    note = "Figure 5 prints no numbers"
    return [
        _untold("–", says, f"{name}: gain in trimaps of width 2 and 3, points", printed, note)
        for name, printed in (("VOC 2012", "4"), ("Cityscapes", "2.4"))
    ]


def _checks(table: pd.DataFrame) -> list[Row]:
    rows = []
    for number, name in CLASS_TABLES.items():
        scores = by_class(table, number).drop(index="mean", level="class")
        gap = (scores["dice"] - dice_of(cast(pd.Series, scores["iou"]), 100)).abs()
        claim = f"{name}: F1 is 2 IoU / (1 + IoU) of its cell: no evidence of its own"
        note = f"to {gap.max():.2f} points, two roundings to a tenth"
        rows.append(check(_PAPER, number, claim, gap < _TENTH, note=note))
    cells = of(table, _PAPER, "1", "2", "3", "5")
    cells = cells[(cells["metric"] == "iou") & (cells["class"] == "mean")]
    cells = cells[cells["encoder"] == "tu-xception71"]
    values = cells.set_index(["dataset", "loss", "table"])["value"]
    first = cast(pd.Series, values.xs("1", level="table"))
    again = pd.concat([values.xs(number, level="table") for number in ("2", "3", "5")])
    same = pd.Series(again.to_numpy() == first.reindex(again.index).to_numpy())
    claim = "means of Tables 2, 3 and 5 that are those of Table 1: one run, printed again"
    return [*rows, check(_PAPER, "1, 2, 3, 5", claim, same)]
