"""Scores near the edges of the label map and away from them: trimaps and entropy."""

import pandas as pd

from losslab.analysis.definitions import caption, rules_of
from losslab.analysis.scores import LEVELS, scores_under
from losslab.analysis.table_parts import for_one_setting, mean_sd
from losslab.errors import StudyError, unknown
from losslab.metrics import SCORES, Score
from losslab.metrics.trimap import TRIMAP_WIDTHS

TRIMAPS = {"within": "trimap_iou", "beyond": "nonboundary_iou"}
"""Regions of a trimap: the pixels at most its width from an edge, and all others."""

ENTROPIES = {"on the band": "entropy_band", "off the band": "entropy_inside"}
"""Regions of the boundary band of Boundary IoU in the label."""


def trimap_table(results: pd.DataFrame, *, level: str = "dataset") -> pd.DataFrame:
    """IoU within each distance of the label map's edges and beyond it, as SEMEDA's Fig. 5 (Chen et
    al. 2020): a row per setting, loss, region and width.

    Columns: setting, loss, region (a key of `TRIMAPS`), metric, level, classes, absent, void, width
    (pixels), n (runs), mean, sd (NaN with one run), low, high (the lowest and highest run). Raises
    StudyError where no run stored trimap counts, as those of older versions did not.
    """
    metrics = {f"{name}_{w}": region for region, name in TRIMAPS.items() for w in TRIMAP_WIDTHS}
    return _of_regions(results, metrics, level, "trimap counts")


def entropy_table(results: pd.DataFrame, *, level: str = "dataset") -> pd.DataFrame:
    """Mean entropy of the predictions on the label's boundary band and off it, 0 (sure) to 1: a row
    per setting, loss and region.

    Columns as in `trimap_table`, region being a key of `ENTROPIES`; an entropy is neither good nor
    bad by itself. Raises StudyError where no run stored entropies.
    """
    metrics = {name: region for region, name in ENTROPIES.items()}
    return _of_regions(results, metrics, level, "entropies")


def entropy_scores(level: str) -> list[Score]:
    """The scores behind `entropy_table`, for its caption."""
    return [SCORES[f"{metric}@{level}"] for metric in ENTROPIES.values()]


def trimap_scores(level: str) -> list[Score]:
    """The scores behind `trimap_table`, for its caption."""
    metrics = [f"{name}_{width}" for name in TRIMAPS.values() for width in TRIMAP_WIDTHS]
    return [SCORES[f"{metric}@{level}"] for metric in metrics]


def entropy_caption(level: str) -> str:
    """What `show_entropy` shows, for the line over it."""
    told = "Mean ± sd over runs, in percent of the largest entropy that the classes allow."
    return f"{told} {caption(entropy_scores(level))}"


def trimap_caption(level: str) -> str:
    """What `show_trimap` shows, for the line over it."""
    first = [SCORES[f"{metric}_1@{level}"] for metric in TRIMAPS.values()]
    told = caption(first).replace(" 1 px ", " w px ").replace(" 1 pixel ", " w pixels ")
    return f"Mean ± sd over runs, in percent. {told}"


def stored(results: pd.DataFrame, scores: list[Score]) -> bool:
    """Whether any run has such a score: those of older versions have not."""
    return bool(results["metric"].isin([score.metric for score in scores]).any())


def show_trimap(table: pd.DataFrame) -> pd.DataFrame:
    """`trimap_table` for people: a row per loss and region, a column per width, in percent."""
    rows = table.copy()
    rows["text"] = [mean_sd(m, sd, 1) for m, sd in zip(rows["mean"], rows["sd"], strict=True)]
    keys = ["setting", "region", "loss"]
    wide = rows.pivot(index=keys, columns="width", values="text")
    order = pd.MultiIndex.from_frame(rows.sort_values("setting")[keys].drop_duplicates())
    wide = wide.loc[order].fillna("–").reset_index()
    return for_one_setting(wide.rename(columns={w: f"{w:g} px" for w in TRIMAP_WIDTHS}))


def show_entropy(table: pd.DataFrame) -> pd.DataFrame:
    """`entropy_table` for people: mean ± sd of each region, in percent of the largest entropy that
    there can be, and their ratio.
    """
    keys = ["setting", "loss"]
    rows = table.copy()
    rows["text"] = [mean_sd(m, sd) for m, sd in zip(rows["mean"], rows["sd"], strict=True)]
    wide = rows.pivot(index=keys, columns="region", values="text")[list(ENTROPIES)]
    means = rows.pivot(index=keys, columns="region", values="mean")
    shown = wide.rename(columns={name: f"entropy {name}, %" for name in ENTROPIES})
    ratio = means["on the band"] / means["off the band"].where(means["off the band"] > 0)
    shown["ratio"] = ["–" if pd.isna(value) else f"{value:.1f} ×" for value in ratio]
    return for_one_setting(shown.reset_index())


def _of_regions(
    results: pd.DataFrame, metrics: dict[str, str], level: str, what: str
) -> pd.DataFrame:
    if level not in LEVELS:
        raise StudyError(unknown("level", level, LEVELS))
    scores = scores_under(results, [f"{metric}@{level}" for metric in metrics])
    if scores.empty:
        raise StudyError(
            f"no run stored {what}: they were made by an older version; make them again"
        )
    groups = scores.groupby(["score", "setting", "loss"])["value"]
    found = groups.agg(n="size", mean="mean", sd="std", low="min", high="max").reset_index()
    parts = []
    for metric, region in metrics.items():
        score = SCORES[f"{metric}@{level}"]
        own = found[found["score"] == score.name].drop(columns="score")
        parts.append(own.assign(region=region, metric=metric, **rules_of(score)))
    rules = ["metric", "level", "classes", "absent", "void", "width"]
    columns = ["setting", "loss", "region", *rules, "n", "mean", "sd", "low", "high"]
    return pd.concat(parts, ignore_index=True)[columns]
