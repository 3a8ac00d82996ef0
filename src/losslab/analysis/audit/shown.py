"""Tables of the audit for people."""

import textwrap
from collections.abc import Mapping

import pandas as pd

from losslab.analysis.audit.censored import EPOCHS
from losslab.analysis.audit.names import (
    comparison_name,
    data_set_name,
    loss_name,
    paper_name,
    rho_text,
    unit_name,
)
from losslab.analysis.claims import p_text, points
from losslab.analysis.scores import METRICS
from losslab.markdown import markdown_table

_BREAK = "⏎"
"""Stands for a line's end until the table is Markdown, which would escape `<br>`."""


def broken_table(table: pd.DataFrame, widths: Mapping[str, int] | None = None) -> str:
    """A Markdown table whose cells of the named columns are broken into lines of so many letters.

    A ⏎ in any cell or column name is a line's end, too.
    """
    shown = table.copy()
    for name, width in (widths or {}).items():
        texts = table[name].astype(str)
        shown[name] = [_BREAK.join(textwrap.wrap(text, width)) for text in texts]
    return markdown_table(shown).replace(_BREAK, "<br>")


def show_findings(found: pd.DataFrame) -> pd.DataFrame:
    """The findings of one paper: what it says, how that is read, and what its cells give.

    Four digits that count. A check of ours, of which the paper says nothing, says so.
    """
    table = pd.DataFrame({"table": found["table"].to_numpy()})
    table["the paper"] = [text or "(our check)" for text in found["says"]]
    table["read as"] = found["claim"].to_numpy()
    table["printed"] = found["printed"].str.replace("-", "−").to_numpy()
    table["derived"] = [
        "–" if pd.isna(value) else f"{value:.4g}".replace("-", "−") for value in found["derived"]
    ]
    return table.assign(verdict=found["verdict"].to_numpy(), note=found["note"].to_numpy())


def findings_table(found: pd.DataFrame) -> str:
    """`show_findings` as Markdown, in lines that fit a page; notes stand under what is read."""
    return broken_table(_with_notes(show_findings(found)), {"table": 8, "the paper": 34})


def contradicted_table(found: pd.DataFrame) -> str:
    """The contradicted findings of all papers, as Markdown."""
    rows = found[found["verdict"] == "contradicted"]
    table = _with_notes(show_findings(rows)).drop(columns=["table", "verdict"])
    places = zip(rows["paper"], rows["table"], strict=True)
    names = [f"{paper_name(paper)},{_BREAK}Table {number}" for paper, number in places]
    table.insert(0, "paper", names)
    return broken_table(table, {"the paper": 34})


def _with_notes(table: pd.DataFrame) -> pd.DataFrame:
    """The findings with each note in the cell of how the claim is read, and no quotation twice."""
    texts = [
        _lines(claim) + (f"{_BREAK}{_lines(f'({note})')}" if note else "")
        for claim, note in zip(table["read as"], table["note"], strict=True)
    ]
    again = table["the paper"].eq(table["the paper"].shift()) & table["the paper"].str.contains('"')
    shown = table.assign(
        **{"read as": texts, "the paper": table["the paper"].mask(again, "(same)")}
    )
    return shown.rename(columns={"read as": "read as (note)"}).drop(columns="note")


def _lines(text: str, width: int = 40) -> str:
    return _BREAK.join(textwrap.wrap(text, width))


def show_wins(wins: pd.DataFrame) -> pd.DataFrame:
    """`wins_table` for people, shaped like Table 4.7; "1 → 0" is printed 1 and derived 0."""
    texts = [
        f"{row['printed']:.0f}"
        if row["printed"] == row["derived"]
        else f"{row['printed']:.0f} → {row['derived']:.0f}"
        for row in wins.to_dict("records")
    ]
    scores = [METRICS.get(name, name) for name in wins["metric"].str.removeprefix("wins_")]
    pairs = zip(wins["dataset"], scores, strict=True)
    names = [f"{data_set_name(dataset)}{_BREAK}{score}" for dataset, score in pairs]
    names = [
        name.replace("AMask", f"A{_BREAK}Mask") for name in names
    ]  # too wide for seven columns
    losses = [loss_name(loss) for loss in wins["loss"]]
    shown = pd.DataFrame({"loss": losses, "score": names, "text": texts})
    shown = shown.pivot(index="loss", columns="score", values="text")
    shown = shown.loc[list(dict.fromkeys(losses)), list(dict.fromkeys(names))]
    return shown.rename_axis(columns=None).reset_index()


