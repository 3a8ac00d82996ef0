"""The finished runs of a study as one value: what each is, and what it stored."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from losslab.analysis.provenance import spec_table, with_variants


@dataclass(frozen=True)
class Run:
    """What decides in which printed cell a run may stand, and its records."""

    run_id: str
    dataset: str
    division: str
    tested: str
    """What its test pictures are: the official "val" or "test", or one of "folds", "fractions"."""
    task: str
    model: str
    encoder: str
    pretraining: str
    """"random", "imagenet", "coco" (a file of that name) or "a file"."""
    loss: str
    seed: int
    fold: int
    multi_scale: bool
    partial: bool
    """Its data set was not complete, or generated."""
    spec: dict[str, Any]
    facts: dict[str, Any]


class Finished:
    """The finished runs of a study, without repeats, and their scores and histories."""

    def __init__(
        self,
        runs: pd.DataFrame,
        results: pd.DataFrame,
        histories: pd.DataFrame,
        groups: pd.DataFrame | None = None,
        folder: Path | None = None,
    ):
        """From `load_runs`, `load_results`, `load_histories` and `load_group_scores` of
        `losslab.study.store`; `folder` holds the runs' own folders. `table`, `results` and
        `histories` are kept with the column `variant` of `with_variants`.
        """
        rows = runs[(runs["status"] == "finished") & (runs["repeat"] == 0)]
        self.runs = [_run(row) for row in rows.to_dict("records")]
        self.folder = folder
        names, specs = [run.run_id for run in self.runs], spec_table(runs)
        self.table, self.results, self.histories = (
            with_variants(frame[frame["run_id"].isin(names)], specs)
            for frame in (runs, results, histories)
        )
        whole = self.results[self.results["image"].fillna("") == ""]
        keys = zip(whole["run_id"], whole["definition"], whole["class"], strict=True)
        self.scores: dict[tuple[str, str, str], float] = dict(
            zip(keys, whole["value"].astype(float), strict=True)
        )
        if groups is not None and len(groups):
            keys = zip(
                groups["run_id"],
                groups["metric"] + "@" + groups["level"],
                groups["class"],
                strict=True,
            )
            self.scores |= dict(zip(keys, groups["value"].astype(float), strict=True))
        self._of_run = dict(tuple(self.histories.groupby("run_id")))

    @property
    def partial(self) -> list[Run]:
        """The runs whose pictures are not the whole data set."""
        return [run for run in self.runs if run.partial]

    def curve(self, run: Run, metric: str) -> pd.Series:
        """A metric of a run's history by epoch, from 1."""
        if run.run_id not in self._of_run:
            return pd.Series(dtype=float)
        rows = self._of_run[run.run_id]
        rows = rows[rows["metric"] == metric]
        return pd.Series(rows["value"].to_numpy(float), index=rows["epoch"].to_numpy(int))


def _run(row: dict[Any, Any]) -> Run:
    spec = row["spec"]
    options = spec["dataset_options"]
    division = options.get("division", "official")
    tested = "test" if spec["split"] == "official" else spec["split"]
    if tested == "test" and (row.get("data_tested_on_val") or division == "rahman2016"):
        tested = "val"  # Rahman & Wang divide the training list and test on the official val
    return Run(
        run_id=row["run_id"],
        dataset=spec["dataset"],
        division=division,
        tested=tested,
        task=spec["task"] or "",
        model=spec["model"],
        encoder=spec["encoder"],
        pretraining=_pretraining(spec["encoder_weights"]),
        loss=spec["loss"],
        seed=spec["seed"],
        fold=spec["fold"] if spec["split"] == "folds" else 0,
        multi_scale=bool(spec["model_options"].get("multi_scale", False)),
        partial=bool(options.get("partial", False)),
        spec=spec,
        facts=row,
    )


def _pretraining(weights: str | None) -> str:
    if weights is None:
        return "random"
    if weights == "imagenet":
        return weights
    return "coco" if "coco" in Path(weights).name.lower() else "a file"
