"""Variance components of crossed tables by statsmodels' MixedLM, with guards.

In balanced tables the fixed effect is the plain mean, so that anything else is an error of the fit
(statsmodels#10239: an effect of exactly 0 that "converged"); a fit that warns is an error too.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray


@dataclass(frozen=True)
class Components:
    """Mean, its standard error, and the variances of runs, images, test sets and of the rest."""

    mean: float
    se: float
    run: float
    image: float
    set: float
    rest: float


def fit_components(tables: Sequence[ndarray], *, between: bool) -> Components:
    """The REML fit of mean + set + run + image + rest to one table (runs by images) per test set.

    Runs and images are crossed, so they are variance components within the group that a table is;
    a group per image, as usual, would leave no place for what a seed does to all images. `between`
    adds the random effect of the tables. Components that the mean squares estimate at 0 or less are
    left out, and the optimiser starts at those estimates, which of one table are the REML ones
    (Searle, Casella & McCulloch 1992, sec. 4.7). Raises ValueError for a fit that cannot be
    trusted, Warning for one that statsmodels warns of.
    """
    guess = moments(tables)
    if not between:
        guess["set"] = 0.0
    kept = {name: value for name, value in guess.items() if value > 0}
    if "rest" not in kept or len(kept) == 1:
        raise ValueError("neither runs nor images vary beyond the rest")
    unit = math.sqrt(min(kept.values()))  # statsmodels takes a variance below 0.01 for one of 0
    means = [float(values.mean()) for values in tables]
    model = _fitted(_long(tables, unit), kept, float(np.mean(means)) / unit)
    mean = unit * float(model.fe_params.iloc[0])
    slack = 1e-6 * max(float(np.abs(values).max()) for values in tables)
    _check_mean(mean, means, slack, balanced=len({values.shape for values in tables}) == 1)
    found: dict[str, float] = dict.fromkeys(("run", "image", "set"), 0.0)
    found |= dict(zip(model.model.exog_vc.names, map(float, model.vcomp), strict=True))
    if "set" in kept:
        found["set"] = float(model.cov_re.iloc[0, 0])
    found["rest"] = float(model.scale)
    variances = {name: unit**2 * value for name, value in found.items()}
    return Components(mean=mean, se=unit * float(model.bse_fe.iloc[0]), **variances)


def moments(tables: Sequence[ndarray]) -> dict[str, float]:
    """Unbiased estimates of the variances of run, image, set and rest from the mean squares.

    They may be negative; 0 where the tables cannot tell (one run, one table).
    """
    runs, images, rest = ([_sums(values)[part] for values in tables] for part in range(3))
    of_rest = _mean_square(rest)
    shapes = np.array([values.shape for values in tables], float)
    of_run = (_mean_square(runs) - of_rest) / shapes[:, 1].mean()
    of_image = (_mean_square(images) - of_rest) / shapes[:, 0].mean()
    if not sum(df for _, df in rest):  # single runs: images and the rest are one
        return {"run": 0.0, "image": 0.0, "set": _of_sets(tables, of_image), "rest": of_image}
    within = of_run / shapes[:, 0].mean() + of_image / shapes[:, 1].mean()
    within += of_rest / shapes.prod(1).mean()
    return {"run": of_run, "image": of_image, "set": _of_sets(tables, within), "rest": of_rest}


def _sums(values: ndarray) -> tuple[tuple[float, int], ...]:
    """Sum of squares and degrees of freedom of the rows, the columns and what is left of both."""
    rows, columns = values.shape
    by_row, by_column = values.mean(1, keepdims=True), values.mean(0, keepdims=True)
    left = values - by_row - by_column + values.mean()
    squares = (columns * np.sum((by_row - values.mean()) ** 2), rows - 1)
    others = (rows * np.sum((by_column - values.mean()) ** 2), columns - 1)
    return squares, others, (float(np.sum(left**2)), (rows - 1) * (columns - 1))


def _mean_square(sums: Sequence[tuple[float, int]]) -> float:
    df = sum(df for _, df in sums)
    return float(sum(squares for squares, _ in sums)) / df if df else 0.0


def _of_sets(tables: Sequence[ndarray], within: float) -> float:
    """The variance between tables: that of their means less what is within them."""
    if len(tables) < 2:
        return 0.0
    return float(np.var([values.mean() for values in tables], ddof=1)) - within


def _long(tables: Sequence[ndarray], unit: float) -> pd.DataFrame:
    parts = []
    for number, values in enumerate(tables):
        runs, images = np.indices(values.shape).reshape(2, -1)
        columns = {"gain": values.ravel() / unit, "run": runs, "image": images}
        parts.append(pd.DataFrame({**columns, "group": number}))
    return pd.concat(parts, ignore_index=True)


def _fitted(table: pd.DataFrame, kept: dict[str, float], mean: float) -> Any:
    """The REML fit with the components `kept`, from these on; any warning of it is raised."""
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams  # half a second

    names = sorted({"run", "image"} & set(kept))  # the order that statsmodels keeps
    between = "set" in kept
    components: Any = MixedLMParams.from_components  # its hints name other types than its docs
    start = components(
        fe_params=np.array([mean]),
        cov_re=np.full((int(between),) * 2, kept.get("set", 0.0) / kept["rest"]),
        vcomp=np.array([kept[name] / kept["rest"] for name in names]),
    )
    with warnings.catch_warnings():
        for kind in (UserWarning, RuntimeWarning):  # ConvergenceWarning is a UserWarning
            warnings.simplefilter("error", kind)
        model = MixedLM.from_formula(
            "gain ~ 1",
            table,
            groups="group",
            re_formula="1" if between else "0",
            vc_formula={name: f"0 + C({name})" for name in names},
        ).fit(reml=True, start_params=start)
    if not model.converged:
        raise ValueError("the optimiser did not converge")
    return model


def _check_mean(fixed: float, means: Sequence[float], slack: float, *, balanced: bool) -> None:
    mean = float(np.mean(means))
    if balanced and abs(fixed - mean) > slack:
        raise ValueError(f"the fixed effect {fixed:.3g} is not the mean {mean:.3g}")
    if not min(means) - slack <= fixed <= max(means) + slack:
        raise ValueError(f"the fixed effect {fixed:.3g} lies outside the means of the test sets")