def show_gains(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary of gains for people, in points."""
    rows = summary.to_dict("records")
    names = [comparison_name(row["comparison"]) for row in rows]
    papers = [paper_name(row["paper"]) for row in rows]
    table = pd.DataFrame(
        {"comparison": [f"{a}:{_BREAK}{b}" for a, b in zip(papers, names, strict=True)]}
    )
    overs = [f"{METRICS[row['metric']]} over{_BREAK}{loss_name(row['baseline'])}" for row in rows]
    table["score and baseline"] = overs
    table[f"pairs{_BREAK}that gain"] = [f"{row['better']} of {row['n']}" for row in rows]
    table[f"gain,{_BREAK}points"] = [points(row["difference"], 2) for row in rows]
    for name, low, high in (("t", "low", "high"), ("BCa", "bca_low", "bca_high")):
        table[f"95 % interval,{_BREAK}{name}"] = [_ends(row[low], row[high]) for row in rows]
    ps = [f"{p_text(row['t_p'])} ({p_text(row['t_p_holm'])})" for row in rows]
    table[f"p, paired t{_BREAK}(Holm)"] = ps
    return table


def show_units(units: pd.DataFrame) -> pd.DataFrame:
    """`unit_gains` for people, in points."""
    rows = units.to_dict("records")
    table = pd.DataFrame({"paper": [unit_name(row) for row in rows]})
    table["units"] = units["units"].to_numpy()
    table["n"] = units["n"].to_numpy()
    table["gain, points"] = [points(row["difference"], 2) for row in rows]
    table["95 % interval"] = [
        "too few" if pd.isna(row["low"]) else _ends(row["low"], row["high"]) for row in rows
    ]
    return table.assign(p=[p_text(row["p"]) for row in rows])


def show_associations(table: pd.DataFrame) -> pd.DataFrame:
    """`associations`, and `without_doubtful`, for people."""
    rows = table.to_dict("records")
    shown = pd.DataFrame({"paper": [paper_name(row["paper"]) for row in rows]})
    shown["comparison"] = [comparison_name(row["comparison"]) for row in rows]
    if "without" in table:
        shown["without"] = [row["without"] or "–" for row in rows]
    shown["pairs"] = table["n"].to_numpy()
    shown["Spearman"] = [rho_text(row["rho"]) for row in rows]
    shown["95 % interval"] = [f"{rho_text(row['low'])} to {rho_text(row['high'])}" for row in rows]
    shown["p"] = [p_text(row["p"]) for row in rows]
    if "rho_mean" in table:
        shown["with the mean of both"] = [rho_text(row["rho_mean"]) for row in rows]
    return shown


def show_convergence(table: pd.DataFrame) -> pd.DataFrame:
    """`convergence` for people; ">60" is a median that lies beyond the last epoch."""
    rows = table.to_dict("records")
    shown = pd.DataFrame({"data set": [data_set_name(row["dataset"]) for row in rows]})
    shown["loss"] = [loss_name(row["loss"]) for row in rows]
    shown[f"runs that{_BREAK}reach it"] = [f"{row['reached']} of {row['runs']}" for row in rows]
    shown[f"median{_BREAK}epoch"] = [
        f">{EPOCHS}" if pd.isna(row["median"]) else f"{row['median']:g}" for row in rows
    ]
    shown[f"mean of the{_BREAK}{EPOCHS} epochs"] = [f"{row['mean']:.1f}" for row in rows]
    ours = table["p"].isna() & (table["sooner"] + table["later"] == 0)
    alone = ours.to_list()
    texts = [f"{row['sooner']}, {row['later']}, {row['undecided']}" for row in rows]
    shown[f"distance sooner,{_BREAK}later, neither"] = _unless(alone, texts)
    texts = [f"{row['earlier']:.1f} ({_span(row)})" for row in rows]
    shown[f"sooner by, epochs{_BREAK}(95 % interval)"] = _unless(alone, texts)
    texts = [f"{p_text(row['p'])} ({p_text(row['p_holm'])})" for row in rows]
    shown[f"p, log-rank{_BREAK}(Holm)"] = _unless(alone, texts)
    return shown


def one_line(table: pd.DataFrame) -> pd.DataFrame:
    """The table without its line ends, for LaTeX."""
    plain = table.rename(columns=lambda name: str(name).replace(_BREAK, " "))
    return plain.map(lambda cell: cell.replace(_BREAK, " ") if isinstance(cell, str) else cell)


def _unless(alone: list[bool], texts: list[str]) -> list[str]:
    return ["–" if hide else text for hide, text in zip(alone, texts, strict=True)]


def _span(row: dict) -> str:
    low, high = row["earlier_low"], row["earlier_high"]
    return "–" if pd.isna(low) else f"{low:.1f} to {high:.1f}".replace("-", "−")


def _ends(low: float, high: float) -> str:
    return "–" if pd.isna(low) else f"{points(low, 2)} to {points(high, 2)}"
