"""Intervals of a mean difference, and what makes them missing."""

import math

import numpy as np
import scipy
from jaxtyping import Float
from numpy import ndarray

LEVEL = 0.95
"""Confidence level of every interval."""

_NO_SPREAD = 1e-12
"""Differences (fractions) whose standard deviation is below this are equal but for rounding."""


def has_spread(differences: Float[ndarray, " n"]) -> bool:
    """Whether there are two differences or more, and not all of them equal."""
    return len(differences) > 1 and float(np.std(differences, ddof=1)) >= _NO_SPREAD


def t_quantile(df: float | int, level: float = LEVEL) -> float:
    """How many standard errors a two-sided Student t interval reaches to each side."""
    return float(scipy.stats.t.ppf((1 + level) / 2, df))


def t_interval(differences: Float[ndarray, " n"]) -> dict[str, float]:
    """Student's t interval of the mean, `low` and `high`; NaN without a spread."""
    if not has_spread(differences):
        return {"low": math.nan, "high": math.nan}
    n, centre = len(differences), float(np.mean(differences))
    half = t_quantile(n - 1) * float(np.std(differences, ddof=1)) / math.sqrt(n)
    return {"low": centre - half, "high": centre + half}


def bootstrap_interval(
    differences: Float[ndarray, " n"], resamples: int, rng: np.random.Generator
) -> dict[str, float]:
    """BCa bootstrap interval of the mean (Efron 1987), `low` and `high`; NaN without a spread."""
    if not has_spread(differences):
        return {"low": math.nan, "high": math.nan}
    interval = scipy.stats.bootstrap(
        (differences,),
        np.mean,
        n_resamples=resamples,
        batch=1000,  # bounds memory: images x batch float64
        confidence_level=LEVEL,
        method="BCa",
        rng=rng,
    ).confidence_interval
    return {"low": float(interval.low), "high": float(interval.high)}
