"""Epochs to a threshold for people: the table of restricted means and what it says."""

import math

import pandas as pd

from losslab.analysis.claims import ALPHA, p_text


def show_survival(means: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """`restricted_means` and `log_rank` side by side, soonest loss first within each setting."""
    keys = [name for name in ("setting", "loss") if name in means]
    table = means.merge(tests[[*keys, "p", "p_holm", "p_min"]], on=keys, how="left")
    order = [name for name in keys if name != "loss"]
    table = table.sort_values([*order, "mean"], kind="stable")
    shown = table[keys].copy()
    if "setting" in shown and shown["setting"].nunique() == 1:
        shown = shown.drop(columns="setting")
    rows = table.to_dict("records")
    shown["reached"] = [f"{row['reached']} of {row['runs']}" for row in rows]
    shown["mean epochs"] = [f"{row['mean']:.1f}" for row in rows]
    shown["95 % interval"] = [_interval(row) for row in rows]
    shown["counted up to epoch"] = [f"{row['horizon']:g}" for row in rows]
    shown["log-rank p"] = [p_text(row["p"]) for row in rows]
    shown["Holm p"] = [p_text(row["p_holm"]) for row in rows]
    return shown.reset_index(drop=True)


def read_survival(means: pd.DataFrame, tests: pd.DataFrame) -> str:
    """Reads the Kaplan-Meier figure: who is sooner or later than the baseline, and how sure."""
    texts = []
    keys = [name for name in means if name == "setting"]
    groups = means.groupby(keys, sort=False) if keys else [((), means)]
    for names, part in groups:
        mine = tests[tests["setting"] == names[0]] if keys else tests
        text = _differences(part, mine)
        several = bool(keys) and means["setting"].nunique() > 1
        texts.append(f"{names[0]}: {text}" if several else text[0].upper() + text[1:])
    return " ".join(f"{text}." for text in texts)


def read_sweep(table: pd.DataFrame) -> str:
    """Reads the sweep: whether the loss that is soonest depends on where the threshold lies."""
    texts = []
    for setting, part in table.groupby("setting", sort=False):
        firsts = part[part["rank"] == part.groupby("threshold")["rank"].transform("min")]
        count = part["threshold"].nunique()
        often = firsts.groupby("loss")["threshold"].nunique().sort_values(ascending=False)
        named = [f"`{loss}` at {number}" for loss, number in often.items()]
        text = f"of {count} thresholds the soonest loss is {', '.join(named)}"
        if len(often) == 1:
            text = f"`{often.index[0]}` is soonest at each of the {count} thresholds"
        several = table["setting"].nunique() > 1
        texts.append(f"{setting}: {text}" if several else text[0].upper() + text[1:])
    ties = " Losses that share the lowest mean both count."
    return " ".join(f"{text}." for text in texts) + ties


def _differences(means: pd.DataFrame, tests: pd.DataFrame) -> str:
    if tests.empty:
        return "no other loss ran beside the baseline"
    baseline = tests["baseline"].iloc[0]
    by_loss = means.set_index("loss")
    base = by_loss["mean"].get(baseline, math.nan)
    texts = []
    for side, rows in (
        ("sooner", tests[(tests["p_holm"] < ALPHA) & (tests["sooner"] > 0)]),
        ("later", tests[(tests["p_holm"] < ALPHA) & (tests["sooner"] < 0)]),
    ):
        named = [
            f"`{row['loss']}` ({by_loss['mean'][row['loss']]:.1f}; Holm p {p_text(row['p_holm'])})"
            for row in rows.to_dict("records")
        ]
        if named:
            texts.append(f"{', '.join(named)} {'is' if len(named) == 1 else 'are'} there {side}")
    end = f"than `{baseline}`, which takes {base:.1f} epochs on average"
    text = f"{' and '.join(texts)} {end}"
    if not texts:
        least = float(tests["p_min"].min())
        text = f"no loss can be told from `{baseline}` ({base:.1f} epochs on average)"
        if len(tests) * least > ALPHA:
            text += f": with so few runs no p can fall below {least:.2g}, before Holm's correction"
    early = [
        f"{row['early']} run{'s' if row['early'] > 1 else ''} of `{row['loss']}` stopped before "
        f"epoch {row['horizon']:g} without getting there, which flatters it (mean up to "
        f"{row['at_most']:.1f} if none ever does)"
        for row in means[means["early"] > 0].to_dict("records")
    ]
    return "; ".join([text, *early])


def _interval(row: dict) -> str:
    return "–" if math.isnan(row["low"]) else f"{row['low']:.1f} to {row['high']:.1f}"
