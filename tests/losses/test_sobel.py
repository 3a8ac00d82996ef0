"""The Sobel baseline of SEMEDA."""

import pytest
import torch
from torch.nn.functional import conv2d

from losslab.losses import sobel
from losslab.losses.edges import label_masks, probability_masks
from tests.losses.cases import random_case, sure_logits, value_and_gradient

KERNEL = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64)


def plain_sobel(logits, labels):
    """The same from convolutions and autograd; a binary task as two classes."""
    masks = (probability_masks(logits, labels), label_masks(labels, logits.shape[1], logits.dtype))
    c = masks[0].shape[1]
    kernels = torch.stack([KERNEL, KERNEL.T])[:, None].repeat(c, 1, 1, 1)
    predicted, labelled = (conv2d(x, kernels, padding=1, groups=c) for x in masks)
    annotated = labels != 255
    total = ((predicted - labelled).abs() * annotated[:, None]).sum()
    return total / (annotated.sum() * 2 * c)


@pytest.mark.parametrize("num_classes", [1, 2, 5])
def test_value_and_gradient_are_those_of_convolutions(num_classes):
    logits, labels = random_case(num_classes, size=(9, 7))
    ours = value_and_gradient(lambda x: sobel(x, labels), logits)
    plain = value_and_gradient(lambda x: plain_sobel(x, labels), logits)
    torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-15)


def test_a_lone_wrong_pixel_costs_what_its_eight_neighbours_respond():
    labels = torch.zeros(1, 5, 5, dtype=torch.int64)
    predicted = labels.clone()
    predicted[0, 2, 2] = 1
    loss = sobel(sure_logits(predicted, 2), labels)
    # Each kernel's coefficients add up to 8 in absolute value; so in both maps of both classes.
    assert float(loss) == pytest.approx(4 * 8 / (25 * 4))
    assert float(sobel(sure_logits(predicted, 2), labels, reduction="l1")) == pytest.approx(32 / 25)
    assert float(sobel(sure_logits(predicted, 2), labels, weight=3)) == pytest.approx(3 * 0.32)


def test_a_constant_shift_of_probability_costs_only_at_the_border():
    labels = torch.zeros(1, 6, 7, dtype=torch.int64)
    logits = torch.zeros(1, 2, 6, 7)
    _, gradient = value_and_gradient(lambda x: sobel(x, labels), logits)
    assert sobel(logits, labels) > 0  # outside the image both masks are 0
    assert not gradient[:, :, 2:-2, 2:-2].any()
    assert gradient[:, :, 0].any()


def test_the_binary_loss_is_that_of_the_two_classes():
    logits, labels = random_case(1)
    both = torch.cat((torch.zeros_like(logits), logits), 1)
    assert float(sobel(both, labels)) == pytest.approx(float(sobel(logits, labels)), rel=1e-12)
