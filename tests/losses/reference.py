"""A second implementation of every loss, from its definition, in numpy: one-hot, float64, slow."""

import numpy as np
import torch
from scipy import ndimage

from losslab.losses import parse
from tests.losses import reference_boundaries, reference_edges

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


def overlap(
    losses_of_sums,
    x,
    y,
    weights=None,
    per="batch",
    average="macro",
    absent="skip",
    reduction="mean",
    confident=None,
    constant=0.0,
):
    """`losses_of_sums` takes, of a region, Σpy, Σp, Σy, Σp², Σwpy, Σwy, the same of p over a
    threshold and of its mask.
    """
    p = probabilities(x)
    binary = x.shape[1] == 1
    classes = [1] if binary else range(x.shape[1])
    weights = np.ones(y.shape) if weights is None else weights
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
            w = weights[group][valid]
            sure = p_c > (confident or 0)
            maps = {"py": p_c * y_c, "p": p_c, "y": y_c, "pp": p_c**2}
            maps |= {"wpy": w * p_c * y_c, "wy": w * y_c, "wby": w * p_c * sure * y_c}
            maps |= {"bn": sure * (1 - y_c), "pbn": sure * p_c * (1 - y_c)}
            sums.append({name: values.sum() for name, values in maps.items()})
        if average == "micro":
            pooled = {name: sum(s[name] for s in sums) for name in sums[0]}
            losses.append(constant + losses_of_sums(**pooled))
            continue
        values = []
        for of_class in sums:
            missing = of_class["y"] == 0 and not binary
            if missing and absent == "skip":
                continue
            values.append(0.0 if missing and absent == "zero" else losses_of_sums(**of_class))
        losses.append(constant + (np.sum(values) if average == "sum" else np.mean(values)))
    if not losses:
        return 0.0
    return float(np.sum(losses) if reduction == "sum" else np.mean(losses))


def ratio(above, below):
    return above / below if below > 0 else 1.0


def iou(x, y, smooth=0.0, **options):
    def loss(py, p, y, **_):
        return 1 - ratio(py + smooth, p + y - py + smooth)

    return overlap(loss, x, y, **options)


def dice(x, y, smooth=0.0, **options):
    def loss(py, p, y, **_):
        return 1 - ratio(2 * py + smooth, p + y + smooth)

    return overlap(loss, x, y, **options)


def tversky(x, y, alpha=0.3, beta=0.7, smooth=0.0, **options):
    def loss(py, p, y, **_):
        return 1 - ratio(py + smooth, py + alpha * (p - py) + beta * (y - py) + smooth)

    return overlap(loss, x, y, **options)


def jaccard_distance(x, y, smooth=0.0, **options):
    def loss(py, pp, y, **_):
        return 1 - ratio(py + smooth, pp + y - py + smooth)

    return overlap(loss, x, y, **options)


def distance_weights(y, binary, metric="euclidean"):
    """Gul's steps 1-4, a class at a time."""
    weights = np.zeros(y.shape)
    for image, out in zip(y, weights, strict=True):
        for index in [1] if binary else set(np.unique(image)) - {VOID}:
            mask = image == index
            if mask.all() or not mask.any():
                out[mask] = 1
                continue
            if metric == "euclidean":
                depth = ndimage.distance_transform_edt(mask)
            else:
                depth = ndimage.distance_transform_cdt(mask, metric="chessboard").astype(float)
            reverse = (depth.max() - depth) * mask
            out[mask] = reverse[mask] / reverse.max() if reverse.max() > 0 else 1
    return weights


def distance(
    x,
    y,
    metric="euclidean",
    confident=None,
    confident_in="outside",
    average="macro",
    smooth=0.0,
    **options,
):
    def share(py, p, wpy, wy, wby, bn, pbn, **_):
        inside, outside = wpy, p - py
        if confident is not None:
            inside, outside = (wpy, bn) if confident_in == "outside" else (wby, pbn)
        return ratio(inside + smooth, wy + outside + smooth)

    weights = distance_weights(y, x.shape[1] == 1, metric)
    options |= {"weights": weights, "average": average, "confident": confident}
    if average == "sum":
        return overlap(lambda **sums: -share(**sums), x, y, constant=1.0, **options)
    return overlap(lambda **sums: 1 - share(**sums), x, y, **options)


def levelset(x, y, epsilon=0.05, heaviside="tanh", reduction="sum"):
    """Kim et al.'s eqs. 4-6 with their maps; a single logit is two classes."""
    p = probabilities(x)
    energies = []
    for image, label in zip(p, y, strict=True):
        valid = label != VOID
        if not valid.any():
            continue
        energy = 0.0
        for index in np.unique(label[valid]):
            phi = image[index][valid] - 0.5
            if heaviside == "tanh":
                h = (1 + np.tanh(phi / epsilon)) / 2
            elif heaviside == "arctan":
                h = (1 + 2 / np.pi * np.arctan(phi / epsilon)) / 2
            else:
                # With one logit p = 1/2 is inside of both classes; the foreground's side counts.
                h = (phi >= 0 if x.shape[1] > 1 or index else phi > 0).astype(float)
            g = (label[valid] == index).astype(float)
            for side in (h, 1 - h):
                mean = (g * side).sum() / side.sum() if side.sum() else 0.0
                energy += ((g - mean) ** 2 * side).sum()
        energies.append(energy / valid.sum() if reduction == "mean" else energy)
    return float(np.mean(energies)) if energies else 0.0


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
    "tversky": tversky,
    "jaccard_distance": jaccard_distance,
    "levelset": levelset,
    "distance": distance,
    "semeda": reference_edges.semeda,
    "sobel": reference_edges.sobel,
    "boundary": reference_boundaries.boundary,
    "active_boundary": reference_boundaries.active_boundary,
    "lovasz": reference_boundaries.lovasz,
}
