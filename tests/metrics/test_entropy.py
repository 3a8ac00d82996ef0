"""Entropy of predictions."""

import math

import pytest
import torch

from losslab.metrics import entropy, entropy_of_probabilities


@pytest.mark.parametrize("num_classes", [1, 2, 19])
def test_an_undecided_prediction_has_entropy_1(num_classes):
    assert torch.allclose(entropy(torch.zeros(2, num_classes, 3, 3)), torch.ones(2, 3, 3))


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_a_certain_prediction_has_entropy_0(kind):
    for num_classes in (1, 5):
        logits = torch.zeros(1, num_classes, 1, 1, dtype=kind)
        logits[:, 0] = 1e4
        assert float(entropy(logits)) == 0


def test_entropy_of_one_quarter_and_three_quarters_is_as_computed_by_hand():
    by_hand = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(2)
    binary = torch.full((1, 1, 1, 1), math.log(3))
    assert float(entropy(binary)) == pytest.approx(by_hand)
    assert float(entropy(torch.cat([binary, torch.zeros_like(binary)], 1))) == pytest.approx(
        by_hand
    )


@pytest.mark.parametrize("num_classes", [1, 2, 7])
def test_entropy_of_probabilities_is_that_of_their_logits(num_classes):
    logits = torch.randn(2, num_classes, 5, 6, generator=torch.Generator().manual_seed(0))
    probs = logits.sigmoid() if num_classes == 1 else logits.softmax(1)
    torch.testing.assert_close(entropy_of_probabilities(probs), entropy(logits))
    certain = torch.zeros(1, num_classes, 1, 1)
    certain[:, 0] = 1
    assert float(entropy_of_probabilities(certain)) == 0


@pytest.mark.parametrize("num_classes", [1, 2, 21])
@pytest.mark.parametrize("scale", [0.1, 3, 100])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_entropy_is_the_sum_over_the_probabilities_as_written(num_classes, scale, layout):
    logits = scale * torch.randn(2, num_classes, 5, 6, generator=torch.Generator().manual_seed(0))
    x = logits.double()
    probs = torch.cat((x.sigmoid(), (-x).sigmoid()), 1) if num_classes == 1 else x.softmax(1)
    terms = torch.where(probs > 0, probs * probs.log(), 0)
    expected = -terms.sum(1) / math.log(max(num_classes, 2))
    found = entropy(logits.contiguous(memory_format=layout))
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(entropy(x), expected, atol=1e-12, rtol=0)


def test_a_class_that_cannot_be_leaves_the_entropy_of_the_others():
    logits = torch.zeros(1, 3, 1, 1)
    logits[:, 2] = -torch.inf
    assert float(entropy(logits)) == pytest.approx(math.log(2) / math.log(3))
