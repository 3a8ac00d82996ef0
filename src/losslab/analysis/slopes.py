"""Slopes of many rows of numbers over the same places."""

import numpy as np
import pandas as pd


def least_squares_slopes(values: pd.DataFrame, places: np.ndarray) -> np.ndarray:
    """The least-squares slope of each row over `places`, one for each column, not all the same."""
    centred = places - places.mean()
    return values.to_numpy(float) @ centred / (centred**2).sum()
