"""`losslab bench losses`: the table of what each loss costs."""

import statistics
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
import torch

from losslab.bench.inputs import DTYPES, LAYOUTS, Inputs, make_inputs, parse_shape
from losslab.bench.memory import allocated_peak, resident_peak
from losslab.bench.rows import COPY, OURS, TORCH, Row, baseline, rows
from losslab.bench.targets import reference, target
from losslab.bench.timing import SLOWEST, Timing, in_fresh_process, interleave, summary
from losslab.errors import brief

OTHERS_ROUNDS = 3
"""Rounds at most of losses that are no losslab's own."""

COLUMNS = (
    "shape",
    "size",
    "layout",
    "dtype",
    "device",
    "loss",
    "library",
    "milliseconds",
    "ratio",
    "ratio_low",
    "ratio_high",
    "times_floor",
    "memory",
    "resident",
    "faults",
    "processes",
    "target",
    "target_of",
    "target_ratio",
    "memory_target",
    "met",
)


@dataclass(frozen=True)
class Setting:
    """One batch and the losses that are measured on it."""

    shape: str
    losses: tuple[str, ...]
    dtype: str = "float32"
    layout: str = "contiguous"
    device: str = "cpu"
    repeats: int = 5
    peers: bool = True


class Cost(NamedTuple):
    """What one process has found out about one row."""

    loss: str
    library: str
    timing: Timing
    memory: float | None = None
    resident: float | None = None


class Costs(NamedTuple):
    """Of all rows on one batch, and sentences on what was left out."""

    costs: list[Cost]
    notes: list[str]


def bench_losses(
    settings: Sequence[Setting],
    *,
    processes: int = 5,
    threads: int = 1,
    echo: Callable[[str], object] = lambda text: None,
) -> tuple[pd.DataFrame, list[str]]:
    """A row for each setting and loss with the columns `COLUMNS`, and sentences on what was left
    out.

    `ratio` is the median over fresh processes of the time in units of torch's cross-entropy,
    `ratio_low` and `ratio_high` are its least and greatest; `memory` and `resident` are peaks in
    units of the logits' bytes; `times_floor` is the time in units of reading the logits twice and
    writing the gradient once. Losses that take more than `SLOWEST` times as long as cross-entropy
    are measured in the first process alone.
    """
    found: list[list[Costs]] = []
    for number in range(processes):
        echo(f"process {number + 1} of {processes}")
        slowest = [_slowest(costs) for costs in found[0]] if found else [set()] * len(settings)
        arguments = (list(settings), slowest, number)
        found.append(in_fresh_process(measure_all, *arguments, threads=threads))
    table, notes = [], []
    for setting, of_processes in zip(settings, zip(*found, strict=True), strict=True):
        table += _table(setting, of_processes)
        notes += [note for costs in of_processes for note in costs.notes]
    return pd.DataFrame(table, columns=list(COLUMNS)), list(dict.fromkeys(notes))


def measure_here(setting: Setting) -> tuple[pd.DataFrame, list[str]]:
    """The table of `bench_losses` from this process alone: quicker, and with the noise of one."""
    found = measure(setting)
    return pd.DataFrame(_table(setting, [found]), columns=list(COLUMNS)), found.notes


