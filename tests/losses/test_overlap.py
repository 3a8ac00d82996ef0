"""IoU and Dice: values by hand, options, facts and peers."""

import math

import pytest
import segmentation_models_pytorch as smp
import torch

from losslab.losses import build_loss, dice, iou
from tests.losses.cases import in_turn, random_case

LOG3 = math.log(3)


@pytest.fixture
def two_by_two():
    """Softmax probabilities of class 1: 1/4, 3/4 above, 1/2, 1/2 below; labels 0, 1 above, 1, void
    below.
    """
    logits = torch.zeros(1, 2, 2, 2, dtype=torch.float64)
    logits[0, 1] = torch.tensor([[-LOG3, LOG3], [0.0, 0.0]])
    return logits, torch.tensor([[[0, 1], [1, 255]]])


def test_iou_of_a_2x2_image_is_as_computed_by_hand(two_by_two):
    # Class 0: overlap 3/4, predicted 3/4 + 1/4 + 1/2, labelled 1. Class 1: overlap 5/4, predicted
    # 3/2, labelled 2.
    by_hand = ((1 - 0.75 / (1.5 + 1 - 0.75)) + (1 - 1.25 / (1.5 + 2 - 1.25))) / 2
    assert float(iou(*two_by_two)) == pytest.approx(by_hand)


def test_dice_of_a_2x2_image_is_as_computed_by_hand(two_by_two):
    by_hand = ((1 - 1.5 / (1.5 + 1)) + (1 - 2.5 / (1.5 + 2))) / 2
    assert float(dice(*two_by_two)) == pytest.approx(by_hand)


def test_the_binary_losses_of_a_2x2_image_are_those_of_its_foreground(two_by_two):
    logits, labels = two_by_two
    assert float(iou(logits[:, 1:], labels)) == pytest.approx(1 - 1.25 / (1.5 + 2 - 1.25))
    assert float(dice(logits[:, 1:], labels)) == pytest.approx(1 - 2.5 / (1.5 + 2))


def test_the_gradient_of_binary_iou_is_rahman_and_wangs(two_by_two):
    logits, labels = two_by_two
    logits = logits[:, 1:].clone().requires_grad_()
    iou(logits, labels).backward()
    inside, union = 1.25, 2.25
    p = logits.detach().sigmoid()
    # Their equation after eq. 6: -1/U on the object, I/U^2 elsewhere, by the probability.
    by_p = torch.where(labels[:, None] == 1, -1 / union, inside / union**2)
    by_p = by_p.masked_fill(labels[:, None] == 255, 0)
    torch.testing.assert_close(logits.grad, by_p * p * (1 - p))


def test_pooled_dice_of_a_softmax_is_one_minus_the_mean_true_probability():
    logits, labels = random_case(5)
    p = logits.softmax(1).gather(1, labels.masked_fill(labels == 255, 0)[:, None])[:, 0]
    loss = dice(logits, labels, average="micro")
    assert float(loss) == pytest.approx(float(1 - p[labels != 255].mean()))


def test_absent_classes_are_skipped_or_dilute_or_count():
    labels = torch.zeros(1, 2, 2, dtype=torch.int64)
    logits = torch.zeros(1, 4, 2, 2)
    # Uniform: the one present class has overlap 1 of predicted 1 and labelled 4; absent ones lose
    # all.
    present = 1 - 2 * 1 / 5
    assert float(dice(logits, labels)) == pytest.approx(present)
    assert float(dice(logits, labels, absent="zero")) == pytest.approx(present / 4)
    assert float(dice(logits, labels, absent="count")) == pytest.approx((present + 3) / 4)
    assert float(dice(logits, labels, average="sum")) == pytest.approx(present)
    assert float(dice(logits, labels, average="sum", absent="count")) == pytest.approx(present + 3)


def test_one_wrong_class_of_19_costs_1_and_not_a_19th_as_in_smp():
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    logits = torch.zeros(1, 19, 8, 8)
    logits[:, 1] = 100.0
    assert float(dice(logits, labels)) == pytest.approx(1)
    assert float(smp.losses.DiceLoss("multiclass")(logits, labels)) == pytest.approx(1 / 19)


def test_a_binary_image_without_foreground_costs_1_and_teaches_nothing():
    logits = torch.randn(1, 1, 4, 4, requires_grad=True)
    loss = iou(logits, torch.zeros(1, 4, 4, dtype=torch.int64))
    loss.backward()
    assert loss == 1
    assert logits.grad is not None
    assert not logits.grad.any()


def test_sums_over_the_batch_or_over_each_image_decide_the_winner():
    labels = torch.zeros(2, 20, 20, dtype=torch.int64)
    labels[0] = 1
    labels[1, 0, :4] = 1
    logits = torch.where(labels == 1, 40.0, -40.0)[:, None]
    logits[1] = -40.0
    assert float(iou(logits, labels)) == pytest.approx(4 / 404, abs=1e-6)
    assert float(iou(logits, labels, per="image")) == pytest.approx(0.5, abs=1e-6)
    assert float(iou(logits, labels, per="image", reduction="sum")) == pytest.approx(1, abs=1e-6)


def test_an_image_with_nothing_annotated_is_not_in_the_mean_over_images():
    logits, labels = random_case(3)
    labels[2] = 255
    for absent in ("skip", "zero", "count"):
        without = dice(logits[:2], labels[:2], per="image", absent=absent)
        assert float(dice(logits, labels, per="image", absent=absent)) == pytest.approx(
            float(without)
        )


@in_turn("name, peer", [("iou", smp.losses.JaccardLoss), ("dice", smp.losses.DiceLoss)])
@in_turn("mode", ["binary", "multiclass"])
def test_overlap_losses_agree_with_smp_where_the_definitions_coincide(name, peer, mode):
    num_classes = 1 if mode == "binary" else 5
    logits, labels = random_case(num_classes, void=0.0)
    logits.requires_grad_()
    ours = build_loss(f'{name}(absent="zero")', num_classes)(logits, labels)
    theirs = peer(mode)(logits, labels)
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-6)
    (our_gradient,) = torch.autograd.grad(ours, logits)
    (their_gradient,) = torch.autograd.grad(theirs, logits)
    torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-5, atol=1e-9)


def test_dice_of_half_logits_is_finite_where_smps_is_not():
    labels = torch.zeros(2, 256, 256, dtype=torch.int64)
    logits = torch.zeros(2, 3, 256, 256, dtype=torch.float16)
    logits[:, 0] = 10.0
    assert float(dice(logits, labels)) == pytest.approx(0, abs=1e-3)
    assert not torch.isfinite(smp.losses.DiceLoss("multiclass")(logits, labels))


def test_float32_sums_over_many_pixels_keep_five_digits():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (1, 600, 700), generator=generator)
    logits = torch.randn(1, 3, 600, 700, generator=generator)
    expected = float(dice(logits.double(), labels))
    assert float(dice(logits, labels)) == pytest.approx(expected, rel=1e-5)
