"""The situations that losses are looked at in, and the pizza."""

import numpy as np
import pytest
import torch

from losslab.errors import SpecError
from losslab.losses.pizza import pizza, pizza_table
from losslab.losses.situations import SHAPES, Situation, confident_logits


@pytest.mark.parametrize("shape", SHAPES)
def test_without_hole_or_shift_the_prediction_is_the_object(shape: str) -> None:
    situation = Situation(shape=shape)
    assert (situation.predicted() == situation.object()).all()
    assert 0 < situation.object().mean() < 0.5


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shift_moves_the_prediction_and_not_the_object(shape: str) -> None:
    moved = Situation(shape=shape, shift=5)
    assert (moved.object() == Situation(shape=shape).object()).all()
    assert (np.roll(moved.object(), 5, axis=1) == moved.predicted()).all()


def test_a_hole_of_radius_1_is_the_deepest_pixel() -> None:
    situation = Situation(hole=1)
    missed = situation.object() & ~situation.predicted()
    assert missed.sum() == 1
    assert missed[situation.deepest()]


@pytest.mark.parametrize("num_classes", [1, 2, 5])
def test_the_predicted_class_has_the_confidence_as_its_probability(num_classes: int) -> None:
    predicted = torch.tensor([[[0, 1]]])
    logits = confident_logits(predicted, num_classes, 0.7)
    if num_classes == 1:
        expected = torch.tensor([[[[0.3, 0.7]]]])
        torch.testing.assert_close(logits.sigmoid(), expected)
    else:
        p = logits.softmax(1)
        torch.testing.assert_close(p.gather(1, predicted[:, None]), torch.full((1, 1, 1, 2), 0.7))
        assert len(p[0, :, 0, 0].unique()) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": "disk"}, "did you mean 'disc'"),
        ({"size": 4}, "size: at least 8"),
        ({"radius": 0.7}, "radius: above 0"),
        ({"hole": -1}, "hole: a radius of at least 0"),
        ({"confidence": 1.0}, "confidence: between 0 and 1"),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_name(change: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        Situation(**change)


def test_the_pizza_meets_the_printed_overlap_and_explains_the_printed_cross_entropy() -> None:
    table = pizza_table()
    gap = (table["measured"] - table["printed"]).abs().groupby(table["loss"]).max()
    assert gap["iou"] < 0.003
    assert gap["dice"] < 0.002
    # Three printed values, and one number (the object's share of the picture) to meet them with.
    assert gap["ce"] < 0.001
    assert gap["distance"] < 0.004


def test_the_predictions_of_the_pizza_lie_as_the_thesis_describes() -> None:
    truth, predictions = pizza()
    polygon, around, smaller = predictions.values()
    assert not (polygon & ~truth).any()
    assert not (truth & ~around).any()
    assert (smaller & ~truth).any()
    assert (truth & ~smaller).any()
