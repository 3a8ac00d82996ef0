"""What holds for every loss."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses.cases import (
    EXPRESSIONS,
    NAMES,
    NOT_FREE,
    NUMBERED,
    STOPPED,
    objective_of,
    random_case,
    sure_logits,
)
from tests.losses.reference import reference_loss

CLASSES = (1, 2, 5)


def value_and_gradient(expression, logits, labels):
    logits = logits.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    loss = objective_of(expression, logits.shape[1])(logits, labels)
    loss.backward()
    return loss.detach(), logits.grad


@pytest.mark.parametrize("num_classes", CLASSES)
@pytest.mark.parametrize("expression", [e for e in EXPRESSIONS if e not in NOT_FREE])
def test_a_perfect_prediction_costs_nothing(expression, num_classes):
    _, labels = random_case(num_classes)
    # Where absent classes count, the tiny mass on one of them is all there is: make it present.
    labels[:, 0, :num_classes] = torch.arange(num_classes) if num_classes > 1 else 1
    logits = sure_logits(labels, num_classes)
    loss, _ = value_and_gradient(expression, logits, labels)
    assert loss == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("num_classes", CLASSES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_loss_agrees_with_a_second_implementation_from_its_definition(expression, num_classes):
    logits, labels = random_case(num_classes)
    loss, _ = value_and_gradient(expression, logits, labels)
    assert loss.dtype == torch.float64
    # Maps of labels are float32 whatever the logits are.
    tolerance = 1e-6 if objective_of(expression, num_classes).label_maps else 1e-10
    assert float(loss) == pytest.approx(reference_loss(expression, logits, labels), rel=tolerance)


@pytest.mark.parametrize("num_classes", CLASSES)
@pytest.mark.parametrize("expression", [e for e in EXPRESSIONS if e not in STOPPED])
def test_the_gradient_is_that_of_finite_differences(expression, num_classes):
    logits, labels = random_case(num_classes, size=(3, 4))
    labels[1] = 255
    objective = objective_of(expression, num_classes)
    assert torch.autograd.gradcheck(lambda x: objective(x, labels), logits.requires_grad_())


@pytest.mark.parametrize("num_classes", CLASSES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_void_pixels_have_zero_gradient_and_no_influence(expression, num_classes):
    logits, labels = random_case(num_classes)
    void = (labels == 255)[:, None].expand_as(logits)
    loss, gradient = value_and_gradient(expression, logits, labels)
    assert (gradient[void] == 0).all()
    moved, other = value_and_gradient(expression, logits.masked_fill(void, 77.0), labels)
    assert moved == loss
    assert torch.equal(gradient, other)


@pytest.mark.parametrize("num_classes", CLASSES)
@pytest.mark.parametrize("expression", NAMES)
def test_logits_that_are_not_a_number_at_void_pixels_do_no_harm(expression, num_classes):
    logits, labels = random_case(num_classes)
    void = (labels == 255)[:, None].expand_as(logits)
    loss, gradient = value_and_gradient(expression, logits.masked_fill(void, torch.nan), labels)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("expression", [e for e in EXPRESSIONS if e not in NUMBERED])
@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(5)), seed=st.integers(0, 10_000))
def test_renumbering_the_classes_changes_nothing(expression, order, seed):
    logits, labels = random_case(5, seed=seed)
    order = torch.tensor(order)
    numbers = torch.full((256,), 255)
    numbers[order] = torch.arange(5)
    objective = objective_of(expression, 5)
    renumbered = objective(logits[:, order], numbers[labels])
    assert renumbered == pytest.approx(float(objective(logits, labels)), rel=1e-12)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("num_classes", CLASSES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_half_precision_logits_give_what_their_float32_copies_give(expression, num_classes, kind):
    logits, labels = random_case(num_classes)
    half = logits.to(kind)
    loss, gradient = value_and_gradient(expression, half, labels)
    expected, expected_gradient = value_and_gradient(expression, half.float(), labels)
    assert loss.dtype == torch.float32
    assert gradient.dtype == kind
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    largest = float(expected_gradient.abs().max())
    torch.testing.assert_close(gradient.float(), expected_gradient, rtol=1e-2, atol=1e-2 * largest)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("expression", NAMES)
def test_autocast_does_not_reach_the_sums(expression, kind):
    logits, labels = random_case(5, size=(40, 30))
    logits = logits.float()
    expected, expected_gradient = value_and_gradient(expression, logits, labels)
    with torch.autocast("cpu", kind):
        loss, gradient = value_and_gradient(expression, logits, labels)
    assert loss.dtype == torch.float32
    assert loss == expected
    assert torch.equal(gradient, expected_gradient)


@pytest.mark.parametrize("num_classes", CLASSES)
@pytest.mark.parametrize("expression", NAMES)
def test_the_memory_layout_of_the_logits_changes_nothing(expression, num_classes):
    logits, labels = random_case(num_classes, size=(12, 10))
    loss, gradient = value_and_gradient(expression, logits, labels)
    layouts = (
        logits.contiguous(memory_format=torch.channels_last),
        logits.transpose(2, 3).contiguous().transpose(2, 3),
        torch.cat([logits, logits], 1)[:, :num_classes],
    )
    for layout in layouts:
        other, other_gradient = value_and_gradient(expression, layout, labels)
        assert float(other) == pytest.approx(float(loss), rel=1e-12)
        torch.testing.assert_close(other_gradient, gradient)


@pytest.mark.parametrize("kind", [torch.uint8, torch.uint16, torch.int32, torch.int64])
def test_labels_of_any_integer_type_mean_the_same(kind):
    logits, labels = random_case(5)
    for expression in NAMES:
        expected = objective_of(expression, 5)(logits, labels)
        assert objective_of(expression, 5)(logits, labels.to(kind)) == expected


@pytest.mark.parametrize("num_classes", [1, 4])
@pytest.mark.parametrize("expression", NAMES)
def test_an_image_larger_than_a_piece_gives_what_one_piece_gives(
    expression, num_classes, monkeypatch
):
    logits, labels = random_case(num_classes, size=(31, 13))
    whole, whole_gradient = value_and_gradient(expression, logits, labels)
    for piece in (1, 13 * num_classes * 4, 31 * 13 * num_classes * 2):
        monkeypatch.setattr("losslab.losses.sums.PIECE", piece)
        loss, gradient = value_and_gradient(expression, logits, labels)
        assert float(loss) == pytest.approx(float(whole), rel=1e-12)
        torch.testing.assert_close(gradient, whole_gradient)


@pytest.mark.parametrize("expression", NAMES)
def test_a_second_backward_pass_gives_the_same_gradient(expression):
    for num_classes in (1, 5):
        logits, labels = random_case(num_classes)
        logits = logits.float().requires_grad_()
        loss = objective_of(expression, num_classes)(logits, labels)
        (first,) = torch.autograd.grad(loss, logits, retain_graph=True)
        kept = first.clone()
        (second,) = torch.autograd.grad(loss, logits)
        assert torch.equal(first, kept)
        assert torch.equal(first, second)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    num_classes=st.integers(1, 6),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    void=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_overlap_losses_lie_between_0_and_1(seed, num_classes, height, width, void):
    logits, labels = random_case(num_classes, seed=seed, size=(height, width), void=void)
    for name in ("iou", "dice", "tversky", "jaccard_distance", "distance"):
        for absent in ("skip", "zero", "count"):
            for per in ("batch", "image"):
                expression = f"{name}(per={per!r}, absent={absent!r})"
                loss = float(objective_of(expression, num_classes)(logits, labels))
                assert -1e-12 <= loss <= 1 + 1e-12


@pytest.mark.parametrize("expression", NAMES)
def test_logits_and_labels_are_left_as_they_were(expression):
    logits, labels = random_case(5)
    before = logits.clone(), labels.clone()
    value_and_gradient(expression, logits, labels)
    assert torch.equal(logits, before[0])
    assert torch.equal(labels, before[1])
