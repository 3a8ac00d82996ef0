"""The example by which Gul 2023 introduces the distance loss, measured again."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from losslab.losses.objective import build_loss

PRINTED = pd.DataFrame(
    {
        "prediction": ["1: polygon", "2: enclosing rectangle", "3: smaller rectangle"],
        "ce": [0.565, 0.619, 0.597],
        "iou": [0.037, 0.214, 0.166],
        "dice": [0.019, 0.120, 0.091],
        "distance": [0.056, 0.296, 0.238],
    }
)
"""Gul 2023, Table 3.1."""

CERTAIN = 100.0
"""A logit whose sigmoid is 1 in float32: a hard mask."""


def pizza(
    height: int = 480,
) -> tuple[Bool[np.ndarray, "h w"], Mapping[str, Bool[np.ndarray, "h w"]]]:
    """The situation of Gul 2023, Fig. 3.1: an ellipse, and three predictions of it.

    The thesis prints no sizes. Its IoU column fixes the polygon (an inscribed one of 13 sides), the
    enclosing rectangle (the ellipse's bounding box: 1 - π/4 = 0.215) and the third prediction, a
    rectangle of 0.93 times the box. Its cross-entropy column then fixes the ellipse's share of the
    picture at 35 %. The ellipse's axes, 1.1 to 1, are chosen for the distance column. So five
    numbers are fitted to twelve printed ones, and as Dice follows from IoU no column is a fully
    independent check.
    """
    width = round(height * 4 / 3)
    semi_y = np.sqrt(0.351 * height * width / np.pi / 1.1)
    semi_x = 1.1 * semi_y
    y, x = np.mgrid[:height, :width] + 0.5
    v, u = (y - height / 2) / semi_y, (x - width / 2) / semi_x
    sides = (np.arange(13) + 0.5) * 2 * np.pi / 13
    reach = np.max([u * np.cos(angle) + v * np.sin(angle) for angle in sides], axis=0)
    box = np.maximum(abs(u), abs(v))
    masks = (reach <= np.cos(np.pi / 13), box <= 1, box <= 0.93)
    return u**2 + v**2 <= 1, dict(zip(PRINTED["prediction"], masks, strict=True))


def pizza_table(height: int = 480) -> pd.DataFrame:
    """Table 3.1 of Gul 2023 measured on `pizza`: prediction, loss, printed, measured.

    Cross-entropy of hard masks is infinite or 0. The printed values are reproduced by taking the
    mask's 0 and 1 for *logits*: log(1 + 1/e) = 0.313 for each pixel of the object that is found,
    log(1 + e) = 1.313 for each found in vain and log 2 = 0.693 for all others, right or wrong.
    """
    truth, predictions = pizza(height)
    printed = PRINTED.set_index("prediction")
    rows = []
    for prediction, mask in predictions.items():
        for loss in printed.columns:
            logits = mask_as_logits(mask) if loss == "ce" else hard_logits(mask)
            value = float(build_loss(loss, 1)(logits, labels_of(truth)))
            rows.append((prediction, loss, float(printed[loss][prediction]), value))
    return pd.DataFrame(rows, columns=["prediction", "loss", "printed", "measured"])


def mask_as_logits(mask: Bool[np.ndarray, "h w"]) -> Float[Tensor, "1 1 h w"]:
    """The mask's 0 and 1 taken for logits, so p = 0.5 off the mask and 0.73 on it."""
    return torch.from_numpy(mask.astype(np.float32))[None, None]


def hard_logits(mask: Bool[np.ndarray, "h w"]) -> Float[Tensor, "1 1 h w"]:
    """Logits whose sigmoid is the mask itself: 0 or 1."""
    return CERTAIN * (2 * mask_as_logits(mask) - 1)


def labels_of(mask: Bool[np.ndarray, "h w"]) -> Int64[Tensor, "1 h w"]:
    """The mask as a binary label map."""
    return torch.from_numpy(mask.astype(np.int64))[None]
