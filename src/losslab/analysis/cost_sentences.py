"""What is read from measurements of cost, and their tables for people."""

import math

import pandas as pd

from losslab.analysis.claims import points

OURS = "losslab"


def read_bench(bench: pd.DataFrame) -> str:
    """Reads the times of `losslab bench losses`: losslab's cheapest, its dearest, and memory."""
    ours = bench[bench["library"] == OURS]
    if ours.empty:
        return "No loss of losslab was measured."
    medians = ours.groupby("loss")["ratio"].median().sort_values()
    cheap, dear = str(medians.index[0]), str(medians.index[-1])
    spans = {loss: _span(ours.loc[ours["loss"] == loss, "ratio"]) for loss in (cheap, dear)}
    text = f"In units of torch's cross-entropy `{cheap}` takes least, {spans[cheap]}"
    if dear != cheap:
        text += f", and `{dear}` most, {spans[dear]}"
    few = int((medians <= 2).sum())
    text += f"; {few} of {len(medians)} take at most twice its time"
    peaks = ours["memory"].dropna()
    if peaks.empty:
        return f"{text}."
    base = bench.loc[bench["loss"].str.contains("cross_entropy"), "memory"].dropna()
    text += f". At their peak they need {_span(peaks)} the logits' memory beyond these"
    return f"{text}, cross-entropy {_span(base)}." if len(base) else f"{text}."


def read_held(held: pd.DataFrame) -> str:
    """Reads the table of `held_memory`: what cross-entropy and losslab's losses keep."""
    base = held[(held["library"] == "torch")].iloc[0]
    ours = held[held["library"] == OURS]
    text = f"Torch's cross-entropy keeps {_total(base):.2f} bytes a pixel and class"
    text += " (one float32, the logarithm of the probability)." if _total(base) < 4.01 else "."
    if ours.empty:
        return text
    own, whole = ours["held"], ours["held"] + ours["logits"]
    text += f" losslab's losses keep {_bytes(own)} of their own and {_bytes(whole)} with the logits"
    text += ", which cross-entropy lets go" if ours["logits"].min() > base["logits"] else ""
    hidden = ours["held"] - ours["declared"] > 1
    if hidden.any():
        text += f". Of {int(hidden.sum())} of them autograd's hooks see less than they keep"
    others = held[~held["library"].isin([OURS, "torch"])]
    if len(others):
        text += f"; the other rows keep {_bytes(others['held'] + others['logits'])}"
    return f"{text}."


def read_steps(steps: pd.DataFrame) -> str:
    """Reads the table of `losslab bench train`: which losses a step shows, which not."""
    ours = steps[steps["library"] == OURS]
    if ours.empty:
        return "No loss of losslab was measured within a step."
    top = ours.iloc[int(ours["ratio"].argmax())]
    within = ours[(ours["ratio_low"] <= 1) & (ours["ratio_high"] >= 1)]
    text = f"A step with `{top['loss']}` takes longest, {top['ratio']:.2f} × that with "
    text += f"cross-entropy ({top['ratio_by_parts']:.2f} × by parts)."
    if len(within):
        names = ", ".join(f"`{loss}`" for loss in within["loss"])
        text += f" The quartiles of {names} hold 1: no difference is seen."
    return text


def read_printed(table: pd.DataFrame) -> str:
    """Reads `printed_costs`: each ratio that is printed beside the measured one."""
    texts = []
    for row in table[table["ratio"].notna() & table["step"].notna()].to_dict("records"):
        low, high, ratio = row["step_low"], row["step_high"], row["ratio"]
        where = "within" if low <= ratio <= high else "above" if ratio > high else "below"
        texts.append(
            f"The {ratio:.2f} × of {row['paper']} ({row['place']}) lies {where} the quartiles of "
            f"our {row['step']:.2f} × for `{row['loss']}` ({low:.2f} to {high:.2f}; by parts "
            f"{row['parts']:.2f})"
        )
    said = (table["quantity"] == "time") & table["ratio"].isna() & table["step"].notna()
    for row in table[said].drop_duplicates("loss").to_dict("records"):
        texts.append(
            f"{row['paper']} ({row['place']}) says {row['printed']} of what takes "
            f"{row['step']:.2f} × here with `{row['loss']}` (by parts {row['parts']:.2f})"
        )
    if not texts:
        return "No objective of which a paper prints the cost was measured within a step."
    return (
        "; ".join(texts)
        + ". Networks and machines differ: the larger the network, the smaller any "
        "loss's share of a step."
    )


def read_crf(results: pd.DataFrame) -> str:
    """Reads the panels of `crf_figure`: how much longer the CRF takes and what it brings."""
    texts = []
    for panel, rows in results.groupby("panel", sort=False):
        means = rows.groupby(["loss", "iterations"])[["relative", "miou"]].mean().reset_index()
        corrected = means[means["iterations"] > 0].sort_values("iterations")
        if corrected.empty:
            continue
        base = corrected[corrected["loss"] == corrected["loss"].min()].iloc[-1]
        text = f"{panel}: {base['iterations']:.0f} iterations after `{base['loss']}` take "
        text += f"{base['relative']:.1f} × the network's time; their mean IoU lies "
        alone = means[means["iterations"] == 0].to_dict("records")
        gaps = [(points(base["miou"] - row["miou"]), row["loss"]) for row in alone]
        texts.append(text + " and ".join(f"{gap} points from `{loss}` alone" for gap, loss in gaps))
    if not texts:
        return "No run has results of `losslab crf`: call it for finished runs."
    return "; ".join(texts) + "."


