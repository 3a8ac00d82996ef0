"""Scores from stored counts; each knows its definition."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Ratio = Callable[[pd.DataFrame], pd.Series]

MEAN = "mean"
"""Stands in the class column for the mean over classes; for pixel accuracy, which has no classes,
for all pixels.
"""


@dataclass(frozen=True)
class Score:
    """What one number of a table means."""

    metric: str
    level: Literal["dataset", "image"]
    formula: str
    averaged: str
    absent: str
    width: str | None = None
    void: str = "pixels labelled 255 are not counted"

    def describe(self) -> str:
        """The definition in one sentence."""
        parts = [f"{self.formula}, {self.averaged}", self.absent, self.width, self.void]
        return f"{self.metric} at {self.level} level: " + "; ".join(filter(None, parts)) + "."


_AVERAGED = {
    "dataset": "counts summed over the set, then the ratio; mean over classes",
    "image": "ratio per image, mean over the images whose label contains the class; "
    "mean over classes",
}
_ABSENT = {
    "dataset": "a class neither labelled nor predicted is left out",
    "image": "a class that no label contains is left out",
}
_FORMULAS = {
    "iou": "TP / (TP + FP + FN)",
    "dice": "2 TP / (2 TP + FP + FN), which is 2 IoU / (1 + IoU) of the same counts",
    "boundary_iou": "TP / (TP + FP + FN) within the boundary bands of prediction and label",
}
_BAND = "bands 2 % of the image's diagonal wide (at least 1 pixel), built on full masks"


def _overlap_score(metric: str, level: Literal["dataset", "image"]) -> Score:
    return Score(
        metric=metric,
        level=level,
        formula=_FORMULAS[metric],
        averaged=_AVERAGED[level],
        absent=_ABSENT[level],
        width=_BAND if metric == "boundary_iou" else None,
    )


SCORES: dict[str, Score] = {
    "accuracy@dataset": Score(
        "accuracy", "dataset", "correct / annotated pixels", "summed over the set", "no classes"
    ),
    "accuracy@image": Score(
        "accuracy", "image", "correct / annotated pixels", "mean over images", "no classes"
    ),
    "iou@dataset": _overlap_score("iou", "dataset"),
    "iou@image": _overlap_score("iou", "image"),
    "dice@dataset": _overlap_score("dice", "dataset"),
    "dice@image": _overlap_score("dice", "image"),
    "boundary_iou@dataset": _overlap_score("boundary_iou", "dataset"),
    "boundary_iou@image": _overlap_score("boundary_iou", "image"),
}
"""The scores that `score` computes, by "metric@level"."""


def _share(above: pd.Series, below: pd.Series) -> pd.Series:
    """above / below, NaN where there is nothing to divide by."""
    return above / below.where(below > 0)


def _iou(counts: pd.DataFrame) -> pd.Series:
    return _share(counts["tp"], counts["tp"] + counts["fp"] + counts["fn"])


def _dice(counts: pd.DataFrame) -> pd.Series:
    return _share(2 * counts["tp"], 2 * counts["tp"] + counts["fp"] + counts["fn"])


def _boundary_iou(counts: pd.DataFrame) -> pd.Series:
    union = counts["boundary_tp"] + counts["boundary_fp"] + counts["boundary_fn"]
    return _share(counts["boundary_tp"], union)


RATIOS: dict[str, Ratio] = {"iou": _iou, "dice": _dice, "boundary_iou": _boundary_iou}
"""Scores of a class, each from a row of counts."""


def score(counts: pd.DataFrame) -> pd.DataFrame:
    """Every score of `SCORES`, per class and as the mean over classes: columns class, metric,
    level, value.

    `counts` is a table as `counts_table` makes it. Values are fractions, NaN where a class is left
    out.
    """
    sums = counts.drop(columns=["image", "boundary_width", "pixels"])
    sums = sums.groupby("class", sort=False, observed=True).sum()
    per_image = _ratios_of_images(counts)
    frames = []
    for metric, ratio in RATIOS.items():
        of_images = per_image.groupby("class", sort=False, observed=True)[metric].mean()
        for level, values in (("dataset", ratio(sums)), ("image", of_images)):
            column = pd.concat([values, pd.Series({MEAN: values.mean()})])
            frames.append(_tidy(column, metric, level))
    images = _correct_pixels(counts)
    total = images.sum()
    overall = total["correct"] / total["pixels"] if total["pixels"] else float("nan")
    frames.append(_tidy({MEAN: overall}, "accuracy", "dataset"))
    mean = _share(images["correct"], images["pixels"]).mean()
    frames.append(_tidy({MEAN: mean}, "accuracy", "image"))
    return pd.concat(frames, ignore_index=True)


def image_scores(counts: pd.DataFrame) -> pd.DataFrame:
    """The scores of single images: columns image, class, metric, value.

    Of a class only the images whose label contains it; "mean" is the mean over the classes that the
    image's label contains. A binary image without foreground has a pixel accuracy alone.
    """
    ratios = _ratios_of_images(counts)
    values = list(RATIOS)
    means = ratios.groupby("image", sort=False, observed=True)[values].mean().reset_index()
    means["class"] = MEAN
    images = _correct_pixels(counts)
    accuracy = _share(images["correct"], images["pixels"]).rename("value").reset_index()
    accuracy = accuracy.assign(**{"class": MEAN, "metric": "accuracy"})
    tidy = pd.concat([ratios, means], ignore_index=True).melt(
        ["image", "class"], values, var_name="metric", value_name="value"
    )
    tidy = pd.concat([tidy, accuracy], ignore_index=True).dropna(subset="value")
    return tidy[["image", "class", "metric", "value"]].reset_index(drop=True)


def _ratios_of_images(counts: pd.DataFrame) -> pd.DataFrame:
    """image, class and a column for each ratio, of the images whose label contains the class."""
    present = counts[counts["tp"] + counts["fn"] > 0]
    ratios = {metric: ratio(present) for metric, ratio in RATIOS.items()}
    keys = present[["image", "class"]].astype(object)
    return keys.assign(**ratios).reset_index(drop=True)


def _correct_pixels(counts: pd.DataFrame) -> pd.DataFrame:
    """Correct and annotated pixels of each image.

    A binary table has the foreground alone: right is whatever is neither false positive nor false
    negative.
    """
    images = counts.groupby("image", sort=False, observed=True)
    sums, pixels = images[["tp", "fp", "fn"]].sum(), images["pixels"].first()
    binary = counts["class"].nunique() == 1
    correct = pixels - sums["fp"] - sums["fn"] if binary else sums["tp"]
    return pd.DataFrame({"correct": correct, "pixels": pixels})


def _tidy(values: Mapping[str, float] | pd.Series, metric: str, level: str) -> pd.DataFrame:
    """One score's values by class, as rows."""
    column = pd.Series(values, dtype=float)
    rows = {"class": column.index.astype(object), "metric": metric, "level": level}
    return pd.DataFrame({**rows, "value": column.to_numpy()})
