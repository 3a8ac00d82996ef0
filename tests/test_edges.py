"""Semantic edges of label maps."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losslab.edges import semantic_edges


def edges_by_definition(labels):
    h, w = labels.shape
    return np.array(
        [
            [(labels[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2] != labels[i, j]).any()
             for j in range(w)]
            for i in range(h)
        ]
    )  # fmt: skip


def test_a_lone_pixel_makes_edges_of_itself_and_its_eight_neighbours():
    labels = torch.zeros(1, 5, 6, dtype=torch.int64)
    labels[0, 2, 3] = 4
    expected = torch.zeros(1, 5, 6, dtype=torch.bool)
    expected[0, 1:4, 2:5] = True
    assert torch.equal(semantic_edges(labels), expected)


def test_the_border_of_the_image_makes_no_edge():
    assert not semantic_edges(torch.full((2, 4, 7), 3)).any()


def test_void_is_a_label_like_any_other():
    labels = torch.zeros(1, 3, 4, dtype=torch.uint8)
    labels[0, :, 2:] = 255
    assert semantic_edges(labels)[0].int().tolist() == [[0, 1, 1, 0]] * 3


def test_touching_at_a_corner_is_touching():
    labels = torch.tensor([[[0, 0, 0], [0, 0, 0], [0, 0, 1]]])
    assert semantic_edges(labels)[0].int().tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 1]]


@pytest.mark.parametrize("kind", [torch.uint8, torch.int32, torch.int64])
@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    seed=st.integers(0, 10_000),
    rare=st.floats(0.01, 0.9),
)
def test_edges_are_those_of_the_definition(kind, height, width, seed, rare):
    rng = np.random.default_rng(seed)
    labels = (rng.random((2, height, width)) < rare) * rng.choice([1, 5, 255], (2, height, width))
    found = semantic_edges(torch.from_numpy(labels).to(kind))
    for ours, one in zip(found, labels, strict=True):
        assert np.array_equal(ours.numpy(), edges_by_definition(one))


def test_an_empty_batch_has_no_edges():
    assert semantic_edges(torch.zeros(0, 4, 4, dtype=torch.uint8)).shape == (0, 4, 4)
