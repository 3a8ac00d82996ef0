"""Where two losses disagree: on the pixels of a picture, and on the pictures of a test set."""

import math

import numpy as np
import pandas as pd
from jaxtyping import UInt8
from numpy import ndarray

from losslab.analysis.claims import points
from losslab.analysis.definitions import METRICS
from losslab.analysis.samples import Sample
from losslab.constants import IGNORE_INDEX
from losslab.errors import StudyError, unknown
from losslab.metrics import image_scores
from losslab.metrics.definitions import OF_ONE_IMAGE
from losslab.metrics.scores import MEAN

BOTH_RIGHT, FIRST_RIGHT, SECOND_RIGHT, ALIKE_WRONG, APART_WRONG = range(5)
"""What two predictions make of a pixel: both right, the first or the second alone right, both wrong
with one class, both wrong with two.
"""

DIFFERENT = (FIRST_RIGHT, SECOND_RIGHT, APART_WRONG)
"""The pixels that the two predict differently."""

IMAGE_METRICS = {name: METRICS[name] for name in ("accuracy", *OF_ONE_IMAGE)}
"""Scores of single pictures, and their names for people."""

ORDERS = {
    "test set": "as in the test set",
    "score": "difference of score",
    "pixels": "pixels predicted differently",
}
"""By what test pictures may be sorted, those with the most first."""


def disagreement(one: Sample, other: Sample) -> UInt8[ndarray, "h w"]:
    """Of each pixel one of `BOTH_RIGHT` to `APART_WRONG`; 255 where there is no label.

    Both samples are of one picture. Raises StudyError where their labels differ: then they are not.
    """
    if not np.array_equal(one.label, other.label):
        raise StudyError(
            "two predictions can be compared on one picture with one label map only: these are of "
            "different pictures or tasks"
        )
    kinds = np.full(one.label.shape, APART_WRONG, np.uint8)
    kinds[one.prediction == other.prediction] = ALIKE_WRONG
    kinds[~one.wrong] = FIRST_RIGHT
    kinds[~other.wrong] = SECOND_RIGHT
    kinds[~one.wrong & ~other.wrong] = BOTH_RIGHT
    kinds[~one.annotated] = IGNORE_INDEX
    return kinds


def disagreement_shares(kinds: UInt8[ndarray, "h w"]) -> list[float]:
    """The share of annotated pixels of each kind, in their order; NaN where none is annotated."""
    counts = np.bincount(kinds.ravel(), minlength=256)[: APART_WRONG + 1]
    total = counts.sum()
    return [float(count / total) if total else float("nan") for count in counts]


def different_share(one: Sample, other: Sample) -> float:
    """The share of the annotated pixels that two losses predict differently; NaN for none."""
    shares = disagreement_shares(disagreement(one, other))
    return sum(shares[kind] for kind in DIFFERENT)


def score_gaps(one: pd.DataFrame, other: pd.DataFrame, metric: str = "iou") -> pd.DataFrame:
    """The scores of two runs on each test picture, from their counts, in the test set's order.

    Columns: image, first, second (fractions; a class scores on the pictures whose label holds it,
    their mean is the picture's score) and difference (first minus second); NaN for a picture
    without a score, as a binary one without foreground. Raises StudyError for an unknown metric and
    for runs that were not tested on the same pictures.
    """
    if metric not in IMAGE_METRICS:
        raise StudyError(unknown("metric of a picture", metric, IMAGE_METRICS))
    images = _images(one)
    if images != _images(other):
        raise StudyError("the two runs were not tested on the same pictures: choose two that were")
    first, second = (_means(counts, metric).reindex(images) for counts in (one, other))
    values = {"first": first.to_numpy(float), "second": second.to_numpy(float)}
    table = pd.DataFrame({"image": images, **values})
    return table.assign(difference=table["first"] - table["second"])


def _images(counts: pd.DataFrame) -> list[str]:
    return [str(image) for image in counts["image"].unique()]


def _means(counts: pd.DataFrame, metric: str) -> pd.Series:
    scores = image_scores(counts)
    wanted = scores[(scores["metric"] == metric) & (scores["class"] == MEAN)]
    return pd.Series(wanted["value"].to_numpy(float), wanted["image"].astype(str))


def most_different(gaps: pd.DataFrame, column: str = "difference") -> pd.DataFrame:
    """The rows of `score_gaps` with the largest distance from 0 first; equal ones as they were,
    those without a value last.
    """
    distance = gaps[column].abs()
    return gaps.loc[distance.sort_values(ascending=False, kind="stable").index]


def read_gaps(gaps: pd.DataFrame, first: str, second: str, metric: str) -> str:
    """Reads the differences of `score_gaps`: who scores higher on how many pictures, where most."""
    known = gaps.dropna(subset=["difference"])
    if known.empty:
        return f"No test picture has a score ({IMAGE_METRICS[metric]}) under both losses."
    higher, lower = (int((sign * known["difference"] > 0).sum()) for sign in (1, -1))
    top = most_different(known).iloc[0]
    text = f"By {IMAGE_METRICS[metric]} `{first}` scores higher on {higher} of {len(known)} test "
    text += f"pictures and `{second}` on {lower}; they lie furthest apart on {top['image']}: "
    text += f"{100 * top['first']:.1f} against {100 * top['second']:.1f} %."
    missing = len(gaps) - len(known)
    return f"{text} {missing} pictures have no score." if missing else text


def show_gaps(gaps: pd.DataFrame, first: str, second: str, metric: str) -> pd.DataFrame:
    """`score_gaps`, in the order of its rows, for people: percent and points."""
    table = gaps[["image"]].copy()
    for name, column in ((first, "first"), (second, "second")):
        table[f"{IMAGE_METRICS[metric]}, {name}, %"] = [_percent(value) for value in gaps[column]]
    table["difference, points"] = [points(value) for value in gaps["difference"]]
    if "different" in gaps:
        table["pixels predicted differently, %"] = [_percent(v) for v in gaps["different"]]
    return table.reset_index(drop=True)


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else points(value, sign=False)
