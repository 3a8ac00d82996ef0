"""`losslab bench metrics`: the table of what the scores of one picture cost."""

import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from losslab.bench.inputs import make_maps
from losslab.bench.rows import OURS
from losslab.bench.score_rows import missing_references, score_rows
from losslab.bench.targets import SCORE_TARGETS
from losslab.bench.timing import Timing, in_fresh_process, interleave, summary

COLUMNS = (
    "size",
    "classes",
    "score",
    "library",
    "milliseconds",
    "ratio",
    "ratio_low",
    "ratio_high",
    "processes",
    "target",
    "target_of",
    "target_ratio",
    "met",
)

Key = tuple[str, str]
"""Score and library."""


@dataclass(frozen=True)
class Setting:
    """One picture."""

    size: tuple[int, int] = (512, 1024)
    num_classes: int = 19
    repeats: int = 20
    device: str = "cpu"


def bench_metrics(
    setting: Setting,
    *,
    processes: int = 5,
    threads: int = 1,
    echo: Callable[[str], object] = lambda text: None,
) -> tuple[pd.DataFrame, list[str]]:
    """A row for each score with the columns `COLUMNS`, and sentences on libraries left out.

    `ratio` is the median over fresh processes of the time in units of a confusion matrix by
    bincount, `ratio_low` and `ratio_high` are its least and greatest.
    """
    found = []
    for number in range(processes):
        echo(f"process {number + 1} of {processes}")
        found.append(in_fresh_process(measure, setting, number, threads=threads))
    return tabulate(setting, found), missing_references()


def measure(setting: Setting, number: int) -> dict[Key, Timing]:
    """What this process, the one of this number, finds out."""
    device = torch.device(setting.device)
    maps = make_maps(setting.num_classes, setting.size, device=device)
    logits = torch.randn(1, setting.num_classes, *setting.size, device=device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of other libraries, which nobody here can act on
        rows = {row.key: row for row in score_rows(maps, logits, setting.num_classes)}
        base = next(iter(rows))
        samples = interleave(
            {key: row.call for key, row in rows.items()},
            baseline=base,
            repeats=setting.repeats,
            device=device,
            seed=number,
        )
    timings = summary(samples, base)
    return {(row.loss, row.library): timings[key] for key, row in rows.items()}


def tabulate(setting: Setting, of_processes: Sequence[dict[Key, Timing]]) -> pd.DataFrame:
    """Medians over the processes, and how they stand to the targets."""
    ratios = {key: [found[key].ratio for found in of_processes] for key in of_processes[0]}
    units = {score: values for (score, _), values in ratios.items()}
    table: list[dict[str, Any]] = []
    for (score, library), values in ratios.items():
        times = [found[score, library].milliseconds for found in of_processes]
        line: dict[str, Any] = {
            "size": "x".join(map(str, setting.size)),
            "classes": setting.num_classes,
            "score": score,
            "library": library,
            "milliseconds": statistics.median(times),
            "ratio": statistics.median(values),
            "ratio_low": min(values),
            "ratio_high": max(values),
            "processes": len(values),
        }
        bound, unit = SCORE_TARGETS.get(score, (None, ""))
        if library == OURS and bound and setting.device == "cpu" and unit in units:
            achieved = statistics.median(
                own / other for own, other in zip(values, units[unit], strict=True)
            )
            line |= {"target": bound, "target_of": unit, "target_ratio": achieved}
            line["met"] = "yes" if achieved <= bound else "no"
        table.append(line)
    return pd.DataFrame(table, columns=list(COLUMNS))
