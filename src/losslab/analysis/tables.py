"""Tables for people: percent, mean ± standard deviation, and a file of each as CSV and LaTeX."""

import math
import re
from pathlib import Path

import pandas as pd

from losslab.analysis.claims import p_text, points
from losslab.analysis.costs import wall_unit
from losslab.analysis.definitions import caption as caption
from losslab.analysis.definitions import with_definition as with_definition
from losslab.analysis.score_tables import score_table as score_table
from losslab.analysis.score_tables import scores_caption as scores_caption
from losslab.analysis.score_tables import show_flips as show_flips
from losslab.analysis.score_tables import show_rankings as show_rankings
from losslab.analysis.score_tables import show_scores as show_scores
from losslab.analysis.table_parts import best_first, spans
from losslab.analysis.table_parts import for_one_setting as for_one_setting
from losslab.markdown import escaped
from losslab.markdown import markdown_table as markdown_table

_LATEX = {
    "±": "$\\pm$",
    "−": "$-$",
    "–": "--",
    "×": "$\\times$",
    "<": "$<$",
    ">": "$>$",
    "τ": "$\\tau$",
}


def show_comparison(comparison: pd.DataFrame) -> pd.DataFrame:
    """`paired_comparison` for people: differences in points with interval, effect size and p."""
    rows = best_first(comparison)
    table = pd.DataFrame({"setting": rows["setting"], "loss": rows["loss"], "pairs": rows["n"]})
    table["difference, points"] = [points(value, 2) for value in rows["difference"]]
    table["95 % interval"] = spans(rows)
    table["effect size g_z"] = [_number(value) for value in rows["effect_size"]]
    for test, name in (("t_p", "paired t"), ("wilcoxon_p", "Wilcoxon")):
        table[f"p, {name}"] = [p_text(value) for value in rows[test]]
        table[f"p, {name}, Holm"] = [p_text(value) for value in rows[f"{test}_holm"]]
    table["smallest Wilcoxon p"] = [p_text(value) for value in rows["wilcoxon_p_min"]]
    if rows["reason"].any():
        table["note"] = rows["reason"].to_list()
    return for_one_setting(table)


def show_images(comparison: pd.DataFrame) -> pd.DataFrame:
    """`image_comparison` for people; its p values are left to the CSV: they hold no seed noise.

    The head names the kinds of interval: "BCa", or "t" where images are few.
    """
    rows = best_first(comparison)
    table = pd.DataFrame({"setting": rows["setting"], "loss": rows["loss"], "images": rows["n"]})
    table["difference, points"] = [points(value, 2) for value in rows["difference"]]
    kinds = rows["interval"].unique()
    table[f"95 % interval ({' or '.join(kinds)})"] = spans(rows)
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


def show_samples(summary: pd.DataFrame) -> pd.DataFrame:
    """`sample_summary` for people."""
    table = summary[["image", "loss"]].copy()
    table["wrong pixels, %"] = [points(value, sign=False) for value in summary["wrong"]]
    for name in ("right", "wrong"):
        values = summary[f"entropy_{name}"]
        table[f"entropy where {name}"] = ["–" if math.isnan(v) else f"{v:.2f}" for v in values]
    return table


def inline_list(table: pd.DataFrame) -> str:
    """A table of name and value as one line of text, without what is not set."""
    rows = table[table["value"] != "–"].to_dict("records")
    return "; ".join(f"{row['name']} `{row['value']}`" for row in rows)


def write_table(
    directory: str | Path,
    name: str,
    numbers: pd.DataFrame,
    text: pd.DataFrame | None = None,
    *,
    caption: str = "",
    markdown: bool = False,
) -> None:
    """Write `tables/<name>.csv` (full precision) and `tables/<name>.tex` under a report's folder,
    and `tables/<name>.md` where asked for.

    The LaTeX and Markdown tables are `text`, the one for people (default `numbers`), under their
    caption; LaTeX needs the package booktabs. With directory "" nothing is written, so that a
    notebook can be run for its display.
    """
    if str(directory) == "":
        return
    folder = Path(directory) / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    numbers.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    shown = numbers if text is None else text
    latex = shown.to_latex(index=False, escape=True, caption=_latex_text(caption) or None)
    for character, command in _LATEX.items():
        latex = latex.replace(character, command)
    (folder / f"{name}.tex").write_text(latex, encoding="utf-8")
    if markdown:
        lines = "\n\n".join(filter(None, [escaped(caption), markdown_table(shown)]))
        (folder / f"{name}.md").write_text(f"{lines}\n", encoding="utf-8")


def _latex_text(text: str) -> str:
    """The text with what LaTeX would read as a command escaped."""
    return re.sub(r"[%&#_$]", r"\\\g<0>", text)


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.2f}".replace("-", "−")


def _with_ratio(value: float, ratio: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.3g}" if math.isnan(ratio) else f"{value:.3g} ({ratio:.2f} ×)"
