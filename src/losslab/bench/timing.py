"""Times of calls as ratios to one of them: interleaved, warmed up, repeated in fresh processes.

Absolute times move by a factor of two between runs of a machine, and one process in four or so runs
slower from beginning to end. What holds is the ratio of two calls that took turns within one
process, and its median over processes.
"""

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

import torch

from losslab.training.device import pin_allocator

Call = Callable[[], object]

SLOW = 4.0
"""A call that takes longer than so many baselines takes part in fewer rounds."""

SLOWEST = 20.0
"""One that takes longer than so many is called once: what warms up is lost in it."""

QUEUED = 10
"""Calls between two looks at a GPU's clock: it works while Python prepares the next one."""


class Sample(NamedTuple):
    """One measurement of one call."""

    milliseconds: float
    faults: float
    """Pages that the kernel had to map in: memory that came from outside the process."""


class Timing(NamedTuple):
    """What one process has measured of one call."""

    milliseconds: float
    """Median."""
    ratio: float
    """Median over the rounds of the ratio to the baseline of the same round."""
    faults: float
    """Median of the page faults a call."""


def page_faults() -> int:
    """Page faults of this process so far that needed no disk; 0 where the system does not count
    them.
    """
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def take_time(call: Call, device: torch.device) -> Sample:
    """Milliseconds of one call; on a GPU the mean of several in a row, by its own clock."""
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(QUEUED):
            call()
        end.record()
        end.synchronize()
        return Sample(start.elapsed_time(end) / QUEUED, 0)
    faults, begin = page_faults(), time.perf_counter()
    call()
    seconds = time.perf_counter() - begin
    return Sample(1000 * seconds, page_faults() - faults)


def interleave(
    calls: Mapping[str, Call],
    *,
    baseline: str,
    repeats: int,
    device: torch.device,
    fewer: Mapping[str, int] | None = None,
    seed: int = 0,
    failed: Callable[[str, Exception], object] | None = None,
) -> dict[str, list[Sample]]:
    """The samples of each call, one a round; in every round the calls take turns in a new random
    order. `fewer` holds the number of rounds of calls that are to take part in fewer than
    `repeats`.

    Every call warms up first. One that is slower than `SLOW` baselines takes part in the first
    rounds only, so that it costs no more time than one at that limit, but in one round at least; of
    one that is slower than `SLOWEST` the first call is the only sample. A call that raises an
    error when it warms up is left out where `failed` takes its name and the error.
    """
    base = min(take_time(calls[baseline], device).milliseconds for _ in range(3))
    samples: dict[str, list[Sample]] = {name: [] for name in calls}
    rounds = {name: min(repeats, (fewer or {}).get(name, repeats)) for name in calls}
    for name, call in calls.items():
        try:
            first = take_time(call, device)
        except Exception as error:
            if failed is None:
                raise
            failed(name, error)
            del samples[name]
            continue
        cost = first.milliseconds / base
        if cost > SLOWEST:
            samples[name].append(first)
            rounds[name] = 0
        elif cost > SLOW:
            cost = take_time(call, device).milliseconds / base  # the first call may be slow itself
            rounds[name] = max(1, min(rounds[name], round(repeats * SLOW / cost)))
    rounds[baseline] = repeats
    order, chance = list(samples), random.Random(seed)
    gc.collect()
    gc.disable()
    try:
        for number in range(repeats):
            chance.shuffle(order)
            for name in order:
                if number < rounds[name]:
                    samples[name].append(take_time(calls[name], device))
    finally:
        gc.enable()
    return samples


def summary(samples: Mapping[str, Sequence[Sample]], baseline: str) -> dict[str, Timing]:
    """Medians of each call, and of its ratio to the baseline, round by round."""
    base = [sample.milliseconds for sample in samples[baseline]]
    return {
        name: Timing(
            statistics.median(sample.milliseconds for sample in own),
            statistics.median(
                sample.milliseconds / other for sample, other in zip(own, base, strict=False)
            ),
            statistics.median(sample.faults for sample in own),
        )
        for name, own in samples.items()
    }


def in_fresh_process(work: Callable[..., Any], *arguments: Any, threads: int) -> Any:
    """What `work(*arguments)` returns in a process of its own, its allocator pinned as training
    pins it.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_prepared, work, arguments, threads).result()


def _prepared(work: Callable[..., Any], arguments: Sequence[Any], threads: int) -> Any:
    pin_allocator()
    torch.set_num_threads(threads)
    return work(*arguments)
