"""Whether a difference matters: its interval against a region of practical equivalence."""

import math

import numpy as np
import pandas as pd
import scipy

from losslab.analysis.intervals import t_quantile
from losslab.errors import StudyError

ROPE = 0.01
"""Half-width of the region of practical equivalence: 1 point of IoU, the lower end of the 1 to 2
points by which runs of one network usually differ in their seed alone."""

PRACTICAL = {
    "larger": "relevant gain",
    "smaller": "relevant loss",
    "negligible": "negligible",
    "undecided": "undecided",
}
"""The verdicts of `relevance`, in words for people."""

_INNER = 0.90  # level of the interval that decides equivalence: two one-sided tests at 5 %


def relevance(comparison: pd.DataFrame, rope: float = ROPE) -> pd.DataFrame:
    """The comparison with the verdict of each difference against the region from -rope to +rope.

    `comparison` has difference, low, high (95 %) and df, as `paired_comparison`, `image_comparison`
    `hierarchical_comparison` and `mixed_comparison` give them; `rope` is a fraction. Added columns:
    rope, low_90 and high_90 (the 90 % interval), equivalence_p (the larger p of the two one-sided
    tests; NaN without an interval) and practical:

    - "negligible": the 90 % interval lies within the region, which is the two one-sided tests of
      equivalence at 5 % (Schuirmann 1987; Lakens 2017), equivalence_p < 0.05;
    - "larger" or "smaller": the 95 % interval lies beyond the region at one side, so that at a rope
      of 0 the two together are the two-sided test at 5 %;
    - "undecided": neither, or no interval.

    The 90 % interval is the 95 % one with each side shortened by the ratio of the t quantiles at
    df: exact where that is a t interval, near it for a BCa interval of many images. A difference
    that is significant may yet be negligible. No correction for the number of losses: each verdict
    stands for itself. Raises StudyError for a rope that is not above 0.
    """
    if not rope > 0:
        raise StudyError(f"rope: a fraction above 0, such as 0.01 for 1 point, got {rope}")
    table = comparison.copy()
    df = table["df"].to_numpy(float)
    centre = table["difference"].to_numpy(float)
    ratio = np.array([_shorter(value) for value in df])
    below = (centre - table["low"].to_numpy(float)) * ratio
    above = (table["high"].to_numpy(float) - centre) * ratio
    table["rope"] = float(rope)
    table["low_90"], table["high_90"] = centre - below, centre + above
    quantiles = np.array([t_quantile(value, _INNER) for value in df])
    at_low = _upper_tail((centre + rope) * quantiles, below, df)
    at_high = _upper_tail((rope - centre) * quantiles, above, df)
    table["equivalence_p"] = np.maximum(at_low, at_high)
    table["practical"] = [_verdict(row, rope) for row in table.to_dict("records")]
    return table


def _shorter(df: float) -> float:
    return t_quantile(df, _INNER) / t_quantile(df) if df > 0 else math.nan


def _upper_tail(distance: np.ndarray, half: np.ndarray, df: np.ndarray) -> np.ndarray:
    """P(T > distance / half): how far a bound of the region is away, in standard errors."""
    errors = np.divide(distance, half, out=np.full_like(distance, math.nan), where=half > 0)
    return scipy.stats.t.sf(errors, df)


def _verdict(row: dict, rope: float) -> str:
    if row["low"] > rope:
        return "larger"
    if row["high"] < -rope:
        return "smaller"
    return "negligible" if row["low_90"] > -rope and row["high_90"] < rope else "undecided"
