"""The pictures that a run leaves of a few test images: image, label, prediction, entropy."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image

from losslab.analysis.scores import PAIR, with_setting, without_repeats
from losslab.constants import IGNORE_INDEX
from losslab.errors import StudyError, unknown


@dataclass(frozen=True)
class Sample:
    """One test image with what one run made of it."""

    image: UInt8[ndarray, "h w 3"]
    label: UInt8[ndarray, "h w"]  # class indices, 255 = not annotated
    prediction: UInt8[ndarray, "h w"]
    entropy: Float[ndarray, "h w"]  # 0..1, of the most that num_classes allow

    @property
    def wrong(self) -> ndarray:
        """Annotated pixels whose prediction is not their label, as booleans (h, w)."""
        return (self.prediction != self.label) & self.annotated

    @property
    def annotated(self) -> ndarray:
        """Pixels that have a label, as booleans (h, w)."""
        return self.label != IGNORE_INDEX


@dataclass(frozen=True)
class SampleIndex:
    """What a run's samples show: their ids, and name and colour of each index in a label map."""

    ids: tuple[str, ...]
    class_names: tuple[str, ...]
    colours: UInt8[ndarray, "c 3"]


def read_index(runs_root: str | Path, run_id: str) -> SampleIndex:
    """The index of one run's samples; of a binary task both label values are named."""
    path = Path(runs_root) / run_id / "samples" / "index.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"run {run_id} left no readable samples ({path}): run it again") from error
    names = tuple(stored["class_names"])
    colours = np.array(stored["colours"], np.uint8).reshape(-1, 3)
    if len(names) == 1:  # one logit: 0 is everything else
        names = ("other", names[0])
        colours = np.concatenate([np.full((1, 3), 60, np.uint8), colours[-1:]])
    return SampleIndex(tuple(str(name) for name in stored["ids"]), names, colours)


def read_sample(runs_root: str | Path, run_id: str, image_id: str) -> Sample:
    """One test image of one run; StudyError where a picture of it is missing or damaged."""
    folder = Path(runs_root) / run_id / "samples"
    found = {}
    for kind in ("image", "label", "prediction", "entropy"):
        path = folder / f"{image_id}_{kind}.png"
        try:
            with Image.open(path) as picture:
                found[kind] = np.array(picture.convert("RGB") if kind == "image" else picture)
        except (OSError, SyntaxError, ValueError) as error:
            raise StudyError(f"run {run_id} left no readable {path.name}: run it again") from error
    return Sample(
        found["image"].astype(np.uint8),
        found["label"].astype(np.uint8),
        found["prediction"].astype(np.uint8),
        found["entropy"].astype(np.float64) / 255,
    )


def choose_runs(runs: pd.DataFrame, seed: int | None = None) -> pd.DataFrame:
    """One finished run per setting and loss, all of a setting with the same fold and seed.

    That is the lowest fold and seed at which most losses finished, of `seed` only where given.
    Raises StudyError where no finished run has this seed.
    """
    finished = with_setting(without_repeats(runs[runs["status"] == "finished"]))
    seeds = sorted(finished["seed"].unique())
    if not seeds:
        raise StudyError("no run has finished, so there are no samples: run the study first")
    chosen = finished if seed is None else finished[finished["seed"] == seed]
    if chosen.empty:
        raise StudyError(f"no finished run has seed {seed}: seeds are {', '.join(map(str, seeds))}")
    rows = []
    for _, part in chosen.groupby("setting"):
        most = part.groupby(list(PAIR))["loss"].nunique().idxmax()  # the lowest of equal ones
        rows.append(part[part[list(PAIR)].apply(tuple, axis=1) == most].sort_values("loss"))
    return pd.concat(rows).drop_duplicates(["setting", "loss"]).reset_index(drop=True)


def left_out(runs: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """The settings and losses that have runs but none among those of `choose_runs`."""
    keys = ["setting", "loss"]
    every = with_setting(runs)[keys].drop_duplicates()
    found = every.merge(chosen[keys], how="left", indicator=True)
    return found.loc[found["_merge"] == "left_only", keys].reset_index(drop=True)


def show_runs(chosen: pd.DataFrame) -> pd.DataFrame:
    """The runs of `choose_runs` for people: which loss, fold and seed each picture comes from."""
    return chosen[["setting", "loss", "fold", "seed", "run_id"]]


def load_samples(
    runs_root: str | Path, chosen: pd.DataFrame, image_ids: Sequence[str] = (), *, count: int = 3
) -> tuple[SampleIndex, dict[tuple[str, str], Sample]]:
    """The samples of one setting's runs, keyed (image, loss), and what their indices mean.

    `chosen` are rows of `choose_runs`. Without `image_ids` the first `count` images that all runs
    left, which may be none. Raises StudyError for an image of which a run left no sample.
    """
    indices = [read_index(runs_root, run_id) for run_id in chosen["run_id"]]
    shared = [name for name in indices[0].ids if all(name in index.ids for index in indices)]
    for name in image_ids:
        if name not in shared:
            raise StudyError(unknown("sample image", name, shared))
    found = {
        (image_id, str(loss)): read_sample(runs_root, run_id, image_id)
        for image_id in (image_ids or shared[:count])
        for run_id, loss in zip(chosen["run_id"], chosen["loss"], strict=True)
    }
    return indices[0], found


def sample_summary(samples: dict[tuple[str, str], Sample]) -> pd.DataFrame:
    """How often each loss errs on each sample, and how uncertain it is where it errs.

    `samples` is keyed (image, loss). Columns: image, loss, wrong (share of the annotated pixels),
    entropy_right and entropy_wrong (mean entropy on right and on wrong pixels; NaN for no pixel).
    """
    rows = []
    for (image, loss), sample in samples.items():
        right = sample.annotated & ~sample.wrong
        row: dict[str, object] = {"image": image, "loss": loss}
        row["wrong"] = _mean(sample.wrong[sample.annotated])
        row["entropy_right"] = _mean(sample.entropy[right])
        rows.append(row | {"entropy_wrong": _mean(sample.entropy[sample.wrong])})
    return pd.DataFrame(rows, columns=["image", "loss", "wrong", "entropy_right", "entropy_wrong"])


def _mean(values: ndarray) -> float:
    return float(np.mean(values)) if values.size else float("nan")
