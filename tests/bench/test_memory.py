"""Peak memory: exact for what is known."""

import pytest
import torch

from losslab.bench.memory import allocated_peak, resident_peak

CPU = torch.device("cpu")
UNIT = 2**23
"""Bytes of the logits that are measured against."""


def _allocate(times: float) -> None:
    torch.ones(int(times * UNIT / 4))


@pytest.mark.parametrize("times", [1, 2.5, 6])
def test_a_known_allocation_is_reported_exactly(times: float) -> None:
    _allocate(times)
    assert allocated_peak(lambda: _allocate(times), CPU) / UNIT == pytest.approx(times, rel=0.01)


def test_the_peak_is_not_the_sum() -> None:
    def one_after_the_other() -> None:
        _allocate(2)
        _allocate(3)

    assert allocated_peak(one_after_the_other, CPU) / UNIT == pytest.approx(3, rel=0.01)


def test_memory_that_was_there_before_is_not_counted() -> None:
    there = torch.ones(UNIT)
    assert allocated_peak(lambda: there.mul_(2), CPU) < 0.001 * UNIT


def test_resident_memory_agrees_for_a_large_allocation() -> None:
    _allocate(6)
    peak = resident_peak(lambda: _allocate(6))
    if peak is None:
        pytest.skip("this system keeps no mark of the most resident memory")
    assert peak / UNIT == pytest.approx(6, rel=0.05)
