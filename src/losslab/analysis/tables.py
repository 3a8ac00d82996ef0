"""Tables for people: percent, mean ± standard deviation, and a file of each as CSV and LaTeX."""

import math
from pathlib import Path

import pandas as pd

from losslab.analysis.claims import ENOUGH_SEEDS, p_text, points
from losslab.analysis.costs import wall_unit
from losslab.analysis.scores import LEVELS, METRICS, definition, select_scores
from losslab.markdown import markdown_table as markdown_table

_LATEX = {"±": "$\\pm$", "−": "$-$", "–": "--", "×": "$\\times$", "<": "$<$", ">": "$>$"}


def score_table(results: pd.DataFrame) -> pd.DataFrame:
    """Every score of every loss: n (runs), mean and sd over folds and seeds, as fractions.

    Columns: setting, loss, metric, level, definition, n, mean, sd (NaN with one run).
    """
    parts = []
    for metric in METRICS:
        for level in LEVELS:
            scores = select_scores(results, metric=metric, level=level)
            groups = scores.groupby(["setting", "loss"])["value"]
            found = groups.agg(n="size", mean="mean", sd="std").reset_index()
            name = definition(metric, level)
            parts.append(found.assign(metric=metric, level=level, definition=name))
    columns = ["setting", "loss", "metric", "level", "definition", "n", "mean", "sd"]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)[columns]


def show_scores(
    table: pd.DataFrame, *, metric: str = "iou", level: str = "dataset"
) -> pd.DataFrame:
    """`score_table` of one level for people: a row per loss, "mean ± sd" in percent.

    The column of `metric` comes first and orders the rows, best first.
    """
    rows = table[table["level"] == level].copy()
    pairs = zip(rows["mean"], rows["sd"], strict=True)
    rows["text"] = [_mean_sd(mean, sd) for mean, sd in pairs]
    keys = ["setting", "loss"]
    wide = rows.pivot(index=keys, columns="metric", values="text")
    wide.insert(0, "runs", rows.groupby(keys)["n"].max())
    first = rows[rows["metric"] == metric].sort_values(["setting", "mean"], ascending=[True, False])
    names = [metric, *(name for name in METRICS if name != metric and name in wide)]
    wide = wide.loc[pd.MultiIndex.from_frame(first[keys]), ["runs", *names]].reset_index()
    return for_one_setting(wide.rename(columns={name: f"{METRICS[name]}, %" for name in names}))


def show_comparison(comparison: pd.DataFrame) -> pd.DataFrame:
    """`paired_comparison` for people: differences in points with interval, effect size and p."""
    rows = comparison.sort_values(["setting", "difference"], ascending=[True, False])
    table = pd.DataFrame({"setting": rows["setting"], "loss": rows["loss"], "pairs": rows["n"]})
    table["difference, points"] = [points(value, 2) for value in rows["difference"]]
    table["95 % interval"] = _intervals(rows)
    table["effect size g_z"] = [_number(value) for value in rows["effect_size"]]
    for test, name in (("t_p", "paired t"), ("wilcoxon_p", "Wilcoxon")):
        table[f"p, {name}"] = [p_text(value) for value in rows[test]]
        table[f"p, {name}, Holm"] = [p_text(value) for value in rows[f"{test}_holm"]]
    table["smallest Wilcoxon p"] = [p_text(value) for value in rows["wilcoxon_p_min"]]
    if rows["reason"].any():
        table["note"] = rows["reason"].to_list()
    return for_one_setting(table)


def show_images(comparison: pd.DataFrame) -> pd.DataFrame:
    """`image_comparison` for people; its p values are left to the CSV: they hold no seed noise."""
    rows = comparison.sort_values(["setting", "difference"], ascending=[True, False])
    table = pd.DataFrame({"setting": rows["setting"], "loss": rows["loss"], "images": rows["n"]})
    table["difference, points"] = [points(value, 2) for value in rows["difference"]]
    table["95 % interval (BCa)"] = _intervals(rows)
    table["effect size g_z"] = [_number(value) for value in rows["effect_size"]]
    table["better on, % of images"] = [points(v, 0, sign=False) for v in rows["better"]]
    return for_one_setting(table)


def show_noise(noise: pd.DataFrame) -> pd.DataFrame:
    """`seed_noise` for people, in points."""
    names = {
        "sd": "sd between seeds, points",
        "lowest": "quietest loss",
        "highest": "noisiest loss",
    }
    names |= {"band": "95 % of reseeded differences within ±"}
    table = noise[["setting", *names]].rename(columns=names)
    for name in names.values():
        table[name] = [points(value, 2, sign=False) for value in table[name]]
    table["degrees of freedom"] = noise["df"].to_list()
    return for_one_setting(table)


