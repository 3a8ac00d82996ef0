"""The scores that are computed, and all common definitions that one may ask for."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from losslab.metrics.ratios import OF_PIXELS, TableOfCounts, labelled
from losslab.metrics.scores import MEAN, Level, Score, usual_score
from losslab.metrics.trimap import TRIMAP_WIDTHS

_TRIMAPS = tuple(
    f"{region}_{width}" for region in ("trimap_iou", "nonboundary_iou") for width in TRIMAP_WIDTHS
)
_BOTH: tuple[Level, ...] = ("dataset", "image")


def _by_name(scores: list[Score]) -> dict[str, Score]:
    return {score.name: score for score in scores}


SCORES: dict[str, Score] = _by_name(
    [
        *(
            usual_score(metric, level)
            for metric in ("accuracy", "class_accuracy", "iou", "dice", "boundary_iou")
            for level in _BOTH
        ),
        usual_score("e_measure", "image"),
        *(usual_score(metric, level) for metric in _TRIMAPS for level in _BOTH),
        *(
            usual_score(name, level)
            for name in ("entropy_band", "entropy_inside")
            for level in _BOTH
        ),
    ]
)
"""The scores of every run, by name: "metric@level"."""

DEFINITIONS: dict[str, Score] = SCORES | _by_name(
    [
        Score("iou", classes="foreground"),
        Score("iou", classes="both"),
        Score("iou", classes="weighted"),
        Score("iou", classes="pooled"),
        Score("iou", absent="labelled"),
        Score("iou", absent="one"),
        Score("iou", "image", absent="union"),
        Score("iou", "image", absent="one"),
        Score("iou", "image", "foreground", absent="labelled"),
        Score("iou", "image", "both", absent="labelled"),
        usual_score("iou", "image_first"),
        Score("iou", "image_first", absent="union"),
        Score("iou", "image_first", "pooled", absent="labelled"),
        Score("dice", classes="pooled"),
        Score("dice", "image", absent="one"),
        usual_score("dice", "image_first"),
        usual_score("boundary_iou", "image_first"),
        usual_score("e_measure", "image_first"),
    ]
)
"""All common definitions, by name.

IoU at the levels dataset, image_first and image is mIoU^D, mIoU^I and mIoU^C of Wang et al. (2023,
"Revisiting evaluation metrics for semantic segmentation"). Weighted is the frequency-weighted IoU
of Long et al. (2015), pooled the "micro" average of libraries, both the mean IoU of binary tasks;
that an absent class counts as 1 is usual for medical images and in "image-wise" averages.
"""


def score(
    counts: pd.DataFrame | TableOfCounts, scores: Mapping[str, Score] = SCORES
) -> pd.DataFrame:
    """Scores of a set, per class and as a mean: columns class, metric, level, definition, value.

    `counts` is a table as `counts_table` makes it; `definition` is the score's name. Values are
    fractions, NaN where a class is left out. Scores that the table lacks the counts for are left
    out.
    """
    shared = TableOfCounts.of(counts)
    held = {name: one for name, one in scores.items() if one.applies(shared)}
    values = {name: one.of(shared) for name, one in held.items()}
    lengths = [len(of_classes) for of_classes in values.values()]

    def spread(words: list[str]) -> NDArray[np.object_]:
        return np.repeat(np.array(words, dtype=object), lengths)

    columns = {
        "class": np.concatenate([v.index.to_numpy(object) for v in values.values()]),
        "metric": spread([one.metric for one in held.values()]),
        "level": spread([one.level for one in held.values()]),
        "definition": spread(list(held)),
        "value": np.concatenate([v.to_numpy(float) for v in values.values()]),
    }
    return pd.DataFrame(columns)


OF_ONE_IMAGE = ("iou", "dice", "boundary_iou", "e_measure")
"""Scores of single images, beside pixel accuracy."""


def image_scores(counts: pd.DataFrame | TableOfCounts) -> pd.DataFrame:
    """The scores of single images: columns image, class, metric, value.

    Of a class only the images whose label contains it; "mean" is the mean over the classes that the
    image's label contains. A binary image without foreground has a pixel accuracy alone.
    """
    shared = TableOfCounts.of(counts)
    present = shared.rows[labelled(shared.by_row) > 0]
    values = list(OF_ONE_IMAGE)
    ratios = present[["image", "class"]].astype(object)
    ratios = ratios.assign(**{name: shared.of_images(name)[present.index] for name in values})
    means = ratios.groupby("image", sort=False, observed=True)[values].mean().reset_index()
    tidy = pd.concat([ratios, means.assign(**{"class": MEAN})], ignore_index=True).melt(
        ["image", "class"], values, var_name="metric", value_name="value"
    )
    accuracy = shared.images.reset_index()[["image"]].assign(
        **{
            "class": MEAN,
            "metric": "accuracy",
            "value": shared.of_whole_images(OF_PIXELS["accuracy"], "image"),
        }
    )
    tidy = pd.concat([tidy, accuracy], ignore_index=True).dropna(subset="value")
    return tidy[["image", "class", "metric", "value"]].reset_index(drop=True)