def measure_all(
    settings: Sequence[Setting], without: Sequence[set[str]], number: int
) -> list[Costs]:
    """What this process, the one of this number, finds out of all rows but those `without`; memory
    is measured in the first.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of other libraries, which nobody here can act on
        return [
            measure(setting, without=left_out, seed=number, memory=number == 0)
            for setting, left_out in zip(settings, without, strict=True)
        ]


def measure(
    setting: Setting, *, without: Collection[str] = (), seed: int = 0, memory: bool = True
) -> Costs:
    """Times of all rows in turn but those whose keys are in `without`, then their memory."""
    device = torch.device(setting.device)
    inputs = make_inputs(
        parse_shape(setting.shape)[1],
        dtype=DTYPES[setting.dtype],
        layout=LAYOUTS[setting.layout],
        device=device,
    )
    base = baseline(inputs)
    others = rows(inputs, setting.losses, with_peers=setting.peers)
    kept = {row.key: row for row in (base, *others) if row.key not in without}
    notes = []

    def left_out(key: str, error: Exception) -> None:
        row = kept.pop(key)
        if row.library == OURS and ":" not in row.loss:
            raise error  # a user's own loss, though, may fail like any other library's
        notes.append(f"{row.library} {row.loss} is left out: {brief(error)}.")

    samples = interleave(
        {key: row.call for key, row in kept.items()},
        baseline=base.key,
        repeats=setting.repeats,
        device=device,
        fewer={key: OTHERS_ROUNDS for key, row in kept.items() if row.library not in (OURS, TORCH)},
        seed=seed,
        failed=left_out,
    )
    timings = summary(samples, base.key)
    peaks = {key: _peaks(row, inputs) if memory else (None, None) for key, row in kept.items()}
    costs = [Cost(row.loss, row.library, timings[key], *peaks[key]) for key, row in kept.items()]
    return Costs(costs, notes)


def _slowest(costs: Costs) -> set[str]:
    """Keys of the rows that are measured once."""
    return {f"{cost.library}: {cost.loss}" for cost in costs.costs if cost.timing.ratio > SLOWEST}


def _peaks(row: Row, inputs: Inputs) -> tuple[float, float | None]:
    device = inputs.logits.device
    allocated = allocated_peak(row.call, device) / inputs.nbytes
    resident = resident_peak(row.call) if device.type == "cpu" else None
    return allocated, None if resident is None else resident / inputs.nbytes


def _table(setting: Setting, of_processes: Sequence[Costs]) -> list[dict[str, Any]]:
    """Medians over the processes, and how they stand to the targets."""
    name, size = parse_shape(setting.shape)
    per_row: dict[tuple[str, str], list[Cost]] = {}
    for costs in of_processes:
        for cost in costs.costs:
            per_row.setdefault((cost.library, cost.loss), []).append(cost)
    floors = _ratios(per_row[TORCH, COPY])
    table = []
    for (library, loss), costs in per_row.items():
        ratios = _ratios(costs)
        line: dict[str, Any] = {
            "shape": name,
            "size": "x".join(map(str, size)),
            "layout": setting.layout,
            "dtype": setting.dtype,
            "device": setting.device,
            "loss": loss,
            "library": library,
            "milliseconds": statistics.median(cost.timing.milliseconds for cost in costs),
            "ratio": statistics.median(ratios),
            "ratio_low": min(ratios),
            "ratio_high": max(ratios),
            "times_floor": _median_quotient(ratios, floors),
            "memory": costs[0].memory,
            "resident": costs[0].resident,
            "faults": statistics.median(cost.timing.faults for cost in costs),
            "processes": len(costs),
        }
        if library == OURS:
            unit = reference(loss)
            units = _ratios(per_row[TORCH, unit]) if unit else [1.0] * len(ratios)
            line |= _judged(setting, name, line, unit, _median_quotient(ratios, units))
        table.append(line)
    return table


def _judged(
    setting: Setting, shape: str, line: dict[str, Any], unit: str, achieved: float
) -> dict[str, Any]:
    bound = target(
        line["loss"],
        shape,
        device=setting.device,
        dtype=setting.dtype,
        layout=setting.layout,
    )
    if bound.ratio is None:
        return {}
    memory = line["memory"]
    fits = bound.memory is None or memory is None or memory <= bound.memory
    return {
        "target": bound.ratio,
        "target_of": unit or "torch's cross-entropy",
        "target_ratio": achieved,
        "memory_target": bound.memory,
        "met": "yes" if achieved <= bound.ratio and fits else "no",
    }


def _ratios(costs: Sequence[Cost]) -> list[float]:
    return [cost.timing.ratio for cost in costs]


def _median_quotient(above: Sequence[float], below: Sequence[float]) -> float:
    # One that is measured in the first process alone is held against that one's others.
    return statistics.median(a / b for a, b in zip(above, below, strict=False))
