"""What a score is: a metric, the level at which counts become a ratio, the rules of its means."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from losslab.errors import DataError, unknown
from losslab.metrics.ratios import (
    OF_PIXELS,
    RATIOS,
    Counts,
    Ratio,
    TableOfCounts,
    Values,
    group_means,
    labelled,
    mean,
    union,
)

MEAN = "mean"
"""Stands in the class column for the mean over classes; for scores of all pixels, for these."""

BACKGROUND = "background"
"""Name of the class that is left out where a score is of the foreground."""

Level = Literal["dataset", "image", "image_first"]
Classes = Literal["mean", "foreground", "both", "weighted", "pooled", "pixels"]
Absent = Literal["union", "labelled", "one", "none"]

LEVELS = {
    "dataset": "counts summed over the set, then the ratio",
    "image": "ratio per image, mean over images, then over classes",
    "image_first": "ratio per image, mean over the image's classes, then over images",
}
CLASSES = {
    "mean": "mean over classes",
    "foreground": "mean over classes but the background",
    "both": "mean over the one class and, as another, all that is not it",
    "weighted": "mean over classes weighted by their labelled pixels",
    "pooled": "classes pooled in one ratio",
    "pixels": "all pixels whatever their class",
}
ABSENT = {
    "union": "a class neither labelled nor predicted is left out",
    "labelled": "a class that the label lacks is left out",
    "one": "a class neither labelled nor predicted counts as 1",
    "none": "there are no classes, so none is absent",
}
VOID = "pixels labelled 255 are not counted"


@dataclass(frozen=True)
class Score:
    """What one number of a table means, and how it follows from counts.

    `metric` is a key of `RATIOS`, "accuracy" or "e_measure"; `level`, `classes` and `absent` are
    explained by `LEVELS`, `CLASSES` and `ABSENT`. An absent-class rule holds for the set at
    data-set level and for each image at the others.
    """

    metric: str
    level: Level = "dataset"
    classes: Classes = "mean"
    absent: Absent = "union"
    void: str = VOID

    def __post_init__(self) -> None:
        """Raise `DataError` for an unknown metric and for rules that do not go together."""
        known = _KNOWN.get(self.classes, _OF_CLASSES)
        if self.metric not in known:
            raise DataError(unknown(f"metric of {CLASSES[self.classes]}", self.metric, known))
        levels = _LEVELS_OF.get(self.classes, tuple(LEVELS))
        levels = levels if self.metric != "e_measure" else ("image", "image_first")
        if self.level not in levels:
            raise DataError(
                f"{self.metric}, {CLASSES[self.classes]}: there is none at {self.level} level; "
                f"take {' or '.join(levels)}"
            )

    @property
    def name(self) -> str:
        """Its key, such as "iou@dataset"; what deviates from the level's usual rules follows it."""
        usual = usual_score(self.metric, self.level)
        parts = [f"{self.metric}@{self.level}"]
        parts += [self.classes] if self.classes != usual.classes else []
        parts += [f"absent {self.absent}"] if self.absent != usual.absent else []
        return ", ".join(parts)

    @property
    def width(self) -> int | float | None:
        """Of the band that it looks at: pixels, or a share of the diagonal; None: no band."""
        return None if self.metric == "e_measure" else self._ratio.width

    @property
    def formula(self) -> str:
        """What is divided by what."""
        return _E_MEASURE if self.metric == "e_measure" else self._ratio.formula

    @property
    def is_quality(self) -> bool:
        """Whether more of it is better; an entropy is neither good nor bad."""
        return not self.metric.startswith("entropy")

    def describe(self) -> str:
        """The definition in one sentence."""
        level = LEVELS[self.level]
        if self.classes == "pixels":
            level = "summed over the set" if self.level == "dataset" else "mean over images"
        elif self.classes != "mean":
            level = f"{level.replace(', then over classes', '')}; {CLASSES[self.classes]}"
        elif self.level == "dataset":
            level = f"{level}; {CLASSES[self.classes]}"
        absent = "" if self.absent == "none" else ABSENT[self.absent]
        parts = [f"{self.formula}, {level}", absent, width_text(self.width), self.void]
        return f"{self.metric} at {self.level} level: " + "; ".join(filter(None, parts)) + "."

    def applies(self, counts: pd.DataFrame | TableOfCounts) -> bool:
        """Whether a table holds what the score reads: an older one may lack columns; with one
        class there is no foreground, weight or pool of its own, and with several no rest.
        """
        counts = TableOfCounts.of(counts)
        names = counts.classes
        if self.classes == "foreground" and not (BACKGROUND in names and len(names) > 1):
            return False
        if self.classes in ("weighted", "pooled") and len(names) < 2:
            return False
        if self.classes == "both" and len(names) != 1:
            return False
        columns = ("tp", "fp", "fn") if self.metric == "e_measure" else self._ratio.columns
        return counts.columns.issuperset(columns)

    def of(self, counts: pd.DataFrame | TableOfCounts) -> pd.Series:
        """The score of each class, if it has one, and that of all under `MEAN`; NaN where left out.

        `counts` is a table as `counts_table` makes it.
        """
        counts = TableOfCounts.of(counts)
        by_class = self._by_class(counts)
        names = counts.classes[: len(by_class)]
        return pd.Series([*by_class, self._overall(counts, by_class)], index=[*names, MEAN])

    def _by_class(self, counts: TableOfCounts) -> Values:
        """In the order of the table's classes; empty where the score has no value of a class."""
        if self.level == "image_first" or self.metric not in _OF_CLASSES:
            return np.empty(0)
        if self.level == "dataset":
            return self._kept(counts.of_set(self.metric), counts.sums)
        values = self._kept(counts.of_images(self.metric), counts.by_row)
        return group_means(values, counts.class_of_row, len(counts.classes))

    def _overall(self, counts: TableOfCounts, by_class: Values) -> float:
        if self.classes == "pixels":
            over = "all" if self.level == "dataset" else "image"
            return mean(counts.of_whole_images(self._ratio, over))
        if self.classes == "both":
            return float(replace(self, classes="mean").of(counts.with_rest)[MEAN])
        if self.classes == "weighted":
            weights = np.where(np.isnan(by_class), 0, labelled(counts.sums))
            return float(np.nansum(by_class * weights) / weights.sum()) if weights.sum() else _NAN
        if self.classes == "pooled":
            return mean(counts.pooled(self.metric, "all" if self.level == "dataset" else "image"))
        if self.level == "image_first":
            rows = self._kept(counts.of_images(self.metric), counts.by_row)
            if self.classes == "foreground":
                rows = np.where(_is_background(counts)[counts.class_of_row], np.nan, rows)
            return mean(group_means(rows, counts.image_of_row, counts.num_images))
        if self.classes == "foreground":
            by_class = by_class[~_is_background(counts)]
        return mean(by_class)

    def _kept(self, values: Values, counts: Counts) -> Values:
        """Values by the absent-class rule."""
        if self.absent == "labelled":
            return np.where(labelled(counts) > 0, values, np.nan)
        return np.where(union(counts) > 0, values, 1.0 if self.absent == "one" else np.nan)

    @property
    def _ratio(self) -> Ratio:
        return (OF_PIXELS if self.classes == "pixels" else RATIOS)[self.metric]


