"""How large a difference is: in its own spread, as a share of wins, and without the extremes."""

import math

import numpy as np
import scipy
from jaxtyping import Float
from numpy import ndarray

from losslab.analysis.intervals import LEVEL, has_spread


def hedges_gz(differences: Float[ndarray, " n"]) -> float:
    """Hedges' g_z: the mean difference in units of the differences' own standard deviation.

    Cohen's d_z times the exact small-sample factor of Hedges (1981, eq. 6e) at n - 1 degrees of
    freedom. NaN below three pairs (the factor is 0 at two) and where all differences are equal.
    """
    n = len(differences)
    if n < 3 or not has_spread(differences):
        return math.nan
    half = (n - 1) / 2
    factor = math.exp(math.lgamma(half) - math.lgamma(half - 0.5)) / math.sqrt(half)
    return factor * float(np.mean(differences)) / float(np.std(differences, ddof=1))


def interquartile_mean(values: Float[ndarray, " n"]) -> float:
    """The mean without the lowest and the highest quarter, floor(n / 4) values each.

    Agarwal et al. 2021 (Deep RL at the edge of the statistical precipice), sec. 4.3. Less moved by
    one odd run than the mean; below four values it is the mean.
    """
    return float(scipy.stats.trim_mean(values, 0.25))


def probability_of_improvement(differences: Float[ndarray, " n"]) -> float:
    """The share of pairs in which the loss scores higher; a tie counts half.

    Agarwal et al. 2021, sec. 4.3, compare every run of the one with every run of the other, as
    runs of theirs have no partner. Ours share seed and fold with theirs, so pairs are counted.
    """
    return float(np.mean((np.sign(differences) + 1) / 2))


def share_interval(share: float, n: int) -> tuple[float, float]:
    """The exact 95 % interval of a share of n independent pairs (Clopper & Pearson 1934).

    It holds at least 95 % for any n, where a bootstrap of five equal signs would have no width. A
    share that is no multiple of 1/n (ties) goes into the same beta quantiles.
    """
    hits, tail = share * n, (1 - LEVEL) / 2
    low = float(scipy.stats.beta.ppf(tail, hits, n - hits + 1)) if hits > 0 else 0.0
    high = float(scipy.stats.beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high
