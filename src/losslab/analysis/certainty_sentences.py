"""One sentence that reads each table or figure of how sure a comparison is."""

import math
from collections.abc import Iterable

import pandas as pd

from losslab.analysis.claims import points


def read_tests(comparison: pd.DataFrame, alpha: float = 0.05) -> str:
    """Says for which losses the t test, Wilcoxon's and the sign flips agree after correction."""
    found = []
    for _, part in comparison.groupby("setting", sort=False):
        names = ("t_p_holm", "wilcoxon_p_holm", "permutation_p_holm")
        known = part[[name for name in names if part[name].notna().any()]]
        if known.shape[1] == 0:
            found.append("one pair of runs or equal differences cannot be tested")
            continue
        below = known < alpha
        every, some = part["loss"][below.all(axis=1)], part["loss"][below.any(axis=1)]
        text = f"corrected p below {alpha:g}: by all tests for {_names(every)}"
        if set(some) != set(every):
            text += f", by some only for {_names(x for x in some if x not in set(every))}"
        if (part["wilcoxon_p_min"] > alpha).any():
            n = int(part["n"].min())
            least = part["wilcoxon_p_min"].max()
            text += f"; with {n} pairs the p of Wilcoxon and of sign flips cannot fall below "
            text += f"{least:.2g} even uncorrected, so only t can"
        found.append(text)
    return _join(comparison, found)


def read_improvement(comparison: pd.DataFrame) -> str:
    """Reads the figure of shares of wins: which intervals leave one half."""
    found = []
    for _, part in comparison.groupby("setting", sort=False):
        baseline = part["baseline"].iloc[0]
        sure = part[(part["improvement_low"] > 0.5) | (part["improvement_high"] < 0.5)]["loss"]
        top = part.loc[part["improvement"].idxmax()]
        share = points(top["improvement"], 0, sign=False)
        pairs = "1 pair" if top["n"] == 1 else f"{top['n']} pairs"
        text = f"`{top['loss']}` scores above `{baseline}` in {share} % of {pairs}"
        if part["improvement_low"].isna().all():
            text += "; pairs of several folds are not independent, so shares have no interval"
        else:
            text += f"; the 95 % interval of that share excludes one half for {_names(sure)}"
            if (few := part["n"].max()) < 6:
                text += f" ({few} of {few} would not do; 6 of 6 would)"
        found.append(text)
    return _join(comparison, found)


def read_power(comparison: pd.DataFrame) -> str:
    """Says how many pairs of runs a difference of the size seen needs, and for which there are."""
    found = []
    for _, part in comparison.groupby("setting", sort=False):
        known = part.dropna(subset=["needed"])
        if known.empty:
            found.append("how many runs are needed is unknown without a spread of single pairs")
            continue
        enough = known[known["n"] >= known["needed"]]["loss"]
        most = known.loc[known["needed"].idxmax()]
        found.append(
            f"there are enough runs to see differences like these (80 % power at 0.05) for "
            f"{_names(enough)}; the most, {most['needed']:.0f} pairs, would be needed for "
            f"`{most['loss']}` ({points(most['difference'])} points)"
        )
    return _join(comparison, found)


def read_relevance(relevant: pd.DataFrame) -> str:
    """Reads the figure of practical equivalence: which differences matter and which do not."""
    found = []
    for _, part in relevant.groupby("setting", sort=False):
        rope = points(float(part["rope"].iloc[0]), sign=False)
        by = {name: list(rows["loss"]) for name, rows in part.groupby("practical")}
        phrases = {
            "larger": f"more than {rope} points better",
            "smaller": f"more than {rope} points worse",
            "negligible": f"equal to it within ±{rope} points (two one-sided tests at 5 %)",
            "undecided": "undecided",
        }
        texts = [f"{text}: {_names(by[name])}" for name, text in phrases.items() if name in by]
        found.append(f"against `{part['baseline'].iloc[0]}`, {'; '.join(texts)}")
    return _join(relevant, found)


