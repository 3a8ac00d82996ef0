"""The tables of Kim et al. 2019 and Chen et al. 2020, recomputed."""

import math
from typing import cast

import pandas as pd

from losslab.analysis.audit.findings import (
    NEARLY_ALL,
    as_table,
    cell,
    count_finding,
    dice_of,
    finding,
    of,
    wide,
)

_TENTH = 0.1  # difference of two values printed to a tenth
_EXACT = 1e-9


def audit_kim(table: pd.DataFrame) -> pd.DataFrame:
    """Kim et al. 2019: the gains that the text names, and the ratios of Table 4."""
    paper = "kim2019"
    scores = of(table, paper, "1", "2", "3", "5").query("loss != ''").copy()
    scores["loss"] = scores["loss"].where(~scores["loss"].str.contains("levelset"), "levelset")
    first = scores[scores["table"] == "1"]
    values = wide(first, ["model", "variant"])
    alone = cast(pd.DataFrame, values.xs("", level="variant"))
    gain = alone["levelset"] - alone["ce"]
    exceeds = cell(alone, "fcn32s", "levelset") - cell(alone, "fcn8s", "ce")
    rows = [
        finding(paper, "1", "gain of FCN-32s, points", "3.8", float(gain["fcn32s"])),
        finding(paper, "1", "FCN-32s with it above FCN-8s without, points", "0.4", float(exceeds)),
        finding(
            paper, "1", "gain of DeepLab-LargeFOV, about", "4", float(gain["deeplab_largefov"])
        ),
        finding(
            paper, "1", "gain of DeepLab-ResNet101, about", "1", float(gain["deeplabv2_resnet101"])
        ),
    ]
    fifth = wide(scores[scores["table"] == "5"].assign(model=""), ["model"]).iloc[0]
    closest = float(fifth["loss max-pooling (Bulo et al. 2017)"] - fifth["ce"])
    rows.append(
        finding(
            paper,
            "5",
            "gain of DeepLab-ResNet101, points",
            "1.4",
            float(fifth["levelset"] - fifth["ce"]),
        )
    )
    rows.append(finding(paper, "5", "gain of loss max-pooling, points", "1.2", closest))
    every = wide(scores[scores["table"] != "5"], ["dataset", "model", "variant"])
    differences = (every["levelset"] - every["ce"]).dropna()
    rows.append(count_finding(paper, "1-3", "settings that gain", differences > 0))
    return as_table([*rows, *_time_ratios(table), *_crf(every)])


def _time_ratios(table: pd.DataFrame) -> list[dict[str, object]]:
    rows = []
    fourth = of(table, "kim2019", "4")
    times = wide(fourth, ["encoder", "loss", "variant"], "metric")
    for (encoder, _, variant), row in times[times["relative_time"] != 1].iterrows():  # type: ignore[misc]
        alone = times["seconds_per_image"].xs(encoder, level="encoder").min()
        low, high = (row["seconds_per_image"] + d for d in (-0.0005, 0.0005))
        value = row["seconds_per_image"] / alone
        slack = max(high / (alone - 0.0005) - value, value - low / (alone + 0.0005))
        printed = f"{row['relative_time']:.1f}"
        cut = abs(value - row["relative_time"]) > 0.05
        note = "truncated, or quotient of unrounded times" if cut else ""
        claim = f"time of {variant} over that of level set, {encoder}"
        rows.append(finding("kim2019", "4", claim, printed, float(value), slack=slack, note=note))
    later = times[times["relative_time"] != 1]
    rows.append(
        count_finding(
            "kim2019", "4", "CRFs take more than 5 times as long", later["relative_time"] > 5
        )
    )
    scores = times["iou"].groupby(["encoder", "variant"]).first().unstack("variant")
    fewer = scores[""] > scores["dense CRF, 5 iterations"]
    rows.append(count_finding("kim2019", "4", "better than a CRF of 5 iterations", fewer))
    return rows


def _crf(every: pd.DataFrame) -> list[dict[str, object]]:
    """The level-set network against the baseline with a CRF after it, setting by setting."""
    scores = every.reset_index()
    after = scores["variant"].str.contains("dense CRF")
    scores["variant"] = scores["variant"].str.replace(r"(; )?dense CRF", "", regex=True)
    keys = ["dataset", "model", "variant"]
    ours = scores[~after].set_index(keys)["levelset"]
    gap = (ours - scores[after].set_index(keys)["ce"]).dropna().round(6)
    note = f"from {gap.min():+.1f} to {gap.max():+.1f} points, better in {(gap > 0).sum()}"
    within = gap.abs() <= 1
    claim = 'as good as a CRF ("similar": read as within 1 point)'
    return [count_finding("kim2019", "1-3", claim, within, note=note.replace("-", "−"))]


