"""The dense CRF of one picture: what it is, what it does, what it refuses."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from losslab.postprocess import crf
from losslab.postprocess.crf import PARAMETERS, CRFError, dense_crf, mean_field
from tests.postprocess import reference
from tests.postprocess.reference import mean_field_by_all_pairs, softmax

pytest.importorskip("pydensecrf", reason="pydensecrf (the extra `crf`) is not installed")

DEEPLAB = PARAMETERS["resnet101"]


def picture(seed: int, height: int = 24, width: int = 30, classes: int = 4):
    """A picture with soft patches, and noisy probabilities that follow its red channel."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(height, width, 3)), (3, 3, 0))
    image = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    label = image[..., 0].astype(int) * classes // 256
    logits = 1.5 * (np.arange(classes)[:, None, None] == label)
    return image, softmax(logits + rng.normal(size=(classes, height, width)))


def halves(noise: float, size: int = 32):
    """A picture of two halves, its label, and probabilities of the right half with noise."""
    rng = np.random.default_rng(0)
    label = np.zeros((size, size), int)
    label[:, size // 2 :] = 1
    image = np.where(label[..., None] == 1, 200, 60).astype(np.uint8).repeat(3, -1)
    foreground = np.clip(0.5 + 0.3 * (2 * label - 1) + rng.normal(size=label.shape) * noise, 0, 1)
    return image, label, foreground[None]


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("iterations", [1, 5, 10])
def test_it_agrees_with_all_pairs_but_for_the_lattice(name: str, iterations: int) -> None:
    """The permutohedral lattice interpolates the Gaussians; on pictures of 24x30 the probabilities
    differ by 0.006 to 0.013 on average (largest seen: 0.015) where the CRF itself moves them by
    0.1 to 0.23. Single pixels between two classes may fall to the other side.
    """
    for seed in range(3):
        image, probs = picture(seed)
        parameters = PARAMETERS[name]
        ours = dense_crf(image, probs, parameters=parameters, iterations=iterations)
        exact = mean_field_by_all_pairs(image, probs, parameters, iterations)
        moved = np.abs(exact - probs).mean()
        assert moved > 0.1
        assert np.abs(ours - exact).mean() < 0.02
        assert np.abs(ours - exact).mean() < 0.1 * moved
        assert (ours.argmax(0) == exact.argmax(0)).mean() > 0.96


def test_the_kernels_are_normalised_from_both_sides_and_hold_their_own_pixel(monkeypatch) -> None:
    """In two dimensions the lattice is near enough to tell the normalisations apart: its error is
    0.0015 (0.0022 where the kernel is one pixel wide) against 0.0033 for division after the
    filter, 0.0023 without i = j, and 0.01 without the half in the exponent.
    """

    def gauss(features: np.ndarray, half: float = 0.5) -> np.ndarray:
        return np.exp(-half * ((features[:, None] - features[None]) ** 2).sum(-1))

    def both_sides(kernel: np.ndarray) -> np.ndarray:
        scale = 1 / np.sqrt(kernel.sum(1))
        return scale[:, None] * kernel * scale

    others = {
        "after": lambda f: gauss(f) / gauss(f).sum(1),
        "without itself": lambda f: both_sides(gauss(f) - np.eye(len(f))),
        "without the half": lambda f: both_sides(gauss(f, half=1.0)),
        "not at all": gauss,
    }
    parameters = replace(PARAMETERS["largefov"], bilateral_weight=0.0)

    def error(image: np.ndarray, probs: np.ndarray) -> float:
        ours = dense_crf(image, probs, parameters=parameters, iterations=1)
        return float(np.abs(ours - mean_field_by_all_pairs(image, probs, parameters, 1)).mean())

    for seed in range(3):
        image, probs = picture(seed)
        right = error(image, probs)
        assert right < 0.002
        for name, kernel in others.items():
            with monkeypatch.context() as patch:
                patch.setattr(reference, "kernel", kernel)
                assert error(image, probs) > 1.4 * right, name


def test_the_presets_are_deeplabs() -> None:
    values = {
        name: (p.bilateral_weight, p.bilateral_xy, p.bilateral_rgb, p.spatial_weight, p.spatial_xy)
        for name, p in PARAMETERS.items()
    }
    assert values == {
        "largefov": (4, 49, 5, 3, 3),
        "msc": (3, 95, 3, 3, 3),
        "resnet101": (4, 67, 3, 3, 1),
    }


def test_a_binary_task_is_two_classes() -> None:
    image, _, foreground = halves(noise=0.3)
    both = np.concatenate([1 - foreground, foreground])
    one = dense_crf(image, foreground, parameters=DEEPLAB)
    two = dense_crf(image, both, parameters=DEEPLAB)
    assert one.shape == foreground.shape
    np.testing.assert_allclose(one[0], two[1], atol=1e-6)
    np.testing.assert_allclose(two.sum(0), 1, atol=1e-5)


def test_a_noisy_prediction_is_drawn_to_the_edge_of_the_picture() -> None:
    image, label, foreground = halves(noise=0.4)
    before = ((foreground[0] > 0.5) == label).mean()
    after = ((dense_crf(image, foreground, parameters=DEEPLAB)[0] > 0.5) == label).mean()
    assert before < 0.85
    assert after > 0.97


def test_a_boundary_beside_the_pictures_edge_moves_there() -> None:
    image, label, _ = halves(noise=0)
    shifted = np.roll(label, 3, axis=1)
    shifted[:, :3] = 0
    probs = np.where(shifted == 1, 0.7, 0.3)[None]
    refined = dense_crf(image, probs, parameters=DEEPLAB)[0] > 0.5
    assert (refined == label).all()


def test_uniform_probabilities_on_a_flat_picture_stay() -> None:
    image = np.full((20, 25, 3), 90, np.uint8)
    for classes in (2, 5):
        probs = np.full((classes, 20, 25), 1 / classes)
        refined = dense_crf(image, probs, parameters=DEEPLAB)
        np.testing.assert_allclose(refined, probs, atol=1e-5)


def test_no_iteration_leaves_the_probabilities_as_they_are() -> None:
    image, probs = picture(0)
    assert dense_crf(image, probs, parameters=DEEPLAB, iterations=0) is probs


def test_one_inference_gives_what_separate_ones_give() -> None:
    image, probs = picture(0)
    steps = dict(mean_field(image, probs, parameters=DEEPLAB, iterations=(10, 3, 3)))
    assert list(steps) == [3, 10]
    for number, refined in steps.items():
        alone = dense_crf(image, probs, parameters=DEEPLAB, iterations=number)
        np.testing.assert_array_equal(refined, alone)


def test_certain_probabilities_give_finite_ones() -> None:
    image, probs = picture(0)
    hard = (probs == probs.max(0)).astype(np.float32)
    refined = dense_crf(image, hard, parameters=DEEPLAB)
    assert refined.dtype == np.float32
    assert np.isfinite(refined).all()


def test_what_does_not_fit_is_refused() -> None:
    image, probs = picture(0)
    with pytest.raises(CRFError, match=r"one height and width, got \(24, 30\) and \(23, 30\)"):
        crf._check(image, probs[:, 1:])  # jaxtyping's check, which tests have, would come first
    with pytest.raises(CRFError, match="softmax of logits first"):
        dense_crf(image, np.log(probs), parameters=DEEPLAB)
    with pytest.raises(CRFError, match="0 or more, got -1"):
        dense_crf(image, probs, parameters=DEEPLAB, iterations=-1)


def test_without_pydensecrf_the_error_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    image, probs = picture(0)
    with pytest.raises(CRFError, match=r"pip install 'losslab\[crf\]'"):
        dense_crf(image, probs, parameters=DEEPLAB)
