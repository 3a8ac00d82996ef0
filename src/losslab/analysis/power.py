"""How many pairs of runs would show a difference."""

import math

import numpy as np
import scipy
from jaxtyping import Float
from numpy import ndarray

from losslab.analysis.intervals import has_spread

ALPHA = 0.05
"""Level of the two-sided paired t test that is planned for."""

POWER = 0.8
"""Chance that the planned test finds the difference."""

_EXACT = 10_000  # pairs beyond which the normal approximation is 0.02 % off


def pairs_needed(effect: float) -> float:
    """The fewest pairs (2 or more) with which a paired t test finds an effect with 80 % power.

    `effect` is the mean difference over the standard deviation of the differences (Cohen's d_z);
    two-sided at 0.05, by the noncentral t distribution as in statsmodels. NaN where the effect is 0
    or unknown. Whole, yet a float, so that a table can hold the missing ones.
    """
    from statsmodels.stats.power import TTestPower  # half a second, like scipy.stats

    if math.isnan(effect) or effect == 0:
        return math.nan
    quantiles = scipy.stats.norm.ppf([1 - ALPHA / 2, POWER])
    least = (float(quantiles.sum()) / effect) ** 2  # of a known spread: the t test needs more
    if least > _EXACT:
        return float(math.ceil(least))
    n = max(2, math.floor(least))
    while TTestPower().power(abs(effect), n, ALPHA, df=n - 1) < POWER:
        n += 1
    return float(n)


def pairs_needed_as_seen(differences: Float[ndarray, " n"]) -> float:
    """`pairs_needed` for the mean and the spread that these differences have; NaN without a spread.

    Both are estimates: the spread of five runs is known to within a factor of about two, and so the
    pairs to within one of about four. An order of magnitude, for planning and not a test.
    """
    if not has_spread(differences):
        return math.nan
    return pairs_needed(float(np.mean(differences)) / float(np.std(differences, ddof=1)))