def read_units(units: pd.DataFrame) -> str:
    """Reads the figure of units: how the width of the interval changes, and what it decides."""
    found = []
    for _, part in units.groupby("setting", sort=False):
        known = part.dropna(subset=["low"])
        widths = (known["high"] - known["low"]).groupby(known["unit"], sort=False).median()
        sure = known[(known["low"] > 0) | (known["high"] < 0)].groupby("unit")["loss"].size()
        texts = [
            f"{points(width / 2, 2, sign=False)} over {unit} (0 excluded for {sure.get(unit, 0)})"
            for unit, width in widths.items()
        ]
        text = f"median half-width of the intervals, in points: {', '.join(texts)}"
        if "seeds and images" not in widths:
            text += "; both at once need three seeds"
        found.append(text if texts else "no interval can be given")
    return _join(units, found) if len(units) else ""


def read_hierarchical(found: pd.DataFrame) -> str:
    """Says for which losses the interval over seeds and images excludes 0, and what would help."""
    texts = []
    for _, part in found.groupby("setting", sort=False):
        known = part.dropna(subset=["low"])
        if known.empty:
            texts.append(f"no interval: {part['reason'].iloc[0]}")
            continue
        sure = known[(known["low"] > 0) | (known["high"] < 0)]["loss"]
        text = f"the 95 % interval over {known['over'].iloc[0]} excludes 0 for {_names(sure)}"
        errors = known[["se_seeds", "se_images"]].dropna()
        if len(errors) and known["over"].iloc[0] == "seeds and images":
            seeds = (errors["se_seeds"] > errors["se_images"]).sum()
            what = "seeds" if seeds > len(errors) / 2 else "images"
            most = max(seeds, len(errors) - seeds)
            text += f"; more {what} would shorten it most for {most} of {len(errors)}"
        texts.append(text)
    return _join(found, texts)


def read_mixed(found: pd.DataFrame) -> str:
    """Says for which losses the mixed model finds a difference, and where the spread comes from."""
    texts = []
    for _, part in found.groupby("setting", sort=False):
        known = part.dropna(subset=["low"])
        missing = len(part) - len(known)
        if known.empty:
            texts.append(f"the model could not be trusted for any loss ({part['reason'].iloc[0]})")
            continue
        sure = known[known["p_holm"] < 0.05]["loss"]
        spreads = known[["sd_runs", "sd_images", "sd_rest"]].median()
        runs = "settings" if "sd_sets" in known else "seeds"
        sizes = [points(value, sign=False) for value in spreads]
        text = f"the mixed model finds a difference (Holm p < 0.05) for {_names(sure)}; its median "
        text += f"standard deviations, in points: {sizes[0]} of {runs}, {sizes[1]} of images, "
        text += f"{sizes[2]} of the rest"
        texts.append(text + (f"; {missing} could not be fitted" if missing else ""))
    return _join(found, texts)


def read_interquartile(found: pd.DataFrame, baseline: str) -> str:
    """Says which loss has the highest interquartile mean, and if it is apart from the baseline."""
    if found.empty:
        return "No setting has runs of all losses."
    rows = found.set_index("loss")
    top = rows["iqm"].idxmax()
    text = f"`{top}` has the highest interquartile mean ({points(rows['iqm'][top], sign=False)} %)"
    if baseline not in rows.index or top == baseline or math.isnan(rows["low"][top]):
        return f"{text}."
    apart = rows["low"][top] > rows["high"][baseline]
    return f"{text}; its interval {'lies above' if apart else 'overlaps'} that of `{baseline}`."


def _names(losses: Iterable[str]) -> str:
    return ", ".join(f"`{loss}`" for loss in losses) or "no loss"


def _join(frame: pd.DataFrame, found: list[str]) -> str:
    settings = list(dict.fromkeys(frame["setting"]))
    if len(settings) == 1:
        return found[0][:1].upper() + found[0][1:] + "."
    pairs = zip(settings, found, strict=True)
    return "\n".join(f"- **{setting}**: {text}." for setting, text in pairs)
