"""Finished runs made up for the papers' protocols: what the store would give for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from losslab.analysis.published import load_published
from losslab.analysis.reproduction import Finished
from losslab.spec import RunSpec

BASE = RunSpec(epochs=60).to_dict()
Scores = Mapping[tuple[str, str], float]
"""By definition and class, such as ("iou@dataset", "mean")."""


class MadeRuns:
    """Collects runs with scores and histories of one's choice."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.results: list[dict[str, Any]] = []
        self.histories: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = []

    def add(
        self,
        *,
        scores: Scores | None = None,
        curves: Mapping[str, list[float]] | None = None,
        groups: Scores | None = None,
        facts: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> str:
        """One run with the given fields of its spec; returns its id."""
        spec = BASE | fields
        run_id = f"run-{len(self.runs):04d}"
        keys = {"run_id": run_id, **{k: spec[k] for k in ("dataset", "model", "encoder", "loss")}}
        keys |= {"task": spec["task"] or "", "seed": spec["seed"], "repeat": spec["repeat"]}
        keys |= {"fold": spec["fold"] if spec["split"] == "folds" else 0}
        known = {"status": "finished", "epochs": 60, "best_epoch": 1, "data_tested_on_val": False}
        known |= {"device": "cpu", "wall_seconds": 60.0, "step_seconds": 0.1}
        known |= {"data_train": 2342, "data_val": 292, "data_test": 292}
        known |= {"images_per_second": 9.0, "peak_memory_bytes": 2.0**30}
        self.runs.append(keys | known | dict(facts or {}) | {"spec": spec})
        for (definition, name), value in (scores or {}).items():
            metric, _, level = definition.partition("@")
            row = {"image": "", "class": name, "metric": metric, "level": level}
            self.results.append(keys | row | {"definition": definition, "value": value})
        for (definition, name), value in (groups or {}).items():
            metric, _, level = definition.partition("@")
            row = {"image": "", "class": name, "metric": metric, "level": level, "value": value}
            self.groups.append(keys | row)
        for metric, values in (curves or {}).items():
            rows = [
                keys | {"epoch": e, "metric": metric, "value": v} for e, v in enumerate(values, 1)
            ]
            self.histories += rows
        return run_id

    def finished(self, folder: Path | None = None) -> Finished:
        """The tables of the store."""
        keys = list(self.runs[0])[:9] if self.runs else []
        results = [*keys, "image", "class", "metric", "level", "definition", "value"]
        return Finished(
            pd.DataFrame(self.runs),
            pd.DataFrame(self.results, columns=results),
            pd.DataFrame(self.histories, columns=[*keys, "epoch", "metric", "value"]),
            pd.DataFrame(self.groups),
            folder,
        )


ON_VAL = {"data_tested_on_val": True}

RAHMAN = {
    "dataset": "voc2010",
    "dataset_options": {"division": "rahman2016"},
    "model": "fcn_alexnet32s",
    "encoder": "alexnet",
    "encoder_weights": "imagenet",
}
LARGEFOV: dict[str, Any] = {
    "dataset": "voc_aug",
    "model": "deeplab_largefov",
    "encoder": "vgg16",
    "facts": ON_VAL,
}
GUL: dict[str, Any] = {
    "dataset": "cityscapes",
    "model": "unet",
    "encoder": "resnet34",
    "encoder_weights": "imagenet",
    "facts": ON_VAL,
}
SIX = {
    "ce": "ce",
    "iou": "iou(absent='zero')",
    "dice": "dice(absent='zero')",
    "combo": "combo(absent='zero')",
    "dice_focal": "dice(absent='zero') + focal(one_vs_all=True, classes='sum')",
    "distance": "distance",
}


def one(table_: pd.DataFrame, /, **keys: str) -> pd.Series:
    """The one row with these keys."""
    for name, value in keys.items():
        table_ = table_[table_[name.removesuffix("_")] == value]
    assert len(table_) == 1
    return table_.iloc[0]


_WEIGHTS = {
    "": None,
    "imagenet": "imagenet",
    "coco": "deeplabv3_resnet101_coco-586e9e4e.pth",
    "imagenet + coco": "deeplabv3_resnet101_coco-586e9e4e.pth",
}
_DIVISIONS = {
    ("rahman2016", "voc2010"): "rahman2016",
    ("rahman2016", "voc2011"): "rahman2016",
    ("chen2020", "helen"): "semeda2020",
    ("gul2023", "celebamask_hq"): "gul2023",
    ("vanbeers2018", "big"): "vanbeers2018_large",
    ("vanbeers2018", "small"): "vanbeers2018_small",
}
_LEVELS = {"e_measure": "image"}


def as_published(paper: str, *, shift: float = 0.0, seed: int = 0) -> MadeRuns:
    """Runs of a paper's protocols whose test scores are the printed ones plus `shift` (fractions).

    Scores with a CRF, of servers and of quoted methods are left out.
    """
    made, cells = MadeRuns(), load_published(paper)
    scores = cells[cells["metric"].isin(_SCORES) & cells["value"].notna()]
    scores = scores[~scores["variant"].str.contains("CRF") & ~scores["note"].str.contains("quoted")]
    scores = scores[~scores["variant"].str.contains("of 5 folds")]
    scores = scores[
        ~((scores["dataset"].isin(["voc2012", "cityscapes"])) & (scores["split"] == "test"))
    ]
    scores = scores[~((paper == "rahman2016") & (scores["class"] == "mean"))]
    binary = scores["dataset"].eq("celebamask_hq") | (paper in ("rahman2016", "vanbeers2018"))
    scores = scores.assign(task=scores["class"].where(binary, ""))
    keys = ["dataset", "model", "encoder", "pretraining", "loss", "variant", "task"]
    for values, part in scores.groupby(keys, sort=False):
        key = dict(zip(keys, values, strict=True))
        made.add(**_of_key(paper, key, part, shift, seed))
    return made


_SCORES = ("accuracy", "iou", "dice", "boundary_iou", "e_measure")


def _of_key(
    paper: str, key: dict[str, Any], part: pd.DataFrame, shift: float, seed: int
) -> dict[str, Any]:
    dataset, variant = key["dataset"], key["variant"]
    division = _DIVISIONS.get((paper, dataset)) or _DIVISIONS.get((paper, variant), "official")
    loss = "ce + semeda(weights=(2, 4, 0))" if key["loss"] == "SEMEDA" else key["loss"]
    fields: dict[str, Any] = {
        **{name: key[name] for name in ("dataset", "model", "encoder")},
        "loss": loss,
        "task": key["task"] or None,
        "dataset_options": {} if division == "official" else {"division": division},
        "encoder_weights": _WEIGHTS[key["pretraining"]],
        "seed": int(variant.split()[1]) if variant.startswith("seed") else seed,
        "model_options": {"multi_scale": True} if "multi-scale" in variant else {},
        "facts": ON_VAL if dataset in ("voc_aug", "pascal_context", "cityscapes") else {},
    }
    if variant.startswith("fold"):
        fields |= {"split": "folds", "fold": int(variant.split()[1]) - 1}
    scores, groups, curves = {}, {}, {}
    for row in part.to_dict("records"):
        value = row["value"] / (100 if row["unit"] == "percent" else 1) + shift
        of_images = paper == "vanbeers2018" or dataset == "celebamask_hq"
        level = "image" if of_images and row["metric"] != "accuracy" else "dataset"
        level = _LEVELS.get(row["metric"], level)
        name = "mean" if key["task"] else row["class"]
        if dataset == "helen" and paper == "chen2020":
            groups[f"{row['metric']}@{level}", name] = value
        elif dataset == "camvid" and row["split"] == "val":
            curves["val_iou"] = [value, 0.0]
        else:
            scores[f"{row['metric']}@{level}", name] = value
    return {**fields, "scores": scores, "groups": groups, "curves": curves}
