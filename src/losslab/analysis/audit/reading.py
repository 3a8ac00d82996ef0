"""What a modern analysis of a paper's tables supports: a few lines a paper, from the tables."""

from typing import Any

import pandas as pd

from losslab.analysis.audit.censored import EPOCHS
from losslab.analysis.audit.findings import of, wide
from losslab.analysis.audit.names import (
    ALL,
    OURS,
    comparison_name,
    data_set_name,
    model_name,
    rho_text,
)
from losslab.analysis.claims import ALPHA, p_text, points

_AGAIN = {
    "rahman2016": "the pictures of VOC 2010 are among those of VOC 2011",
    "chen2020": "the run with the best weights stands in the weightings, classes and settings",
    "gul2023": "two of seven settings are one with two seeds",
}
"""What a paper prints more than once."""


def read_paper(paper: str, summary: pd.DataFrame, units: pd.DataFrame, cells: pd.DataFrame) -> str:
    """What the tables of one paper support, and why: intervals, correction, units, censoring.

    `summary` is the table of `gain_summary`, `units` of `unit_gains`, `cells` of `load_published`.
    Markdown: a paragraph, and a list of the reasons.
    """
    rows = summary[(summary["paper"] == paper) & (summary["baseline"] == "ce")]
    others = summary[(summary["paper"] == paper) & (summary["baseline"] != "ce")]
    reasons = {
        "Intervals and correction": _intervals(rows, len(others)),
        "Other losses": _others(others) if len(others) else "",
        "Independence": _dependence(rows, paper),
        "Larger units": _units(units, paper),
        "Seeds": _seeds(cells, paper),
        "Censoring": _censoring(cells, paper),
    }
    lines = [f"- *{name}.* {text}" for name, text in reasons.items() if text]
    bottom = f"**What a modern analysis supports.** {_bottom_line(rows, others, units, paper)}"
    return "\n\n".join([bottom, "\n".join(lines)])


def _bottom_line(rows: pd.DataFrame, others: pd.DataFrame, units: pd.DataFrame, paper: str) -> str:
    found = units[(units["paper"] == paper) & (units["part"] == "")].set_index("units")
    (sets,) = found.loc[["data sets"]].to_dict("records")
    text = (
        f"A mean gain of {points(sets['difference'])} points over cross-entropy. As far as pairs "
        f"are independent, it is clear of 0 in {_sure(rows)} comparisons"
    )
    text += f", and that over other losses in {_sure(others)}" if len(others) else ""
    for name in ("networks on data sets", "data sets"):
        (row,) = found.loc[[name]].to_dict("records")
        if not pd.isna(row["low"]):
            holds = "" if row["low"] > 0 else ", which holds 0"
            text += f"; with {row['n']} {name} as the units it is {_interval(row)}{holds}"
    few = f" The {sets['n']} data sets are too few to say anything of others."
    return f"{text}.{few if pd.isna(sets['low']) else ''}"


def _intervals(rows: pd.DataFrame, others: int) -> str:
    """Gain, both intervals and Holm's p of each comparison with cross-entropy."""
    texts = [
        f"{comparison_name(row['comparison'])} ({row['n']} pairs) {points(row['difference'])} "
        f"points, {_span(row['low'], row['high'])} by t, {_span(row['bca_low'], row['bca_high'])} "
        f"by BCa, {_p(row['t_p_holm'])}"
        for row in rows.to_dict("records")
    ]
    family = len(rows) + others
    corrected = f"p after Holm over the paper's {family} comparisons" if family > 1 else ""
    return f"{_first_up('; '.join(texts))}{f' ({corrected})' if corrected else ''}."


def _others(rows: pd.DataFrame) -> str:
    """Against baselines other than cross-entropy."""
    worse = int((rows["difference"] < 0).sum())
    return (
        f"Over them {_sure(rows)} comparisons are clear of 0 after Holm, and in {worse} the "
        "proposed loss is behind on average."
    )


def _sure(rows: pd.DataFrame) -> str:
    """How many comparisons are clear of 0 after Holm, of how many."""
    sure = (rows["t_p_holm"] < ALPHA) & (rows["difference"] > 0)
    return f"{int(sure.sum())} of {len(rows)}"


def _dependence(rows: pd.DataFrame, paper: str) -> str:
    reasons = list(dict.fromkeys(rows["dependence"]))
    reasons += [_AGAIN[paper]] if paper in _AGAIN else []
    return (
        f"The pairs are not independent, so these intervals are too narrow: {'; '.join(reasons)}."
    )


