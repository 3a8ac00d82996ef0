"""The losses about boundaries: what they are on small pictures and on pictures with regions."""

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from losslab.losses import active_boundary, boundary, build_loss, label_map, lovasz
from losslab.losses.edges import STEPS
from tests.losses.cases import in_turn, random_case, sure_logits
from tests.losses.cases import value_and_gradient as of_function
from tests.losses.reference import reference_loss

REGIONAL = [
    "distance",
    "boundary",
    "active_boundary",
    "active_boundary(theta=3, share=0.1, smoothing=0.1, detach=False)",
    "lovasz",
]
CLASSES = (1, 2, 5)


def regions(num_classes, *, seed=0, size=(24, 20), void=0.05):
    """Float64 logits and labels (2, h, w) of smooth regions; random labels are edges all over."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((2, 2, max(num_classes, 2), *size))
    labels, logits = ndimage.gaussian_filter(noise, (0, 0, 0, 3, 3)) * 20
    labels = torch.from_numpy(labels.argmax(1))
    labels[torch.from_numpy(rng.random(labels.shape)) < void] = 255
    logits = torch.from_numpy(np.ascontiguousarray(logits))
    return logits[:, :num_classes].contiguous(), labels


def value_and_gradient(expression, logits, labels):
    return of_function(lambda x: build_loss(expression, x.shape[1])(x, labels), logits)


@in_turn("num_classes", CLASSES)
@in_turn("expression", REGIONAL)
def test_on_regions_a_loss_agrees_with_its_second_implementation(expression, num_classes):
    logits, labels = regions(num_classes)
    loss, gradient = value_and_gradient(expression, logits, labels)
    assert float(loss) == pytest.approx(reference_loss(expression, logits, labels), rel=1e-6)
    assert gradient.abs().max() > 0


@in_turn("num_classes", (1, 3))
@in_turn("expression", [e for e in REGIONAL if e != "active_boundary"])
def test_on_regions_the_gradient_is_that_of_finite_differences(expression, num_classes):
    logits, labels = regions(num_classes, size=(5, 6))
    objective = build_loss(expression, num_classes)
    assert torch.autograd.gradcheck(lambda x: objective(x, labels), logits.requires_grad_())


# Kervadec et al.'s boundary loss


def test_boundary_of_a_single_right_pixel_is_the_distance_of_the_background():
    labels = torch.tensor([[[1, 0], [0, 0]]])
    half = torch.zeros(1, 1, 2, 2)
    # Signed distances to the foreground: 0 at its pixel, 1, 1 and the diagonal outside.
    assert float(boundary(half, labels)) == pytest.approx((1 + 1 + 2**0.5) / 2 / 4)
    # To the background, with p = 1/2 as well: 0, 0, 0 inside (1 away from the outside, less 1), but
    # for the corner, whose outside is the diagonal away; 1 at the foreground's pixel.
    both = boundary(torch.zeros(1, 2, 2, 2), labels)
    background = 1 + (1 - 2**0.5)
    assert float(both) == pytest.approx((2 + 2**0.5 + background) / 2 / 8)


def test_boundary_falls_as_probability_moves_inside_and_rises_as_it_leaks_out():
    labels = torch.zeros(1, 9, 9, dtype=torch.int64)
    labels[0, 2:7, 2:7] = 1
    logits = torch.zeros(1, 1, 9, 9, requires_grad=True)
    boundary(logits, labels).backward()
    gradient = logits.grad[0, 0]
    outside, inner = labels[0] == 0, torch.zeros(9, 9, dtype=torch.bool)
    inner[3:6, 3:6] = True
    assert (gradient[outside] > 0).all()
    assert (gradient[inner] < 0).all()
    assert (gradient[(labels[0] == 1) & ~inner] == 0).all()  # the outermost pixels
    assert gradient[4, 4] < gradient[3, 3] < 0
    assert gradient[0, 0] > gradient[1, 4] > 0


def test_boundary_of_a_right_prediction_is_negative_and_below_that_of_a_wrong_one():
    _, labels = regions(5, void=0)
    right = boundary(sure_logits(labels, 5), labels)
    wrong = boundary(sure_logits((labels + 1) % 5, 5), labels)
    assert right < 0 < wrong


def test_boundary_without_background_counts_the_other_classes_only():
    logits, labels = regions(3)
    signed = label_map("signed_distance", labels, 3).double()
    valid = (labels != 255)[:, None]
    expected = (logits.softmax(1) * signed * valid)[:, 1:].sum() / (2 * valid.sum())
    assert float(boundary(logits, labels, background=False)) == pytest.approx(float(expected))


@in_turn("num_classes", [1, 3])
def test_boundary_of_pictures_of_one_class_is_0(num_classes):
    for label in (0, 1, 255):
        labels = torch.full((1, 4, 4), label)
        logits = torch.randn(1, num_classes, 4, 4, requires_grad=True)
        loss = boundary(logits, labels)
        loss.backward()
        assert loss == 0
        assert not logits.grad.any()


# Wang et al.'s active boundary loss


def half_planes(column, num_classes, size=32):
    """Class 0 left of a column, class 1 from it on."""
    labels = torch.zeros(1, size, size, dtype=torch.int64)
    labels[:, :, column:] = 1
    return labels, sure_logits(labels, num_classes, margin=2.0)


@pytest.mark.parametrize("num_classes", [1, 2, 4])
@pytest.mark.parametrize("true", [8, 23])
def test_active_boundary_moves_the_predicted_boundary_towards_that_of_the_labels(true, num_classes):
    labels, _ = half_planes(true, num_classes)
    _, logits = half_planes(16, num_classes)
    logits = logits.requires_grad_()
    objective = build_loss("active_boundary(share=0.05)", num_classes)
    for _ in range(32):
        (gradient,) = torch.autograd.grad(objective(logits, labels), logits)
        step = 0.5 * gradient / gradient.abs().max()
        logits = (logits - step).detach().requires_grad_()
    foreground = (logits[:, 0] > 0) if num_classes == 1 else logits.argmax(1) == 1
    found = 32 - float(foreground.float().sum(2).mean())  # mean column of the boundary
    assert abs(found - true) < abs(16 - true) / 2


def test_active_boundary_costs_nothing_on_the_labels_own_boundary():
    labels, logits = half_planes(16, 2)
    nothing = active_boundary(logits, labels, share=1 / 32)
    shifted, _ = half_planes(20, 2)
    near = active_boundary(logits, shifted, share=1 / 32)
    far = active_boundary(logits, half_planes(28, 2)[0], share=1 / 32)
    # Widened by a pixel, the prediction's boundary has one column beside the two of the labels.
    assert 0 <= float(nothing) < float(near) / 2 < float(near) < float(far)


def test_active_boundary_of_a_prediction_or_labels_without_boundary_is_0():
    labels, logits = half_planes(16, 3)
    for x, y in ((torch.zeros_like(logits), labels), (logits, torch.ones_like(labels))):
        x = x.clone().requires_grad_()
        loss = active_boundary(x, y)
        loss.backward()
        assert loss == 0
        assert not x.grad.any()


def test_active_boundary_weighs_by_the_distance_up_to_theta():
    _, logits = half_planes(4, 2)
    labels, _ = half_planes(28, 2)
    whole = [float(active_boundary(logits, labels, theta=theta)) for theta in (10, 20, 1000)]
    assert whole[0] == pytest.approx(whole[1])  # all pixels are farther than 20
    assert whole[2] < 0.03 * whole[1]


def test_active_boundary_stops_the_gradient_at_neighbours_unless_it_is_told_otherwise():
    logits, labels = regions(3)
    stopped, whole = (
        value_and_gradient(f"active_boundary(detach={flag})", logits, labels)
        for flag in (True, False)
    )
    assert stopped[0] == whole[0]
    touched = [(gradient != 0).any(1) for _, gradient in (stopped, whole)]
    assert (touched[0] <= touched[1]).all()
    assert touched[0].sum() < touched[1].sum()


def test_active_boundary_has_the_gradient_of_its_definition_with_neighbours_held_fixed():
    logits, labels = regions(3, size=(12, 10), void=0)
    distance = label_map("edge_distance", labels, 3).double()
    x = logits.clone().requires_grad_()
    log_p, fixed = x.log_softmax(1), logits.log_softmax(1)
    losses = []
    for n, i, j in (distance > 0).nonzero().tolist():
        around = [(i + down, j + right) for down, right in STEPS]
        around = [(a, b) for a, b in around if 0 <= a < 12 and 0 <= b < 10]
        q = torch.stack([fixed[n, :, a, b] for a, b in around])
        divergences = (q.exp() * (q - log_p[n, :, i, j])).sum(1)
        goal = torch.full_like(divergences, 0.2 / (len(around) - 1))
        goal[torch.stack([distance[n, a, b] for a, b in around]).argmin()] = 0.8
        loss = -(goal * divergences.log_softmax(0)).sum()
        losses.append(distance[n, i, j].clamp(max=5) / 5 * loss)
    expected = torch.stack(losses).mean()
    (expected_gradient,) = torch.autograd.grad(expected, x)
    loss, gradient = value_and_gradient("active_boundary(share=1, theta=5)", logits, labels)
    assert float(loss) == pytest.approx(float(expected.detach()), rel=1e-6)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-6, atol=1e-9)


# Berman et al.'s Lovász losses


@pytest.mark.parametrize("per", ["batch", "image"])
@pytest.mark.parametrize("num_classes", CLASSES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), void=st.sampled_from([0.0, 0.3]))
def test_lovasz_is_that_of_segmentation_models_pytorch(num_classes, per, seed, void):
    logits, labels = random_case(num_classes, seed=seed, void=void)
    logits = logits.float()
    mode = "binary" if num_classes == 1 else "multiclass"
    peer = smp.losses.LovaszLoss(mode, per_image=per == "image", ignore_index=255)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    found, expected = lovasz(ours, labels, per=per), peer(theirs, labels)
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-5, abs=1e-6)
    found.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_lovasz_of_certain_predictions_is_one_minus_the_mean_iou():
    labels = torch.tensor([[[0, 0], [1, 1]]])
    logits = sure_logits(torch.tensor([[[0, 1], [1, 1]]]), 2)
    assert float(lovasz(logits, labels)) == pytest.approx(1 - (1 / 2 + 2 / 3) / 2)


def test_lovasz_hinge_of_two_pixels_by_hand():
    # Errors 1.5 (background) and 0.5 (foreground): the IoU falls to 1/2 by the first, then to 0.
    logits = torch.tensor([0.5, 0.5]).view(1, 1, 1, 2)
    labels = torch.tensor([[[0, 1]]])
    assert float(lovasz(logits, labels)) == pytest.approx(1.5 * 0.5 + 0.5 * 0.5)


def test_the_float32_gradient_of_lovasz_is_right_between_a_million_pixels():
    # Errors 1 ± k / 2^20 are exact in float32 and all different, so both types sort alike.
    draws = torch.Generator().manual_seed(0)
    steps = torch.randperm(2**20, generator=draws) * (
        2 * torch.randint(0, 2, (2**20,), generator=draws) - 1
    )
    logits = (steps / 2**20).view(1, 1, 1024, 1024)
    labels = torch.randint(0, 2, (1, 1024, 1024), generator=draws)
    loss, gradient = value_and_gradient("lovasz", logits, labels)
    exact_loss, exact = value_and_gradient("lovasz", logits.double(), labels)
    assert float(loss) == pytest.approx(float(exact_loss), rel=1e-6)
    torch.testing.assert_close(gradient.double(), exact, rtol=1e-5, atol=0)


def test_lovasz_hinge_without_foreground_costs_the_largest_error_alone():
    logits = torch.tensor([0.5, 2.0, -3.0]).view(1, 1, 1, 3).requires_grad_()
    loss = lovasz(logits, torch.zeros(1, 1, 3, dtype=torch.int64))
    loss.backward()
    assert float(loss.detach()) == 3
    assert logits.grad.flatten().tolist() == [0, 1, 0]


def test_an_image_without_annotation_is_not_among_the_images_of_lovasz():
    logits, labels = random_case(3)
    labels[1] = 255
    kept = torch.tensor([0, 2])
    alone = lovasz(logits[kept], labels[kept], per="image")
    assert float(lovasz(logits, labels, per="image")) == pytest.approx(float(alone))
