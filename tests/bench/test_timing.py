"""The stopwatch: order, warm-up, medians, fresh processes."""

import mmap
import os
import time
from itertools import pairwise

import pytest
import torch

from losslab.bench import timing
from losslab.bench.timing import Sample, in_fresh_process, interleave, summary, take_time

CPU = torch.device("cpu")


def spin(milliseconds: float) -> None:
    """Keep the processor busy by its own clock, which other processes do not move."""
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        pass


def test_calls_take_turns_in_every_round() -> None:
    seen: list[str] = []
    calls = {name: (lambda name=name: (seen.append(name), spin(1))) for name in "abc"}
    samples = interleave(calls, baseline="a", repeats=5, device=CPU)
    assert {name: len(own) for name, own in samples.items()} == {"a": 5, "b": 5, "c": 5}
    measured = seen[-15:]
    rounds = [measured[start : start + 3] for start in range(0, 15, 3)]
    assert all(sorted(turn) == ["a", "b", "c"] for turn in rounds)
    assert any(one != other for one, other in pairwise(rounds))


def test_the_first_call_is_not_measured() -> None:
    ages: list[int] = []

    def call() -> None:
        ages.append(len(ages))
        spin(30 if len(ages) == 1 else 1)

    samples = interleave({"a": call}, baseline="a", repeats=3, device=CPU)
    assert len(samples["a"]) == 3
    assert len(ages) > 3


def test_a_slow_call_takes_part_in_fewer_rounds_but_in_one_at_least() -> None:
    calls = {"base": lambda: spin(1), "slow": lambda: spin(12), "snail": lambda: spin(100)}
    samples = interleave(calls, baseline="base", repeats=8, device=CPU)
    assert len(samples["base"]) == 8
    assert 1 <= len(samples["slow"]) < 8
    assert len(samples["snail"]) == 1


def test_a_call_takes_part_in_fewer_rounds_where_that_is_asked() -> None:
    calls = {"base": lambda: spin(1), "other": lambda: spin(1)}
    samples = interleave(calls, baseline="base", repeats=5, device=CPU, fewer={"other": 2})
    assert {name: len(own) for name, own in samples.items()} == {"base": 5, "other": 2}


def test_a_call_that_fails_is_an_error_or_left_out_as_wished() -> None:
    def fail() -> None:
        raise RuntimeError("a reason")

    calls = {"base": lambda: spin(1), "broken": fail}
    with pytest.raises(RuntimeError, match="a reason"):
        interleave(calls, baseline="base", repeats=2, device=CPU)
    errors: list[str] = []
    samples = interleave(
        calls,
        baseline="base",
        repeats=2,
        device=CPU,
        failed=lambda name, error: errors.append(f"{name}: {error}"),
    )
    assert errors == ["broken: a reason"]
    assert list(samples) == ["base"]


def test_twice_the_work_has_a_ratio_well_above_one() -> None:
    calls = {"once": lambda: spin(3), "twice": lambda: spin(6)}
    samples = interleave(calls, baseline="once", repeats=9, device=CPU)
    assert summary(samples, "once")["twice"].ratio > 1.3


def test_the_ratio_is_the_median_of_ratios_within_rounds() -> None:
    # The machine is ten times slower in the second round: no ratio changes.
    samples = {
        "base": [Sample(1.0, 0), Sample(10.0, 2), Sample(2.0, 4)],
        "loss": [Sample(3.0, 1), Sample(30.0, 3), Sample(4.0, 5)],
    }
    timings = summary(samples, "base")
    assert timings["loss"].ratio == 3.0
    assert timings["loss"].milliseconds == 4.0
    assert timings["loss"].faults == 3
    assert timings["base"].ratio == 1.0


def test_new_memory_is_seen_as_page_faults() -> None:
    pages = 512

    def touch() -> None:
        with mmap.mmap(-1, pages * mmap.PAGESIZE) as memory:
            for page in range(pages):
                memory[page * mmap.PAGESIZE] = 1

    if not timing.page_faults():
        pytest.skip("this system does not count page faults")
    assert take_time(touch, CPU).faults >= pages
    assert take_time(lambda: None, CPU).faults < pages


def _facts() -> tuple[int, int]:
    return os.getpid(), torch.get_num_threads()


def test_every_measurement_has_a_process_and_threads_of_its_own() -> None:
    found = [in_fresh_process(_facts, threads=1) for _ in range(2)]
    assert len({os.getpid(), *(process for process, _ in found)}) == 3
    assert [threads for _, threads in found] == [1, 1]


def _fail() -> None:
    raise ValueError("a reason")


def test_an_error_in_the_process_is_an_error_here() -> None:
    with pytest.raises(ValueError, match="a reason"):
        in_fresh_process(_fail, threads=1)
