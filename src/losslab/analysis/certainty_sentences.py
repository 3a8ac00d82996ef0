"""One sentence that reads each table or figure of how sure a comparison is."""

import math
from collections.abc import Iterable

import pandas as pd

from losslab.analysis.claims import ENOUGH_SEEDS, p_text, points
from losslab.analysis.critical_difference import CriticalDifference
from losslab.analysis.pooling import ALL_SETTINGS


def read_tests(comparison: pd.DataFrame, alpha: float = 0.05) -> str:
    """Says for which losses the t test, Wilcoxon's and the sign flips agree after correction."""
    found = []
    for setting, part in comparison.groupby("setting", sort=False):
        names = ("t_p_holm", "wilcoxon_p_holm", "permutation_p_holm")
        known = [name for name in names if part[name].notna().any()]
        if not known:
            found.append("one pair or equal differences cannot be tested")
            continue
        below = part[known] < alpha
        every = part.loc[below.all(axis=1), "loss"]
        some = part.loc[below.any(axis=1) & ~below.all(axis=1), "loss"]
        tests = "all tests" if len(known) > 1 else "the t test corrected for folds"
        text = f"corrected p below {alpha:g}: by {tests} for {_names(every)}"
        if len(some):
            text += f", by some only for {_names(some)}"
        few = part[(part["wilcoxon_p_min"] > alpha) & (part["n"] > 1)]
        if len(few):
            n, least = int(few["n"].min()), few["wilcoxon_p_min"].max()
            fewest = few.loc[few["n"] == n, "loss"]
            of = f" ({_names(fewest)})" if len(fewest) < len(part) else ""
            text += f"; with {n} pairs{of} the p of Wilcoxon and of sign flips cannot fall below "
            text += f"{least:.2g} even uncorrected, so only t can"
        found.append(text + _hint(str(setting), part[below.any(axis=1)]))
    return _join(comparison, found)


def read_improvement(comparison: pd.DataFrame) -> str:
    """Reads the figure of shares of wins: which intervals leave one half."""
    found = []
    for _, part in comparison.groupby("setting", sort=False):
        baseline = part["baseline"].iloc[0]
        aside = (part["improvement_low"] > 0.5) | (part["improvement_high"] < 0.5)
        top = part.sort_values(["improvement", "difference"]).iloc[-1]
        share = points(top["improvement"], 0, sign=False)
        pairs = "1 pair" if top["n"] == 1 else f"{top['n']} pairs"
        text = f"`{top['loss']}` scores above `{baseline}` in {share} % of {pairs}"
        if part["improvement_low"].isna().all():
            text += "; pairs of several folds are not independent, so shares have no interval"
        else:
            text += "; the 95 % interval of that share excludes one half for "
            text += _names(part.loc[aside, "loss"])
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
        enough = known.loc[known["n"] >= known["needed"], "loss"]
        most = known.sort_values("needed").iloc[-1]
        found.append(
            f"there are enough runs to see differences like these (80 % power at 0.05) for "
            f"{_names(enough)}; the most, {most['needed']:.0f} pairs, would be needed for "
            f"`{most['loss']}` ({points(most['difference'])} points)"
        )
    return _join(comparison, found)


def read_relevance(relevant: pd.DataFrame) -> str:
    """Reads the figure of practical equivalence: which differences matter and which do not."""
    found = []
    for setting, part in relevant.groupby("setting", sort=False):
        rope = points(float(part["rope"].iloc[0]), sign=False)
        by = {name: list(rows["loss"]) for name, rows in part.groupby("practical")}
        phrases = {
            "larger": f"more than {rope} points better",
            "smaller": f"more than {rope} points worse",
            "negligible": f"equal to it within ±{rope} points (two one-sided tests at 5 %)",
            "undecided": "undecided",
        }
        texts = [f"{text}: {_names(by[name])}" for name, text in phrases.items() if name in by]
        text = f"against `{part['baseline'].iloc[0]}`, {'; '.join(texts)}"
        found.append(text + _hint(str(setting), part[part["practical"] != "undecided"]))
    return _join(relevant, found)


def read_units(units: pd.DataFrame) -> str:
    """Reads the figure of units: how the width of the interval changes, and what it decides."""
    found = []
    for _, part in units.groupby("setting", sort=False):
        known = part.dropna(subset=["low"])
        widths = (known["high"] - known["low"]).groupby(known["unit"], sort=False).median()
        sure = known[(known["low"] > 0) | (known["high"] < 0)]["unit"].value_counts()
        texts = [
            f"{points(width / 2, 2, sign=False)} over {unit} (0 excluded for {sure.get(unit, 0)})"
            for unit, width in widths.items()
        ]
        text = f"median half-width of the intervals, in points: {', '.join(texts)}"
        if "seeds and images" not in widths:
            text += "; both at once need three seeds"
        elif widths["seeds and images"] < 0.99 * widths.get("seeds", 0.0):
            text += "; over both it can be shorter than over seeds, where few seeds leave t fewer "
            text += "degrees of freedom"
        found.append(text if texts else "no interval can be given")
    return _join(units, found) if len(units) else ""