def _units(units: pd.DataFrame, paper: str) -> str:
    """The same gain with networks on data sets, and with data sets, as the units."""
    found = units[units["paper"] == paper]
    whole = found[(found["part"] == "") & (found["units"] != "pairs")]
    # Where each data set has one network, the two units are the same.
    whole = whole.drop_duplicates("n", keep="last")
    texts = [f"{row['units']} (n = {row['n']}): {_mean(row)}" for row in whole.to_dict("records")]
    texts += [
        f"{model_name(row['part'])} alone ({row['n']} pairs): {_mean(row)}"
        for row in found[(found["part"] != "") & (found["units"] == "pairs")].to_dict("records")
    ]
    return f"Mean gain by {'; '.join(texts)}."


def _mean(row: dict[Any, Any]) -> str:
    if pd.isna(row["low"]):
        return f"{points(row['difference'])} points, too few for an interval"
    return f"{points(row['difference'])} points, {_span(row['low'], row['high'])}, {_p(row['p'])}"


def _seeds(cells: pd.DataFrame, paper: str) -> str:
    """How far one setting moves with the seed, where a paper trains one twice."""
    if paper != "gul2023":
        return "Each number is of one run, so the spread over seeds is not known."
    rows = of(cells, paper, "4.5", "4.12").query("metric == 'boundary_iou'")
    values = wide(rows, ["dataset", "loss"], "table")
    texts = [
        f"{points(part.min())} to {points(part.max())} points on {data_set_name(str(dataset))}"
        for dataset, part in (values["4.12"] - values["4.5"]).groupby("dataset")
    ]
    return (
        "One setting is trained with two, which shows what the seed alone does to a loss's "
        f"boundary IoU: {'; '.join(texts)}. The others are trained once."
    )


def _censoring(cells: pd.DataFrame, paper: str) -> str:
    epochs = cells[(cells["paper"] == paper) & (cells["metric"].str.contains("epochs"))]
    epochs = epochs[epochs["loss"] != ""]
    if not len(epochs):
        return ""
    missing = int(epochs["value"].isna().sum())
    if not missing:
        return (
            f"None of the {len(epochs)} epochs is censored (the longest run has "
            f"{epochs['value'].max():.0f}), but each is where a patience rule stopped the run: "
            "two are aberrations that it may have stopped too early."
        )
    ours = epochs[epochs["loss"] == OURS]
    return (
        f"Of {len(epochs)} runs {missing} do not converge in {EPOCHS} epochs, "
        f"{int(ours['value'].isna().sum())} of {len(ours)} with the proposed loss: they are "
        "right-censored, and a mean over the others would favour losses that often fail."
    )


def read_pool(units: pd.DataFrame) -> str:
    """The five papers together, with data sets and with papers as units."""
    texts = [
        f"with {row['units']} as units (n = {row['n']}) the mean gain over cross-entropy is "
        f"{_mean(row)}"
        for row in units[units["paper"] == ALL].to_dict("records")
    ]
    return (
        f"Taken together, {'; '.join(texts)}. These are five different losses, scored by IoU, "
        "boundary IoU and Dice, and published results only: this describes the papers and "
        "estimates no one effect."
    )


def read_doubtful(table: pd.DataFrame) -> str:
    """`without_doubtful`: what changes where the doubtful cells are left out."""
    texts = []
    for name, part in table.groupby("comparison", sort=False):
        every, rest = part.to_dict("records")
        same = (every["p"] < ALPHA) == (rest["p"] < ALPHA)
        gain = (every["gain_p"] < ALPHA) == (rest["gain_p"] < ALPHA)
        texts.append(
            f"{comparison_name(str(name))} without {rest['without']}: the mean gain is "
            f"{points(rest['difference'], 2)} points ({_p(rest['gain_p'])}) and not "
            f"{points(every['difference'], 2)} ({_p(every['gain_p'])}), Spearman "
            f"{rho_text(rest['rho'])} ({_p(rest['p'])}) and not {rho_text(every['rho'])} "
            f"({_p(every['p'])}): at {100 * ALPHA:.0f} % "
            + ("neither verdict changes" if same and gain else "a verdict changes")
        )
    return f"{'; '.join(texts)}."


def _interval(row: dict[Any, Any]) -> str:
    return f"{points(row['difference'])}, {_span(row['low'], row['high'])}"


def _span(low: float, high: float) -> str:
    return "no interval" if pd.isna(low) else f"{points(low)} to {points(high)}"


def _p(value: float) -> str:
    text = p_text(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def _first_up(text: str) -> str:
    return text[0].upper() + text[1:]
