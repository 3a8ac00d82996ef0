"""How much of a data set each class takes."""

import numpy as np
import pandas as pd

from losslab.constants import IGNORE_INDEX
from losslab.data import RunData


def label_shares(data: RunData) -> pd.DataFrame:
    """Share of the annotated training pixels and of the training pictures that each class takes, in
    percent.

    Of a binary task, the one foreground.
    """
    values = [1] if data.num_classes == 1 else range(data.num_classes)
    labels = np.asarray(data.train.labels)
    annotated = (labels != IGNORE_INDEX).sum()
    rows = []
    for name, value in zip(data.class_names, values, strict=True):
        own = labels == value
        rows.append(
            {
                "class": name,
                "training pixels, %": 100 * own.sum() / max(annotated, 1),
                "training pictures with it, %": 100 * own.any(axis=(1, 2)).mean(),
            }
        )
    return pd.DataFrame(rows).round(3)
