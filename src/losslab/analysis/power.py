"""How many pairs of runs would show a difference."""

import math

import numpy as np
import scipy
from jaxtyping import Float
from numpy import ndarray

from losslab.analysis.intervals import has_spread, t_quantile

ALPHA = 0.05
"""Level of the two-sided paired t test that is planned for."""

POWER = 0.8
"""Chance that the planned test finds the difference."""

_SURE = 5  # standard errors of an effect that no sample gives the wrong sign
_EXACT = 10_000  # pairs beyond which the normal approximation is 0.02 % off


def pairs_needed(effect: float) -> float:
    """The fewest pairs (2 or more) with which a paired t test finds an effect with 80 % power.

    `effect` is the mean difference over the standard deviation of the differences (Cohen's d_z);
    two-sided at 0.05, by `power_of`. NaN where the effect is 0 or unknown. Whole, yet a float, so
    that a table can hold the missing ones.
    """
    if math.isnan(effect) or effect == 0:
        return math.nan
    quantiles = scipy.stats.norm.ppf([1 - ALPHA / 2, POWER])
    least = (float(quantiles.sum()) / effect) ** 2  # of a known spread: the t test needs more
    if least > _EXACT:
        return float(math.ceil(least))
    n = max(2, math.floor(least))
    while power_of(effect, n) < POWER:
        n += 1
    return float(n)


def power_of(effect: float, n: int) -> float:
    """The chance that a two-sided paired t test of n pairs at 0.05 finds an effect d_z.

    By the noncentral t distribution (Cohen 1988, sec. 2.5), as in statsmodels, which however is NaN
    at some large effects: the chance of a finding of the wrong sign, below 1e-6 there, is left out.
    """
    critical, shift = t_quantile(n - 1, 1 - ALPHA), abs(effect) * math.sqrt(n)
    power = float(scipy.stats.nct.sf(critical, n - 1, shift))
    return power if shift > _SURE else power + float(scipy.stats.nct.cdf(-critical, n - 1, shift))


def pairs_needed_as_seen(differences: Float[ndarray, " n"]) -> float:
    """`pairs_needed` for the mean and the spread that these differences have; NaN without a spread.

    Both are estimates: the spread of five runs is known to within a factor of about two, and so the
    pairs to within one of about four. An order of magnitude, for planning and not a test.
    """
    if not has_spread(differences):
        return math.nan
    return pairs_needed(float(np.mean(differences)) / float(np.std(differences, ddof=1)))
