"""What each loss costs: wall time, time of a step and peak memory."""

from pathlib import Path

import pandas as pd

from losslab.analysis.scores import with_setting
from losslab.errors import StudyError


def costs(runs: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Median wall time, step time and peak memory of each loss's finished runs.

    `runs` is the table of `losslab.study.load_runs`. Columns: setting, device, loss, runs,
    wall_seconds, step_seconds, peak_memory_bytes, images_per_second (medians over runs), and
    wall_ratio, step_ratio, memory_ratio to the baseline on the same device (NaN where it has none).
    Peak memory is NaN where the machine reports none.
    """
    finished = with_setting(runs[runs["status"] == "finished"])
    if finished.empty:
        raise StudyError("no run has finished, so there is no cost to compare: run the study first")
    measured = ["wall_seconds", "step_seconds", "peak_memory_bytes", "images_per_second"]
    finished["device"] = finished["device"].fillna("unknown").astype(str)
    finished[measured] = finished[measured].astype(float)
    groups = finished.groupby(["setting", "device", "loss"])
    found = groups[measured].median()
    found.insert(0, "runs", groups.size())
    found = found.reset_index()
    keys = ["setting", "device"]
    reference = found.loc[found["loss"] == baseline, [*keys, *measured]]
    reference = found[keys].merge(reference, on=keys, how="left")
    for ratio, column in (
        ("wall_ratio", "wall_seconds"),
        ("step_ratio", "step_seconds"),
        ("memory_ratio", "peak_memory_bytes"),
    ):
        found[ratio] = found[column].to_numpy() / reference[column].to_numpy()
    return found


def stored_costs(reports: str | Path) -> pd.DataFrame:
    """The tables of `costs` that finished studies left in `<reports>/<study>/tables/cost.csv`.

    With the column study; without rows where there are none.
    """
    found = sorted(Path(reports).glob("*/tables/cost.csv"))
    tables = [pd.read_csv(path).assign(study=path.parents[1].name) for path in found]
    if not tables:
        return pd.DataFrame(columns=["study", "setting", "device", "loss", *_RATIOS])
    whole = pd.concat(tables, ignore_index=True)
    return whole[["study", *whole.columns.drop("study")]]


def read_bench(folder: str | Path, name: str) -> pd.DataFrame:
    """The table `<name>.csv`, "losses" or "train", that `losslab bench NAME --output` wrote.

    Raises StudyError, with the command, where it is missing or is something else.
    """
    path = Path(folder) / f"{name}.csv"
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise StudyError(
            f"{path} is missing or unreadable: call `losslab bench {name} --output {folder}`"
        ) from error
    missing = {"loss", "library", "ratio", "ratio_low", "ratio_high"} - set(table.columns)
    if missing:
        raise StudyError(
            f"{path} has no column {', '.join(sorted(missing))}: it is no table of `losslab bench "
            f"{name}`"
        )
    return table


def read_setup(folder: str | Path, name: str) -> str:
    """What the report `<name>.md` beside the table of `read_bench` says of how it was measured, and
    on what; "" where there is none.
    """
    try:
        parts = (Path(folder) / f"{name}.md").read_text(encoding="utf-8").split("\n\n")
    except OSError:
        return ""
    facts = [line.removeprefix("- ") for line in "".join(parts[2:3]).splitlines()]
    return "\n\n".join([*parts[1:2], f"Measured with {'; '.join(facts)}."])


def own_rows(bench: pd.DataFrame) -> pd.DataFrame:
    """The rows of `losslab bench losses` of losslab's losses and of torch's cross-entropy."""
    base = (bench["library"] == "torch") & bench["loss"].str.contains("cross_entropy")
    return bench[base | (bench["library"] == "losslab")]


_RATIOS = ("wall_ratio", "step_ratio", "memory_ratio")


def wall_unit(seconds: pd.Series) -> tuple[float, str]:
    """The unit in which run times read best, "s", "min" or "h", and what seconds are in it."""
    longest = float(seconds.max())
    for unit, size in (("h", 3600), ("min", 60)):
        if longest >= 2 * size:
            return 1 / size, unit
    return 1.0, "s"


def failures(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that did not finish: setting, loss, fold, seed, status, reason."""
    failed = with_setting(runs[runs["status"] != "finished"])
    return failed[["setting", "loss", "fold", "seed", "status", "reason"]].reset_index(drop=True)