def _is_background(counts: TableOfCounts) -> NDArray[np.bool_]:
    return np.array([name == BACKGROUND for name in counts.classes])


def width_text(width: int | float | None) -> str:
    """The width of a score's band, for people; "" where it has none."""
    if width is None:
        return ""
    if isinstance(width, int):
        return f"band of {width} pixel{'s' if width > 1 else ''} on both sides of the label's edges"
    return f"bands {100 * width:g} % of the image's diagonal wide (at least 1 pixel), on full masks"


def usual_score(metric: str, level: Level) -> Score:
    """The score of a metric at a level by the rules that need no mention: classes absent from the
    label are left out of an image, classes absent from label and prediction out of the set.
    """
    if metric in OF_PIXELS:
        return Score(metric, level, classes="pixels", absent="none")
    return Score(metric, level, absent="union" if level == "dataset" else "labelled")


_NAN = float("nan")
_E_MEASURE = (
    "E-measure of each class against the rest in each image (Fan et al. 2018), from its confusion "
    "counts"
)
_OF_PIXELS, _OF_CLASSES = tuple(OF_PIXELS), (*RATIOS, "e_measure")
_KNOWN = {"pixels": _OF_PIXELS, "both": ("iou", "dice")}
_LEVELS_OF: dict[str, tuple[Level, ...]] = {
    "weighted": ("dataset",),
    "pooled": ("dataset", "image_first"),
    "pixels": ("dataset", "image"),
    "both": ("dataset", "image"),
}
