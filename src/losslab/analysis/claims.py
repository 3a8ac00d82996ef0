"""What may be claimed of each loss, in one sentence for people."""

import math

import pandas as pd

from losslab.analysis.statistics import smallest_wilcoxon_p

ALPHA = 0.05
"""Corrected p below which a difference is called one, given enough seeds."""

ENOUGH_SEEDS = 5
"""Runs per loss below which nothing is claimed: 1-2 points of IoU between seeds are usual."""


def claims(
    comparison: pd.DataFrame, noise: pd.DataFrame, flips: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One verdict and one sentence per setting and loss.

    `comparison` is the table of `paired_comparison`, `noise` of `seed_noise`, `flips` of
    `ranking_flips`. Verdicts: "better" or "worse" (at least five seeds and Holm-corrected t
    p < 0.05), "hint" (the interval excludes 0 but one of the two is missing), "unclear" (the
    interval holds 0) and "no claim" (no interval). Columns: setting, loss, verdict, sentence.
    """
    bands = noise.set_index("setting")["band"]
    rows = []
    for _, row in comparison.iterrows():
        verdict = _verdict(row)
        parts = [_finding(row), _meaning(row, verdict), _against_noise(row, bands)]
        if flips is not None:
            parts.append(_flip(row, flips))
        sentence = " ".join(part for part in parts if part)
        rows.append(
            {"setting": row["setting"], "loss": row["loss"], "verdict": verdict}
            | {"sentence": sentence}
        )
    return pd.DataFrame(rows, columns=["setting", "loss", "verdict", "sentence"])


def points(value: float, digits: int = 1, *, sign: bool = True) -> str:
    """A fraction as percentage points with a true minus sign: 0.013 is "+1.3"."""
    if math.isnan(value):
        return "–"
    shown = round(100 * value, digits) + 0.0  # + 0.0: no "-0.0"
    text = f"{shown:+.{digits}f}" if sign and shown else f"{shown:.{digits}f}"
    return text.replace("-", "−")


def p_text(p: float) -> str:
    """A p value with three digits after the point: "0.031", "<0.001" or "–" where there is none."""
    if math.isnan(p):
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def varied(row: pd.Series) -> str:
    """What the pairs behind a row of `paired_comparison` differ in: seeds, folds or both."""
    if row["folds"] < 2:
        return "seeds"
    return "folds" if row["seeds"] < 2 else "folds and seeds"


def _verdict(row: pd.Series) -> str:
    if math.isnan(row["low"]):
        return "no claim"
    if row["low"] <= 0 <= row["high"]:
        return "unclear"
    if row["seeds"] < ENOUGH_SEEDS or not row["t_p_holm"] < ALPHA:
        return "hint"
    return "better" if row["difference"] > 0 else "worse"


def _finding(row: pd.Series) -> str:
    side = "above" if row["difference"] >= 0 else "below"
    size = points(abs(row["difference"]), sign=False)
    runs = f"{row['n']} paired run{'s' if row['n'] > 1 else ''}"
    start = f"`{row['loss']}` scores {size} points {side} `{row['baseline']}`"
    if math.isnan(row["low"]):
        return f"{start} ({runs}; {row['reason']})."
    interval = f"95 % interval over {varied(row)} {points(row['low'])} to {points(row['high'])}"
    effect = "" if math.isnan(row["effect_size"]) else f", g_z = {row['effect_size']:.1f}"
    effect = effect.replace("-", "−")
    p = "" if math.isnan(row["t_p_holm"]) else f", Holm-corrected t test p = {row['t_p_holm']:.3f}"
    return f"{start} ({interval}, {runs}{effect}{p.replace('p = 0.000', 'p < 0.001')})."


def _meaning(row: pd.Series, verdict: str) -> str:
    direction = "better" if row["difference"] > 0 else "worse"
    match verdict:
        case "no claim":
            return "Nothing may be claimed from this."
        case "unclear":
            return "The interval holds 0: these runs do not tell which of the two is better."
        case "hint" if row["seeds"] < ENOUGH_SEEDS:
            few = "1 seed is" if row["seeds"] == 1 else f"{row['seeds']} seeds are"
            lowest = smallest_wilcoxon_p(int(row["n"]))
            bound = f" (Wilcoxon's p cannot fall below {lowest:.2g} here)"
            return (
                f"A hint that it is {direction}, not a claim: {few} too few"
                f"{bound if lowest > ALPHA else ''}; repeat with {ENOUGH_SEEDS} seeds or more."
            )
        case "hint":
            return (
                f"A hint that it is {direction}, not a claim: it does not hold once all "
                "comparisons of the table are corrected for."
            )
        case _:
            return f"It is {direction} than the baseline by this score."


def _against_noise(row: pd.Series, bands: pd.Series) -> str:
    band = float(bands.get(row["setting"], math.nan))
    if math.isnan(band):
        return ""
    than = "more" if abs(row["difference"]) < band else "less"
    return (
        f"Two runs that differ in the seed alone lie up to {points(band, sign=False)} points apart "
        f"(95 %), {than} than this difference."
    )


def _flip(row: pd.Series, flips: pd.DataFrame) -> str:
    two = {row["loss"], row["baseline"]}
    mine = flips[
        (flips["setting"] == row["setting"]) & flips["better"].isin(two) & flips["worse"].isin(two)
    ]
    if mine.empty:
        return ""
    named = " and ".join(mine["definition"])
    return f"The order of the two reverses under {named}."
