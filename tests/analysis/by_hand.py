"""Small tables of scores that tests write by hand."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

NAMES = {"dataset": "scenes", "task": "", "model": "unet", "encoder": "resnet34"}


def scores_of(**values: Sequence[float]) -> pd.DataFrame:
    """One setting; each loss's scores at seeds 0, 1, ..., as `select_scores` gives them."""
    return folds_of(**{loss: [column] for loss, column in values.items()})


def folds_of(**values: Sequence[Sequence[float]]) -> pd.DataFrame:
    """One setting; each loss's scores by fold, then seed."""
    rows = [
        {"setting": "s", "loss": loss, "fold": fold, "seed": seed, "value": value}
        for loss, folds in values.items()
        for fold, column in enumerate(folds)
        for seed, value in enumerate(column)
    ]
    return pd.DataFrame(rows)


def settings_of(losses: Sequence[str], table: np.ndarray) -> pd.DataFrame:
    """Settings s0, s1, ... in rows, losses in columns, each with one seed."""
    rows = [
        {"setting": f"s{place}", "loss": loss, "fold": 0, "seed": 0, "value": value}
        for place, row in enumerate(table)
        for loss, value in zip(losses, row, strict=True)
    ]
    return pd.DataFrame(rows)


def images_of(tables: Mapping[str, np.ndarray], *, fold: int = 0, **names: str) -> pd.DataFrame:
    """The images' scores of each loss, seeds by images, as `load_results` gives them."""
    rows = [
        {**NAMES, **names, "loss": loss, "seed": seed, "fold": fold, "image": f"i{fold}-{place}"}
        | {"class": "mean", "metric": "iou", "level": "per_image", "value": float(value)}
        for loss, table in tables.items()
        for seed, row in enumerate(np.asarray(table))
        for place, value in enumerate(row)
    ]
    return pd.DataFrame(rows)
