"""The tables of van Beers 2018, recomputed."""

from functools import partial
from typing import cast

import pandas as pd
import scipy

from losslab.analysis.audit.findings import (
    MOST,
    Row,
    as_table,
    check,
    count_finding,
    finding,
    minus,
    of,
    signed,
    untold,
    wide,
)
from losslab.analysis.audit.names import data_set_name, model_name

TABLES = ("4.1", "4.2", "4.3", "4.4")

_PAPER = "vanbeers2018"
_SETTING = ["model", "dataset", "class", "variant"]
_ALL = "4.1-4.4"
_row = partial(finding, _PAPER, _ALL)
_count = partial(count_finding, _PAPER, _ALL)

_PRINTED_P = (
    # metric, settings, p as printed, section and wording
    ("accuracy", "all", "0.49", '5.2: "inconclusive, with a p-value of 0.49"'),
    ("iou", "all", "0.042", '5.3: "significantly better with a p-value of 0.042"'),
    ("iou", "without the aberrations", "0.025", '5.3: "this value changes to 0.025"'),
    ("iou", "bfcn32s", "1.8e-5", '5.3: "the resulting p-value is 1.8 × 10^-5"'),
    ("iou", "fcresnet", "0.41", '5.3: "for FCResNet the p-value is 0.41"'),
    ("epochs", "all", "0.043", '5.4: "lower with a p-value of 0.043"'),
    ("epochs", "without the aberrations", "0.064", '5.4: "this value becomes 0.064"'),
)
_WORDS = {"accuracy": "accuracy", "iou": "IoU", "epochs": "epochs to converge"}