def read_hierarchical(found: pd.DataFrame) -> str:
    """Says for which losses the interval over seeds and images excludes 0, and what would help."""
    texts = []
    for setting, part in found.groupby("setting", sort=False):
        known = part.dropna(subset=["low"])
        if known.empty:
            texts.append(f"no interval: {part['reason'].iloc[0]}")
            continue
        sure = known[(known["low"] > 0) | (known["high"] < 0)]
        text = f"the 95 % interval over {known['over'].iloc[0]} (not corrected for the number of "
        text += "losses) excludes 0 for "
        text += f"{_names(sure['loss'])}{_hint(str(setting), sure)}"
        errors = known[["se_seeds", "se_images"]].dropna()
        if len(errors) and known["over"].iloc[0] == "seeds and images":
            seeds = int((errors["se_seeds"] > errors["se_images"]).sum())
            what = "seeds" if seeds > len(errors) / 2 else "images"
            most = max(seeds, len(errors) - seeds)
            text += f"; more {what} would shorten it most for {most} of {len(errors)}"
        texts.append(text)
    return _join(found, texts)


def read_mixed(found: pd.DataFrame) -> str:
    """Says for which losses the mixed model finds a difference, and where the spread comes from."""
    texts = []
    for setting, part in found.groupby("setting", sort=False):
        known = part.dropna(subset=["low"])
        missing = len(part) - len(known)
        if known.empty:
            texts.append(f"no mixed model: {part['reason'].iloc[0]}")
            continue
        sure = known[known["p_holm"] < 0.05]
        names = {"sd_sets": "test sets", "sd_runs": "seeds"}
        names |= {"sd_runs": "settings"} if "sd_sets" in known else {}
        names |= {"sd_images": "images", "sd_rest": "the rest"}
        spreads = {
            n: float(known[column].median()) for column, n in names.items() if column in known
        }
        sizes = [f"{points(v, sign=False)} of {n}" for n, v in spreads.items() if not math.isnan(v)]
        text = f"the mixed model finds a difference (Holm p < 0.05) for {_names(sure['loss'])}"
        text += f"{_hint(str(setting), sure)}; its median standard deviations, in points: "
        text += ", ".join(sizes)
        texts.append(text + (f"; {missing} could not be fitted" if missing else ""))
    return _join(found, texts)


def read_interquartile(found: pd.DataFrame, baseline: str) -> str:
    """Says which loss has the highest interquartile mean, and if it is apart from the baseline."""
    if found.empty:
        return "No setting has runs of all losses."
    rows = found.set_index("loss").to_dict("index")
    top = max(rows, key=lambda loss: rows[loss]["iqm"])
    best = rows[top]
    text = f"`{top}` has the highest interquartile mean ({points(best['iqm'], sign=False)} %)"
    if baseline not in rows or top == baseline or math.isnan(best["low"]):
        return f"{text}."
    if best["low"] > rows[baseline]["high"]:
        return f"{text}; its interval lies above that of `{baseline}`."
    return (
        f"{text}; its interval overlaps that of `{baseline}`, which is no test: pairs of runs tell "
        "losses apart that share their settings and seeds."
    )


def read_critical_difference(found: CriticalDifference) -> str:
    """Reads the diagram of ranks: the best, what is not told apart from it, and what limits it."""
    if not found.n:
        return f"Nothing can be ranked: {found.reason}."
    best = found.ranks.iloc[0]
    over = f"{found.n} {found.unit}{'' if found.n == 1 else 's'}"
    text = f"`{best['loss']}` has the best mean rank over {over} ({best['rank']:.2f} of "
    text += f"{len(found.ranks)}; 1 is best)"
    if found.left_out:
        text += f"; {found.left_out} without all losses left out"
    if found.pairs.empty:
        return f"{text}. {found.reason}."
    alike = {loss for group in found.groups if best["loss"] in group for loss in group}
    names = _names(loss for loss in found.ranks["loss"].iloc[1:] if loss in alike)
    test = "Wilcoxon's tests with Holm's correction"
    test = test if found.method == "wilcoxon" else "Nemenyi's test"
    text += f". {test} at {found.level:g} do{'es' if found.method == 'nemenyi' else ''} not tell "
    text += f"it apart from {names}; Friedman's p of no difference at all: "
    text += f"{p_text(found.friedman_p)}."
    if found.reason:
        text += f" Few {found.unit}s: {found.reason}."
    if found.shared:
        sets = "one test set" if found.test_sets == 1 else f"{found.test_sets} test sets"
        text += f" The {over} share {sets}, so they are not independent and these tests are too "
        text += "sure: at most a hint."
    return text


def _hint(setting: str, findings: pd.DataFrame) -> str:
    """That findings of few seeds are no claims, as `claims` has it."""
    if setting == ALL_SETTINGS or "seeds" not in findings:
        return ""
    few = findings[findings["seeds"] < ENOUGH_SEEDS]
    if few.empty:
        return ""
    if len(few) < len(findings):
        names = _names(few["loss"])
        return f"; fewer than {ENOUGH_SEEDS} seeds make it a hint and no claim for {names}"
    seeds = int(few["seeds"].min())
    return f"; {seeds} seed{'s make' if seeds > 1 else ' makes'} this a hint and no claim"


def _names(losses: Iterable[str]) -> str:
    return ", ".join(f"`{loss}`" for loss in losses) or "no loss"


def _join(frame: pd.DataFrame, found: list[str]) -> str:
    settings = list(dict.fromkeys(frame["setting"]))
    if len(settings) == 1:
        return found[0][:1].upper() + found[0][1:] + "."
    if len(set(found)) == 1:
        return f"In each of {len(settings)} settings: {found[0]}."
    pairs = zip(settings, found, strict=True)
    return "\n".join(f"- **{setting}**: {text}." for setting, text in pairs)
