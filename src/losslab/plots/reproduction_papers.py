"""The papers' own figures from finished runs, each only where the runs hold what it needs."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from losslab.analysis.convergence import curves, epochs_to_reach, median_epochs
from losslab.analysis.costs import costs
from losslab.analysis.regions import trimap_scores, trimap_table
from losslab.analysis.reproduction import levelset
from losslab.analysis.reproduction.finished import Finished, Run
from losslab.analysis.reproduction.t_tests import setting_pairs
from losslab.plots.definitions import trimap_figure
from losslab.plots.figures import costs_figure, curves_figure
from losslab.plots.reproduction import (
    outputs_figure,
    setting_pairs_figure,
    sparsity_figure,
)
from losslab.plots.reproduction_levelset import heavisides_figure, sweep_figure, terms_figure
from losslab.plots.style import LossStyle

Styles = Mapping[str, LossStyle]

GUL_THRESHOLDS = {"celebamask_hq": 0.72, "cityscapes": 0.47}
"""Validation Boundary IoU of his Tables 4.9 and 4.10."""

_IOU_LOSS = "iou(per='image', reduction='sum')"


class Drawn(NamedTuple):
    """A figure of a paper, or what is missing for it."""

    name: str
    title: str
    figure: Figure | None
    text: str
    """One sentence that reads the figure, or says what is missing."""
    alt: str = ""


def paper_figures(
    paper: str, table: pd.DataFrame, finished: Finished, styles: Styles
) -> list[Drawn]:
    """The figures of a paper that belong to its tables; `table` is that of `reproduction_table`."""
    return [draw(table, finished, styles) for draw in _OF_PAPER[paper]]


def _sparsity(table: pd.DataFrame, finished: Finished, styles: Styles) -> Drawn:
    title = "Gain against sparsity (Tables 2, 3)"
    rows = table[table["loss"].isin(["ce", "iou"]) & (table["class"] != "mean")]
    keys = ["dataset", "split", "class"]
    wide = rows.pivot(index=keys, columns="loss", values=["published", "measured"])
    gains = pd.DataFrame(
        {of: wide[of]["iou"] - wide[of]["ce"] for of in ("published", "measured") if len(wide)},
        columns=["published", "measured"],
    ).reset_index()
    ratios = table[table["metric"] == "background_to_object_ratio"]
    ratios = ratios[["dataset", "class", "published"]].rename(columns={"published": "ratio"})
    found = gains.merge(ratios, on=["dataset", "class"]) if len(gains) else gains
    measured = int(found["measured"].notna().sum()) if len(found) else 0
    if not measured:
        return _missing("sparsity", title, "both losses on a class whose ratio Table 2 prints")
    rank = found["ratio"].corr(found["measured"], method="spearman")
    text = f"{measured} classes have a measured gain"
    if measured > 2:
        text += f"; Spearman's correlation with the ratio is {rank:.2f}".replace("-", "−")
    return Drawn("sparsity", title, sparsity_figure(found), f"{text}.", "gain by class sparsity")


def _setting_pairs(table: pd.DataFrame, finished: Finished, styles: Styles) -> Drawn:
    title = "IoU loss less cross-entropy by setting (section 5)"
    if not table["table"].str.startswith("4.").any():
        return _missing("settings", title, "one of Tables 4.1 to 4.4 in this report")
    pairs = setting_pairs(table)
    count = int(pairs.loc[pairs["metric"] == "iou", "measured"].notna().sum())
    if not pairs["measured"].notna().any():
        return _missing("settings", title, "a setting that was run with both losses")
    better = int((pairs.loc[pairs["metric"] == "iou", "measured"] > 0).sum())
    text = f"IoU is higher with IoU loss in {better} of {count} settings that were run."
    alt = "differences by setting, published and measured"
    return Drawn("settings", title, setting_pairs_figure(pairs), text, alt)


def _outputs(table: pd.DataFrame, finished: Finished, styles: Styles) -> Drawn:
    title = "Example outputs (Figs. 5.1, 5.2)"
    pair = _two_runs(finished, "ce", _IOU_LOSS)
    if pair is None:
        return _missing("outputs", title, f"`ce` and `{_IOU_LOSS}` in one setting with samples")
    base, ours = pair
    folder = finished.folder
    assert folder is not None
    names = [_samples(finished, run) for run in pair]
    name = next(one for one in names[0] if one in names[1])
    pictures = {}
    for heading, run in (("IoU loss", ours), ("BCE", base)):
        path = folder / run.run_id / "samples" / f"{name}_prediction.png"
        with Image.open(path) as picture:
            pictures[heading] = np.array(picture)
    text = (
        f"The same test picture as {base.model} on {base.dataset}"
        + (f" ({base.task})" if base.task else "")
        + f" segments it with either loss, seed {base.seed}. The photograph is not shown."
    )
    return Drawn("outputs", title, outputs_figure(pictures), text, "outputs with two losses")


def _samples(finished: Finished, run: Run) -> list[str]:
    """The ids of the test pictures whose prediction is stored."""
    if finished.folder is None:
        return []
    found = sorted((finished.folder / run.run_id / "samples").glob("*_prediction.png"))
    return [path.name.removesuffix("_prediction.png") for path in found]


def _two_runs(finished: Finished, baseline: str, loss: str) -> tuple[Run, Run] | None:
    """The first two runs that differ in their loss alone and store the same test picture; the
    paper's own setting is taken before others.
    """
    found = []
    for base in finished.runs:
        for ours in finished.runs:
            same = {k: v for k, v in base.spec.items() if ours.spec.get(k) != v}.keys() == {"loss"}
            if same and (base.loss, ours.loss) == (baseline, loss):
                both = set(_samples(finished, base)) & set(_samples(finished, ours))
                if both:
                    found.append((base, ours))
    ordered = sorted(found, key=lambda pair: not _is_of_figure(pair[0]))
    return ordered[0] if ordered else None


def _is_of_figure(run: Run) -> bool:
    setting = (run.model, run.dataset, run.task)
    return setting == ("bfcn32s", "lfw_parts", "face_without_hair")


def _terms(table: pd.DataFrame, finished: Finished, styles: Styles) -> Drawn:
    title = "Losses and mIoU over training (Fig. 4)"
    terms = levelset.loss_terms(finished)
    with_term = terms[terms["levelset"].notna()]
    if with_term.empty:
        return _missing("terms", title, "a run of `ce` with a level set term, and its history")
    setting = with_term["setting"].iloc[0]
    part = terms[terms["setting"] == setting]
    printed = part[part["loss"].isin(["ce", "ce + 0.0004*levelset"])]
    shown = printed if printed["levelset"].notna().any() else part
    text = f"{setting}. {levelset.read_terms(shown)}"
    return Drawn("terms", title, terms_figure(shown, styles), text, "level set loss and mIoU")


def _heavisides(table: pd.DataFrame, finished: Finished, styles: Styles) -> Drawn:
    title = "Heavisides (Fig. 5)"
    terms = levelset.loss_terms(finished)
    for setting, part in terms.groupby("setting", sort=False):
        of_loss = {}
        for loss in dict.fromkeys(part["loss"]):
            found = levelset.levelset_of(str(loss))
            if found is not None and found.heaviside not in [h for h, _ in of_loss.values()]:
                of_loss[str(loss)] = (found.heaviside, found.epsilon)
        if len(of_loss) > 1:
            best = part[part["loss"].isin(of_loss)].groupby("loss")["miou"].max()
            first = of_loss[str(best.idxmax())][0]
            text = f"{setting}: the highest validation mIoU is that of {first}."
            figure = heavisides_figure(part, of_loss)
            return Drawn("heavisides", title, figure, text, "Heavisides and mIoU by epoch")
    return _missing("heavisides", title, "two Heavisides in one setting, such as tanh and arctan")


def _sweep(table: pd.DataFrame, finished: Finished, styles: Styles) -> Drawn:
    title = "Sweep of epsilon and lambda (section 4.7)"
    sweep = levelset.sweep_table(finished)
    smooth = sweep[sweep["heaviside"].isin(["", "tanh"])]
    several = smooth[smooth["weight"] != 0].groupby("setting")["loss"].nunique()
    kept = smooth[smooth["setting"].isin(several.index[several > 1])]
    if kept.empty:
        return _missing("sweep", title, "two values of lambda or epsilon in one setting")
    means = kept[kept["weight"] != 0].groupby(["setting", "weight", "epsilon"])["value"].mean()
    setting, weight, epsilon = means.idxmax()  # type: ignore[misc]
    text = (
        f"The highest test mIoU, {100 * means.max():.1f} %, is at lambda = {weight:g} and "
        f"epsilon = {epsilon:g} ({setting}); it was chosen on the pictures that it is scored on."
    )
    return Drawn("sweep", title, sweep_figure(kept), text, "mIoU by lambda and epsilon")


def _trimaps(table: pd.DataFrame, finished: Finished, styles: Styles) -> Drawn:
    title = "IoU by width of the trimap (Fig. 5)"
    held = finished.results["metric"].isin([score.metric for score in trimap_scores("dataset")])
    if not held.any():
        return _missing("trimap", title, "runs with trimap counts: older versions store none")
    found = trimap_table(finished.results)
    narrow = found[(found["region"] == "within") & (found["width"] == found["width"].min())]
    best = narrow.loc[narrow["mean"].idxmax()]
    text = (
        f"Within {best['width']:g} px of the edges `{best['loss']}` has the highest mean IoU, "
        f"{100 * best['mean']:.1f} % ({best['setting']})."
    )
    figure = trimap_figure(found, styles=styles)
    return Drawn("trimap", title, figure, text, "IoU near edges and away from them")


def _boundary_curves(table: pd.DataFrame, finished: Finished, styles: Styles) -> Drawn:
    title = "Convergence of Boundary IoU (section 4.4.2)"
    rows = finished.histories
    if "val_boundary_iou" not in set(rows["metric"]):
        return _missing("boundary_curves", title, "histories with val_boundary_iou")
    parts = []
    for dataset, part in rows.groupby("dataset", sort=False):
        losses = set(part["loss"])
        base = "ce" if "ce" in losses else sorted(losses)[0]
        at = GUL_THRESHOLDS.get(str(dataset))
        reached = epochs_to_reach(part, base, metric="val_boundary_iou", threshold=at)
        parts.append(median_epochs(reached))
    medians = pd.concat(parts, ignore_index=True)
    figure = curves_figure(
        curves(rows, "val_boundary_iou"),
        medians,
        label="validation Boundary IoU, %",
        styles=styles,
        threshold_label="threshold",
    )
    known = [name for name in dict.fromkeys(rows["dataset"]) if name in GUL_THRESHOLDS]
    at = ", ".join(f"{GUL_THRESHOLDS[name]:g} on {name}" for name in known)
    where = f"Thresholds as printed: {at}." if at else "Thresholds: 95 % of the baseline's best."
    text = f"{where} {_reached(medians)}"
    return Drawn("boundary_curves", title, figure, text, "validation Boundary IoU by epoch")


def _costs(table: pd.DataFrame, finished: Finished, styles: Styles) -> Drawn:
    title = "Memory and run time (Figs. 4.3 to 4.6)"
    if not finished.runs:
        return _missing("gul_costs", title, "a finished run")
    found = costs(finished.table, "ce")
    text = "Medians over runs; memory is the peak of a run, where the machine reports one."
    return Drawn("gul_costs", title, costs_figure(found, styles=styles), text, "time and memory")


def _reached(medians: pd.DataFrame) -> str:
    """How many runs of each loss get to the threshold, over all settings."""
    sums = medians.groupby("loss", sort=False)[["reached", "runs"]].sum()
    texts = [f"`{loss}` {row['reached']} of {row['runs']}" for loss, row in sums.iterrows()]
    return f"Runs that get there: {', '.join(texts)}; those that do not are right-censored."


def _missing(name: str, title: str, what: str) -> Drawn:
    return Drawn(name, title, None, f"Not drawn: it needs {what}.")


_OF_PAPER: dict[str, tuple[Callable[[pd.DataFrame, Finished, Styles], Drawn], ...]] = {
    "rahman2016": (_sparsity,),
    "vanbeers2018": (_setting_pairs, _outputs),
    "kim2019": (_terms, _heavisides, _sweep),
    "chen2020": (_trimaps,),
    "gul2023": (_boundary_curves, _costs),
}
