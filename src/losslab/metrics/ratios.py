"""What each score divides by what: fractions of a row of counts, be it of one image or of many
summed.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from losslab.metrics.e_measure import e_measure_of_counts
from losslab.metrics.trimap import TRIMAP_WIDTHS

Values = NDArray[np.float64]
Counts = Mapping[str, Values]
"""Arrays of one length, by the names of the columns of a table of counts."""

Column = Callable[[Counts], Values]


class Ratio(NamedTuple):
    """A fraction of counts; undefined where there is nothing to divide by."""

    above: Column
    below: Column
    formula: str
    columns: tuple[str, ...]
    """What it reads."""
    width: int | float | None = None
    """Of the band that it is restricted to: pixels, or a share of the image's diagonal."""

    def of(self, counts: Counts) -> Values:
        """The fraction of each row, NaN where there is nothing to divide by."""
        return share(self.above(counts), self.below(counts))


def share(above: Values, below: Values) -> Values:
    """above / below, NaN where there is nothing to divide by."""
    return np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)


def group_sums(values: Values, groups: NDArray[np.int64], number: int) -> Values:
    """Sum of the values of each group; `groups` holds numbers under `number`, NaN spreads."""
    return np.bincount(groups, values, minlength=number).astype(np.float64, copy=False)


def group_means(values: Values, groups: NDArray[np.int64], number: int) -> Values:
    """Mean of those values of each group that are not NaN; NaN where it has none."""
    there = ~np.isnan(values)
    values, groups = values[there], groups[there]
    return share(
        group_sums(values, groups, number), group_sums(np.ones_like(values), groups, number)
    )


def mean(values: Values) -> float:
    """Mean of the values that are not NaN; NaN where there is none."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else float("nan")


def labelled(counts: Counts) -> Values:
    """Pixels that the label gives to the class."""
    return counts["tp"] + counts["fn"]


def on_band(counts: Counts) -> Values:
    """Those of them on the label's boundary band."""
    return counts["boundary_tp"] + counts["boundary_fn"]


def union(counts: Counts, prefix: str = "") -> Values:
    """Pixels that the label or the prediction gives to the class."""
    tp, fp, fn = (counts[name] for name in _columns(prefix))
    return tp + fp + fn


def _columns(prefix: str) -> tuple[str, str, str]:
    return f"{prefix}tp", f"{prefix}fp", f"{prefix}fn"


def _iou(prefix: str, formula: str, width: int | float | None = None) -> Ratio:
    columns = _columns(prefix)
    return Ratio(
        lambda counts: counts[columns[0]],
        lambda counts: union(counts, prefix),
        formula,
        columns,
        width,
    )


def _iou_outside(prefix: str, formula: str, width: int) -> Ratio:
    """IoU of what the band of `prefix` leaves out."""
    inner = _columns(prefix)
    return Ratio(
        lambda counts: counts["tp"] - counts[inner[0]],
        lambda counts: union(counts) - union(counts, prefix),
        formula,
        ("tp", "fp", "fn", *inner),
        width,
    )


_IOU = "TP / (TP + FP + FN)"
_TRIMAP = "of the pixels within the given distance (chessboard) of a pixel with another label"

RATIOS: dict[str, Ratio] = {
    "iou": _iou("", _IOU),
    "dice": Ratio(
        lambda counts: 2 * counts["tp"],
        lambda counts: 2 * counts["tp"] + counts["fp"] + counts["fn"],
        "2 TP / (2 TP + FP + FN), which is 2 IoU / (1 + IoU) of the same counts",
        ("tp", "fp", "fn"),
    ),
    "class_accuracy": Ratio(lambda counts: counts["tp"], labelled, "TP / (TP + FN)", ("tp", "fn")),
    "boundary_iou": _iou(
        "boundary_", f"{_IOU} within the boundary bands of prediction and label", 0.02
    ),
    **{f"trimap_iou_{w}": _iou(f"trimap_{w}_", f"{_IOU} {_TRIMAP}", w) for w in TRIMAP_WIDTHS},
    **{
        f"nonboundary_iou_{w}": _iou_outside(
            f"trimap_{w}_", f"{_IOU} of all pixels but those of the trimap of that width", w
        )
        for w in TRIMAP_WIDTHS
    },
    "entropy_band": Ratio(
        lambda counts: counts["entropy_band"],
        on_band,
        "mean entropy (of the most that the number of classes allows) on the boundary band of the "
        "label",
        ("entropy_band", "boundary_tp", "boundary_fn"),
        0.02,
    ),
    "entropy_inside": Ratio(
        lambda counts: counts["entropy_inside"],
        lambda counts: labelled(counts) - on_band(counts),
        "mean entropy (of the most that the number of classes allows) off the boundary band of the "
        "label",
        ("entropy_inside", "tp", "fn", "boundary_tp", "boundary_fn"),
        0.02,
    ),
}
"""Of one class, or of the classes that a row's counts pool."""


