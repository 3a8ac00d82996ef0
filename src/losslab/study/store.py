"""The finished runs in a folder, as tidy tables; every score is computed from the stored counts."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from losslab.errors import StudyError, unknown
from losslab.metrics import SCORES, Score, image_scores, score
from losslab.metrics.ratios import TableOfCounts
from losslab.metrics.scores import MEAN

SPLIT_COUNTS = {"test": "counts.parquet", "val": "counts_val.parquet"}
"""The file of a run's folder with the counts of each split."""

RUN_COLUMNS = ("run_id", "dataset", "task", "model", "encoder", "loss", "seed", "fold", "repeat")


def is_done(run_dir: Path) -> bool:
    """Whether a run has ended for good; a diverged one would only diverge again."""
    return (run_dir / "done.json").is_file()


def read_done(run_dir: Path) -> dict[str, Any]:
    """How a run that is done ended: status ("finished" or "diverged"), reason, seconds."""
    return _read_json(run_dir / "done.json")


def read_fingerprint(run_dir: Path) -> str:
    """SHA-256 of the data that a done run was made from."""
    return _read_json(run_dir / "run.json")["dataset"]["fingerprint"]


def read_user_losses(run_dir: Path) -> dict[str, str]:
    """SHA-256 of the sources of the users' losses that a done run was made with, by their names."""
    return _read_json(run_dir / "run.json").get("user_losses", {})


def read_weights(run_dir: Path) -> dict[str, Any] | None:
    """What a done run's record says of its encoder's weights; None for random ones, and in records
    from before it did.
    """
    return _read_json(run_dir / "run.json").get("weights")


def load_results(
    runs: Path,
    run_ids: Iterable[str] | None = None,
    scores: Mapping[str, Score] = SCORES,
    *,
    split: str = "test",
) -> pd.DataFrame:
    """Scores of the finished runs, as fractions: one row per run, definition, image and class.

    Levels "dataset", "image" and "image_first" are over the test set (image is ""), `definition`
    being the name of one of `scores`; level "per_image" holds one row an image (definition ""),
    class "mean" the mean over classes. Scores that a run lacks the counts for are left out. With
    `split` "val" they are those of the tested weights on the validation pictures, at their size in
    training and without trimaps and entropies; where these pictures are tested on, too, the two
    splits are one. Raises `StudyError` where there is no finished run.
    """
    if split not in SPLIT_COUNTS:
        raise StudyError(unknown("split", split, SPLIT_COUNTS))

    def of_run(run_dir: Path) -> pd.DataFrame:
        counts = TableOfCounts(pd.read_parquet(_counts_file(run_dir, split)))
        over_set = score(counts, scores).assign(image="")
        per_image = image_scores(counts).assign(level="per_image", definition="")
        return pd.concat([over_set, per_image], ignore_index=True)

    columns = [*RUN_COLUMNS, "image", "class", "metric", "level", "definition", "value"]
    return _gather(runs, run_ids, of_run, finished_only=True)[columns]


def _counts_file(run_dir: Path, split: str) -> Path:
    """The counts of a split's pictures; raises `StudyError` where an old version left none."""
    path = run_dir / SPLIT_COUNTS[split]
    if split == "val" and not path.exists():
        if _read_json(run_dir / "run.json")["dataset"]["tested_on_val"]:
            return run_dir / SPLIT_COUNTS["test"]
        raise StudyError(
            f"{path} is missing: a version of losslab made this run that did not count the "
            "validation pictures; delete the folder and run it again"
        )
    return path


def load_group_scores(runs: Path, run_ids: Iterable[str] | None = None) -> pd.DataFrame:
    """Scores of the unions of classes that a data set's paper reports (HELEN's brows, eyes, mouth):
    columns as `load_results` has them, class being the union's name; without rows where there are
    none.
    """

    def scores(run_dir: Path) -> pd.DataFrame:
        path = run_dir / "group_counts.parquet"
        if not path.exists():
            return pd.DataFrame(columns=["class", "metric", "level", "value", "image"])
        table = score(pd.read_parquet(path)).assign(image="")
        return table[table["class"] != MEAN]

    columns = [*RUN_COLUMNS, "image", "class", "metric", "level", "value"]
    return _gather(runs, run_ids, scores, finished_only=True)[columns]


def load_class_shares(runs: Path, run_ids: Iterable[str] | None = None) -> pd.DataFrame:
    """How much of the test pixels, void left out, each class takes: columns class and share, a
    fraction, a row for each finished run and class.
    """

    def shares(run_dir: Path) -> pd.DataFrame:
        columns = ["class", "pixels", "tp", "fn"]
        counts = pd.read_parquet(_counts_file(run_dir, "test"), columns=columns)
        sums = counts.groupby("class", sort=False)[columns[1:]].sum()
        return ((sums["tp"] + sums["fn"]) / sums["pixels"]).rename("share").reset_index()

    return _gather(runs, run_ids, shares, finished_only=True)


def load_histories(runs: Path, run_ids: Iterable[str] | None = None) -> pd.DataFrame:
    """What each done run recorded at each epoch: one row per run, epoch and metric."""
    return _gather(runs, run_ids, lambda run_dir: pd.read_parquet(run_dir / "history.parquet"))


def load_runs(runs: Path, run_ids: Iterable[str] | None = None) -> pd.DataFrame:
    """One row a done run: its spec, how it ended, where it was made, its time and memory."""

    def record(run_dir: Path) -> pd.DataFrame:
        facts = _read_json(run_dir / "run.json")
        libraries = facts.pop("libraries")
        dataset = {f"data_{key}": value for key, value in facts.pop("dataset").items()}
        facts.pop("run_id")
        sources = facts.pop("user_losses", {})
        facts["user_losses"] = ", ".join(f"{name} {sha[:12]}" for name, sha in sources.items())
        row = {**facts, **libraries, **dataset, "spec": _read_json(run_dir / "spec.json")}
        return pd.DataFrame([row])

    return _gather(runs, run_ids, record)


def _gather(
    runs: Path,
    run_ids: Iterable[str] | None,
    read: Callable[[Path], pd.DataFrame],
    *,
    finished_only: bool = False,
) -> pd.DataFrame:
    names = (
        sorted(p.parent.name for p in runs.glob("*/done.json"))
        if run_ids is None
        else list(run_ids)
    )
    frames = []
    for name in names:
        run_dir = runs / name
        if not is_done(run_dir) or (finished_only and read_done(run_dir)["status"] != "finished"):
            continue
        try:
            frames.append(read(run_dir).assign(**_identity(run_dir)))
        except (OSError, KeyError, ValueError) as error:
            raise StudyError(
                f"{run_dir} is marked as finished but cannot be read ({error}); delete the folder "
                "and run it again"
            ) from error
    if not frames:
        raise StudyError(
            f"no finished run in {runs}; run a study first, or name another folder with --runs"
        )
    table = pd.concat(frames, ignore_index=True)
    return table[[*RUN_COLUMNS, *(c for c in table.columns if c not in RUN_COLUMNS)]]


def _identity(run_dir: Path) -> dict[str, Any]:
    # As it was stored: to build a RunSpec would be to import a user's loss, which may be elsewhere.
    spec = _read_json(run_dir / "spec.json")
    return {
        "run_id": run_dir.name,
        "dataset": spec["dataset_options"].get("name", spec["dataset"]),
        "task": spec["task"] or "",
        "model": spec["model"],
        "encoder": spec["encoder"],
        "loss": spec["loss"],
        "seed": spec["seed"],
        "fold": spec["fold"] if spec["split"] == "folds" else 0,
        "repeat": spec.get("repeat", 0),
    }


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text())
