"""The tables of Rahman & Wang 2016 and van Beers 2018, recomputed."""

from typing import cast

import pandas as pd
import scipy

from losslab.analysis.audit.findings import (
    NEARLY_ALL,
    as_table,
    count_finding,
    finding,
    minus,
    of,
    wide,
)
from losslab.analysis.claims import ALPHA

VAN_BEERS = ("4.1", "4.2", "4.3", "4.4")

COMMON = ["Road", "Building"]
"""The classes of CamVid that Rahman & Wang chose for their low ratio of background to object."""

_NAMED = ["aeroplane", "tvmonitor"]

_PRINTED_P = (
    # metric, settings, p as printed, section
    ("accuracy", "all", "0.49", "5.2"),
    ("iou", "all", "0.042", "5.3"),
    ("iou", "without the aberrations", "0.025", "5.3"),
    ("iou", "bfcn32s", "1.8e-5", "5.3"),
    ("iou", "fcresnet", "0.41", "5.3"),
    ("epochs", "all", "0.043", "5.4"),
    ("epochs", "without the aberrations", "0.064", "5.4"),
)


def audit_rahman(table: pd.DataFrame) -> pd.DataFrame:
    """Rahman & Wang 2016: the means of Table 3, and what the text says of Tables 1, 3 and 4."""
    paper = "rahman2016"
    third = wide(of(table, paper, "3"), ["class"])
    classes = third.drop(index="mean")
    rows = [
        finding(paper, "3", f"mean IoU of the 20 classes, {name}", f"{mean:.2f}", value)
        for loss, name in (("ce", "FCN_acc"), ("iou", "FCN_IoU"))
        for mean, value in [(third.loc["mean", loss], classes[loss].mean())]
    ]
    gain = classes["iou"] - classes["ce"]
    note = (
        f"{gain.mean():.2f} points; paired t over classes p = {_paired_p(classes):.3f}, Wilcoxon "
    )
    note += f"{float(scipy.stats.wilcoxon(gain).pvalue):.4f}"
    claim = 'classes that gain: "most cases and also on average"'
    rows.append(count_finding(paper, "3", claim, gain > 0, share=0.5, note=note))
    rows.append(_sparsity_claim(table, gain))
    first = minus(wide(of(table, paper, "1").query("loss != ''"), ["class"]))
    note = f"all but {', '.join(first.index[first <= 0])}"
    claim = '"almost all" classes gain'
    rows.append(count_finding(paper, "1", claim, first > 0, share=NEARLY_ALL, note=note))
    rows += _first_claims(table, first)
    fourth = minus(wide(of(table, paper, "4"), ["class", "split"]))
    claim = "gains on CamVid, 5 classes on two splits"
    rows.append(count_finding(paper, "4", claim, fourth > 0))
    by_split = fourth.unstack("split")
    rare = [name for name in by_split.index if name not in COMMON]
    more = cast(pd.Series, (by_split.loc[rare] > by_split.loc[COMMON].max()).stack())
    claim = "the 3 rare classes gain more than both common ones, on two splits"
    held = [" ".join(key) for key, holds in more.items() if not holds]  # type: ignore[arg-type]
    note = f"not {', '.join(held)}" if held else ""
    return as_table([*rows, count_finding(paper, "4", claim, more, note=note)])


def _first_claims(table: pd.DataFrame, gain: pd.Series) -> list[dict[str, object]]:
    """Table 1 against the MRF's upper bounds, and the two classes that the text picks out."""
    first = of(table, "rahman2016", "1")
    bound = first[first["loss"] == ""].set_index("class")["printed"].str.removeprefix("<")
    ours = first[first["loss"] == "iou"].set_index("class")["value"]
    above = ours > bound.astype(float).loc[ours.index]
    ratios = of(table, "rahman2016", "2").query("dataset == 'voc2010'").set_index("class")["value"]
    rank = scipy.stats.spearmanr(gain, ratios.loc[gain.index])
    most = gain.rank(ascending=False) <= len(_NAMED)
    note = (
        f"over all {len(gain)} classes Spearman {rank.statistic:.2f}, p = {rank.pvalue:.2f}, with "
        f"the ratios of Table 2"
    )
    claim = "the classes named for a large ratio, aeroplane and TV/monitor, gain most"
    return [
        count_finding("rahman2016", "1", "above the MRF's upper bound", above),
        count_finding("rahman2016", "1, 2", claim, most.loc[_NAMED], note=note),
    ]


