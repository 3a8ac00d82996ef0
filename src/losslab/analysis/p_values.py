"""Tests of paired differences against zero, and Holm's correction."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy
from jaxtyping import Float
from numpy import ndarray

_FLIPS = 2**14
"""Sign patterns that are tried: all of them up to 14 pairs, so many random ones beyond."""


def t_test_p(differences: Float[ndarray, " n"]) -> float:
    """Two-sided p of the paired t test."""
    return float(scipy.stats.ttest_1samp(differences, 0.0).pvalue)


def wilcoxon_p(differences: Float[ndarray, " n"]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test."""
    return float(scipy.stats.wilcoxon(differences).pvalue)


def smallest_wilcoxon_p(n: int) -> float:
    """The smallest two-sided p that n pairs can give Wilcoxon's test, or the sign flips."""
    return min(1.0, 2.0 ** (1 - n))


def sign_flip_p(differences: Float[ndarray, " n"], *, seed: int = 0) -> float:
    """Two-sided p of the permutation test that swaps the two losses within pairs (Fisher 1935).

    The share of all 2^n sign patterns whose mean is as far from 0 as the one seen: exact up to 14
    pairs, beyond from 16384 random patterns. Supposes that under no effect a difference and its
    negative are equally likely, and that pairs are independent; no shape of a distribution.
    """
    return float(
        scipy.stats.permutation_test(
            (differences,),
            lambda values, axis: np.mean(values, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=_FLIPS,
            batch=2**12,
            rng=np.random.default_rng(seed),
        ).pvalue
    )


def with_holm(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Fill `<name>_holm` for each p named: Holm's correction (1979) over all rows of the table.

    A missing p takes no part in it.
    """
    for name in names:
        table[f"{name}_holm"] = math.nan
        known = table[name].dropna().astype(float)
        table.loc[known.index, f"{name}_holm"] = holm(known.to_numpy())
    return table


def holm(p: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
    """Holm's (1979) corrected p of each: the i-th smallest of n times n + 1 - i, never falling.

    As statsmodels' multipletests, which collects garbage at each call: 0.1 s beside torch.
    """
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected
