"""What the papers print of their losses' cost, beside what is measured here."""

import math
from typing import NamedTuple

import pandas as pd

from losslab.analysis.published import load_published


class PrintedCost(NamedTuple):
    """One statement of a paper, in its words where it gives no figure."""

    paper: str
    place: str
    """Section and figure."""
    loss: str
    """The expression that stands for the paper's objective here."""
    term: str
    """Its part beside cross-entropy."""
    against: str
    quantity: str
    """What is compared: "time" of training or "memory"."""
    printed: str
    ratio: float = math.nan
    """The ratio to the other loss, where the paper prints one or the two numbers of one."""


PRINTED = (
    PrintedCost(
        *("kim2019", "4.3", "ce + 0.0004*levelset", "levelset", "cross-entropy", "time"),
        "0.157 against 0.133 s an image (DeepLab-LargeFOV, GTX 1080 Ti)",
        0.157 / 0.133,
    ),
    PrintedCost(
        *("chen2020", "5", "ce + semeda", "semeda", "cross-entropy", "time"),
        '"negligible computational overhead"',
    ),
    PrintedCost(
        *("gul2023", "4.3.3, fig. 4.4", "distance", "distance", "five losses", "time"),
        '"no significant differences" but for Dice & Focal (DeepLabv3+, binary)',
    ),
    PrintedCost(
        *("gul2023", "4.3.3", "distance", "distance", "CE, Dice, Combo", "time"),
        '"relatively longer", as IoU and Dice & Focal (U-Net, Cityscapes)',
    ),
    PrintedCost(
        *("gul2023", "4.3.3, fig. 4.3", "distance", "distance", "the second-best loss", "memory"),
        '"2.0% less", at 49.32 % of one GPU; 28.1 % of the other with every loss (binary)',
    ),
    PrintedCost(
        *("gul2023", "4.3.3, fig. 4.5", "distance", "distance", "Dice", "memory"),
        '"2.4% less", and no spikes, as Dice and Dice & Focal (U-Net, Cityscapes)',
    ),
)
"""All that the five papers print of what their losses cost, but for Kim's Table 4. Gul's "2.0%
less" and "2.4% less" may be points of the GPU's memory or parts of the other loss's use.
"""


def printed_costs(steps: pd.DataFrame, losses: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """`PRINTED` with what is measured here of the same loss: a row a statement.

    `steps` and `losses` are tables of `losslab bench train` and `losslab bench losses`, `held` is
    that of `held_memory`. Columns: those of PrintedCost; step, step_low, step_high (a training step
    with the objective, in units of that with torch's cross-entropy); parts (the same if data,
    augmentation and loss alone took other times); alone_low, alone_high (the
    term by itself, least and greatest over the shapes with several classes); peak (its peak memory
    beyond the logits, greatest of these shapes) and held (what the objective keeps for its backward
    pass, logits apart), both in units of torch's cross-entropy's. NaN where it was not measured.
    """
    rows = []
    several = losses[losses["size"].str.split("x").str[1].astype(int) > 1]
    reference = _held(held, "cross_entropy")
    base = several[several["loss"] == "cross_entropy"].set_index("shape")["memory"]
    for printed in PRINTED:
        step = steps[(steps["loss"] == printed.loss) & (steps["library"] == "losslab")]
        row = printed._asdict()
        for name in ("ratio", "ratio_low", "ratio_high"):
            row[name.replace("ratio", "step")] = (
                float(step[name].iloc[0]) if len(step) else math.nan
            )
        row["parts"] = float(step["ratio_by_parts"].iloc[0]) if len(step) else math.nan
        alone = several[(several["loss"] == printed.term) & (several["library"] == "losslab")]
        row |= {"alone_low": alone["ratio"].min(), "alone_high": alone["ratio"].max()}
        peaks = alone.set_index("shape")["memory"] / base
        row |= {"peak": peaks.max(), "held": _held(held, printed.loss) / reference}
        rows.append(row)
    return pd.DataFrame(rows)


def _held(held: pd.DataFrame, loss: str) -> float:
    found = held[(held["loss"] == loss) & held["library"].isin(["losslab", "torch"])]
    return float(found["held"].iloc[0]) if len(found) else math.nan


CORRECTIONS = {"": 0, "dense CRF, 5 iterations": 5, "dense CRF, 10 iterations": 10}
"""Kim's columns, and the numbers of iterations that stand for them."""


def published_crf() -> pd.DataFrame:
    """Kim's Table 4: model, loss, iterations (0: the network alone), seconds, relative, miou.

    Seconds are of one image with the network; relative to the network alone as printed; miou is a
    fraction.
    """
    table = load_published()
    table = table[(table["paper"] == "kim2019") & (table["table"] == "4")]
    keys = ["model", "loss", "variant"]
    wide = table.fillna({"variant": ""}).pivot(index=keys, columns="metric", values="value")
    wide = wide.reset_index()
    return pd.DataFrame(
        {
            "model": wide["model"],
            "loss": wide["loss"],
            "iterations": wide["variant"].map(CORRECTIONS),
            "seconds": wide["seconds_per_image"],
            "relative": wide["relative_time"],
            "miou": wide["iou"] / 100,
        }
    ).sort_values(["model", "relative"], ignore_index=True)
