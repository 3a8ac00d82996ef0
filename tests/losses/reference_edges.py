"""SEMEDA and Sobel by their definitions, in numpy: one-hot masks and loops over kernels."""

import numpy as np

from tests.losses.cases import random_edge_net

VOID = 255
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=float)


def semeda(x, y, weights=(1, 1, 0), reduction="mean"):
    net = random_edge_net(x.shape[1])
    state = {name: tensor.double().numpy() for name, tensor in net.state_dict().items()}
    predicted, labelled = masks(x, y)
    valid = y != VOID
    if not valid.any():
        return 0.0
    total = 0.0
    a, b = predicted, labelled
    for index, weight in enumerate(weights):
        kernel, bias = state[f"layers.{index}.weight"], state[f"layers.{index}.bias"]
        a, b = (activated(correlate(z, kernel) + bias[:, None, None], index) for z in (a, b))
        difference = np.moveaxis(np.abs(a - b), 1, -1)[valid]
        total += weight * (difference.mean() if reduction == "mean" else difference.sum(1).mean())
    return float(total)


def sobel(x, y, weight=1.0, reduction="mean"):
    predicted, labelled = masks(x, y)
    if x.shape[1] == 1:
        predicted, labelled = predicted[:, 1:], labelled[:, 1:]
    valid = y != VOID
    if not valid.any():
        return 0.0
    c = predicted.shape[1]
    kernels = np.zeros((2 * c, c, 3, 3))
    for index in range(c):
        kernels[2 * index, index], kernels[2 * index + 1, index] = SOBEL_X, SOBEL_X.T
    difference = np.abs(correlate(predicted, kernels) - correlate(labelled, kernels))
    difference = np.moveaxis(difference, 1, -1)[valid]
    return float(weight * (difference.mean() if reduction == "mean" else difference.sum(1).mean()))


def masks(x, y):
    """Probabilities and one-hot labels, two channels for a binary task, all 0 at void pixels."""
    if x.shape[1] == 1:
        x = np.concatenate([np.zeros_like(x), x], 1)
    e = np.exp(x - x.max(1, keepdims=True))
    one_hot = (y[:, None] == np.arange(x.shape[1])[:, None, None]).astype(float)
    return e / e.sum(1, keepdims=True) * (y != VOID)[:, None], one_hot


def correlate(z, kernel):
    """Convolution as networks mean it, the image in a frame of zeros."""
    h, w = z.shape[2:]
    framed = np.pad(z, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return sum(
        np.einsum("ncij,oc->noij", framed[:, :, dy : dy + h, dx : dx + w], kernel[:, :, dy, dx])
        for dy in range(3)
        for dx in range(3)
    )


def activated(z, index):
    if index < 2:
        return np.maximum(z, 0)
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)
