"""Bootstrap intervals of a mean over runs and images at once.

The images are the same for every run: the table of differences is crossed, seeds by images, and a
hard image is hard for all of them.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float
from numpy import ndarray

from losslab.analysis.intervals import LEVEL


@dataclass(frozen=True)
class Crossed:
    """95 % interval of each mean, its degrees of freedom, and the standard errors behind it.

    `se_rows` and `se_columns` are those that other seeds alone and other images alone would give;
    the interaction of the two is in both.
    """

    low: Float[ndarray, " l"]
    high: Float[ndarray, " l"]
    df: Float[ndarray, " l"]
    se_rows: Float[ndarray, " l"]
    se_columns: Float[ndarray, " l"]


def crossed_interval(differences: Float[ndarray, "l rows columns"]) -> Crossed:
    """Interval of the mean of each of l tables whose rows and columns are both drawn by chance.

    Rows and columns are resampled independently (the pigeonhole bootstrap, Owen 2007), n - 1 draws
    of n, which makes the variances unbiased (McCarthy & Snowden 1985). Over all such resamples the
    variances of a mean are mean squares over the table's size, so none need be drawn. Owen's
    variance counts the interaction three times; here it enters once, by inclusion and exclusion:
    V = V_rows + V_columns - V_both (Cameron, Gelbach & Miller 2011, eq. 2.13), never less than the
    larger of the first two. The interval is t at Satterthwaite's (1946) degrees of freedom, as
    percentiles of a bootstrap of five rows are too short. Needs two rows and two columns.
    """
    rows, columns = differences.shape[1:]
    grand = differences.mean(axis=(1, 2), keepdims=True)
    by_row = differences.mean(2, keepdims=True) - grand
    by_column = differences.mean(1, keepdims=True) - grand
    rest = differences - grand - by_row - by_column
    of_rows = np.sum(by_row**2, axis=(1, 2)) / (rows * (rows - 1))
    of_columns = np.sum(by_column**2, axis=(1, 2)) / (columns * (columns - 1))
    of_both = np.sum(rest**2, axis=(1, 2)) / (rows * columns * (rows - 1) * (columns - 1))
    total = np.maximum(of_rows + of_columns - of_both, np.maximum(of_rows, of_columns))
    df = satterthwaite(total, of_rows, of_columns, of_both, (rows, columns))
    half = scipy.stats.t.ppf((1 + LEVEL) / 2, df) * np.sqrt(total)
    centre = grand[:, 0, 0]
    return Crossed(centre - half, centre + half, df, np.sqrt(of_rows), np.sqrt(of_columns))


def nested_interval(
    differences: Float[ndarray, "l rows columns"], resamples: int, rng: np.random.Generator
) -> tuple[Float[ndarray, " l"], Float[ndarray, " l"]]:
    """95 % percentile interval of the mean of each of l tables: columns resampled within rows.

    Seeds are drawn with replacement, and of each seed drawn its images anew (Davison & Hinkley
    1997, sec. 3.8), as if no two seeds were tested on the same images. They are, and five seeds are
    few, so it is too narrow: see `hierarchical_comparison`.
    """
    rows, columns = differences.shape[1:]
    drawn = rng.multinomial(rows, np.full(rows, 1 / rows), size=resamples)
    total = np.zeros((len(differences), resamples))
    for row in range(rows):
        weights = rng.multinomial(drawn[:, row] * columns, np.full(columns, 1 / columns))
        total += differences[:, row] @ weights.T
    ends = np.quantile(total / (rows * columns), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    return ends[0], ends[1]


def satterthwaite(
    total: Float[ndarray, " l"],
    of_rows: Float[ndarray, " l"],
    of_columns: Float[ndarray, " l"],
    of_both: Float[ndarray, " l"],
    shape: tuple[int, int],
) -> Float[ndarray, " l"]:
    """Degrees of freedom of a variance that sums mean squares of a crossed table.

    Satterthwaite 1946, eq. 17. At least those of the shorter side, and so 1.
    """
    rows, columns = shape[0] - 1, shape[1] - 1
    spread = of_rows**2 / rows + of_columns**2 / columns + of_both**2 / (rows * columns)
    known = spread > 0
    df = np.divide(total**2, spread, out=np.full_like(total, np.inf), where=known)
    return np.maximum(df, min(rows, columns))
