"""Several settings as one comparison."""

import pandas as pd

from losslab.analysis.scores import PAIR


def pool_settings(scores: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """One score per setting and loss, so that `paired_comparison` pairs settings instead of seeds.

    Each is the mean over the folds and seeds at which every loss of that setting has a score; a
    setting stands where a seed stood, as in the tests of van Beers (2018). A setting without the
    baseline, or without a fold and seed at which all its losses have a score, is left out; no row
    is left where that holds for all.
    """
    rows = []
    for number, (_, part) in enumerate(scores.groupby("setting", sort=True)):
        losses = part["loss"].nunique()
        complete = part.groupby(list(PAIR))["loss"].transform("nunique") == losses
        if losses < 2 or baseline not in set(part.loc[complete, "loss"]):
            continue
        means = part[complete].groupby("loss", as_index=False)["value"].mean()
        rows.append(means.assign(setting="all settings", fold=0, seed=number))
    return pd.concat(rows, ignore_index=True) if rows else scores.head(0)