def show_bench(bench: pd.DataFrame) -> pd.DataFrame:
    """`losslab bench losses` for people: time and peak memory of each loss, a column a shape."""
    parts = []
    for size, rows in bench.groupby("size", sort=False):
        table = rows[["loss", "library"]].copy()
        table[f"time, × CE, {_size(size)}"] = [f"{value:.2f}" for value in rows["ratio"]]
        table[f"peak, × logits, {_size(size)}"] = [_number(value) for value in rows["memory"]]
        parts.append(table.set_index(["loss", "library"]))
    return pd.concat(parts, axis=1).fillna("–").reset_index()


def show_held(held: pd.DataFrame) -> pd.DataFrame:
    """`held_memory` for people."""
    table = held[["loss", "library"]].copy()
    table["kept by the loss, bytes"] = [f"{value:.2f}" for value in held["held"]]
    table["with the logits, bytes"] = [f"{value:.2f}" for value in held["held"] + held["logits"]]
    base = float(held["held"].iloc[0])
    table.insert(3, "kept by the loss, × CE", [f"{value / base:.2f}" for value in held["held"]])
    table["seen by autograd's hooks, bytes"] = [f"{value:.2f}" for value in held["declared"]]
    return table


def show_steps(steps: pd.DataFrame) -> pd.DataFrame:
    """`losslab bench train` for people, short."""
    table = steps[["loss", "library"]].copy()
    table["step, ms"] = [_digits(value) for value in steps["milliseconds"]]
    table["× CE"] = [
        f"{row['ratio']:.2f} ({row['ratio_low']:.2f}–{row['ratio_high']:.2f})"
        for row in steps.to_dict("records")
    ]
    table["by parts, × CE"] = [_number(value) for value in steps["ratio_by_parts"].astype(float)]
    table["of it the loss, %"] = [f"{100 * value:.1f}" for value in steps["share_loss"]]
    return table


def show_printed(table: pd.DataFrame) -> pd.DataFrame:
    """`printed_costs` for people: printed beside measured, with the difference of the ratios."""
    shown = table[["paper", "place", "loss"]].copy()
    shown["of"] = table["quantity"] + ", against " + table["against"]
    shown["printed"] = table["printed"]
    shown["printed, ×"] = [_number(value) for value in table["ratio"]]
    timed = table.where(table["quantity"] == "time")  # a time says nothing of a memory
    shown["step here, ×"] = [_number(value) for value in timed["step"].astype(float)]
    shown["by parts, ×"] = [_number(value) for value in timed["parts"].astype(float)]
    gaps = (timed["step"] - timed["ratio"]).astype(float)
    shown["difference"] = [_signed(value) for value in gaps]
    spans = zip(timed["alone_low"], timed["alone_high"], strict=True)
    shown["its term alone, × CE"] = [
        "–" if pd.isna(low) else f"{low:.2f} to {high:.2f}" for low, high in spans
    ]
    shown["its peak, × CE"] = [_number(value) for value in table["peak"]]
    shown["kept for backward, × CE"] = [_number(value) for value in table["held"]]
    return shown


def show_corrections(results: pd.DataFrame) -> pd.DataFrame:
    """The panels of `crf_figure` for people: means over runs that differ in their seed alone."""
    keys = ["panel", "loss", "iterations"]
    means = results.groupby(keys, sort=False)[["seconds", "relative", "miou"]].mean().reset_index()
    table = means[["panel", "loss"]].copy()
    table["correction"] = [f"CRF-{n}" if n else "none" for n in means["iterations"]]
    table["seconds an image"] = [f"{value:.3g}" for value in means["seconds"]]
    table["relative time"] = [f"× {value:.1f}" for value in means["relative"]]
    table["mean IoU, %"] = [f"{100 * value:.1f}" for value in means["miou"]]
    return table


def show_stored(costs: pd.DataFrame) -> pd.DataFrame:
    """`stored_costs` for people: what a step of each loss took in the studies that are done."""
    table = costs[["study", "setting", "device", "loss", "runs"]].copy()
    table["step, ms"] = [_digits(1000 * value) for value in costs["step_seconds"]]
    table["images a second"] = [_digits(value) for value in costs["images_per_second"]]
    table["step, × baseline"] = [_number(value) for value in costs["step_ratio"]]
    table["peak memory, GiB"] = [_number(value / 2**30) for value in costs["peak_memory_bytes"]]
    table["memory, × baseline"] = [_number(value) for value in costs["memory_ratio"]]
    return table


def _span(values: pd.Series) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.2f} ×" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f} ×"


def _bytes(values: pd.Series) -> str:
    low, high = f"{values.min():.1f}", f"{values.max():.1f}"
    return f"{low} bytes" if low == high else f"{low} to {high} bytes"


def _total(row: pd.Series) -> float:
    return float(row["held"] + row["logits"])


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _digits(value: float) -> str:
    """Three digits, more of larger numbers; no powers of ten."""
    return "–" if math.isnan(value) else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.2f}".replace("-", "−")


def _size(size: object) -> str:
    return str(size).replace("x", "×")
