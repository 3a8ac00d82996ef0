"""Epochs to a threshold for people: tables of restricted means, and what they say."""

import math

import pandas as pd

from losslab.analysis.claims import ALPHA, p_text
from losslab.analysis.scores import setting_order
from losslab.analysis.table_parts import for_one_setting


def show_survival(means: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """`restricted_means` and `log_rank` side by side, soonest loss first within each setting."""
    keys = [name for name in ("setting", "loss") if name in means]
    table = means.merge(tests[[*keys, "p", "p_holm", "reason"]], on=keys, how="left")
    order = [name for name in keys if name != "loss"]
    table = table.sort_values([*order, "mean"], kind="stable")
    shown = table[keys].copy()
    rows = table.to_dict("records")
    shown["reached"] = [f"{row['reached']} of {row['runs']}" for row in rows]
    if table["early"].any():
        shown["stopped before"] = table["early"]
    shown["mean epochs"] = [f"{row['mean']:.1f}" for row in rows]
    shown["95 % interval"] = [_interval(row) for row in rows]
    shown["counted up to epoch"] = [f"{row['horizon']:g}" for row in rows]
    shown["log-rank p"] = [p_text(row["p"]) for row in rows]
    shown["Holm p"] = [p_text(row["p_holm"]) for row in rows]
    reasons = table["reason"].fillna("")
    if reasons.any():
        shown["why no p"] = reasons
    shown = for_one_setting(shown) if "setting" in shown else shown
    return shown.reset_index(drop=True)


def read_survival(
    means: pd.DataFrame, tests: pd.DataFrame, goal: str = "the common threshold"
) -> str:
    """Reads the Kaplan-Meier figure: who is sooner or later than the baseline, and how sure.

    `goal` names the threshold, such as "95 % of `ce`'s best validation IoU".
    """
    found = []
    grouped, tested = "setting" in means, int(tests["p"].notna().sum())
    for names, part in means.groupby("setting", sort=False) if grouped else [("", means)]:
        mine = tests[tests["setting"] == names] if grouped else tests
        found.append(_differences(part, mine, goal, tested))
    return by_setting(means, found)


def show_sweep(table: pd.DataFrame, every: int = 10) -> pd.DataFrame:
    """`sweep` for people: mean epochs at each tenth of the baseline's best, a column a threshold.

    `every` is in percent; the order is that of the last column, soonest first.
    """
    rows = table.assign(percent=(100 * table["share"]).round(3))
    rows = rows[rows["percent"] % every == 0]
    means = rows.pivot(index=["setting", "loss"], columns="percent", values="mean")
    means = means.sort_values(["setting", *means.columns[::-1]], kind="stable", key=setting_order)
    shown = means.map(lambda value: f"{value:.1f}")
    shown.columns = [f"to {percent:g} %" for percent in means.columns]
    return for_one_setting(shown.reset_index())


def read_sweep(table: pd.DataFrame) -> str:
    """Reads the sweep: whether the loss that is soonest depends on where the threshold lies."""
    found = []
    for _, part in table.groupby("setting", sort=False):
        count = part["threshold"].nunique()
        often = part[part["rank"] == 1]["loss"].value_counts()  # alone: those that tie rank lower
        shared = count - int(often.sum())
        named = [f"`{loss}` at {number}" for loss, number in often.items()]
        text = f"alone soonest on average is {_and(named)} of {count} thresholds"
        if not named:
            text = f"at each of {count} thresholds several losses share the lowest mean"
        elif shared:
            text += f"; at {shared} several share the lowest mean"
        elif len(often) == 1:
            text = f"`{often.index[0]}` is soonest on average at each of {count} thresholds"
        found.append(text)
    return by_setting(table, found)


def by_setting(table: pd.DataFrame, found: list[str]) -> str:
    """The texts of the table's settings: a sentence where there is one, else a list of them."""
    settings = list(dict.fromkeys(table["setting"])) if "setting" in table else [""]
    if len(settings) == 1:
        return found[0][:1].upper() + found[0][1:] + "."
    pairs = zip(settings, found, strict=True)
    return "\n".join(f"- **{setting}**: {text}." for setting, text in pairs)


def _differences(means: pd.DataFrame, tests: pd.DataFrame, goal: str, tested: int) -> str:
    if tests.empty:
        return "no other loss ran beside the baseline"
    tests = tests.merge(means[["loss", "mean"]], on="loss").sort_values("mean", kind="stable")
    baseline = tests["baseline"].iloc[0]
    by_loss = means.set_index("loss")["mean"].to_dict()
    against = f"`{baseline}` ({by_loss.get(baseline, math.nan):.1f} epochs on average)"
    texts = []
    for side, ahead in (("sooner", 1), ("later", -1)):
        rows = tests[(tests["p_holm"] < ALPHA) & (tests["sooner"] * ahead > 0)].to_dict("records")
        named = [f"`{row['loss']}` ({by_loss[row['loss']]:.1f}; {_holm(row)})" for row in rows]
        if named:
            reaches = "reaches" if len(named) == 1 else "reach"
            texts.append(f"{_and(named)} {reaches} {goal} {side} than {against}")
    known = tests["p"].notna()
    unclear = known & ~(tests["p_holm"] < ALPHA)
    if texts and unclear.any():
        named = [f"`{loss}`" for loss in tests["loss"][unclear]]
        texts.append(f"{_and(named)} cannot be told from it")
    if not texts and known.any():
        texts.append(
            f"on the way to {goal} no loss can be told from {against}{_bound(tests, tested)}"
        )
    for reason, rows in tests[~known].groupby("reason", sort=False):
        named = [f"`{loss}`" for loss in rows["loss"]]
        verb = "is" if len(named) == 1 else "are"
        texts.append(f"{_and(named)} {verb} not tested: {reason}")
    return "; ".join([*texts, *_early(means)])


def _bound(tests: pd.DataFrame, tested: int) -> str:
    """What p cannot fall below, where that is above the level at which anything is claimed."""
    least = float(tests["p_min"].min())
    if tested * least <= ALPHA:
        return ""
    corrected = f", or {min(1.0, tested * least):.2g} once corrected for {tested} comparisons"
    return f": with so few runs p cannot fall below {least:.2g}{corrected if tested > 1 else ''}"


def _early(means: pd.DataFrame) -> list[str]:
    texts = []
    for row in means[means["early"] > 0].to_dict("records"):
        runs = f"{row['early']} run{'s' if row['early'] > 1 else ''}"
        bound = f"its mean is {row['at_most']:.1f} if none ever would"
        texts.append(
            f"{runs} of `{row['loss']}` stopped before epoch {row['horizon']:g} without getting "
            f"there, which flatters it ({bound})"
        )
    return texts


def _holm(row: dict) -> str:
    text = p_text(row["p_holm"])
    return f"Holm p {text[0]} {text[1:]}" if text.startswith("<") else f"Holm p = {text}"


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _interval(row: dict) -> str:
    return "–" if math.isnan(row["low"]) else f"{row['low']:.1f} to {row['high']:.1f}"