def audit_chen(table: pd.DataFrame) -> pd.DataFrame:
    """Chen et al. 2020: F1 against IoU, the means, and how often SEMEDA is better."""
    paper = "chen2020"
    rows = []
    for number, dataset in (("2", "VOC"), ("3", "Cityscapes")):
        cells = of(table, paper, number)
        method = cells["loss"].where(cells["loss"] == "ce", "semeda")
        scores = wide(cells.assign(method=method), ["method", "class"], "metric")
        classes = scores.drop(index="mean", level="class")
        gap = (classes["dice"] - dice_of(classes["iou"], 100)).abs()
        claim = f"{dataset}: F1 is 2 IoU / (1 + IoU) of its cell, so no evidence of its own"
        note = f"the largest gap is {gap.max():.2f} points, two roundings to a tenth"
        rows.append(count_finding(paper, number, claim, gap < _TENTH, note=note))
        rows += _means(number, dataset, scores)
        better = classes.loc["semeda"] - classes.loc["ce"]
        for metric in ("iou", "e_measure"):
            up = better[metric] > 0
            claim = f'{dataset}: "nearly every class" gains, {metric}'
            note = f"{int((better[metric] < 0).sum())} lose"
            rows.append(count_finding(paper, number, claim, up, share=NEARLY_ALL, note=note))
    return as_table([*rows, *_selected(table)])


def _means(number: str, dataset: str, scores: pd.DataFrame) -> list[dict[str, object]]:
    rows = []
    for method, name in (("ce", "baseline"), ("semeda", "SEMEDA")):
        for metric in ("iou", "dice", "e_measure"):
            printed = float(scores.loc[(method, "mean"), metric])  # type: ignore[index]
            values = scores.loc[method].drop(index="mean")[metric]
            derived, note = float(values.mean()), ""
            if dataset == "VOC":
                rest = 21 * printed - 20 * derived
                note = (
                    f"the 20 listed average {derived:.2f}; the mean includes background, which is "
                    f"not printed and would be {rest:.1f}"
                )
                derived = math.nan
            claim = f"{dataset}: mean {metric}, {name}"
            rows.append(finding("chen2020", number, claim, f"{printed:.1f}", derived, note=note))
    return rows


def _selected(table: pd.DataFrame) -> list[dict[str, object]]:
    """The gain of the weights chosen on the pictures that it is reported for."""
    rows = []
    first = of(table, "chen2020", "1")
    for dataset, cells in first.groupby("dataset", sort=False):
        semeda = cells[cells["loss"].str.contains("semeda")]["value"]
        base = float(cells.loc[cells["loss"] == "ce", "value"].iloc[0])
        sobel = cells[cells["loss"].str.contains("sobel")]["value"]
        note = (
            f"gains {(semeda - base).min():.1f} to {(semeda - base).max():.1f}, mean "
            f"{(semeda - base).mean():.2f} points: the best of {len(semeda)} is chosen on the "
            f"pictures that are scored; Sobel's best gains {sobel.max() - base:.1f}"
        )
        claim = f"{dataset}: weightings of SEMEDA that gain"
        rows.append(count_finding("chen2020", "1", claim, semeda > base, note=note))
        claim = f'{dataset}: "far more" than Sobel "in all" weightings: above its best'
        note = f"by {(semeda - sobel.max()).min():.1f} to {(semeda - sobel.max()).max():.1f} points"
        above = semeda > sobel.max() + _EXACT
        rows.append(count_finding("chen2020", "1", claim, above, note=note.replace("-", "−")))
    for tables, claim in ((("4", "5"), "networks and pretrainings"), (("6",), "parts of faces")):
        cells = of(table, "chen2020", *tables)
        keys = ["table", "dataset", "encoder", "pretraining", "class"]
        pairs = wide(cells.assign(loss=cells["loss"].where(cells["loss"] == "ce", "ours")), keys)
        holds = pairs["ours"] > pairs["ce"]
        rows.append(count_finding("chen2020", ", ".join(tables), f"{claim} that gain", holds))
    return rows
