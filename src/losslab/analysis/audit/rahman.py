"""The tables of Rahman & Wang 2016, recomputed."""

from functools import partial
from typing import Any, cast

import pandas as pd
import scipy

from losslab.analysis.audit.findings import (
    MOST,
    NEARLY_ALL,
    Row,
    as_table,
    count_finding,
    finding,
    minus,
    of,
    signed,
    tendency,
    wide,
)

COMMON = ["Road", "Building"]
"""The classes of CamVid that Rahman & Wang chose for their low ratio of background to object."""

_NAMED = ["aeroplane", "tvmonitor"]

_row = partial(finding, "rahman2016")
_count = partial(count_finding, "rahman2016")
_tendency = partial(tendency, "rahman2016")


def audit_rahman(table: pd.DataFrame) -> pd.DataFrame:
    """Rahman & Wang 2016: the means of Table 3, and what the text says of Tables 1, 3 and 4."""
    return as_table([*_first(table), *_third(table), *_fourth(table)])


def _ratios(table: pd.DataFrame, dataset: str) -> pd.Series:
    """Background pixels for each pixel of a class (Table 2)."""
    rows = of(table, "rahman2016", "2")
    return rows[rows["dataset"] == dataset].set_index("class")["value"]


def _third(table: pd.DataFrame) -> list[Row]:
    third = wide(of(table, "rahman2016", "3"), ["class"])
    classes = third.drop(index="mean")
    rows = []
    for loss, name in (("ce", "FCN_acc"), ("iou", "FCN_IoU")):
        printed, mean = float(cast(Any, third.loc["mean", loss])), float(classes[loss].mean())
        rest = 21 * printed - 20 * mean
        note = signed(f"a 21st class, such as background, would have to score {rest:.1f}")
        claim = f"mean IoU of the 20 classes, {name}"
        rows.append(_row("3", "Table 3, Mean", claim, f"{printed:.2f}", mean, note=note))
    gain = minus(classes)
    note = (
        f"{gain.mean():.2f} points on average; paired t over classes "
        f"p = {float(scipy.stats.ttest_rel(classes['iou'], classes['ce']).pvalue):.3f}, Wilcoxon "
        f"{float(scipy.stats.wilcoxon(gain).pvalue):.4f}"
    )
    says = '4.2: "performs better than FCN_acc in most cases and also on average"'
    claim = 'classes that gain ("most": more than half)'
    rows.append(_count("3", says, claim, gain > 0, share=MOST, note=note))
    rank = scipy.stats.spearmanr(gain, _ratios(table, "voc2011").loc[gain.index])
    says = (
        '4.2: "the performance improvements are more significant for object categories with a '
        'larger ratio of background to object pixels"'
    )
    claim = "the gain grows with the ratio of Table 2: Spearman"
    note = f"p = {rank.pvalue:.3f} over {len(gain)} classes: the text gives no figure"
    return [*rows, _tendency("2, 3", says, claim, rank, note=note)]


def _first(table: pd.DataFrame) -> list[Row]:
    """Table 1: against the baseline, the MRF's upper bounds, and the classes named for sparsity."""
    first = of(table, "rahman2016", "1")
    gain = minus(wide(first[first["loss"] != ""], ["class"]))
    bound = first[first["loss"] == ""].set_index("class")["printed"].str.removeprefix("<")
    above = first[first["loss"] == "iou"].set_index("class")["value"]
    above = above - bound.astype(float).loc[above.index]
    ratios = _ratios(table, "voc2010").loc[gain.index]
    rank = scipy.stats.spearmanr(gain, ratios)
    most = (gain.rank(ascending=False) <= len(_NAMED)).loc[_NAMED]
    named = (
        "4.2: \"more significant for object categories (e.g., 'Aeroplane', 'TV/Monitor' etc.) "
        'where the ratio of the background to object pixels is very large"'
    )
    rest = gain.drop(_NAMED)
    sparser = rest[ratios.loc[rest.index] > ratios.loc[_NAMED].min()]
    others = ", ".join(f"{name} gains {value:.2f}" for name, value in sparser.items())
    all_but = f"all but {', '.join(str(name) for name in gain.index[gain <= 0])}"
    return [
        _count(
            *("1", '4.2: "outperforms FCN_acc in almost all categories"'),
            *('classes that gain ("almost all": four of five)', gain > 0),
            share=NEARLY_ALL,
            note=all_but,
        ),
        _count(
            *("1", '4.2: "outperforms MRF_IoU by huge margin on all 6 categories"'),
            *("classes above the MRF's upper bound", above > 0),
            note=f"by {above.min():.1f} points and more",
        ),
        _count(
            *("1, 2", named, "the two named classes gain most", most),
            note=f"but {others} with a larger ratio than one of them",
        ),
        _tendency(
            *("1, 2", named, "the gain grows with the ratio of Table 2: Spearman", rank),
            note=f"p = {rank.pvalue:.2f} over {len(gain)} classes: the text gives no figure",
        ),
    ]


def _fourth(table: pd.DataFrame) -> list[Row]:
    """Table 4: CamVid, rare classes against common ones."""
    gain = minus(wide(of(table, "rahman2016", "4"), ["class", "split"]))
    splits = cast(pd.DataFrame, gain.unstack("split"))
    rare = splits.drop(index=COMMON)
    means = pd.DataFrame({"rare": rare.mean(), "common": splits.loc[COMMON].mean()})
    below = cast(pd.Series, (rare <= splits.loc[COMMON].max()).stack())
    texts = [
        f"{split} {row['rare']:.2f} against {row['common']:.2f}"
        for split, row in means.iloc[::-1].iterrows()
    ]
    names = [" on ".join(cast(tuple[str, str], key)) for key in below.index[below]]
    note = f"mean gain, {'; '.join(texts)}"
    note += f"; class by class not {', '.join(names)}" if names else ""
    says = '4.3: "performance improvements are more significant for smaller object categories"'
    claim = "the three rare classes gain more on average than the two common ones, on two splits"
    return [
        _count(
            *("4", '4.3: "FCN_IoU outperforms FCN_acc in all 5 categories"'),
            *("gains of 5 classes on two splits", gain > 0),
        ),
        _count("4", says, claim, means["rare"] > means["common"], note=note),
    ]
