"""A second implementation of every loss, from its definition, in numpy: one-hot, float64, slow."""

import numpy as np
import torch

from losslab.losses import parse

VOID = 255


def reference_loss(expression: str, logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The value of an objective by the definitions, one pixel map a class."""
    x = logits.detach().double().numpy()
    y = labels.numpy()
    return sum(
        term.weight * FORMULAS[term.name](x, y, **term.options) for term in parse(expression)
    )


def probabilities(x: np.ndarray) -> np.ndarray:
    """Softmax over axis 1; two classes' worth of sigmoid for a single logit, foreground last."""
    if x.shape[1] == 1:
        x = np.concatenate([np.zeros_like(x), x], 1)
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def focal(x, y, gamma=2.0, one_vs_all=False):
    valid = y != VOID
    if not valid.any():
        return 0.0
    if one_vs_all and x.shape[1] > 1:
        losses = []
        for index in range(x.shape[1]):
            p = 1 / (1 + np.exp(-x[:, index][valid]))
            p_true = np.where(y[valid] == index, p, 1 - p)
            losses.append(np.mean(-((1 - p_true) ** gamma) * np.log(p_true)))
        return float(np.mean(losses))
    p = np.moveaxis(probabilities(x), 1, -1)[valid]
    p_true = p[np.arange(len(p)), y[valid]]
    return float(np.mean(-((1 - p_true) ** gamma) * np.log(p_true)))


def ce(x, y):
    return focal(x, y, gamma=0.0)


def overlap(kind, x, y, per="batch", average="macro", absent="skip", smooth=0.0, reduction="mean"):
    p = probabilities(x)
    binary = x.shape[1] == 1
    classes = [1] if binary else range(x.shape[1])
    groups = [slice(None)] if per == "batch" else [slice(i, i + 1) for i in range(len(x))]
    losses = []
    for group in groups:
        valid = y[group] != VOID
        if not valid.any():
            continue
        sums = []
        for index in classes:
            p_c = p[group, index][valid]
            y_c = (y[group][valid] == index).astype(float)
            sums.append((np.sum(p_c * y_c), np.sum(p_c), np.sum(y_c)))
        if average == "micro":
            losses.append(_one_minus_ratio(kind, *np.sum(sums, 0), smooth))
            continue
        values = []
        for inside, predicted, labelled in sums:
            if labelled == 0 and not binary and absent == "skip":
                continue
            value = _one_minus_ratio(kind, inside, predicted, labelled, smooth)
            values.append(0.0 if labelled == 0 and not binary and absent == "zero" else value)
        losses.append(np.sum(values) if average == "sum" else np.mean(values))
    if not losses:
        return 0.0
    return float(np.sum(losses) if reduction == "sum" else np.mean(losses))


def _one_minus_ratio(kind, inside, predicted, labelled, smooth):
    above, below = {
        "iou": (inside, predicted + labelled - inside),
        "dice": (2 * inside, predicted + labelled),
    }[kind]
    return 1 - (above + smooth) / (below + smooth) if below + smooth > 0 else 0.0


def iou(x, y, **options):
    return overlap("iou", x, y, **options)


def dice(x, y, **options):
    return overlap("dice", x, y, **options)


def combo(x, y, **options):
    return dice(x, y, **options) + ce(x, y)


def dice_focal(x, y, gamma=2.0, **options):
    return dice(x, y, **options) + focal(x, y, gamma=gamma)


FORMULAS = {
    "ce": ce,
    "focal": focal,
    "iou": iou,
    "dice": dice,
    "combo": combo,
    "dice_focal": dice_focal,
}
