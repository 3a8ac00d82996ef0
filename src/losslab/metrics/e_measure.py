"""The enhanced-alignment measure of a binary map (Fan et al. 2018), from its confusion counts."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from losslab.metrics.counts import region_counts

EPS = float(np.spacing(1))
"""MATLAB's eps, which the authors' code adds to denominators."""


def e_measure_of_counts(counts: pd.DataFrame) -> pd.Series:
    """E-measure of every row of a table as `counts_table` makes it: a class against the rest in one
    image, 0 to N / (N - 1), which a perfect map has; NaN where no pixel is annotated.

    Fan et al. 2018, eqs. 3-6, as their code divides it: E = sum of (1 + xi)^2 / 4 over the N
    annotated pixels, by N - 1 + eps, with xi = 2ab / (a^2 + b^2 + eps), a and b being prediction
    and label less their means. Where the label is of that class throughout, E is the share
    predicted so; where it lacks the class, the share predicted otherwise. For two binary maps xi
    takes four values: the sum is one over the four confusion counts, and no pixel is looked at. The
    shares of an empty or full label are means, divided by N.
    """
    tp, fp, fn, n = (counts[name].to_numpy(dtype=float) for name in ("tp", "fp", "fn", "pixels"))
    tn = n - tp - fp - fn
    with np.errstate(divide="ignore", invalid="ignore"):
        predicted, labelled = (tp + fp) / n, (tp + fn) / n
        total = np.zeros_like(n)
        for count, pred, label in ((tp, 1, 1), (fp, 1, 0), (fn, 0, 1), (tn, 0, 0)):
            a, b = pred - predicted, label - labelled
            alignment = 2 * a * b / (a**2 + b**2 + EPS)
            total += count * (1 + alignment) ** 2 / 4
        value = total / (n - 1 + EPS)
    cases = [n == 0, labelled == 1, labelled == 0]
    value = np.select(cases, [np.full_like(n, np.nan), predicted, 1 - predicted], value)
    return pd.Series(value, index=counts.index, name="e_measure")


def e_measure(
    pred: Integer[Tensor, "n h w"], labels: Integer[Tensor, "n h w"], *, num_classes: int
) -> Float[Tensor, ""]:
    """E-measure at image level: of each class over the images whose label contains it, then the
    mean over classes; float64, NaN where no image contains any class. It runs from 0 to 1, but for
    the authors' divisor, by which a perfect map of N pixels has N / (N - 1).

    Fan et al. 2018; see `e_measure_of_counts`. Void pixels (255) are left out of the means. Raises
    `DataError` for indices that are no class.
    """
    counts = region_counts(pred, labels, num_classes=num_classes)
    n, c = counts["tp"].shape
    flat = {name: counts[name].flatten().cpu().numpy() for name in ("tp", "fp", "fn")}
    pixels = counts["pixels"].cpu().numpy().repeat(c)
    table = pd.DataFrame({**flat, "pixels": pixels})
    contained = table["tp"] + table["fn"] > 0
    values = e_measure_of_counts(table).where(contained).to_numpy(copy=True)
    return torch.from_numpy(values).view(n, c).nanmean(0).nanmean()