def _paired_p(pairs: pd.DataFrame) -> float:
    return float(scipy.stats.ttest_rel(pairs["iou"], pairs["ce"]).pvalue)


def _sparsity_claim(table: pd.DataFrame, gain: pd.Series) -> dict[str, object]:
    ratios = of(table, "rahman2016", "2").query("dataset == 'voc2011'").set_index("class")["value"]
    rank = scipy.stats.spearmanr(gain, ratios.loc[gain.index])
    claim = "gain grows with background:object ratio (1: in perfect order), Spearman"
    note = f"p = {rank.pvalue:.3f} over {len(gain)} classes: the text gives no figure"
    row = finding("rahman2016", "2, 3", claim, "1", float(rank.statistic), note=note)
    sure = rank.pvalue < ALPHA
    return row | {"printed": "", "verdict": "reproduced" if sure else "undeterminable"}


def van_beers_pairs(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The 16 settings of van Beers with `iou` and `ce`, and whether section 5.1 names one an
    aberration (`odd`).
    """
    rows = of(table, "vanbeers2018", *VAN_BEERS)
    rows = rows[rows["metric"] == metric]
    pairs = wide(rows, ["model", "dataset", "class", "variant"])
    pairs = pairs.rename(columns=lambda loss: "ce" if loss == "ce" else "iou").reset_index()
    odd = (pairs["model"] == "fcresnet") & (pairs["dataset"] == "lfw_parts")
    return pairs.assign(odd=odd & (pairs["class"] == "face_without_hair"))


def audit_van_beers(table: pd.DataFrame) -> pd.DataFrame:
    """Van Beers 2018: the seven p values of section 5 and the counts beside them."""
    paper, tables = "vanbeers2018", "4.1-4.4"
    rows = []
    for metric, settings, printed, section in _PRINTED_P:
        pairs = van_beers_pairs(table, metric)
        if settings == "without the aberrations":
            pairs = pairs[~pairs["odd"]]
        elif settings != "all":
            pairs = pairs[pairs["model"] == settings]
        claim = f"p of the paired t test of {metric}, {settings} (section {section})"
        note = f"{len(pairs)} settings on the pictures of two test sets: not independent"
        rows.append(finding(paper, tables, claim, printed, _paired_p(pairs), note=note))
    accuracy = minus(van_beers_pairs(table, "accuracy"))
    for claim, share, part in (
        ("percent of settings whose accuracy is higher with IoU loss", "43.75", accuracy > 0),
        ("percent of settings whose accuracy is higher with cross-entropy", "50", accuracy < 0),
    ):
        rows.append(finding(paper, tables, claim, share, 100 * float(part.mean())))
    rows.append(count_finding(paper, tables, "accuracies within 2 points", accuracy.abs() < 0.02))
    return as_table([*rows, *_sizes(table)])


def _sizes(table: pd.DataFrame) -> list[dict[str, object]]:
    """What sections 3, 5.3 and 5.6 say of FCResNet, of the amount of data and of the epochs."""
    paper, tables = "vanbeers2018", "4.1-4.4"
    iou = van_beers_pairs(table, "iou").set_index(["model", "dataset", "class", "variant"])
    gain = minus(iou)
    higher = float((gain.loc["fcresnet"] > 0).sum())  # type: ignore[operator]
    sign = (gain > 0).unstack("variant")
    same = sign["big"] == sign["small"]
    scores = iou[["iou", "ce"]].stack().unstack("variant")
    less = cast(pd.Series, scores["small"] < scores["big"])
    epochs = van_beers_pairs(table, "epochs")[["iou", "ce"]].stack()
    changed = "; ".join(" ".join(key[:2]) for key in same.index[~same])  # type: ignore[misc]
    note = f"it changes in {changed}" if changed else ""
    return [
        finding(paper, tables, "settings of 8 in which FCResNet's IoU is higher", "4", higher),
        count_finding(
            *(paper, tables, "which loss is better does not change with the amount of data", same),
            note=note,
        ),
        count_finding(paper, tables, "IoU suffers from less data, each time", less),
        count_finding(paper, tables, "runs that end before 1000 epochs", epochs < 1000),
    ]
