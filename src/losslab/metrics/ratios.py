"""What each score divides by what: fractions of a row of counts, be it of one image or of many
summed.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Literal, NamedTuple

import pandas as pd

from losslab.metrics.e_measure import e_measure_of_counts
from losslab.metrics.trimap import TRIMAP_WIDTHS

Column = Callable[[pd.DataFrame], pd.Series]


class Ratio(NamedTuple):
    """A fraction of counts; undefined where there is nothing to divide by."""

    above: Column
    below: Column
    formula: str
    columns: tuple[str, ...]
    """What it reads."""
    width: int | float | None = None
    """Of the band that it is restricted to: pixels, or a share of the image's diagonal."""


def share(above: pd.Series, below: pd.Series) -> pd.Series:
    """above / below, NaN where there is nothing to divide by."""
    return above / below.where(below > 0)


def labelled(counts: pd.DataFrame) -> pd.Series:
    """Pixels that the label gives to the class."""
    return counts["tp"] + counts["fn"]


def on_band(counts: pd.DataFrame) -> pd.Series:
    """Those of them on the label's boundary band."""
    return counts["boundary_tp"] + counts["boundary_fn"]


def _columns(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{name}" for name in ("tp", "fp", "fn"))


def _iou(prefix: str, formula: str, width: int | float | None = None) -> Ratio:
    columns = list(_columns(prefix))
    return Ratio(
        lambda counts: counts[columns[0]],
        lambda counts: counts[columns].sum(axis=1),
        formula,
        tuple(columns),
        width,
    )


def _iou_outside(prefix: str, formula: str, width: int) -> Ratio:
    """IoU of what the band of `prefix` leaves out."""
    inner, outer = list(_columns(prefix)), ["tp", "fp", "fn"]
    return Ratio(
        lambda counts: counts["tp"] - counts[inner[0]],
        lambda counts: counts[outer].sum(axis=1) - counts[inner].sum(axis=1),
        formula,
        (*outer, *inner),
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
        self.rows = counts[annotated].reset_index(drop=True)
        self._every = counts
        self._of_images: dict[str, pd.Series] = {}

    @cached_property
    def sums(self) -> pd.DataFrame:
        """Counts of each class, summed over the set."""
        numbers = self._every.drop(columns="image")
        return numbers.groupby("class", sort=False, observed=True).sum()

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
        binary = self.rows["class"].nunique() == 1
        images["correct"] = images["pixels"] - sums["fp"] - sums["fn"] if binary else sums["tp"]
        return images

    @cached_property
    def with_rest(self) -> "TableOfCounts":
        """Of a table of one class: that class and, as another, all pixels that are not of it."""
        one = self._every[["image", "class", "pixels", "tp", "fp", "fn"]]
        tn = one["pixels"] - one["tp"] - one["fp"] - one["fn"]
        rest = one.assign(**{"class": "rest", "tp": tn, "fp": one["fn"], "fn": one["fp"]})
        return TableOfCounts(pd.concat([one.assign(**{"class": "one"}), rest]))

    def of_set(self, metric: str) -> pd.Series:
        """By class."""
        return share(RATIOS[metric].above(self.sums), RATIOS[metric].below(self.sums))

    def of_images(self, metric: str) -> pd.Series:
        """By row: of one class in one image."""
        if metric not in self._of_images:
            if metric == "e_measure":
                self._of_images[metric] = e_measure_of_counts(self.rows)
            else:
                above, below = RATIOS[metric].above(self.rows), RATIOS[metric].below(self.rows)
                self._of_images[metric] = share(above, below)
        return self._of_images[metric]

    def pooled(self, metric: str, over: Literal["all", "image"]) -> pd.Series:
        """One ratio over classes, for the whole set or for each image."""
        above, below = RATIOS[metric].above(self.rows), RATIOS[metric].below(self.rows)
        if over == "all":
            return share(pd.Series([above.sum()]), pd.Series([below.sum()]))
        groups = self.rows["image"]
        parts = (part.groupby(groups, sort=False, observed=True).sum() for part in (above, below))
        return share(*parts)
