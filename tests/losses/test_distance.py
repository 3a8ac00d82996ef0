"""The distance-transform loss: Gul's steps by hand, the readings of his mask, and a blind spot."""

import pytest
import torch

from losslab.losses import build_loss, distance, label_map
from tests.losses.cases import random_case, sure_logits


@pytest.fixture
def square():
    """A 5x5 object in a 7x7 image: depth 1 at its rim, 2 on the next ring, 3 in its middle."""
    labels = torch.zeros(1, 7, 7, dtype=torch.int64)
    labels[0, 1:6, 1:6] = 1
    return labels


def binary(p):
    return torch.logit(torch.as_tensor(p, dtype=torch.float64))[:, None]


def test_the_loss_follows_steps_1_to_7(square):
    # W is 1 on the 16 pixels of the rim, 1/2 on the next 8, 0 in the middle: 20 in all.
    p = torch.where(square == 1, 0.75, 0.25)
    by_hand = 1 - 20 * 0.75 / (20 + 24 * 0.25)
    assert float(distance(binary(p), square)) == pytest.approx(by_hand)


def test_a_hole_at_the_deepest_pixel_costs_nothing(square):
    logits = sure_logits(square, 1)
    logits[0, 0, 3, 3] = -30.0
    logits.requires_grad_()
    loss = distance(logits, square)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    assert logits.grad is not None
    assert logits.grad[0, 0, 3, 3] == 0


def test_an_object_too_thin_to_have_a_depth_weighs_1_everywhere():
    labels = torch.zeros(1, 4, 6, dtype=torch.int64)
    labels[0, 1:3, 1:5] = 1
    p = torch.where(labels == 1, 0.75, 0.25)
    assert float(distance(binary(p), labels)) == pytest.approx(1 - 8 * 0.75 / (8 + 16 * 0.25))


def test_an_object_that_fills_the_image_weighs_1_everywhere():
    labels = torch.ones(1, 4, 6, dtype=torch.int64)
    p = torch.full((1, 4, 6), 0.25)
    assert float(distance(binary(p), labels)) == pytest.approx(0.75)


def test_the_chessboard_metric_counts_diagonal_steps_as_1():
    labels = torch.ones(1, 5, 5, dtype=torch.int64)
    labels[0, 0, 0] = 0
    # The squared ring of equal depth k has 2k + 1 pixels; depth 1 weighs 1, depth 4 weighs 0.
    weights = 3 + 5 * 2 / 3 + 7 / 3
    p = torch.where(labels == 1, 0.75, 0.25)
    loss = distance(binary(p), labels, metric="chessboard")
    assert float(loss) == pytest.approx(1 - weights * 0.75 / (weights + 0.25))
    assert float(distance(binary(p), labels)) != pytest.approx(float(loss), rel=1e-3)


def test_the_printed_sum_over_classes_is_subtracted_from_1_once():
    logits, labels = random_case(4, void=0.0)
    labels[:, 0, :4] = torch.arange(4)
    mean = distance(logits, labels)
    printed = distance(logits, labels, average="sum")
    assert float(printed) == pytest.approx(1 - 4 * (1 - float(mean)))
    sure = sure_logits(labels, 4)
    assert float(distance(sure, labels, average="sum")) == pytest.approx(1 - 4)


def test_the_mask_replaces_the_prediction_outside_or_masks_it_everywhere(square):
    p = torch.where(square == 1, 0.96, 0.25).double()
    p[0, 3, 3], p[0, 1, 1], p[0, 0, 0] = 0.5, 0.5, 0.97
    inside = 19 * 0.96 + 0.5
    confident = distance(binary(p), square, confident=0.95)
    assert float(confident) == pytest.approx(1 - inside / (20 + 1))
    masked = distance(binary(p), square, confident=0.95, confident_in="both")
    assert float(masked) == pytest.approx(1 - 19 * 0.96 / (20 + 0.97))


def test_an_unsure_pixel_outside_gets_no_gradient_from_the_mask(square):
    logits = binary(torch.where(square == 1, 0.6, 0.97)).requires_grad_()
    distance(logits, square, confident=0.95).backward()
    assert logits.grad is not None
    assert not logits.grad[:, 0][square == 0].any()
    assert logits.grad[:, 0][square == 1].any()


@pytest.mark.parametrize("num_classes", [1, 4])
def test_a_map_that_is_given_is_the_one_that_would_be_made(num_classes):
    logits, labels = random_case(num_classes, size=(12, 10))
    maps = {
        name: label_map(name, labels, num_classes)
        for name in ("distance_euclidean", "distance_chessboard")
    }
    objective = build_loss("distance + distance(metric='chessboard') + ce", num_classes)
    assert set(objective.label_maps) == set(maps)
    given = objective(logits, labels, maps)
    assert given == objective(logits, labels)
    doubled = {name: 0 * values + 1 for name, values in maps.items()}
    assert objective(logits, labels, doubled) != given


def test_two_metrics_in_one_objective_keep_their_own_weights():
    logits, labels = random_case(3, size=(20, 20))
    labels[:, 4:16, 4:16] = 1
    terms = build_loss("distance + 2*distance(metric='chessboard')", 3).terms(logits, labels)
    assert float(terms["distance"]) == pytest.approx(float(distance(logits, labels)))
    other = distance(logits, labels, metric="chessboard")
    assert float(terms["2*distance(metric='chessboard')"]) == pytest.approx(2 * float(other))
