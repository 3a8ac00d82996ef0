"""Differences of any two losses of a setting, for comparisons of many pairs at once."""

from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from losslab.analysis.folds import assumed_ratio, corrected_t
from losslab.analysis.intervals import t_interval


class PairDifferences:
    """The scores of a setting's runs under one definition, loss against loss.

    Differences are those of `paired_comparison`: of runs that share fold and seed; of several folds
    each counts once, by the mean over its seeds, and `ratio` is then that of test to training
    images (by default as if all folds but the tested one were trained on).
    """

    def __init__(self, scores: pd.Series, ratio: float | None = None) -> None:
        wide = scores.unstack("loss")
        self.losses = sorted(map(str, wide))
        self._columns = {loss: wide[loss].to_numpy(float) for loss in self.losses}
        self._folds = wide.index.get_level_values("fold").to_numpy()
        self._seeds = wide.index.get_level_values("seed").to_numpy()
        self._ratio = ratio

    def pairs(self) -> dict[tuple[str, str], float]:
        """(first, second) -> mean of first minus second; pairs that share no run are left out."""
        found = {pair: self._of(*pair) for pair in combinations(self.losses, 2)}
        return {pair: float(values.mean()) for pair, values in found.items() if len(values)}

    def compared(self, first: str, second: str) -> dict[str, float]:
        """difference (first minus second), low and high (95 % Student t interval, NaN without a
        spread), seeds (distinct ones of the runs compared).
        """
        values, shared = self._of(first, second), self._shared(first, second)
        row = {"difference": float(values.mean()), "seeds": len(set(self._seeds[shared]))}
        if len(set(self._folds[shared])) == 1:
            return row | t_interval(values)
        ratio = assumed_ratio(len(values)) if self._ratio is None else self._ratio
        ends = corrected_t(values, ratio)
        return row | {"low": ends["low"], "high": ends["high"]}

    def _of(self, first: str, second: str) -> Float[ndarray, " n"]:
        """First minus second: of each pair of runs, or of each fold where there are several."""
        shared = self._shared(first, second)
        values = (self._columns[first] - self._columns[second])[shared]
        folds = self._folds[shared]
        if len(folds) == 0 or (folds == folds[0]).all():
            return values
        return np.array([values[folds == fold].mean() for fold in dict.fromkeys(folds)])

    def _shared(self, first: str, second: str) -> ndarray:
        return ~np.isnan(self._columns[first] - self._columns[second])
