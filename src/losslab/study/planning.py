"""What `losslab study NAME --plan` prints: a study's runs, what they need and what they take."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from losslab.markdown import markdown_table
from losslab.spec import RunSpec
from losslab.study.costs import Cost, Speed, cache_bytes, cost_of, speed_of
from losslab.study.grid import NAME, fields_of, is_bundle
from losslab.study.needs import Pictures, count_pictures, data_lines, weights_lines
from losslab.study.schema import Study

WIDTH = 100

SPREAD = "between two thirds and one and a half times as much"
"""How far a reckoned time may be off: on the CPU on which the shipped rates were measured, steps of
ten networks at the sizes of the papers took 0.66 to 1.01 times what was reckoned."""


def plan_text(
    study: Study,
    specs: Sequence[RunSpec],
    *,
    data_root: Path | None,
    rates: pd.DataFrame,
    device: str,
    ids: bool = False,
) -> str:
    """The plan of a study in sections, without running anything.

    `rates` is the table of `losslab.bench.steps.load_rates`, `device` the name of the device that
    will compute; `ids` adds the name of every run.
    """
    pictures = _pictures(specs, data_root)
    sections = [
        _wrapped(f"{study.name}: {study.question}"),
        "\n".join(_runs(study, specs)),
        _section("Data", data_lines(specs, data_root)),
        _section("Weights", weights_lines(specs) or ["none: all runs begin at random"]),
        _section("Cost", _costs(specs, pictures, rates, device)),
        _section("Left out", study.changes),
        _section("Notes", study.notes),
        _section("Run ids", [spec.run_id for spec in specs]) if ids else "",
    ]
    return "\n\n".join(section for section in sections if section)


def _runs(study: Study, specs: Sequence[RunSpec]) -> list[str]:
    """The axes of the grid with the number of their values, and those values."""
    repeats = sum(spec.repeat > 0 for spec in specs)
    product = " x ".join(f"{len(values)} {axis}" for axis, values in study.grid.items())
    more = f" + {repeats} of the baseline once more" if repeats else ""
    started = {spec.start_from for spec in specs}
    first = sum(spec.run_id in started for spec in specs)
    more += f" + {first} before them, with whose weights they begin" if first else ""
    lines = [f"{len(specs)} runs{f': {product}' if product else ''}{more}"]
    for axis, values in study.grid.items():
        shown = [_shown(axis, value) for value in values]
        lines.append(
            textwrap.fill(
                ", ".join(shown),
                WIDTH,
                initial_indent=f"  {axis:12s} ",
                subsequent_indent=" " * 15,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    published = study.report.published
    if published is not None:
        tables = ", ".join(published.tables)
        lines.append(f"  beside the printed tables {tables} of {published.paper}")
    return lines


def _shown(axis: str, value: object) -> str:
    if not is_bundle(axis):
        return str(value)
    assert isinstance(value, dict)
    return value.get(NAME) or ", ".join(f"{k}={v}" for k, v in fields_of(value).items())


def _pictures(specs: Sequence[RunSpec], data_root: Path | None) -> dict[str, Pictures]:
    """The pictures of each run, by its id, where they can be counted."""
    known: dict[str, Pictures | None] = {}
    counted = {}
    for spec in specs:
        key = str((spec.dataset, spec.dataset_options, spec.split_options()))
        if key not in known:
            known[key] = count_pictures(spec, data_root)
        found = known[key]
        if found is not None:
            counted[spec.run_id] = found
    return counted


def _costs(
    specs: Sequence[RunSpec], pictures: dict[str, Pictures], rates: pd.DataFrame, device: str
) -> list[str]:
    """A table of what the runs of each network take, and how that was reckoned."""
    found: list[tuple[RunSpec, Cost, Speed | None]] = []
    for spec in specs:
        if spec.run_id in pictures:
            speed = speed_of(spec, rates, device)
            found.append((spec, cost_of(spec, pictures[spec.run_id], speed), speed))
    if not found:
        return ["not known: how many pictures there are only the files tell; give --data-root"]
    rows = [
        {
            "data": spec.dataset_options.get("name", spec.dataset),
            "network": _network(spec),
            "pixels": "{} x {}".format(*(spec.crop_size or spec.size)),
            "batch": spec.batch_size,
            "steps a run": cost.steps,
            "hours a run": (cost.seconds or 0) / 3600,
            "memory, GB": cost.memory / 1e9,
        }
        for spec, cost, _ in found
    ]
    table = pd.DataFrame(rows)
    keys = [column for column in table.columns if column != "hours a run"]
    grouped = table.groupby(keys, sort=False)["hours a run"].agg(["size", "mean", "sum"])
    shown = grouped.reset_index().rename(
        columns={"size": "runs", "mean": "hours a run", "sum": "hours"}
    )
    shown["memory, GB"] = shown["memory, GB"].map("{:.1f}".format)
    shown["steps a run"] = shown["steps a run"].map("{:,}".format)
    for column in ("hours a run", "hours"):
        shown[column] = shown[column].map(_hours)
    total = sum(cost.seconds or 0 for _, cost, _ in found) / 3600
    looking = sum(cost.looking * (cost.seconds or 0) for _, cost, _ in found) / 3600
    share = looking / total if total else 0
    disk = sum(cost.disk for _, cost, _ in found) / 1e9
    lines = [
        *markdown_table(shown).splitlines(),
        "",
        f"Together {_hours(total)} hours of one run after the other, at most: runs with patience "
        f"may end sooner. {share:.0%} of it is validation after each epoch, and the test. "
        f"Disk: {disk:.1f} GB for weights and states, "
        f"{cache_bytes(specs, pictures) / 1e9:.1f} GB for decoded pictures.",
    ]
    if len(found) < len(specs):
        lines.append(f"{len(specs) - len(found)} runs are not in it: their pictures are not known.")
    return [*lines, *_reckoned([speed for *_, speed in found], device)]


def _network(spec: RunSpec) -> str:
    scales = " at several scales" if spec.model_options.get("multi_scale") else ""
    return f"{spec.model} {spec.encoder}{scales}"


def _reckoned(speeds: Sequence[Speed | None], device: str) -> list[str]:
    """How the times were reckoned and how far they may be off."""
    known = [speed for speed in speeds if speed is not None]
    if not known:
        return ["No rate is known: `losslab bench steps NAME` measures this machine."]
    machine = known[0].device
    where = "this machine's"
    if machine != device:
        where = f"another machine's ({machine}; this is {device})"
    lines = [
        f"Times are operations, which are counted, over {where} rates; expect {SPREAD}. Reading "
        "pictures, augmentation, the loss beyond cross-entropy and scoring come on top. Memory is "
        "that of a training step; the program itself takes about a gigabyte more."
    ]
    if machine != device:
        lines.append("For this machine's rates: losslab bench steps NAME (a few minutes).")
    if any(speed.network == "" for speed in known):
        lines.append("Networks that were not measured are taken to be as fast as the others.")
    return lines


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def _section(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return "\n".join([title, *(_wrapped(line, "  ") for line in lines)])


def _wrapped(text: str, indent: str = "") -> str:
    """The text in lines of `WIDTH`, but for rows of a table and ids."""
    if not text:
        return ""
    inner = indent + (" " * (len(text) - len(text.lstrip())))
    if text.startswith("|") or " " not in text.strip():
        return indent + text
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=inner,
        subsequent_indent=inner + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