OF_PIXELS: dict[str, Ratio] = {
    "accuracy": Ratio(
        lambda images: images["correct"],
        lambda images: images["pixels"],
        "correct / annotated pixels",
        ("pixels",),
    ),
    "entropy_band": RATIOS["entropy_band"]._replace(
        above=lambda images: images["image_entropy_band"],
        below=lambda images: images["image_band_pixels"],
        columns=("image_entropy_band", "image_band_pixels"),
    ),
    "entropy_inside": RATIOS["entropy_inside"]._replace(
        above=lambda images: images["image_entropy_inside"],
        below=lambda images: images["pixels"] - images["image_band_pixels"],
        columns=("image_entropy_inside", "image_band_pixels", "pixels"),
    ),
}
"""Of all annotated pixels, whatever their class; they read `TableOfCounts.images`."""


class TableOfCounts:
    """A table of counts and what several scores compute from it, each once."""

    def __init__(self, counts: pd.DataFrame) -> None:
        annotated = counts["pixels"] > 0  # an image of void alone has no score and no class
        self.columns = frozenset(counts.columns)
        self.rows = counts[annotated].reset_index(drop=True)
        self._every = counts
        self._class_of_every, names = pd.factorize(counts["class"])
        self.classes: list[str] = list(names)
        self.class_of_row: NDArray[np.int64] = self._class_of_every[annotated.to_numpy()]
        self.image_of_row, images = pd.factorize(self.rows["image"])
        self.num_images = len(images)
        self._of_images: dict[str, Values] = {}

    @classmethod
    def of(cls, counts: "pd.DataFrame | TableOfCounts") -> "TableOfCounts":
        """The table itself where it is one already, with what it has computed."""
        return counts if isinstance(counts, cls) else cls(counts)  # pyright: ignore

    @cached_property
    def by_row(self) -> Counts:
        """By row: of one class in one annotated image."""
        return _arrays(self.rows)

    @cached_property
    def sums(self) -> Counts:
        """By class, summed over the set, in the order of `classes`."""
        groups, number = self._class_of_every, len(self.classes)
        every = _arrays(self._every)
        return {name: group_sums(values, groups, number) for name, values in every.items()}

    @cached_property
    def images(self) -> pd.DataFrame:
        """A row per image: its annotated pixels, those that are correct, and what else the table
        holds of images as a whole.

        A binary table has the foreground alone: right is whatever is neither false positive nor
        false negative.
        """
        whole = ["pixels", *(name for name in self.rows if str(name).startswith("image_"))]
        groups = self.rows.groupby("image", sort=False, observed=True)
        images, sums = groups[whole].first(), groups[["tp", "fp", "fn"]].sum()
        binary = len(set(self.class_of_row)) == 1
        images["correct"] = images["pixels"] - sums["fp"] - sums["fn"] if binary else sums["tp"]
        return images

    @cached_property
    def by_image(self) -> Counts:
        """The numbers of `images`."""
        return _arrays(self.images)

    @cached_property
    def with_rest(self) -> "TableOfCounts":
        """Of a table of one class: that class and, as another, all pixels that are not of it."""
        one = self._every[["image", "class", "pixels", "tp", "fp", "fn"]]
        tn = one["pixels"] - one["tp"] - one["fp"] - one["fn"]
        rest = one.assign(**{"class": "rest", "tp": tn, "fp": one["fn"], "fn": one["fp"]})
        return TableOfCounts(pd.concat([one.assign(**{"class": "one"}), rest]))

    def of_set(self, metric: str) -> Values:
        """By class."""
        return RATIOS[metric].of(self.sums)

    def of_images(self, metric: str) -> Values:
        """By row: of one class in one image."""
        if metric not in self._of_images:
            if metric == "e_measure":
                self._of_images[metric] = e_measure_of_counts(self.rows).to_numpy()
            else:
                self._of_images[metric] = RATIOS[metric].of(self.by_row)
        return self._of_images[metric]

    def of_whole_images(self, ratio: Ratio, over: Literal["all", "image"]) -> Values:
        """A ratio of `OF_PIXELS`, for the whole set or for each image."""
        if over == "image":
            return ratio.of(self.by_image)
        return ratio.of({name: np.array([v.sum()]) for name, v in self.by_image.items()})

    def pooled(self, metric: str, over: Literal["all", "image"]) -> Values:
        """One ratio over classes, for the whole set or for each image."""
        parts = RATIOS[metric].above(self.by_row), RATIOS[metric].below(self.by_row)
        if over == "all":
            return share(*(np.array([part.sum()]) for part in parts))
        return share(*(group_sums(part, self.image_of_row, self.num_images) for part in parts))


def _arrays(table: pd.DataFrame) -> Counts:
    numbers = table.select_dtypes("number")
    return {str(name): numbers[name].to_numpy(float) for name in numbers}
