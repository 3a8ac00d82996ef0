"""Mean-field inference of the dense CRF with every two pixels' kernels, for small pictures."""

import numpy as np

from losslab.postprocess.crf import SMALLEST, CRFParameters


def kernel(features: np.ndarray) -> np.ndarray:
    """exp(-½ |f_i - f_j|²) for all i, j, normalised by the square roots of its sums from both
    sides; i = j belongs to it.
    """
    squares = ((features[:, None] - features[None]) ** 2).sum(-1)
    gauss = np.exp(-squares / 2)
    scale = 1 / np.sqrt(gauss.sum(1))
    return scale[:, None] * gauss * scale[None]


def mean_field_by_all_pairs(
    image: np.ndarray, probs: np.ndarray, parameters: CRFParameters, iterations: int
) -> np.ndarray:
    """Probabilities (c, h, w) after `iterations` parallel updates, in float64."""
    count, height, width = probs.shape
    y, x = np.mgrid[:height, :width]
    place = np.stack([x, y], -1).reshape(-1, 2).astype(float)
    colour = image.reshape(-1, 3).astype(float)
    p = parameters
    near = kernel(place / p.spatial_xy)
    alike = kernel(np.hstack([place / p.bilateral_xy, colour / p.bilateral_rgb]))
    pairwise = p.spatial_weight * near + p.bilateral_weight * alike
    log_probs = np.log(np.clip(probs.astype(float), SMALLEST, 1)).reshape(count, -1)
    marginals = softmax(log_probs)
    for _ in range(iterations):
        # Potts: unlike labels cost k, which but for a constant is that like ones gain it
        marginals = softmax(log_probs + marginals @ pairwise)
    return marginals.reshape(count, height, width)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the first axis."""
    exponential = np.exp(logits - logits.max(0))
    return exponential / exponential.sum(0)
