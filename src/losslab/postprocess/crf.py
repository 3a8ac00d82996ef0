"""Dense CRF of a picture and the class probabilities of its pixels (Krähenbühl & Koltun 2011)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from losslab.errors import LosslabError

SMALLEST = 1e-5
"""Probabilities are raised to this before their logarithm is taken, as pydensecrf's helper does."""


class CRFError(LosslabError):
    """The dense CRF cannot be computed."""


@dataclass(frozen=True)
class CRFParameters:
    """Weights and widths of the two Gaussian kernels; widths in pixels and in grey levels."""

    bilateral_weight: float
    bilateral_xy: float
    bilateral_rgb: float
    spatial_weight: float = 3.0
    spatial_xy: float = 3.0


PARAMETERS: dict[str, CRFParameters] = {
    "largefov": CRFParameters(4.0, 49.0, 5.0),
    "msc": CRFParameters(3.0, 95.0, 3.0),
    "resnet101": CRFParameters(4.0, 67.0, 3.0, spatial_xy=1.0),
}
"""What DeepLab (Chen et al. 2015, 2018) found best on PASCAL VOC for its LargeFOV, MSC-LargeFOV and
ResNet-101 networks, and what Kim (2019) compares with."""


def dense_crf(
    image: UInt8[np.ndarray, "h w 3"],
    probs: Float[np.ndarray, "c h w"],
    *,
    parameters: CRFParameters,
    iterations: int = 10,
) -> Float[np.ndarray, "c h w"]:
    """Class probabilities after mean-field inference in a CRF that links every two pixels.

    One layer is the probability of the foreground of a binary task, and one comes back. The energy
    of a labelling is the sum of -log p and, over every two pixels of different labels, of
    k = w1 exp(-|Δxy|²/2σ_xy² - |Δrgb|²/2σ_rgb²) + w2 exp(-|Δxy|²/2σ²), each kernel normalised from
    both sides by the square roots of its sums over all pixels (`NORMALIZE_SYMMETRIC`, the default
    of pydensecrf; DeepLab's own program, on the first release of the same code, divided after the
    filter alone). pydensecrf filters on the permutohedral lattice, which approximates the Gaussian
    sums. Raises `CRFError` without pydensecrf and for arrays that do not fit.
    """
    _check(image, probs, iterations)
    if iterations == 0:
        return probs
    for _, refined in mean_field(image, probs, parameters=parameters, iterations=(iterations,)):
        probs = refined
    return probs


def mean_field(
    image: UInt8[np.ndarray, "h w 3"],
    probs: Float[np.ndarray, "c h w"],
    *,
    parameters: CRFParameters,
    iterations: Sequence[int],
) -> Iterator[tuple[int, Float[np.ndarray, "c h w"]]]:
    """What `dense_crf` returns for each number of iterations, ascending, in one inference."""
    _check(image, probs, *iterations)
    library: Any = _library()
    binary = len(probs) == 1
    layers = np.concatenate([1 - probs, probs]) if binary else probs
    count, height, width = layers.shape
    crf = library.DenseCRF2D(width, height, count)
    energy = -np.log(np.clip(layers.astype(np.float32), SMALLEST, 1))
    crf.setUnaryEnergy(np.ascontiguousarray(energy.reshape(count, -1)))
    how = {"kernel": library.DIAG_KERNEL, "normalization": library.NORMALIZE_SYMMETRIC}
    crf.addPairwiseGaussian(parameters.spatial_xy, parameters.spatial_weight, **how)
    crf.addPairwiseBilateral(
        parameters.bilateral_xy,
        parameters.bilateral_rgb,
        np.ascontiguousarray(image),
        parameters.bilateral_weight,
        **how,
    )
    marginals, one, other = crf.startInference()
    done = 0
    for wanted in sorted(set(iterations)):
        while done < wanted:
            crf.stepInference(marginals, one, other)
            done += 1
        refined = np.array(marginals).reshape(count, height, width).astype(probs.dtype)
        yield wanted, refined[1:] if binary else refined


def check_library() -> None:
    """Raise `CRFError` where pydensecrf is not installed."""
    _library()


def _library() -> Any:
    try:
        return import_module("pydensecrf.densecrf")
    except ImportError as error:
        raise CRFError(
            f"the dense CRF needs pydensecrf, which cannot be imported ({error}); install it with "
            "pip install 'losslab[crf]', which takes a C++ compiler and Python 3.11 "
            "or 3.12"
        ) from error


def _check(image: np.ndarray, probs: np.ndarray, *iterations: int) -> None:
    if image.shape[:2] != probs.shape[1:]:
        raise CRFError(
            f"picture and probabilities have one height and width, got {image.shape[:2]} and "
            f"{probs.shape[1:]}; bring the probabilities to the picture's size first"
        )
    if any(number < 0 for number in iterations):
        raise CRFError(f"iterations: 0 or more, got {min(iterations)}")
    if not np.isfinite(probs).all() or probs.min() < 0 or probs.max() > 1.001:
        raise CRFError("probabilities lie in 0..1: these do not; take the softmax of logits first")
