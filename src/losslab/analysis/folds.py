"""Differences over folds, which share training images: Nadeau & Bengio's corrected t."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import scipy
from jaxtyping import Float
from numpy import ndarray

from losslab.analysis.intervals import has_spread, t_quantile
from losslab.analysis.scores import with_setting


def fold_means(differences: pd.DataFrame) -> pd.DataFrame:
    """A row per fold of the paired differences: the mean over its seeds of each number.

    Seeds of a fold share all their images, so a fold counts once however many seeds it has.
    """
    columns = ["value", "baseline_value", "difference"]
    return differences.groupby("fold", sort=False)[columns].mean().reset_index()


def corrected_t(differences: Float[ndarray, " k"], ratio: float) -> dict[str, float]:
    """low, high (95 %) and t_p of the mean over k folds, by the corrected resampled t.

    Nadeau & Bengio 2003, sec. 3: the variance of the mean is taken as (1/k + ratio) times that of
    the differences, at k - 1 degrees of freedom; `ratio` is test images over training images. The
    plain t has 1/k alone, as if no two folds shared an image. All NaN without a spread. It supposes
    that two folds correlate by ratio / (1 + ratio): folds that do so less make it cautious.
    """
    if not has_spread(differences):
        return {"low": math.nan, "high": math.nan, "t_p": math.nan}
    k, centre = len(differences), float(np.mean(differences))
    error = math.sqrt((1 / k + ratio) * float(np.var(differences, ddof=1)))
    half = t_quantile(k - 1) * error
    p = 2 * float(scipy.stats.t.sf(abs(centre) / error, k - 1))
    return {"low": centre - half, "high": centre + half, "t_p": p}


def assumed_ratio(folds: int) -> float:
    """Test over training images of k folds where all but the tested one are trained on."""
    return 1 / (folds - 1)


def fold_ratios(runs: pd.DataFrame) -> Mapping[str, float]:
    """Test over training images of each setting, from the table of `losslab.study.load_runs`.

    Validation images are not trained on, so this is a little above `assumed_ratio`. Settings whose
    runs do not record their images are left out; the mean where folds differ by an image.
    """
    if not {"data_train", "data_test"} <= set(runs.columns):
        return {}
    known = with_setting(runs.dropna(subset=["data_train", "data_test"]))
    ratios = known["data_test"].astype(float) / known["data_train"].astype(float)
    means = ratios.groupby(known["setting"]).mean()
    return {str(setting): float(value) for setting, value in means.items()}
