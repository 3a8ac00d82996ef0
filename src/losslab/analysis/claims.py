"""What may be claimed of each loss, in one sentence for people."""

import math

import pandas as pd

ALPHA = 0.05
"""Corrected p below which a difference is called one, given enough seeds."""

ENOUGH_SEEDS = 5
"""Runs per loss below which nothing is claimed: 1-2 points of IoU between seeds are usual."""


MANY_PAIRS = 1000
"""Beyond so many runs the number of them is no plan."""


def claims(
    comparison: pd.DataFrame,
    noise: pd.DataFrame,
    flips: pd.DataFrame | None = None,
    *,
    label: str = "",
    floor: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One verdict and one sentence per setting and loss.

    `comparison` is the table of `paired_comparison`, with the column `practical` where it went
    through `relevance`; `noise` of `seed_noise`, `flips` of `ranking_flips`, `floor` of
    `repeat_noise`; `label` names the score, such as "IoU (data set)". Verdicts: "better" or "worse"
    (at least five seeds and Holm-corrected t p < 0.05), "hint of better" or "hint of worse" (the
    interval excludes 0 but one of the two is missing), "unclear" (the interval holds 0) and "no
    claim" (no interval). Columns: setting, loss, verdict, sentence.
    """
    bands = noise.set_index("setting")["band"]
    floors = pd.Series(dtype=float) if floor is None else floor.set_index("setting")["largest"]
    rows = []
    for _, row in comparison.iterrows():
        verdict = _verdict(row)
        parts = [_finding(row, verdict, label), _meaning(row, verdict), _practice(row, verdict)]
        parts += [_needed(row), _against_noise(row, bands, floors)]
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
        return f"hint of {_direction(row)}"
    return _direction(row)


def _direction(row: pd.Series) -> str:
    return "better" if row["difference"] > 0 else "worse"


def _finding(row: pd.Series, verdict: str, label: str) -> str:
    of = f" of {label}" if label else ""
    size = f"{points(abs(row['difference']), sign=False)} points{of}"
    how = {"better": f"beats `{row['baseline']}` by", "worse": f"trails `{row['baseline']}` by"}
    if verdict in how:
        start = f"`{row['loss']}` {how[verdict]} {size}"
    else:
        side = "above" if row["difference"] >= 0 else "below"
        start = f"`{row['loss']}` scores {size} {side} `{row['baseline']}`"
    seeds = f"{row['seeds']} seed{'s' if row['seeds'] > 1 else ''}"
    runs = seeds if row["folds"] < 2 else f"{row['folds']} folds, {seeds}"
    if math.isnan(row["low"]):
        return f"{start} ({runs}; {row['reason']})."
    interval = f"95 % interval {points(row['low'])} to {points(row['high'])}"
    p = row["t_p_holm"]
    shown = "" if math.isnan(p) else f"; Holm p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
    return f"{start} ({interval}; {runs}{shown})."


def _meaning(row: pd.Series, verdict: str) -> str:
    direction = _direction(row)
    match verdict:
        case "no claim":
            return "Nothing may be claimed from this."
        case "unclear":
            return "The interval holds 0: these runs do not tell which of the two is better."
        case "hint of better" | "hint of worse" if row["seeds"] < ENOUGH_SEEDS:
            few = "1 seed is" if row["seeds"] == 1 else f"{row['seeds']} seeds are"
            lowest = row["wilcoxon_p_min"]
            bound = f" (Wilcoxon's p cannot fall below {lowest:.2g} here)"
            return (
                f"A hint that it is {direction}, not a claim: {few} too few"
                f"{bound if lowest > ALPHA else ''}; repeat with {ENOUGH_SEEDS} seeds or more."
            )
        case "hint of better" | "hint of worse":
            return (
                f"A hint that it is {direction}, not a claim: it does not hold once all "
                "comparisons of the table are corrected for."
            )
        case _:
            return ""


def _practice(row: pd.Series, verdict: str) -> str:
    """What the region of practical equivalence says, where `relevance` has looked."""
    if "practical" not in row or verdict == "no claim" or row["seeds"] < ENOUGH_SEEDS:
        return ""
    rope = points(row["rope"], sign=False)
    match row["practical"]:
        case "negligible":
            return f"In practice the two are alike: within ±{rope} points of each other."
        case "larger" | "smaller" if verdict in ("better", "worse"):
            return f"It matters in practice: more than {rope} points, the whole interval over."
        case _:
            return ""


def _needed(row: pd.Series) -> str:
    if math.isnan(needed := row["needed"]):
        return ""
    pairs = f"{needed:,.0f}" if needed < MANY_PAIRS else f"more than {MANY_PAIRS:,}"
    return f"To see a difference of this size four times in five takes about {pairs} paired runs."


def _against_noise(row: pd.Series, bands: pd.Series, floors: pd.Series) -> str:
    band = float(bands.get(row["setting"], math.nan))
    floor = float(floors.get(row["setting"], math.nan))
    again = f"the same seed twice gave {points(floor, sign=False)}"
    if math.isnan(band):
        return "" if math.isnan(floor) else f"{again[0].upper()}{again[1:]} points."
    than = "more" if abs(row["difference"]) < band else "less"
    return (
        f"Two runs that differ in the seed alone lie up to {points(band, sign=False)} points apart "
        f"(95 %), {than} than this difference{'' if math.isnan(floor) else f'; {again}'}."
    )


def _flip(row: pd.Series, flips: pd.DataFrame) -> str:
    two = {row["loss"], row["baseline"]}
    mine = flips[
        (flips["setting"] == row["setting"]) & flips["better"].isin(two) & flips["worse"].isin(two)
    ]
    if mine.empty:
        return ""
    return f"The ranking flips under {_few(list(dict.fromkeys(mine['definition'])))}."


def _few(names: list[str]) -> str:
    """The names; of a long list the first and how many more there are."""
    if len(names) <= 3:
        return " and ".join(names)
    return f"{', '.join(names[:2])} and {len(names) - 2} other definitions"
