"""No finite input gives a loss or a gradient that is not finite, and no NaN is hidden."""

import pytest
import torch

from losslab.losses import build_loss
from tests.losses.cases import EXPRESSIONS, objective_of, random_case

KINDS = (torch.float32, torch.float16, torch.bfloat16)


def labels_of(case, num_classes):
    labels = torch.randint(0, max(num_classes, 2), (2, 6, 6), generator=torch.manual_seed(0))
    match case:
        case "all void":
            labels[:] = 255
        case "all but one pixel void":
            labels[:] = 255
            labels[1, 2, 3] = 1
        case "one image void":
            labels[0] = 255
        case "only the first class":
            labels[:] = 0
        case "only the last class":
            labels[:] = max(num_classes, 2) - 1
        case "one class absent":
            labels[labels == 1] = 0
        case "one pixel":
            labels = labels[:1, :1, :1]
        case "one image":
            labels = labels[:1]
    return labels


CASES = (
    "as usual",
    "all void",
    "all but one pixel void",
    "one image void",
    "only the first class",
    "only the last class",
    "one class absent",
    "one pixel",
    "one image",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("num_classes", [1, 2, 5])
def test_every_loss_is_finite_with_finite_gradients(num_classes, case, kind):
    labels = labels_of(case, num_classes)
    n, h, w = labels.shape
    random = torch.randn(n, num_classes, h, w, generator=torch.manual_seed(1))
    extremes = {
        "random": random,
        "zero": torch.zeros_like(random),
        "huge": 1e4 * torch.sign(random),
        "one-sided": torch.full_like(random, 1e4),
        "other-sided": torch.full_like(random, -1e4),
        "one class certain": torch.cat(
            (torch.full_like(random[:, :1], -1e4), torch.full_like(random[:, 1:], 1e4)), 1
        ),
    }
    for name, logits in extremes.items():
        logits = logits.to(kind).requires_grad_()
        for expression in EXPRESSIONS:
            loss = objective_of(expression, num_classes)(logits, labels)
            (gradient,) = torch.autograd.grad(loss, logits)
            assert loss.isfinite(), (name, expression)
            assert gradient.isfinite().all(), (name, expression)
            if case == "all void":
                assert loss == 0, (name, expression)
                assert not gradient.any(), (name, expression)


@pytest.mark.parametrize("num_classes", [1, 3])
def test_an_empty_batch_costs_nothing(num_classes):
    logits = torch.zeros(0, num_classes, 4, 4, requires_grad=True)
    labels = torch.zeros(0, 4, 4, dtype=torch.int64)
    for expression in EXPRESSIONS:
        loss = objective_of(expression, num_classes)(logits, labels)
        loss.backward()
        assert loss == 0, expression


def test_cross_entropy_of_a_certain_mistake_is_its_margin():
    logits = torch.tensor([1e4, -1e4]).view(1, 2, 1, 1)
    assert build_loss("ce", 2)(logits, torch.ones(1, 1, 1, dtype=torch.int64)) == 2e4
    binary = build_loss("ce", 1)(logits[:, 1:], torch.ones(1, 1, 1, dtype=torch.int64))
    assert binary == 1e4


@pytest.mark.parametrize("num_classes", [1, 4])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_logits_that_diverged_make_the_loss_nan(expression, num_classes):
    logits, labels = random_case(num_classes)
    diverged = torch.full_like(logits, torch.nan)
    assert objective_of(expression, num_classes)(diverged, labels).isnan()
