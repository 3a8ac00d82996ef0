"""What a modern analysis of a paper's tables supports: a paragraph a paper, from the tables."""

from typing import Any

import pandas as pd

from losslab.analysis.audit.censored import EPOCHS
from losslab.analysis.audit.findings import of, wide
from losslab.analysis.audit.gul import OURS
from losslab.analysis.audit.names import comparison_name, model_name, paper_name
from losslab.analysis.audit.units import ALL
from losslab.analysis.claims import ALPHA, p_text, points


def read_paper(paper: str, summary: pd.DataFrame, units: pd.DataFrame, cells: pd.DataFrame) -> str:
    """A paragraph on one paper: intervals, correction, dependence, units, censoring.

    `summary` is the table of `gain_summary`, `units` of `unit_gains`, `cells` of `load_published`.
    """
    rows = summary[(summary["paper"] == paper) & (summary["baseline"] == "ce")]
    others = summary[(summary["paper"] == paper) & (summary["baseline"] != "ce")]
    parts = [_intervals(rows, len(others)), _dependence(rows), _units(units, paper)]
    if len(others):
        parts.append(_others(others))
    parts += [_seeds(cells, paper), _censoring(cells, paper)]
    return " ".join(part for part in parts if part)


def _intervals(rows: pd.DataFrame, others: int) -> str:
    """Gain, both intervals and Holm's p of each comparison with cross-entropy."""
    texts = [
        f"{comparison_name(row['comparison'])} ({row['n']} pairs): {points(row['difference'])} "
        f"points, {_span(row['low'], row['high'])} by t, {_span(row['bca_low'], row['bca_high'])} "
        f"by BCa, {_p(row['t_p_holm'])}"
        for row in rows.to_dict("records")
    ]
    sure = int(((rows["t_p_holm"] < ALPHA) & (rows["difference"] > 0)).sum())
    family = len(rows) + others
    corrected = (
        f"Holm over the paper's {family} comparisons"
        if family > 1
        else "one comparison, nothing to correct"
    )
    return (
        f"Gain over cross-entropy: {'; '.join(texts)}. Taken as independent ({corrected}), "
        f"{sure} of {len(rows)} {'is' if sure == 1 else 'are'} clear of 0."
    )


def _dependence(rows: pd.DataFrame) -> str:
    reasons = list(dict.fromkeys(rows["dependence"]))
    return f"But the pairs are not independent: {'; '.join(reasons)}."


def _units(units: pd.DataFrame, paper: str) -> str:
    """The same gain with networks on data sets, and with data sets, as the units."""
    found = units[units["paper"] == paper]
    whole = found[(found["part"] == "") & (found["units"] != "pairs")]
    # Where each data set has one network, the two units are the same.
    whole = whole.drop_duplicates("n", keep="last")
    texts = [
        f"with {row['units']} as units (n = {row['n']}) {_mean(row)}"
        for row in whole.to_dict("records")
    ]
    texts += [
        f"of {model_name(row['part'])} alone ({row['n']} pairs) {_mean(row)}"
        for row in found[(found["part"] != "") & (found["units"] == "pairs")].to_dict("records")
    ]
    return f"The mean gain is, {'; '.join(texts)}."


def _mean(row: dict[Any, Any]) -> str:
    if pd.isna(row["low"]):
        return f"{points(row['difference'])} points, too few for an interval"
    return f"{points(row['difference'])} points, {_span(row['low'], row['high'])}, {_p(row['p'])}"


def _others(rows: pd.DataFrame) -> str:
    """Against baselines other than cross-entropy."""
    sure = (rows["t_p_holm"] < ALPHA) & (rows["difference"] > 0)
    worse = rows["difference"] < 0
    return (
        f"Over the other losses {int(sure.sum())} of {len(rows)} comparisons are clear of 0 after "
        f"Holm, and in {int(worse.sum())} the proposed loss is behind on average."
    )


