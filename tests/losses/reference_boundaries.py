"""Second implementations of the losses about boundaries: numpy, float64, a pixel at a time."""

import numpy as np
from scipy import ndimage

VOID = 255


def probabilities(x):
    """Softmax over axis 1; two classes' worth of sigmoid for a single logit, foreground last."""
    return np.exp(log_probabilities(x))


def log_probabilities(x):
    if x.shape[1] == 1:
        x = np.concatenate([np.zeros_like(x), x], 1)
    x = x - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def signed_distance(mask):
    """Kervadec et al. 2019: outside +EDT, inside -(EDT - 1); 0 where there is no boundary."""
    if mask.all() or not mask.any():
        return np.zeros(mask.shape)
    outside, inside = (ndimage.distance_transform_edt(part) for part in (~mask, mask))
    return np.where(mask, 1 - inside, outside)


def boundary(x, y, background=True):
    p = probabilities(x)
    classes = [1] if x.shape[1] == 1 else list(range(0 if background else 1, x.shape[1]))
    values = [
        (image[index] * signed_distance(label == index))[label != VOID]
        for image, label in zip(p, y, strict=True)
        for index in classes
    ]
    values = np.concatenate(values)
    return float(values.mean()) if len(values) else 0.0


def edge_distance(label):
    h, w = label.shape
    edges = np.zeros(label.shape, bool)
    for i in range(h):
        for j in range(w):
            around = label[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
            edges[i, j] = (around != label[i, j]).any()
    return ndimage.distance_transform_edt(~edges) if edges.any() else np.zeros(label.shape)


def active_boundary(x, y, theta=20.0, share=0.01, smoothing=0.2, detach=True):
    log_p = log_probabilities(x)
    losses = []
    for image, label in zip(log_p, y, strict=True):
        losses += active_boundary_of_image(image, label, theta, share, smoothing)
    return float(np.mean(losses)) if losses else 0.0


def active_boundary_of_image(log_p, label, theta, share, smoothing):
    """The weighted cross-entropy of each pixel on the predicted boundary."""
    h, w = label.shape

    def annotated(i, j):
        return 0 <= i < h and 0 <= j < w and label[i, j] != VOID

    def divergence(of, by):
        q = np.exp(log_p[:, *of])
        return float((q * (log_p[:, *of] - log_p[:, *by])).sum())

    change = {}
    for i in range(h):
        for j in range(w):
            ahead = [(i + 1, j), (i, j + 1)]
            change[i, j] = sum(
                divergence((i, j), place)
                for place in ahead
                if annotated(i, j) and annotated(*place)
            )
    most = max(1, int(share * h * w))
    strongest = [k for k in sorted(change, key=change.get, reverse=True) if change[k] > 1e-5][:most]
    widened = {(i + a, j + b) for i, j in strongest for a in (-1, 0, 1) for b in (-1, 0, 1)}
    distance = edge_distance(label)
    losses = []
    for i, j in sorted(widened):
        steps = [(1, 0), (-1, 0), (0, -1), (0, 1), (-1, 1), (1, 1), (-1, -1), (1, -1)]
        around = [(i + a, j + b) for a, b in steps if annotated(i + a, j + b)]
        if not annotated(i, j) or distance[i, j] == 0 or not around:
            continue
        nearest = int(np.argmin([distance[place] for place in around]))
        k = np.array([divergence(place, (i, j)) for place in around])
        log_softmax = k - k.max() - np.log(np.exp(k - k.max()).sum())
        goal = np.full(len(around), smoothing / max(len(around) - 1, 1))
        goal[nearest] = 1 - smoothing if len(around) > 1 else 1
        losses.append(min(distance[i, j], theta) / theta * -(goal * log_softmax).sum())
    return losses


def lovasz(x, y, per="batch"):
    groups = [slice(None)] if per == "batch" else [slice(i, i + 1) for i in range(len(x))]
    losses = []
    for group in groups:
        annotated = y[group] != VOID
        if not annotated.any():
            continue
        labels = y[group][annotated]
        scores = np.moveaxis(x[group], 1, -1)[annotated]
        if x.shape[1] == 1:
            own = labels == 1
            errors = np.maximum(1 - np.where(own, 1, -1) * scores[:, 0], 0)
            losses.append(extension(errors, own))
            continue
        p = np.moveaxis(probabilities(x[group]), 1, -1)[annotated]
        losses.append(
            np.mean(
                [
                    extension(np.abs((labels == index) - p[:, index]), labels == index)
                    for index in np.unique(labels)
                ]
            )
        )
    return float(np.mean(losses)) if losses else 0.0


def extension(errors, own):
    """The integral over thresholds t of one minus the IoU when the pixels with errors over t are
    wrong: the Lovász extension as an integral over level sets.
    """
    value, below = 0.0, 0.0
    for level in np.unique(errors):
        wrong = errors >= level
        value += (level - below) * (wrong.sum() / (own | wrong).sum() if wrong.any() else 0.0)
        below = level
    return value
