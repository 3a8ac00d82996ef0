"""How scores are called in front of people, and what a table says of how it was scored."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pandas as pd

from losslab.metrics import DEFINITIONS, Score
from losslab.metrics.scores import ABSENT, CLASSES, LEVELS, MEAN, usual_score, width_text
from losslab.metrics.trimap import TRIMAP_WIDTHS

METRICS = {
    "accuracy": "pixel accuracy",
    "iou": "IoU",
    "dice": "Dice",
    "boundary_iou": "Boundary IoU",
    "class_accuracy": "class accuracy",
    "e_measure": "E-measure",
}
"""Scores of whole pictures."""

_WIDTHS = {f"trimap_iou_{w}": f"IoU within {w} px of edges" for w in TRIMAP_WIDTHS}
_WIDTHS |= {f"nonboundary_iou_{w}": f"IoU beyond {w} px of edges" for w in TRIMAP_WIDTHS}

NAMES = METRICS | _WIDTHS
NAMES |= {"entropy_band": "entropy on the band", "entropy_inside": "entropy off the band"}
"""All metrics; the bands of the entropies are those of Boundary IoU in the label."""

LEVEL_NAMES = {"dataset": "data set", "image": "mean over images", "image_first": "image by image"}

_RULES = {
    "foreground": "without background",
    "both": "with background",
    "weighted": "weighted by pixels",
    "pooled": "classes pooled",
    "labelled": "labelled only",
    "union": "predicted too",
    "one": "absent are 1",
}


def short_name(score: Score) -> str:
    """A score's name for headers and axes, such as "IoU (data set)" or "IoU (data set; classes
    pooled)"; what follows the level is where it leaves that level's usual rules.
    """
    usual = usual_score(score.metric, score.level)
    rules = [_RULES[score.classes]] if score.classes != usual.classes else []
    rules += [_RULES[score.absent]] if score.absent != usual.absent else []
    return f"{NAMES[score.metric]} ({'; '.join([LEVEL_NAMES[score.level], *rules])})"


def brief(name: str) -> str:
    """A short name for narrow columns: "IoU (set)", "IoU within 3 px (images)"."""
    for words, fewer in _BRIEF.items():
        name = name.replace(words, fewer)
    return name


_BRIEF = {
    f"({LEVEL_NAMES['dataset']}": "(set",
    f"({LEVEL_NAMES['image']}": "(images",
    " of edges": "",
}


def rules_of(score: Score) -> dict[str, Any]:
    """What every number of a table carries: level, classes, absent, void, width.

    A width is in pixels, or a share of the image's diagonal below 1; NaN where there is no band.
    """
    width = float("nan") if score.width is None else score.width
    names = {"level": score.level, "classes": score.classes, "absent": score.absent}
    return {**names, "void": score.void, "width": width}


def is_derived(name: str, chosen: str) -> bool:
    """Whether a definition follows class by class from other scores, and so is no witness of its
    own beside the chosen one: Dice of a class is 2 IoU / (1 + IoU) (so where Dice is chosen, IoU is
    derived), and classes pooled over the set have an IoU of a / (2 - a) at pixel accuracy a. A mean
    of them over classes or images may order losses in another way all the same.
    """
    score, asked = DEFINITIONS[name], DEFINITIONS[chosen]
    if name == chosen:
        return False
    twin = "iou" if asked.metric == "dice" else "dice"
    return score.metric == twin or (score.classes == "pooled" and score.level == "dataset")


def derived_from(name: str, chosen: str) -> str:
    """The key of the score that a definition follows from, of those that `is_derived` names: by the
    same rules where there is one, else by the usual ones of its level.
    """
    score = DEFINITIONS[name]
    if score.classes == "pooled" and score.level == "dataset":
        return "accuracy@dataset"
    metric = "dice" if DEFINITIONS[chosen].metric == "dice" else "iou"
    same = replace(score, metric=metric).name
    return same if same in DEFINITIONS else usual_score(metric, score.level).name


def by_distance(name: str) -> bool:
    """Whether a definition looks only at pixels within some distance of the edges, or beyond it."""
    return isinstance(DEFINITIONS[name].width, int)


def with_definition(table: pd.DataFrame, score: Score) -> pd.DataFrame:
    """The table with columns metric, level, classes, absent, void, width of the score it is of."""
    return table.assign(metric=score.metric, **rules_of(score))


def definition_table(names: Iterable[str]) -> pd.DataFrame:
    """What each definition means: score (its key), definition (short name), metric, level, classes,
    absent, void, width, text (one sentence).
    """
    rows = []
    for name in names:
        score = DEFINITIONS[name]
        row = {"score": name, "definition": short_name(score), "metric": score.metric}
        rows.append(row | rules_of(score) | {"text": score.describe()})
    columns = ["score", "definition", "metric", "level", "classes", "absent", "void", "width"]
    return pd.DataFrame(rows, columns=[*columns, "text"])


def caption(scores: Iterable[Score]) -> str:
    """What the scores of a table mean, those of equal rules together, for the line beside it."""
    groups: dict[str, list[str]] = {}
    bands: dict[str, list[str]] = {}
    voids = []
    for score in scores:
        name = NAMES[score.metric]
        groups.setdefault(_rules_text(score), []).append(name)
        bands.setdefault(width_text(score.width), []).append(name)
        voids.append(score.void)
    parts = [f"{_listed(names)}: {text}" for text, names in groups.items()]
    parts += [f"{_listed(names)}: {text}" for text, names in bands.items() if text]
    return ". ".join([*parts, *dict.fromkeys(map(_capital, voids))]) + "."


def _rules_text(score: Score) -> str:
    """Level, classes and absent-class rule in one clause."""
    if score.classes == "pixels":
        return "summed over the set" if score.level == "dataset" else "mean over images"
    parts = [LEVELS[score.level]]
    if score.level == "dataset" or score.classes != MEAN:
        parts.append(CLASSES[score.classes])
    return "; ".join([*parts, ABSENT[score.absent]])


def _listed(names: list[str]) -> str:
    """Equal names once, the first letter a capital."""
    return _capital(", ".join(dict.fromkeys(names)))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
