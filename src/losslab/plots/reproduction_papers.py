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
from losslab.analysis.reproduction.layout import short_loss
from losslab.analysis.reproduction.t_tests import setting_pairs
from losslab.losses import PRESETS, canonical
from losslab.losses.region import Heaviside
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

_HEAVISIDES = ("kim2019_levelset", "kim2019_levelset_arctan", "kim2019_levelset_step")
"""Presets whose losses the figure of Heavisides takes before others."""

_OF_FIGURES = (("deeplabv3plus", "celebamask_hq"), ("unet", "cityscapes"))
"""The settings whose memory and run time Gul draws, with ResNet-50."""

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
    return [one for draw in _OF_PAPER[paper] for one in draw(table, finished, styles)]


def _sparsity(table: pd.DataFrame, finished: Finished, styles: Styles) -> list[Drawn]:
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
        return [_missing("sparsity", title, "both losses on a class whose ratio Table 2 prints")]
    rank = found["ratio"].corr(found["measured"], method="spearman")
    text = f"{measured} classes have a measured gain"
    if measured > 2:
        text += f"; Spearman's correlation with the ratio is {rank:.2f}".replace("-", "−")
    return [Drawn("sparsity", title, sparsity_figure(found), f"{text}.", "gain by class sparsity")]


def _setting_pairs(table: pd.DataFrame, finished: Finished, styles: Styles) -> list[Drawn]:
    title = "IoU loss less cross-entropy by setting (section 5)"
    if not table["table"].str.startswith("4.").any():
        return [_missing("settings", title, "one of Tables 4.1 to 4.4 in this report")]
    pairs = setting_pairs(table)
    count = int(pairs.loc[pairs["metric"] == "iou", "measured"].notna().sum())
    if not pairs["measured"].notna().any():
        return [_missing("settings", title, "a setting that was run with both losses")]
    better = int((pairs.loc[pairs["metric"] == "iou", "measured"] > 0).sum())
    text = f"IoU is higher with IoU loss in {better} of {count} settings that were run."
    alt = "differences by setting, published and measured"
    return [Drawn("settings", title, setting_pairs_figure(pairs), text, alt)]


def _outputs(table: pd.DataFrame, finished: Finished, styles: Styles) -> list[Drawn]:
    title = "Example outputs (Figs. 5.1, 5.2)"
    pair = _two_runs(finished, "ce", _IOU_LOSS)
    if pair is None:
        return [_missing("outputs", title, f"`ce` and `{_IOU_LOSS}` in one setting with samples")]
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
    return [Drawn("outputs", title, outputs_figure(pictures), text, "outputs with two losses")]


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


def _terms(table: pd.DataFrame, finished: Finished, styles: Styles) -> list[Drawn]:
    title = "Losses and mIoU over training (Fig. 4)"
    terms = levelset.loss_terms(finished)
    with_term = terms[terms["levelset"].notna()]
    if with_term.empty:
        return [_missing("terms", title, "a run of `ce` with a level set term, and its history")]
    setting = with_term["setting"].iloc[0]
    part = terms[terms["setting"] == setting]
    printed = part[part["loss"].isin(["ce", "ce + 0.0004*levelset"])]
    shown = printed if printed["levelset"].notna().any() else part
    text = f"{setting}. {levelset.read_terms(shown)}"
    return [Drawn("terms", title, terms_figure(shown, styles), text, "level set loss and mIoU")]


def _heavisides(table: pd.DataFrame, finished: Finished, styles: Styles) -> list[Drawn]:
    title = "Heavisides (Fig. 5)"
    terms = levelset.loss_terms(finished)
    for setting, part in terms.groupby("setting", sort=False):
        of_loss: dict[str, tuple[Heaviside, float]] = {}
        printed = [PRESETS[name] for name in _HEAVISIDES]
        losses = [canonical(loss) for loss in printed] + list(part["loss"])
        for loss in dict.fromkeys(losses):
            if loss not in set(part["loss"]):
                continue
            found = levelset.levelset_of(str(loss))
            if found is not None and found.heaviside not in [h for h, _ in of_loss.values()]:
                of_loss[str(loss)] = (found.heaviside, found.epsilon)
        if len(of_loss) > 1:
            best = part[part["loss"].isin(of_loss)].groupby("loss")["miou"].max()
            first = of_loss[str(best.idxmax())][0]
            text = f"{setting}: the highest validation mIoU is that of {first}."
            figure = heavisides_figure(part, of_loss)
            return [Drawn("heavisides", title, figure, text, "Heavisides and mIoU by epoch")]
    return [_missing("heavisides", title, "two Heavisides in one setting, such as tanh and arctan")]


