"""Linear mixed models of the differences on images: how much chance comes from where."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import scipy
from jaxtyping import Float
from numpy import ndarray

from losslab.analysis.components import Components, fit_components
from losslab.analysis.hierarchical import FEWEST, too_few
from losslab.analysis.images import run_image_differences
from losslab.analysis.intervals import t_quantile
from losslab.analysis.p_values import with_holm
from losslab.analysis.pooling import ALL_SETTINGS
from losslab.analysis.resampling import satterthwaite

BUNDLES = 100
"""Images beyond this number are averaged into bundles, no more than so many: a fit then takes a
tenth of a second."""

_COLUMNS = (
    *("setting", "loss", "baseline", "seeds", "images", "bundles", "over", "difference", "se"),
    *("low", "high", "df", "p", "p_holm", "sd_runs", "sd_images", "sd_rest", "reason"),
)


def mixed_comparison(
    results: pd.DataFrame, baseline: str, *, metric: str = "iou", seed: int = 0
) -> pd.DataFrame:
    """What each loss gains over the baseline on an image, by a mixed model of seeds and images.

    `results` is the table of `losslab.study.load_results`. The difference of image i at seed s is
    taken as gain + seed_s + image_i + rest, all three random (REML); seeds and images are crossed,
    so they are two variance components of one group. A row per setting and loss: seeds, images
    (those that all runs have), bundles (of images drawn at random, equal in size but for one image
    where that does not come out even; `BUNDLES` at most), over, difference (the fixed effect: the
    mean over seeds and images), se, low and high (95 %, t), df (Satterthwaite's, of the
    components), p and p_holm (two-sided; Holm over all rows), sd_runs, sd_images and sd_rest
    (standard deviations of the seeds, of single images and of what is left), and reason (why the
    row is empty, else "").
    Fractions. A component whose moment estimate is not positive is left out, its sd being 0: REML
    would put it on the boundary, where statsmodels does not converge. In simulations with 5 seeds
    and 30 to 100 images the interval holds 94 to 97 %, as does that of `hierarchical_comparison`
    (above 99 where neither seeds nor images vary); the model adds the components. An sd of seeds of
    0 is an estimate too: where seeds do vary, the one interval in ten to a hundred that takes them
    not to is too short.
    """
    found = run_image_differences(results, baseline, metric=metric)
    rows = []
    for (setting, loss), part in found.groupby(["setting", "loss"], sort=False):
        row = {"setting": setting, "loss": loss, "baseline": baseline, "over": "seeds and images"}
        if part["fold"].nunique() > 1:
            reason = "folds share training images, which the model does not know: see corrected t"
            rows.append(row | _sizes(part) | {"reason": reason})
            continue
        table = part.pivot(index="seed", columns="image", values="difference").dropna(axis=1)
        rows.append(row | _sizes(part) | _fit_crossed(table, seed))
    return with_holm(pd.DataFrame(rows, columns=list(_COLUMNS)), ["p"])


def mixed_over_settings(
    results: pd.DataFrame,
    baseline: str,
    test_sets: Mapping[str, str],
    *,
    metric: str = "iou",
    seed: int = 0,
) -> pd.DataFrame:
    """What each loss gains over all settings, by a mixed model of test sets, settings and images.

    `test_sets` names the test set of each setting (`losslab.analysis.shared_sets`). Differences are
    averaged over seeds. Groups are the test sets: each has a random effect, and within it settings
    and images are crossed variance components; low, high and p are t at one degree of freedom less
    than there are test sets. Columns as in `mixed_comparison`, sd_runs being that of settings, and
    sd_sets. On one test set its random effect is left out (the answer holds for that set only); two
    are too few to tell a spread from. A loss that was run in one setting only has no row.
    """
    found = run_image_differences(results, baseline, metric=metric)
    found = found.assign(test_set=found["setting"].map(dict(test_sets)))
    rows = []
    for loss, part in found.groupby("loss", sort=False):
        if part["setting"].nunique() < 2:
            continue
        row = {"setting": ALL_SETTINGS, "loss": loss, "baseline": baseline, "sd_sets": math.nan}
        tables = [_settings_by_images(rows) for _, rows in part.groupby("test_set", sort=False)]
        row |= {"over": "settings and images" if len(tables) == 1 else "test sets"}
        fitted = _fit_crossed(tables[0], seed) if len(tables) == 1 else _fit_sets(tables, seed)
        rows.append(row | _sizes(part) | fitted)
    columns = [*_COLUMNS[:-1], "sd_sets", "reason"]
    return with_holm(pd.DataFrame(rows, columns=columns), ["p"])


def _settings_by_images(part: pd.DataFrame) -> pd.DataFrame:
    keys = ["fold", "image"]
    return part.pivot_table(index="setting", columns=keys, values="difference").dropna(axis=1)


def _fit_crossed(table: pd.DataFrame, seed: int) -> dict[str, object]:
    """One table of differences, runs by images: both are components of a single group."""
    runs, images = table.shape
    used: dict[str, object] = {"images": images}
    if runs < FEWEST or images < 2:
        reason = too_few(runs, images, str(table.index.name))
        return used | {"reason": reason}
    values = _bundled(table.to_numpy(float), seed)
    try:
        model = fit_components([values], between=False)
    except _UNTRUSTED as error:
        return used | {"reason": _reason(error)}
    runs, bundles = values.shape
    of_both = model.rest / values.size
    of_runs, of_bundles = model.run / runs + of_both, model.image / bundles + of_both
    every = (of_runs + of_bundles - of_both, of_runs, of_bundles, of_both)
    df = float(satterthwaite(*(np.array([part]) for part in every), shape=values.shape)[0])
    used["bundles"] = bundles
    return _estimate(model, df) | _spreads(model, images / bundles) | used


def _fit_sets(tables: list[pd.DataFrame], seed: int) -> dict[str, object]:
    """Tables of several test sets, settings by images: a group each, with a random effect."""
    if len(tables) < FEWEST:
        return {"reason": f"{len(tables)} test sets, where at least {FEWEST} are needed"}
    if not all(table.shape[1] for table in tables):
        return {"reason": "settings of one test set have no image in common"}
    bundled = [_bundled(table.to_numpy(float), seed) for table in tables]
    try:
        model = fit_components(bundled, between=True)
    except _UNTRUSTED as error:
        return {"reason": _reason(error)}
    images = sum(table.shape[1] for table in tables)
    bundles = sum(values.shape[1] for values in bundled)
    row = _estimate(model, len(tables) - 1) | _spreads(model, images / bundles)
    return row | {"images": images, "bundles": bundles, "sd_sets": math.sqrt(model.set)}


_UNTRUSTED = (Warning, ValueError, np.linalg.LinAlgError)


def _reason(error: BaseException) -> str:
    return f"no trusted fit: {str(error).splitlines()[0]}"


def _estimate(model: Components, df: float | int) -> dict[str, object]:
    half = t_quantile(df) * model.se
    p = 2 * float(scipy.stats.t.sf(abs(model.mean) / model.se, df))
    row: dict[str, object] = {"difference": model.mean, "se": model.se, "p": p}
    row |= {"low": model.mean - half, "high": model.mean + half}
    return row | {"df": float(df), "reason": ""}


def _spreads(model: Components, per_bundle: float) -> dict[str, object]:
    """Standard deviations; of single images, which vary more than the means of their bundles."""
    return {
        "sd_runs": math.sqrt(model.run),
        "sd_images": math.sqrt(model.image * per_bundle),
        "sd_rest": math.sqrt(model.rest * per_bundle),
    }


def _bundled(values: Float[ndarray, "runs images"], seed: int) -> Float[ndarray, "runs bundles"]:
    """Columns averaged in random bundles of one size, `BUNDLES` at most.

    Where that does not come out even some bundles hold one image more; each row is then moved to
    the mean that it had over its images.
    """
    images = values.shape[1]
    count = images // -(-images // BUNDLES)
    order = np.random.default_rng(seed).permutation(images)
    parts = np.array_split(order, count)
    bundles = np.stack([values[:, part].mean(1) for part in parts], axis=1)
    return bundles + values.mean(1, keepdims=True) - bundles.mean(1, keepdims=True)


def _sizes(part: pd.DataFrame) -> dict[str, object]:
    keys = [name for name in ("test_set", "fold", "image") if name in part]
    images = len(part[keys].drop_duplicates())
    return {"seeds": part["seed"].nunique(), "images": images}
