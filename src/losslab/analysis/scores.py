"""The scores that a comparison is about: one value per setting, loss, fold and seed."""

import re
from collections.abc import Iterable

import pandas as pd

from losslab.analysis.definitions import LEVEL_NAMES, METRICS, NAMES, short_name
from losslab.errors import StudyError, unknown
from losslab.metrics import DEFINITIONS, SCORES
from losslab.metrics.scores import MEAN

SETTING = ("dataset", "task", "model", "encoder")
"""Columns that say what was trained; losses are compared within one setting only."""

PAIR = ("fold", "seed")
"""Columns that two runs of a setting share when they are compared as a pair."""

CURVES = dict.fromkeys(METRICS, "val_iou")
CURVES |= {"accuracy": "val_accuracy", "boundary_iou": "val_boundary_iou"}
"""The validation score in a run's history that stands for each metric."""
LEVELS = {level: LEVEL_NAMES[level] for level in ("dataset", "image")}
"""Levels at which a comparison may be asked for."""


def with_setting(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column `setting`: its data set, task, model and encoder in one text.

    A column `variant` (see `with_variants`) becomes part of the text. Missing tasks, encoders and
    folds become "" and 0, so that no grouping drops a row.
    """
    filled = frame.copy() if "variant" in frame else frame.assign(variant="")
    columns = [*SETTING, "variant"]
    for column in columns:
        filled[column] = filled[column].astype("object").fillna("").astype(str)
    filled["fold"] = pd.to_numeric(filled["fold"]).fillna(0).astype(int)
    unique = filled[columns].drop_duplicates()
    names = {tuple(row): _setting_name(*row) for row in unique.to_numpy()}
    keys = zip(*(filled[column] for column in columns), strict=True)
    filled["setting"] = [names[key] for key in keys]
    return filled


def _setting_name(dataset: str, task: str, model: str, encoder: str, variant: str) -> str:
    subject = f"{dataset} ({task})" if task else dataset
    return ", ".join(part for part in (subject, model, encoder, variant) if part)


def without_repeats(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of runs that are no repeat of another: those that are compared."""
    return frame[frame["repeat"] == 0] if "repeat" in frame else frame


def select_scores(
    results: pd.DataFrame,
    *,
    metric: str = "iou",
    level: str = "dataset",
    classes: Iterable[str] = (MEAN,),
) -> pd.DataFrame:
    """One score per setting, class, loss, fold and seed, as fractions.

    `results` is the tidy table of `losslab.study.load_results`. Returns the columns setting, class,
    loss, fold, seed, run_id, value, without the scores that are undefined (NaN). Raises StudyError
    for an unknown metric or level and for two runs that a pairing could not tell apart.
    """
    scores = scores_under(results, [check_score(metric, level)], classes=classes)
    return scores.drop(columns="score")


def check_score(metric: str, level: str) -> str:
    """The key of the usual score of a metric at a level; raises StudyError where there is none."""
    if f"{metric}@{level}" in SCORES:
        return f"{metric}@{level}"
    metrics = [name for name in NAMES if any(one.metric == name for one in SCORES.values())]
    for kind, name, choices in (("metric", metric, metrics), ("level", level, LEVELS)):
        if name not in choices:
            raise StudyError(unknown(kind, name, choices))
    levels = [one.level for one in SCORES.values() if one.metric == metric]
    raise StudyError(f"there is no {metric} at {level} level: take {' or '.join(levels)} level")


def check_held(scores: pd.DataFrame, name: str) -> None:
    """Raise StudyError where no run has that score; `scores` has its key in a column `score`."""
    if name not in set(scores["score"]):
        raise StudyError(
            f"no run has a score {name}: its counts were not stored, or no class has one; choose "
            "another metric or level, or make the runs again"
        )


def scores_under(
    results: pd.DataFrame, definitions: Iterable[str], *, classes: Iterable[str] = (MEAN,)
) -> pd.DataFrame:
    """`select_scores` for several definitions at once, with a column `score`: the definition's key.

    Those that the results do not hold have no rows.
    """
    wanted = results["class"].isin(list(classes)) & (results["image"].fillna("") == "")
    rows = with_setting(without_repeats(results[wanted]))
    rows["score"] = (
        rows["definition"] if "definition" in rows else rows["metric"] + "@" + rows["level"]
    )
    rows = rows[rows["score"].isin(list(definitions))]
    keys = ["score", "setting", "class", "loss", *PAIR]
    twice = rows[rows.duplicated(keys, keep=False)]
    if len(twice):
        first = twice[(twice[keys] == twice.iloc[0][keys]).all(axis=1)]
        raise StudyError(
            f"runs {', '.join(sorted(first['run_id'].astype(str)))} have the same data set, task, "
            "model, loss, fold and seed, so a pairing cannot tell them apart: choose between them "
            "with run_ids, or name what differs with with_variants"
        )
    kept = rows.dropna(subset=["value"]).sort_values(keys, kind="stable", key=setting_order)
    return kept[[*keys, "run_id", "value"]].reset_index(drop=True)


def setting_order(column: pd.Series) -> pd.Series:
    """The key of `sort_values` that puts settings in the order of their numbers, 3 before 10, and
    leaves all other columns as they are.
    """
    if column.name != "setting":
        return column
    names = sorted(column.unique(), key=lambda name: _as_counted(str(name)))
    return column.map({name: place for place, name in enumerate(names)})


def _as_counted(name: str) -> list[tuple[str, float]]:
    """By which names are sorted so that 3 comes before 10."""
    parts = re.findall(r"(\D*)(\d+(?:\.\d+)?)?", name)
    return [(text, float(number or 0)) for text, number in parts]


def class_names(results: pd.DataFrame) -> list[str]:
    """The classes of the results in their stored order, without the mean over them."""
    return [str(name) for name in results["class"].drop_duplicates() if name != MEAN]


def check_baseline(scores: pd.DataFrame, baseline: str) -> None:
    """Raise StudyError where no run of `scores` was trained with the baseline loss."""
    losses = sorted(scores["loss"].unique())
    if baseline not in losses:
        raise StudyError(unknown("baseline", baseline, losses))


def definition(metric: str, level: str) -> str:
    """A score's short name for headers and axes, such as "IoU (data set)"."""
    return short_name(DEFINITIONS[f"{metric}@{level}"])


def image_definition(metric: str) -> str:
    """The short name of a single image's score, which is a mean over the image's own classes."""
    name = f"{METRICS[metric]} of an image"
    return name if metric == "accuracy" else f"{name} (mean over its classes)"