def _sweep(table: pd.DataFrame, finished: Finished, styles: Styles) -> list[Drawn]:
    title = "Sweep of epsilon and lambda (section 4.7)"
    sweep = levelset.sweep_table(finished)
    smooth = sweep[sweep["heaviside"].isin(["", "tanh"])]
    several = smooth[smooth["weight"] != 0].groupby("setting")["loss"].nunique()
    kept = smooth[smooth["setting"].isin(several.index[several > 1])]
    if kept.empty:
        return [_missing("sweep", title, "two values of lambda or epsilon in one setting")]
    means = kept[kept["weight"] != 0].groupby(["setting", "weight", "epsilon"])["value"].mean()
    setting, weight, epsilon = means.idxmax()  # type: ignore[misc]
    text = (
        f"The highest test mIoU, {100 * means.max():.1f} %, is at lambda = {weight:g} and "
        f"epsilon = {epsilon:g} ({setting}); it was chosen on the pictures that it is scored on."
    )
    return [Drawn("sweep", title, sweep_figure(kept), text, "mIoU by lambda and epsilon")]


def _trimaps(table: pd.DataFrame, finished: Finished, styles: Styles) -> list[Drawn]:
    title = "IoU by width of the trimap (Fig. 5)"
    held = finished.results["metric"].isin([score.metric for score in trimap_scores("dataset")])
    if not held.any():
        return [_missing("trimap", title, "runs with trimap counts: older versions store none")]
    found = trimap_table(finished.results)
    narrow = found[(found["region"] == "within") & (found["width"] == found["width"].min())]
    best = narrow.loc[narrow["mean"].idxmax()]
    text = (
        f"Within {best['width']:g} px of the edges `{best['loss']}` has the highest mean IoU, "
        f"{100 * best['mean']:.1f} % ({best['setting']})."
    )
    figure = trimap_figure(found, styles=styles)
    return [Drawn("trimap", title, figure, text, "IoU near edges and away from them")]


def _boundary_curves(table: pd.DataFrame, finished: Finished, styles: Styles) -> list[Drawn]:
    title = "Convergence of Boundary IoU (section 4.4.2)"
    if "val_boundary_iou" not in set(finished.histories["metric"]):
        return [_missing("boundary_curves", title, "histories with val_boundary_iou")]
    rows, named = _short(finished.histories, styles)
    drawn = []
    for dataset, part in rows.groupby("dataset", sort=False):
        losses, at = set(part["loss"]), GUL_THRESHOLDS.get(str(dataset))
        base = short_loss("ce") if short_loss("ce") in losses else min(losses)
        reached = epochs_to_reach(part, base, metric="val_boundary_iou", threshold=at)
        medians = median_epochs(reached)
        figure = curves_figure(
            curves(part, "val_boundary_iou"),
            medians,
            label="validation Boundary IoU, %",
            styles=named,
            threshold_label="threshold",
        )
        of = f"Threshold {at:g} as printed" if at else f"Threshold 95 % of the best of `{base}`"
        text = f"{of}. {_reached(medians)}"
        name = f"boundary_curves_{dataset}"
        drawn.append(Drawn(name, f"{title}: {dataset}", figure, text, "Boundary IoU by epoch"))
    return drawn


def _costs(table: pd.DataFrame, finished: Finished, styles: Styles) -> list[Drawn]:
    title = "Memory and run time (Figs. 4.3 to 4.6)"
    if not finished.runs:
        return [_missing("gul_costs", title, "a finished run")]
    rows, named = _short(finished.table, styles)
    found = costs(rows, short_loss("ce"))
    networks = [f"{dataset}.*{model}, resnet50" for model, dataset in _OF_FIGURES]
    drawn = found["setting"].str.contains("|".join(networks))
    first = found["setting"] == found["setting"].iloc[0]
    figure = costs_figure(found[drawn] if drawn.any() else found[first], styles=named)
    text = "Medians over runs; memory is the peak of a run, where the machine reports one."
    return [Drawn("gul_costs", title, figure, text, "time and memory by loss")]


def _short(frame: pd.DataFrame, styles: Styles) -> tuple[pd.DataFrame, Styles]:
    """The frame with Gul's own names of the losses, and the styles by these."""
    names = {str(loss): short_loss(str(loss)) for loss in dict.fromkeys(frame["loss"])}
    named = {short: styles[loss] for loss, short in names.items()}
    return frame.assign(loss=frame["loss"].map(names)), named


def _reached(medians: pd.DataFrame) -> str:
    """How many runs of each loss get to the threshold, over all settings."""
    sums = medians.groupby("loss", sort=False)[["reached", "runs"]].sum()
    texts = [f"`{loss}` {row['reached']} of {row['runs']}" for loss, row in sums.iterrows()]
    return f"Runs that get there: {', '.join(texts)}; those that do not are right-censored."


def _missing(name: str, title: str, what: str) -> Drawn:
    return Drawn(name, title, None, f"Not drawn: it needs {what}.")


_OF_PAPER: dict[str, tuple[Callable[[pd.DataFrame, Finished, Styles], list[Drawn]], ...]] = {
    "rahman2016": (_sparsity,),
    "vanbeers2018": (_setting_pairs, _outputs),
    "kim2019": (_terms, _heavisides, _sweep),
    "chen2020": (_trimaps,),
    "gul2023": (_boundary_curves, _costs),
}