def pairs_of(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The 16 settings of van Beers with `iou` and `ce`, and whether section 5.1 names one an
    aberration (`odd`).
    """
    rows = of(table, _PAPER, *TABLES)
    pairs = wide(rows[rows["metric"] == metric], _SETTING)
    pairs = pairs.rename(columns=lambda loss: "ce" if loss == "ce" else "iou").reset_index()
    odd = (pairs["model"] == "fcresnet") & (pairs["dataset"] == "lfw_parts")
    return pairs.assign(odd=odd & (pairs["class"] == "face_without_hair"))


def audit_van_beers(table: pd.DataFrame) -> pd.DataFrame:
    """Van Beers 2018: the seven p values of section 5, its counts, and what it says in words."""
    return as_table([*_p_values(table), *_counts(table), *_sizes(table), _pictures(table)])


def _p_values(table: pd.DataFrame) -> list[Row]:
    rows = []
    for metric, settings, printed, says in _PRINTED_P:
        pairs = pairs_of(table, metric)
        if settings == "without the aberrations":
            pairs = pairs[~pairs["odd"]]
        elif settings != "all":
            pairs = pairs[pairs["model"] == settings]
        name = model_name(settings) if settings in set(pairs["model"]) else f"{settings} settings"
        name = "all but the two aberrations" if "without" in settings else name
        digits = 0 if metric == "epochs" else 3
        note = (
            f"{len(pairs)} settings; means {pairs['iou'].mean():.{digits}f} with IoU loss, "
            f"{pairs['ce'].mean():.{digits}f} with cross-entropy"
        )
        p = float(scipy.stats.ttest_rel(pairs["iou"], pairs["ce"]).pvalue)
        claim = f"p of a paired t test of {_WORDS[metric]}, {name}"
        rows.append(_row(says, claim, printed, p, note=note))
    return rows


def _counts(table: pd.DataFrame) -> list[Row]:
    accuracy = minus(pairs_of(table, "accuracy"))
    iou = pairs_of(table, "iou").set_index("model")
    epochs = cast(pd.Series, pairs_of(table, "epochs")[["iou", "ce"]].stack())
    gain = minus(iou)
    says = '5.2: "score higher on accuracy in 43.75% and 50% of the cases, respectively"'
    share = 100 * (accuracy > 0).mean(), 100 * (accuracy < 0).mean()
    half = float((gain.loc["fcresnet"] > 0).sum())
    spread = f"gains of {100 * gain.min():+.1f} to {100 * gain.max():+.1f}"
    return [
        _row(says, "percent of settings, IoU loss", "43.75", share[0]),
        _row(says, "percent of settings, cross-entropy", "50", share[1]),
        _count(
            *('5.2: "the results are within 2% in every comparison"', "accuracies within 2 points"),
            accuracy.abs() < 0.02,
        ),
        _count(
            '4: "the IoU-score is distinctly higher for the new IoU loss function in most '
            'experimental settings"',
            *('settings whose IoU is higher ("most": more than half)', gain > 0),
            share=MOST,
            note=f"{signed(spread)} points",
        ),
        _row(
            '5.3: "either loss function performs better in half the test settings"',
            *("settings of 8 in which FCResNet's IoU is higher", "4", half),
        ),
        _count(
            '3: "the number of epochs, the maximum of which was never reached"',
            *("runs that end before 1000 epochs", epochs < 1000),
        ),
    ]


def _sizes(table: pd.DataFrame) -> list[Row]:
    """Section 5.6 on the amount of data, and section 6 on sparsity."""
    iou = pairs_of(table, "iou").set_index(_SETTING)
    odd = iou.pop("odd").groupby(_SETTING[:3]).any()
    gain = minus(iou)
    better = cast(pd.DataFrame, (gain > 0).unstack("variant"))
    same = better["big"] == better["small"]
    scores = iou.rename_axis(columns="loss").stack().unstack("variant")
    loss_of_data = cast(pd.Series, 100 * (scores["big"] - scores["small"]))
    rises = loss_of_data[loss_of_data <= 0]
    exceptions = [f"not {_setting(key)} ({-value:+.1f})" for key, value in rises.items()]
    note = f"{'; '.join(exceptions)}; elsewhere it falls by up to {loss_of_data.max():.1f} points"
    hair = gain.groupby("class").mean()
    sparse = (
        "no share of face pixels is printed; the mean gain is "
        f"{100 * hair['face']:.1f} points with hair, {100 * hair['face_without_hair']:.1f} without"
    )
    return [
        _count(
            '5.6: "whenever a smaller dataset is used, performance suffers slightly"',
            *("IoU is lower with less data", loss_of_data > 0),
            note=note,
        ),
        _count(
            '5.6: "whether IoU or BCE performs better does not change based on the size of the '
            'dataset"',
            *("networks, data sets and tasks in which the better loss is the same", same),
            note="; ".join(
                f"it changes in {_setting(key)}{' (an aberration)' if odd[key] else ''}"
                for key in same.index[~same]
            ),
        ),
        untold(
            *(_PAPER, _ALL, '6: "these improvements are independent of the sparsity of data"'),
            *("the gain does not change with sparsity", "", sparse),
        ),
    ]


def _setting(key: object) -> str:
    """A setting in words: network, data set, hair, and its loss where it has one."""
    model, dataset, task, *loss = cast(tuple[str, ...], key)
    hair = "no hair" if "without" in task else "hair"
    names = {"iou": ["IoU loss"], "ce": ["cross-entropy"]}
    parts = [model_name(model), data_set_name(dataset), hair]
    return " ".join([*parts, *(names[loss[0]] if loss else [])])


def _pictures(table: pd.DataFrame) -> Row:
    """Table 3.1 against section 2.2: training, validation and test pictures make the data set."""
    rows = of(table, _PAPER, "3.1").query("variant == 'big' and `class` == 'face'")
    used = rows.groupby("dataset")["value"].sum() + pd.Series({"lfw_parts": 292, "helen": 233})
    left = pd.Series({"lfw_parts": 2927, "helen": 2330}) - used
    texts = [f"{value:.0f} of {data_set_name(str(name))} in none" for name, value in left.items()]
    claim = "training, validation and test pictures add up to the data set (section 2.2)"
    return check(_PAPER, "3.1", claim, left == 0, note=", ".join(texts))