def show_rankings(rankings: pd.DataFrame) -> pd.DataFrame:
    """`rankings` for people: a row per loss, "rank (percent)" under each definition."""
    rows = rankings.copy()
    texts = zip(rows["rank"], rows["value"], strict=True)
    rows["text"] = [f"{rank} ({points(value, sign=False)})" for rank, value in texts]
    names = list(dict.fromkeys(rows["definition"]))
    wide = rows.pivot(index=["setting", "loss"], columns="definition", values="text")
    first = rows[rows["chosen"]].sort_values(["setting", "rank", "loss"])
    wide = wide.loc[pd.MultiIndex.from_frame(first[["setting", "loss"]]), names]
    return for_one_setting(wide.fillna("–").reset_index())


def show_costs(costs: pd.DataFrame) -> pd.DataFrame:
    """`costs` for people: wall time, milliseconds and GiB, each with its ratio to the baseline."""
    table = costs[["setting", "device", "loss", "runs"]].copy()
    scale, unit = wall_unit(costs["wall_seconds"])
    columns = (
        (f"wall time, {unit}", "wall_seconds", scale, "wall_ratio"),
        ("step, ms", "step_seconds", 1000, "step_ratio"),
        ("peak memory, GiB", "peak_memory_bytes", 2**-30, "memory_ratio"),
    )
    for name, column, scale, ratio in columns:
        pairs = zip(costs[column] * scale, costs[ratio], strict=True)
        table[name] = [_with_ratio(value, against) for value, against in pairs]
    if table["device"].nunique() == 1:
        table = table.drop(columns="device")
    return for_one_setting(table)


def show_epochs(medians: pd.DataFrame) -> pd.DataFrame:
    """`median_epochs` for people; ">30" is a median that lies beyond epoch 30."""
    table = medians[["setting", "loss"]].copy()
    table["threshold, %"] = [points(value, sign=False) for value in medians["threshold"]]
    counts = zip(medians["reached"], medians["runs"], strict=True)
    table["runs that reach it"] = [f"{reached} of {runs}" for reached, runs in counts]
    pairs = zip(medians["median"], medians["beyond"], strict=True)
    table["median epoch"] = [f">{past:g}" if math.isnan(m) else f"{m:g}" for m, past in pairs]
    return for_one_setting(table)


def show_flips(flips: pd.DataFrame) -> pd.DataFrame:
    """`ranking_flips` for people, in points."""
    table = flips[["setting", "better", "worse", "definition"]].copy()
    table["chosen score, points"] = [points(value, 2) for value in flips["difference"]]
    table["under that, points"] = [points(value, 2) for value in flips["other_difference"]]
    few = flips["seeds"] < ENOUGH_SEEDS
    table["both 95 % intervals exclude 0 (uncorrected)"] = [
        f"fewer than {ENOUGH_SEEDS} seeds" if below else "yes" if clear else "no"
        for below, clear in zip(few, flips["clear"], strict=True)
    ]
    return for_one_setting(table.rename(columns={"definition": "reverses under"}))


def show_samples(summary: pd.DataFrame) -> pd.DataFrame:
    """`sample_summary` for people."""
    table = summary[["image", "loss"]].copy()
    table["wrong pixels, %"] = [points(value, sign=False) for value in summary["wrong"]]
    for name in ("right", "wrong"):
        values = summary[f"entropy_{name}"]
        table[f"entropy where {name}"] = ["–" if math.isnan(v) else f"{v:.2f}" for v in values]
    return table


def for_one_setting(table: pd.DataFrame) -> pd.DataFrame:
    """The table without its column `setting` where that is the same in every row."""
    return table.drop(columns="setting") if table["setting"].nunique() <= 1 else table


def inline_list(table: pd.DataFrame) -> str:
    """A table of name and value as one line of text, without what is not set."""
    rows = table[table["value"] != "–"].to_dict("records")
    return "; ".join(f"{row['name']} `{row['value']}`" for row in rows)


def write_table(
    directory: str | Path, name: str, numbers: pd.DataFrame, text: pd.DataFrame | None = None
) -> None:
    """Write `tables/<name>.csv` (full precision) and `tables/<name>.tex` under a report's folder.

    The LaTeX table is `text`, the one for people (default `numbers`), and needs the package
    booktabs. With directory "" nothing is written, so that a notebook can be run for its display.
    """
    if str(directory) == "":
        return
    folder = Path(directory) / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    numbers.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    shown = numbers if text is None else text
    latex = shown.to_latex(index=False, escape=True)
    for character, command in _LATEX.items():
        latex = latex.replace(character, command)
    (folder / f"{name}.tex").write_text(latex, encoding="utf-8")


def _mean_sd(mean: float, sd: float) -> str:
    text = points(mean, 2, sign=False)
    return text if math.isnan(sd) else f"{text} ± {points(sd, 2, sign=False)}"


def _intervals(rows: pd.DataFrame) -> list[str]:
    ends = zip(rows["low"], rows["high"], strict=True)
    return ["–" if math.isnan(a) else f"{points(a, 2)} to {points(b, 2)}" for a, b in ends]


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.2f}".replace("-", "−")


def _with_ratio(value: float, ratio: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.3g}" if math.isnan(ratio) else f"{value:.3g} ({ratio:.2f} ×)"
