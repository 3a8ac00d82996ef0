"""Several losses' predictions of the same test pictures, kept so that a second look is quick."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, lru_cache
from pathlib import Path
from threading import RLock

import pandas as pd

from losslab.analysis.disagreement import different_share, most_different, score_gaps
from losslab.analysis.samples import Sample, SampleIndex
from losslab.errors import LosslabError, StudyError, unknown
from losslab.explore.sources import RunPictures

KEPT = 64
"""Predictions in memory: about 9 bytes a pixel each, 0.3 GB of pictures of 512 x 1024."""

Tell = Callable[[int, int], object]


class Comparison:
    """What the runs of `choose`, one a loss, make of the test pictures that they share."""

    def __init__(
        self,
        runs_root: str | Path,
        chosen: pd.DataFrame,
        *,
        data_root: Path | None = None,
        cache_root: Path | None = None,
        device: str = "auto",
    ):
        if chosen.empty:
            raise StudyError("no loss is chosen: choose at least one")
        where: dict = {"data_root": data_root, "cache_root": cache_root, "device": device}
        self.runs = {
            str(loss): RunPictures(runs_root, str(run_id), **where)
            for loss, run_id in zip(chosen["loss"], chosen["run_id"], strict=True)
        }
        self._kept = lru_cache(maxsize=KEPT)(self._read)
        self._lock = RLock()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="losslab-ahead")
        self._waiting: list[Future] = []
        self._shares: dict[frozenset[str], pd.DataFrame] = {}
        self.gaps = lru_cache(self._gaps)

    @property
    def losses(self) -> list[str]:
        return list(self.runs)

    @cached_property
    def index(self) -> SampleIndex:
        """What the values of the label maps mean."""
        return next(iter(self.runs.values())).index

    @cached_property
    def limits(self) -> str:
        """Why only the stored samples can be shown, or ""."""
        if all(run.is_sample(image) for run in self.runs.values() for image in run.ids):
            return ""
        try:
            for run in self.runs.values():
                _ = run.run
        except LosslabError as error:
            return f"Only the stored samples are shown: {error}."
        return ""

    @cached_property
    def images(self) -> list[str]:
        """The test pictures that all runs can show, in the test set's order."""
        runs = list(self.runs.values())
        shared = set.intersection(*(set(run.ids) for run in runs))
        if self.limits:
            shared = {name for name in shared if all(run.is_sample(name) for run in runs)}
        found = [image for image in runs[0].ids if image in shared]
        if not found:
            raise StudyError("the runs share no test picture that can be shown: predict them anew")
        return found

    def sample(self, loss: str, image: str) -> Sample:
        """What one loss makes of one picture; the last `KEPT` are in memory."""
        if loss not in self.runs:
            raise StudyError(unknown("loss", loss, self.runs))
        with self._lock:
            return self._kept(loss, image)

    def samples(self, image: str) -> dict[str, Sample]:
        """What each loss makes of one picture."""
        return {loss: self.sample(loss, image) for loss in self.runs}

    def look_ahead(self, images: Sequence[str]) -> list[Future]:
        """Have these pictures predicted in the background, in place of those that still waited."""
        for future in self._waiting:
            future.cancel()
        wanted = [(loss, image) for image in images for loss in self.runs]
        self._waiting = [self._ahead.submit(self.sample, *one) for one in wanted]
        return self._waiting

    def _gaps(self, first: str, second: str, metric: str = "iou") -> pd.DataFrame:
        """`score_gaps` of two losses over the pictures that can be shown; not to be changed."""
        table = score_gaps(self.runs[first].counts, self.runs[second].counts, metric)
        return table[table["image"].isin(self.images)].reset_index(drop=True)

    def shares(
        self, first: str, second: str, *, tell: Tell = lambda done, total: None
    ) -> pd.DataFrame:
        """The share of pixels that two losses predict differently: image, different.

        Every picture is predicted once for it; `tell` hears how many are done of how many.
        """
        key = frozenset((first, second))
        if key not in self._shares:
            rows = []
            for done, image in enumerate(self.images, start=1):
                pair = [self.sample(loss, image) for loss in (first, second)]
                rows.append({"image": image, "different": different_share(*pair)})
                tell(done, len(self.images))
            self._shares[key] = pd.DataFrame(rows)
        return self._shares[key]

    def ordered(
        self,
        order: str,
        first: str,
        second: str,
        *,
        metric: str = "iou",
        tell: Tell = lambda done, total: None,
    ) -> list[str]:
        """The pictures by one of `ORDERS`: those on which two losses disagree most come first."""
        if order == "test set":
            return self.images
        if order == "score":
            return most_different(self.gaps(first, second, metric))["image"].to_list()
        if order == "pixels":
            return most_different(self.shares(first, second, tell=tell), "different")[
                "image"
            ].to_list()
        raise StudyError(unknown("order", order, ("test set", "score", "pixels")))

    def _read(self, loss: str, image: str) -> Sample:
        return self.runs[loss].sample(image)
