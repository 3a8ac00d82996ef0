"""What losses are measured on."""

import pytest
import torch

from losslab.bench.inputs import SHAPES, make_inputs, parse_shape
from losslab.errors import SpecError


def test_labels_are_blobs_of_nearly_all_classes_with_a_little_void() -> None:
    labels = make_inputs((4, 6, 128, 160)).labels
    void = (labels == 255).float().mean()
    assert 0.02 <= void <= 0.05
    assert set(labels.unique().tolist()) == {*range(6), 255}
    # Noise pixel by pixel would have five neighbours in six that differ.
    assert (labels[..., 1:] != labels[..., :-1]).float().mean() < 0.15


def test_binary_labels_hold_both_classes() -> None:
    labels = make_inputs((2, 1, 96, 96)).labels
    assert set(labels.unique().tolist()) == {0, 1, 255}


def test_a_seed_gives_the_same_batch() -> None:
    one, other = (make_inputs((2, 3, 20, 24), seed=3) for _ in range(2))
    assert torch.equal(one.logits, other.logits)
    assert torch.equal(one.labels, other.labels)


def test_layout_and_type_are_those_asked_for() -> None:
    inputs = make_inputs((2, 3, 20, 24), dtype=torch.bfloat16, layout=torch.channels_last)
    assert inputs.logits.is_contiguous(memory_format=torch.channels_last)
    assert inputs.logits.is_leaf
    assert inputs.logits.requires_grad
    assert inputs.nbytes == 2 * 2 * 3 * 20 * 24


def test_shapes_have_names_or_four_numbers() -> None:
    assert parse_shape("D") == ("D", SHAPES["D"])
    assert parse_shape("1,3,16,20") == ("1x3x16x20", (1, 3, 16, 20))


@pytest.mark.parametrize("text", ["E", "1,3,16", "1,0,16,16", "1,3,16,-2", "1,300,8,8", ""])
def test_other_shapes_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="shape"):
        parse_shape(text)
