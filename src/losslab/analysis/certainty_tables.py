"""Tables for people of how sure a comparison is: tests, wins, relevance, units, models."""

import math

import pandas as pd

from losslab.analysis.claims import p_text, points
from losslab.analysis.critical_difference import CriticalDifference
from losslab.analysis.equivalence import PRACTICAL
from losslab.analysis.table_parts import best_first, for_one_setting, span, spans


def show_tests(comparison: pd.DataFrame) -> pd.DataFrame:
    """The three tests of `paired_comparison` side by side, corrected over losses (Holm)."""
    table = _start(comparison)
    rows = best_first(comparison)
    table["pairs"] = rows["n"].to_list()
    names = {"t_p": "t test", "wilcoxon_p": "Wilcoxon", "permutation_p": "sign flips"}
    for test, name in names.items():
        table[f"p, {name}"] = [p_text(value) for value in rows[test]]
        table[f"p, {name}, Holm"] = [p_text(value) for value in rows[f"{test}_holm"]]
    table["smallest p of the last two"] = [p_text(value) for value in rows["wilcoxon_p_min"]]
    if rows["correction"].any():
        table["t corrected for folds"] = [text or "no" for text in rows["correction"]]
    return for_one_setting(table)


def show_improvement(comparison: pd.DataFrame) -> pd.DataFrame:
    """Shares of wins, interquartile means and pairs needed of `paired_comparison`."""
    table, rows = _start(comparison), best_first(comparison)
    table["better in, % of pairs"] = [points(v, 0, sign=False) for v in rows["improvement"]]
    ends = zip(rows["improvement_low"], rows["improvement_high"], strict=True)
    table["95 % interval"] = [span(low, high, 0, sign=False) for low, high in ends]
    table["interquartile mean, %"] = [points(v, 2, sign=False) for v in rows["iqm"]]
    table["of the baseline, %"] = [points(v, 2, sign=False) for v in rows["baseline_iqm"]]
    table["pairs"] = rows["n"].to_list()
    table["pairs needed (80 % power)"] = [
        "–" if math.isnan(v) else f"{v:.0f}" for v in rows["needed"]
    ]
    return for_one_setting(table)


def show_relevance(relevant: pd.DataFrame) -> pd.DataFrame:
    """`relevance` for people: the 90 and 95 % intervals against the region of equivalence."""
    table, rows = _start(relevant), best_first(relevant)
    ropes = [points(value, 2, sign=False) for value in rows["rope"]]
    table["equal within ±, points"] = ropes
    table["difference, points"] = [points(value, 2) for value in rows["difference"]]
    table["90 % interval"] = spans(rows, "low_90", "high_90")
    table["95 % interval"] = spans(rows, "low", "high")
    table["p of equivalence"] = [p_text(value) for value in rows["equivalence_p"]]
    table["verdict"] = [PRACTICAL[name] for name in rows["practical"]]
    return for_one_setting(table)


def show_hierarchical(found: pd.DataFrame, nested: pd.DataFrame | None = None) -> pd.DataFrame:
    """`hierarchical_comparison` or `hierarchical_over_settings` for people, in points.

    `nested` is the same comparison by `scheme="nested"`, for a column beside the other.
    """
    table, rows = _start(found), best_first(found)
    table["over"] = rows["over"].to_list()
    table["seeds"], table["images"] = rows["seeds"].to_list(), rows["images"].to_list()
    table["difference, points"] = [points(value, 2) for value in rows["difference"]]
    table["95 % interval"] = spans(rows, "low", "high")
    if nested is not None:
        other = best_first(nested)
        over_images = other["over"] == "seeds and images"  # over folds nothing is resampled
        known = other.assign(low=other["low"].where(over_images))
        table["nested bootstrap"] = spans(known, "low", "high")
    if rows["se_seeds"].notna().any():
        runs = "settings" if (rows["over"] == "settings and images").any() else "seeds"
        table[f"standard error from {runs}"] = [_unsigned(value) for value in rows["se_seeds"]]
        table["from images"] = [_unsigned(value) for value in rows["se_images"]]
    return for_one_setting(_with_note(table, rows))


def show_mixed(found: pd.DataFrame) -> pd.DataFrame:
    """`mixed_comparison` or `mixed_over_settings` for people, in points."""
    table, rows = _start(found), best_first(found)
    table["difference, points"] = [points(value, 2) for value in rows["difference"]]
    table["95 % interval"] = spans(rows, "low", "high")
    table["p"] = [p_text(value) for value in rows["p"]]
    table["p, Holm"] = [p_text(value) for value in rows["p_holm"]]
    runs = "seeds" if "sd_sets" not in rows else "settings"
    names = {"sd_sets": "sd of test sets", "sd_runs": f"sd of {runs}"}
    names |= {"sd_images": "sd of images", "sd_rest": "sd of the rest"}
    for name, title in names.items():
        if name in rows:
            table[title] = [_unsigned(value) for value in rows[name]]
    return for_one_setting(_with_note(table, rows))


def show_units(units: pd.DataFrame) -> pd.DataFrame:
    """`intervals_by_unit` for people: a row per loss, a column per unit, in points."""
    rows = units.assign(text=spans(units, "low", "high"))
    wide = rows.pivot(index=["setting", "loss"], columns="unit", values="text")
    means = rows.groupby(["setting", "loss"])["difference"].mean()
    order = best_first(means.reset_index())
    keys = pd.MultiIndex.from_frame(order[["setting", "loss"]])
    table = wide.loc[keys, list(dict.fromkeys(units["unit"]))].reset_index()
    table.insert(2, "difference, points", [points(value, 2) for value in order["difference"]])
    names = {unit: f"95 % interval over {unit}" for unit in dict.fromkeys(units["unit"])}
    return for_one_setting(table.rename(columns=names).rename_axis(columns=None))


def show_interquartile(found: pd.DataFrame) -> pd.DataFrame:
    """`interquartile_means` for people, in percent, best first, intervals cut at 0 and 100."""
    rows = found.sort_values("iqm", ascending=False)
    table = rows[["loss", "settings", "n"]].rename(columns={"n": "runs"}).reset_index(drop=True)
    table["interquartile mean, %"] = [_unsigned(value) for value in rows["iqm"]]
    ends = zip(rows["low"].clip(0, 1), rows["high"].clip(0, 1), strict=True)
    table["95 % interval"] = [span(low, high, 2, sign=False) for low, high in ends]
    table["mean, %"] = [_unsigned(value) for value in rows["mean"]]
    return table


def show_ranks(found: CriticalDifference) -> pd.DataFrame:
    """`critical_difference` for people: mean ranks, and the losses not told apart from each."""
    table = found.ranks[["loss"]].copy()
    table[f"mean rank over {found.n} {found.unit}s"] = [f"{v:.2f}" for v in found.ranks["rank"]]
    if len(found.pairs):
        alike = {loss: set[str]() for loss in table["loss"]}
        for group in found.groups:
            for loss in group:
                alike[loss] |= {other for other in group if other != loss}
        texts = [", ".join(o for o in table["loss"] if o in alike[one]) for one in table["loss"]]
        table["not told apart from"] = [text or "–" for text in texts]
    return table


def _start(rows: pd.DataFrame) -> pd.DataFrame:
    return best_first(rows)[["setting", "loss"]].reset_index(drop=True)


def _with_note(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    return table.assign(note=rows["reason"].to_list()) if rows["reason"].any() else table


def _unsigned(value: float) -> str:
    return points(value, 2, sign=False)