def _seeds(cells: pd.DataFrame, paper: str) -> str:
    """How far one setting moves with the seed, where a paper trains one twice."""
    if paper != "gul2023":
        return ""
    rows = of(cells, paper, "4.5", "4.12").query("metric == 'boundary_iou'")
    values = wide(rows, ["dataset", "loss"], "table")
    texts = []
    for dataset, part in (values["4.12"] - values["4.5"]).groupby("dataset"):
        name = comparison_name(f"{dataset} ").rstrip(", ")
        texts.append(f"{points(part.min())} to {points(part.max())} points on {name}")
    return (
        "The one setting that is trained with two seeds shows what the seed alone does to a loss's "
        f"boundary IoU: {'; '.join(texts)}. No setting has more than two."
    )


def _censoring(cells: pd.DataFrame, paper: str) -> str:
    epochs = cells[(cells["paper"] == paper) & (cells["metric"].str.contains("epochs"))]
    epochs = epochs[epochs["loss"] != ""]
    if not len(epochs):
        return "It prints no epochs, so nothing is censored."
    missing = int(epochs["value"].isna().sum())
    if not missing:
        return (
            f"None of its {len(epochs)} epochs is censored (the longest run has "
            f"{epochs['value'].max():.0f}), but each is where a patience rule stopped the run."
        )
    ours = epochs[epochs["loss"] == OURS]
    return (
        f"Of its {len(epochs)} runs {missing} do not converge in {EPOCHS} epochs, "
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
        f"Taken together, {'; '.join(texts)}. These are five different losses, two metrics and "
        "more, and only published results: it describes the papers and estimates no one effect."
    )


def show_units(units: pd.DataFrame) -> pd.DataFrame:
    """`unit_gains` for people, in points."""
    rows = units.to_dict("records")
    names = [row["paper"] if row["paper"] == ALL else paper_name(row["paper"]) for row in rows]
    parts = [f", {model_name(row['part'])}" if row["part"] else "" for row in rows]
    table = pd.DataFrame({"paper": [a + b for a, b in zip(names, parts, strict=True)]})
    table["units"] = units["units"].to_numpy()
    table["n"] = units["n"].to_numpy()
    table["gain, points"] = [points(row["difference"], 2) for row in rows]
    table["95 % interval"] = [
        "too few" if pd.isna(row["low"]) else f"{points(row['low'], 2)} to {points(row['high'], 2)}"
        for row in rows
    ]
    return table.assign(p=[p_text(row["p"]) for row in rows])


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
            f"{_rho(rest['rho'])} ({_p(rest['p'])}) and not {_rho(every['rho'])} "
            f"({_p(every['p'])}): at {100 * ALPHA:.0f} % "
            + ("neither verdict changes" if same and gain else "a verdict changes")
        )
    return f"{'; '.join(texts)}."


def show_associations(table: pd.DataFrame) -> pd.DataFrame:
    """`associations` for people."""
    rows = table.to_dict("records")
    shown = pd.DataFrame({"paper": [paper_name(row["paper"]) for row in rows]})
    shown["comparison"] = [comparison_name(row["comparison"]) for row in rows]
    if "without" in table:
        shown["without"] = [row["without"] or "–" for row in rows]
    shown["pairs"] = table["n"].to_numpy()
    shown["Spearman"] = [_rho(row["rho"]) for row in rows]
    shown["95 % interval"] = [f"{_rho(row['low'])} to {_rho(row['high'])}" for row in rows]
    shown["p"] = [p_text(row["p"]) for row in rows]
    if "rho_mean" in table:
        shown["with the mean of both"] = [_rho(row["rho_mean"]) for row in rows]
    return shown


def _span(low: float, high: float) -> str:
    return "no interval" if pd.isna(low) else f"{points(low)} to {points(high)}"


def _p(value: float) -> str:
    text = p_text(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def _rho(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
