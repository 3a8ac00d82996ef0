"""What a loss keeps between its passes, against values that are known."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from losslab.bench.held import declared_bytes, held_memory, measured
from losslab.bench.inputs import make_inputs

SIZE = (2, 5, 24, 32)
PIXELS = 2 * 5 * 24 * 32
"""Times classes."""
FEW = 64
"""Bytes of the loss itself and of sums."""


@pytest.fixture(scope="module")
def inputs():
    return make_inputs(SIZE)


def test_cross_entropy_keeps_one_float_a_pixel_and_class_and_lets_the_logits_go(inputs) -> None:
    found = measured(lambda logits: cross_entropy(logits, inputs.labels, ignore_index=255), inputs)
    assert 0 <= found["held"] - 4 * PIXELS <= FEW  # the logarithms of the probabilities
    assert found["declared"] == 4 * PIXELS + 4  # and the sum of the weights
    assert found["logits"] == 0


@pytest.mark.parametrize(
    ("forward", "held", "logits"),
    [
        (lambda x: (2 * x).sum(), 0, 0),
        (lambda x: x.exp().sum(), 4, 0),  # its own output
        (lambda x: x.square().sum(), 0, 4),  # its input
        (lambda x: (x.exp() * x.sigmoid()).sum(), 8, 0),
        (lambda x: (x.square() * x.exp()).sum(), 8, 4),
    ],
)
def test_what_is_kept_is_told_from_what_the_logits_take(inputs, forward, held, logits) -> None:
    found = measured(forward, inputs)
    assert found["held"] / PIXELS == pytest.approx(held, abs=FEW / PIXELS)
    assert found["logits"] / PIXELS == pytest.approx(logits, abs=FEW / PIXELS)
    assert found["declared"] / PIXELS == pytest.approx(held, abs=FEW / PIXELS)


def test_what_is_saved_twice_counts_once(inputs) -> None:
    def forward(x: torch.Tensor) -> torch.Tensor:
        e = x.exp()
        return (e * e).sum() + (e * e).mean()

    assert declared_bytes(forward, inputs) == 4 * PIXELS


class _Hidden(torch.autograd.Function):
    """Keeps a tensor without telling autograd."""

    @staticmethod
    def forward(ctx, x):
        ctx.gradient = torch.ones_like(x)
        return x.sum()

    @staticmethod
    def backward(ctx, d):
        return d * ctx.gradient


def test_what_autograd_is_not_told_of_is_held_all_the_same(inputs) -> None:
    found = measured(_Hidden.apply, inputs)
    assert found["declared"] == 0
    assert found["held"] / PIXELS == pytest.approx(4, abs=FEW / PIXELS)


def test_region_losses_keep_one_gradient_and_no_one_hot_tensor() -> None:
    table, notes = held_memory(SIZE, ("iou", "ce + 0.0004*levelset"))
    assert notes == []
    by_loss = table.set_index("loss")
    assert table["loss"].iloc[0] == "cross_entropy"
    for loss in ("cross_entropy", "iou", "ce + 0.0004*levelset"):
        assert by_loss["held"][loss] == pytest.approx(4, abs=0.1)
    assert by_loss["held"]["one-hot levelset"] > 20
    assert (by_loss["held"] >= 0).all()


def test_bytes_a_pixel_and_class_do_not_depend_on_the_size() -> None:
    small, large = (held_memory(size, ("dice",))[0] for size in ((1, 5, 16, 16), (2, 5, 32, 48)))
    for column in ("held", "logits", "declared"):
        assert small[column].to_list() == pytest.approx(large[column].to_list(), abs=0.2)


def test_a_loss_that_fails_is_left_out_with_a_sentence(monkeypatch) -> None:
    from losslab.bench import held
    from losslab.bench.rows import Row

    def fail(logits: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no such thing. Really")

    row = Row("worse", "other", lambda: None, fail)
    monkeypatch.setattr(held, "rows", lambda *_, **__: [row])
    table, notes = held_memory(SIZE, ())
    assert table["loss"].to_list() == ["cross_entropy"]
    assert notes == ["other worse is left out: RuntimeError: no such thing."]
