"""The tables of Kim et al. 2019, recomputed."""

from functools import partial
from typing import Any, cast

import pandas as pd

from losslab.analysis.audit.findings import (
    Row,
    as_table,
    cell,
    check,
    count_finding,
    finding,
    of,
    signed,
    wide,
)
from losslab.analysis.audit.names import model_name

_PAPER = "kim2019"
_row = partial(finding, _PAPER)
_count = partial(count_finding, _PAPER)

_KEYS = ["dataset", "model", "variant"]
_ENDS = 0.0005
"""Seconds are printed to a thousandth."""


def audit_kim(table: pd.DataFrame) -> pd.DataFrame:
    """Kim et al. 2019: the gains that the text names, CRFs, other losses, the ratios of Table 4."""
    scores = of(table, _PAPER, "1", "2", "3", "4", "5").query("metric == 'iou' and loss != ''")
    levelset = scores["loss"].str.contains("levelset")
    scores = scores.assign(loss=scores["loss"].mask(levelset, "levelset"))
    every = wide(scores[scores["table"].isin(["1", "2", "3"])], _KEYS)
    rows = [*_gains(every), *_crf(every), *_times(of(table, _PAPER, "4")), *_others(scores)]
    return as_table([*rows, _repeats(scores)])


def _gains(every: pd.DataFrame) -> list[Row]:
    gain = (every["levelset"] - every["ce"]).dropna()
    voc = cast(pd.DataFrame, every.xs("voc_aug", level="dataset"))
    alone = cast(pd.DataFrame, voc.xs("", level="variant"))
    scales = cast(pd.DataFrame, voc.xs("multi-scale input", level="variant"))
    exceeds = cell(alone, "fcn32s", "levelset") - cell(alone, "fcn8s", "ce")
    rows = [
        _row(
            *("1", '4.4.1: "outperforms the baseline by 3.8%"', "gain of FCN-32s, points", "3.8"),
            cell(alone, "fcn32s", "levelset") - cell(alone, "fcn32s", "ce"),
        ),
        _row(
            *("1", '4.4.1: "exceeds that of FCN-8s-ResNet101 baseline by 0.4%"'),
            *("FCN-32s with it above FCN-8s without, points", "0.4", exceeds),
        ),
    ]
    for model, printed, says in (
        ("deeplab_largefov", "4", '4.4.2: "increases the performance about 4%"'),
        ("deeplabv2_resnet101", "1", '4.4.2: "LS loss achieves about 1% mIOU improvement"'),
    ):
        more = cell(scales, model, "levelset") - cell(scales, model, "ce")
        value = cell(alone, model, "levelset") - cell(alone, model, "ce")
        claim = f"gain of {model_name(model)}, about"
        note = f"{more:.1f} with multi-scale input"
        rows.append(_row("1", says, claim, printed, value, note=note))
    networks = pd.Series(gain.index.get_level_values("model"), index=gain.index)
    fcn = gain[networks.str.startswith("fcn")]
    return [
        *rows,
        _count(
            *("1-3", '4.4.1: "consistently yielded performance gains over different FCNs"'),
            *("settings with an FCN that gain", fcn > 0),
            note=f"by {fcn.min():.1f} to {fcn.max():.1f} points",
        ),
        _count(
            *("1-3", '5: "verify the generality of the loss"'),
            *("settings that gain", gain > 0),
            note=f"by {gain.min():.1f} to {gain.max():.1f} points, one run each",
        ),
    ]


def _crf(every: pd.DataFrame) -> list[Row]:
    """The level-set network against the baseline with a CRF after it, setting by setting."""
    scores = every.reset_index()
    after = scores["variant"].str.contains("dense CRF")
    scores["variant"] = scores["variant"].str.replace(r"(; )?dense CRF", "", regex=True)
    ours = scores[~after].set_index(_KEYS)["levelset"]
    gap = (ours - scores[after].set_index(_KEYS)["ce"]).dropna().round(6)
    note = signed(f"from {gap.min():+.1f} to {gap.max():+.1f} points")
    note += f": better in {(gap > 0).sum()}, equal in {(gap == 0).sum()}"
    says = '4.5: "Using CRFs gives similar performance to ours"'
    claim = '"similar": within 1 point of a CRF'
    return [_count("1-3", says, claim, gap.abs() <= 1, note=note)]


def _times(fourth: pd.DataFrame) -> list[Row]:
    """Table 4: its ratios of times, and what section 4.5 says of it."""
    rows = []
    times = wide(fourth, ["model", "loss", "variant"], "metric")
    later = cast(pd.DataFrame, times[times["relative_time"] != 1])
    for key, row in later.iterrows():
        model, _, variant = cast(tuple[str, str, str], key)
        alone = float(times["seconds_per_image"].xs(model, level="model").min())
        seconds, printed = float(row["seconds_per_image"]), float(row["relative_time"])
        value = seconds / alone
        high, low = (seconds + _ENDS) / (alone - _ENDS), (seconds - _ENDS) / (alone + _ENDS)
        cut = abs(value - printed) > 0.05
        note = "truncated, or the quotient of unrounded times" if cut else ""
        claim = f"{model_name(model)}: time of {variant}, over that of level set"
        options: Any = {"slack": max(high - value, value - low), "note": note}
        rows.append(_row("4", "Table 4, relative time", claim, f"{printed:.1f}", value, **options))
    scores = cast(pd.Series, times["iou"]).groupby(["model", "variant"]).first().unstack("variant")
    return [
        *rows,
        _count(
            *("4", '4.5: "a speed increase, which is higher than 5× compared to CRFs"'),
            *("CRFs that take more than 5 times as long", later["relative_time"] > 5),
        ),
        _count(
            *("4", '4.5: "better than using CRFs with less iteration"'),
            "networks better than with a CRF of 5 iterations",
            scores[""] > scores["dense CRF, 5 iterations"],
        ),
    ]


def _others(scores: pd.DataFrame) -> list[Row]:
    """Table 5: the gain beside those of two other losses."""
    fifth = scores[scores["table"] == "5"].set_index("loss")["value"]
    gain = fifth.drop("ce") - fifth["ce"]
    ahead = gain["levelset"] - gain.drop("levelset")
    return [
        _row(
            *("5", '4.6: "1.4% higher than the baseline"', "gain of level set, points", "1.4"),
            gain["levelset"],
        ),
        _row(
            *("5", '4.6: "The closest competing method is LMP [5], which achieves 1.2% higher"'),
            *("gain of the closest other loss, points", "1.2", gain.drop("levelset").max()),
            note="its score is quoted from its own paper, whose baseline is not printed",
        ),
        _count(
            *("5", '4.6: "our level set loss is better than previous methods"'),
            *("other losses that score lower", ahead > 0),
            note=f"by {ahead.min():.1f} and {ahead.max():.1f} points, one run each",
        ),
    ]


def _repeats(scores: pd.DataFrame) -> Row:
    """Cells of Tables 4 and 5 that stand in Table 1 as well."""
    tenth = scores["variant"].replace("dense CRF, 10 iterations", "dense CRF")
    keys = ["model", "loss", "variant"]
    values = scores.assign(variant=tenth).set_index([*keys, "table"])["value"]
    first = cast(pd.Series, values.xs("1", level="table"))
    again = pd.concat([values.xs(number, level="table") for number in ("4", "5")])
    both = cast(pd.Series, again[again.index.isin(first.index)])
    same = pd.Series(both.to_numpy() == first.reindex(both.index).to_numpy())
    return check(_PAPER, "1, 4, 5", "scores of Tables 4 and 5 that are those of Table 1", same)
