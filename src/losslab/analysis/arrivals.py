"""When each run arrived at a threshold or ended: what curves, means and tests of them share."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from losslab.errors import StudyError


def times_of(part: pd.DataFrame) -> tuple[Float[ndarray, " n"], ndarray]:
    """When each run arrived or ended, and whether it arrived."""
    seen = ~part["censored"].to_numpy(bool)
    time = np.where(seen, part["epoch"].to_numpy(float), part["last"].to_numpy(float))
    if np.isnan(time).any() or (time < 0).any():
        raise StudyError(
            "a run has no epoch: `epoch` is needed where `censored` is false, `last` where it is "
            "true, none below 0"
        )
    return time, seen


def several_folds(part: pd.DataFrame) -> bool:
    """Whether runs share training pictures, so that no interval or test of them holds."""
    return "fold" in part and part["fold"].nunique() > 1
