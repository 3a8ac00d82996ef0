"""Cross-entropy and focal loss: values by hand and peers."""

import math

import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F

from losslab.losses import build_loss, ce, focal
from tests.losses.cases import in_turn, random_case

LOG3 = math.log(3)


@pytest.fixture
def two_by_two():
    """p(true) is 3/4, 3/4 above and 1/2, void below."""
    logits = torch.zeros(1, 2, 2, 2, dtype=torch.float64)
    logits[0, 1] = torch.tensor([[-LOG3, LOG3], [0.0, 0.0]])
    return logits, torch.tensor([[[0, 1], [1, 255]]])


def test_cross_entropy_of_a_2x2_image_is_as_computed_by_hand(two_by_two):
    by_hand = -(2 * math.log(0.75) + math.log(0.5)) / 3
    assert float(ce(*two_by_two)) == pytest.approx(by_hand)
    logits, labels = two_by_two
    assert float(ce(logits[:, 1:], labels)) == pytest.approx(by_hand)


def test_focal_loss_of_a_2x2_image_is_as_computed_by_hand(two_by_two):
    by_hand = -(2 * 0.25**2 * math.log(0.75) + 0.5**2 * math.log(0.5)) / 3
    assert float(focal(*two_by_two)) == pytest.approx(by_hand)


def test_cross_entropy_is_torchs():
    logits, labels = random_case(5)
    logits = logits.float().requires_grad_()
    theirs = F.cross_entropy(logits, labels, ignore_index=255)
    (their_gradient,) = torch.autograd.grad(theirs, logits)
    ours = ce(logits, labels)
    (our_gradient,) = torch.autograd.grad(ours, logits)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(our_gradient, their_gradient)


def test_binary_cross_entropy_is_torchs():
    logits, labels = random_case(1)
    known = labels != 255
    theirs = F.binary_cross_entropy_with_logits(logits[:, 0][known], labels[known].double())
    torch.testing.assert_close(ce(logits, labels), theirs)


def test_focal_loss_without_focus_is_cross_entropy():
    for num_classes in (1, 4):
        logits, labels = random_case(num_classes)
        torch.testing.assert_close(focal(logits, labels, gamma=0), ce(logits, labels))


@in_turn("gamma", [0.5, 2.0, 3.5])
def test_one_vs_all_focal_loss_is_smps_multiclass_mode(gamma):
    logits, labels = random_case(5)
    peer = smp.losses.FocalLoss("multiclass", gamma=gamma, ignore_index=255)
    ours = focal(logits, labels, gamma=gamma, one_vs_all=True)
    torch.testing.assert_close(ours, peer(logits, labels))


@in_turn("num_classes", [1, 5])
@in_turn("gamma", [0.0, 0.5, 2.0])
def test_one_vs_all_focal_loss_has_the_gradient_of_its_definition(gamma, num_classes):
    logits, labels = random_case(num_classes)
    logits = (8 * logits).requires_grad_()
    (ours,) = torch.autograd.grad(focal(logits, labels, gamma=gamma, one_vs_all=True), logits)
    classes = torch.arange(num_classes) if num_classes > 1 else torch.ones(1)
    own = labels[:, None] == classes.view(-1, 1, 1)
    log_p, log_miss = (F.logsigmoid(torch.where(own, s, -s)) for s in (logits, -logits))
    defined = -(gamma * log_miss).exp() * log_p
    (expected,) = torch.autograd.grad(
        defined[(labels != 255)[:, None].expand_as(defined)].mean(), logits
    )
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-14)


def test_the_softmax_form_of_focal_loss_is_not_smps_multiclass_mode():
    logits, labels = random_case(5)
    peer = smp.losses.FocalLoss("multiclass", ignore_index=255)
    assert abs(float(focal(logits, labels) - peer(logits, labels))) > 0.1


def test_binary_focal_loss_is_smps_and_one_vs_all_changes_nothing():
    logits, labels = random_case(1)
    ours = focal(logits, labels)
    torch.testing.assert_close(
        ours, smp.losses.FocalLoss("binary", ignore_index=255)(logits, labels)
    )
    torch.testing.assert_close(focal(logits, labels, one_vs_all=True), ours)


def test_the_mean_is_over_annotated_pixels_unlike_smps_soft_cross_entropy():
    logits, labels = random_case(5)
    known = int((labels != 255).sum())
    peer = smp.losses.SoftCrossEntropyLoss(smooth_factor=0.0, ignore_index=255)
    expected = float(ce(logits, labels)) * known / labels.numel()
    assert float(peer(logits, labels)) == pytest.approx(expected)


def test_combinations_are_the_sums_of_their_parts():
    logits, labels = random_case(5)
    for whole, parts in (("combo", ("dice", "ce")), ("dice_focal", ("dice", "focal"))):
        expected = sum(float(build_loss(part, 5)(logits, labels)) for part in parts)
        assert float(build_loss(whole, 5)(logits, labels)) == pytest.approx(expected)
        assert float(build_loss(" + ".join(parts), 5)(logits, labels)) == pytest.approx(expected)
