"""The widgets of `explore.ipynb`: choose runs, sort the test pictures, step through them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from html import escape
from pathlib import Path

import ipywidgets as widgets
import pandas as pd

from losslab.analysis.disagreement import IMAGE_METRICS, ORDERS, different_share
from losslab.analysis.scores import PAIR
from losslab.errors import LosslabError
from losslab.explore.choice import choose, finished_runs, pairs, settings
from losslab.explore.comparison import Comparison
from losslab.explore.page import page

MOST_COLUMNS = 4
"""Losses that are shown side by side at first; more are chosen by hand."""


class Explorer:
    """Widgets over the finished runs of a folder; `widget` is what a notebook displays.

    It opens with the runs `chosen`, rows of `choose`, or else with the first setting.

    Every change goes one way: folder, setting, fold and seed, losses, order, picture; each step
    makes anew what comes after it. What goes wrong is written in place of the picture.
    """

    def __init__(
        self,
        folder: str | Path,
        run_ids: Iterable[str] | None = None,
        *,
        chosen: pd.DataFrame | None = None,
        order: str = "score",
        metric: str = "iou",
        data_root: Path | None = None,
        cache_root: Path | None = None,
        device: str = "auto",
    ):
        self._where: dict = {"data_root": data_root, "cache_root": cache_root, "device": device}
        self.runs = pd.DataFrame()
        self._start = chosen
        self.comparison: Comparison | None = None
        self.images: list[str] = []
        self._quiet = False
        field = partial(widgets.Dropdown, layout=widgets.Layout(width="auto"))
        orders = [(text, name) for name, text in ORDERS.items()]
        metrics = [(text, name) for name, text in IMAGE_METRICS.items()]
        wide = widgets.Layout(width="420px")
        self.folder = widgets.Text(
            str(folder), description="folder", continuous_update=False, layout=wide
        )
        self.setting = field(description="setting")
        self.seed = field(description="seed")
        self.losses = widgets.SelectMultiple(description="losses", rows=4)
        self.first, self.second = field(description="compare"), field(description="with")
        self.order = field(options=orders, value=order, description="sort by")
        self.metric = field(options=metrics, value=metric, description="score")
        self.place = widgets.IntSlider(
            1, 1, 1, description="picture", continuous_update=False, readout=True
        )
        self.back, self.on = (widgets.Button(description=word) for word in ("previous", "next"))
        self.size = widgets.IntSlider(
            180, 60, 600, 20, description="width, px", continuous_update=False
        )
        self.progress = widgets.IntProgress(description="predicting")
        self.progress.layout.display = "none"
        self.words, self.page = widgets.HTML(), widgets.HTML()
        self.widget = self._arranged()
        for control, answer in (
            (self.folder, self._open),
            (self.setting, self._fill_seeds),
            (self.seed, self._fill_losses),
            (self.losses, self._compare),
            (self.first, self._sort),
            (self.second, self._sort),
            (self.order, self._sort),
            (self.metric, self._sort),
            (self.place, self.show),
            (self.size, self.show),
        ):
            control.observe(self._answer(answer), "value")
        self.back.on_click(lambda _: self.step(-1))
        self.on.on_click(lambda _: self.step(1))
        asked = None if run_ids is None else list(run_ids)
        self._answer(partial(self._open, run_ids=asked))(None)
        self._start = None

    def step(self, places: int) -> None:
        """Go on by so many pictures, as far as there are any."""
        self.place.value = min(self.place.max, max(1, self.place.value + places))

    def _arranged(self) -> widgets.VBox:
        rows = (
            (self.folder, self.setting, self.seed),
            (self.losses, widgets.VBox([self.first, self.second])),
            (self.order, self.metric, self.size),
            (self.place, self.back, self.on, self.progress),
        )
        wrap = widgets.Layout(flex_flow="row wrap")
        lines = [widgets.HBox(row, layout=wrap) for row in rows]
        return widgets.VBox([*lines, self.words, self.page])

    def _answer(self, act: Callable[[], None]) -> Callable[[object], None]:
        """`act` as an answer to a change by hand; one that is made here is not answered."""

        def answer(_: object) -> None:
            if self._quiet:
                return
            try:
                act()
            except LosslabError as error:
                self.progress.layout.display = "none"
                self.words.value, self.page.value = f"<b>{escape(str(error))}</b>", ""

        return answer

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Within, no change of a widget is answered."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _set(self, control: widgets.Dropdown, options: Sequence, value: object) -> None:
        """Give a control other choices; its value stays where it is one of them."""
        with self._changing():
            values = [one[1] if isinstance(one, tuple) else one for one in options]
            keep = control.value if control.value in values else value
            control.options = options
            control.value = keep

    def _open(self, run_ids: Sequence[str] | None = None) -> None:
        self.comparison = None
        self.runs = finished_runs(self.folder.value, run_ids)
        names = settings(self.runs)
        first = names[0] if self._start is None else self._start["setting"].iloc[0]
        self._set(self.setting, names, first)
        self._fill_seeds()

    def _fill_seeds(self) -> None:
        found = pairs(self.runs, str(self.setting.value))
        folds = len({fold for fold, _ in found}) > 1
        texts = [f"fold {fold}, seed {seed}" if folds else str(seed) for fold, seed in found]
        first = found[0]
        if self._start is not None:
            first = tuple(int(self._start[name].iloc[0]) for name in PAIR)
        self._set(self.seed, list(zip(texts, found, strict=True)), first)
        self._fill_losses()

    def _fill_losses(self) -> None:
        names = self._chosen()["loss"].to_list()
        with self._changing():
            wanted = self.losses.value if self._start is None else self._start["loss"]
            kept = [name for name in wanted if name in names]
            self.losses.options = names
            self.losses.value = kept or names[:MOST_COLUMNS]
        self._compare()

    def _chosen(self, losses: Sequence[str] = ()) -> pd.DataFrame:
        fold, seed = self.seed.value  # type: ignore[misc]  a pair once the choices are there
        return choose(self.runs, str(self.setting.value), fold=fold, seed=seed, losses=losses)

    @property
    def pair(self) -> tuple[str, str]:
        """The two losses that are compared."""
        return str(self.first.value), str(self.second.value)

    def _compare(self) -> None:
        names = list(self.losses.value)
        chosen = self._chosen(names) if names else self.runs.head(0)
        self.comparison = None
        self.comparison = Comparison(self.folder.value, chosen, **self._where)
        self._set(self.first, names, names[0])
        self._set(self.second, names, names[min(1, len(names) - 1)])
        self._sort()

    def _sort(self) -> None:
        if self.comparison is None:
            return
        asked: dict = {"metric": self.metric.value, "tell": self._tell}
        self.images = self.comparison.ordered(str(self.order.value), *self.pair, **asked)
        self.progress.layout.display = "none"
        with self._changing():
            self.place.max = len(self.images)
            self.place.value = 1
        self.show()

    def _tell(self, done: int, total: int) -> None:
        self.progress.layout.display = ""
        self.progress.max, self.progress.value = total, done

    def show(self) -> None:
        """Draw the picture at the slider's place, and have its neighbours predicted meanwhile."""
        if self.comparison is None:  # the folder holds no runs
            return
        here = self.place.value - 1
        image = self.images[here]
        samples = self.comparison.samples(image)
        self.page.value = page(samples, self.comparison.index, self.pair, self.size.value)
        apart = different_share(*(samples[name] for name in self.pair))
        self.words.value = self._read(self.comparison, image, apart)
        self.comparison.look_ahead(
            [*self.images[here + 1 : here + 3], *self.images[here - 1 : here]]
        )

    def _read(self, comparison: Comparison, image: str, different: float) -> str:
        """What the two losses score on this picture, and how much they differ."""
        (first, second), metric = self.pair, str(self.metric.value)
        gaps = comparison.gaps(first, second, metric)
        values = gaps.loc[gaps["image"] == image, ["first", "second"]].to_numpy(float)[0]
        scores = [100 * float(value) for value in values]
        texts = ["no score" if score != score else f"{score:.1f} %" for score in scores]
        text = f"<b>{escape(image)}</b>, {self.place.value} of {len(self.images)}. "
        text += (
            f"{IMAGE_METRICS[metric]}: {escape(first)} {texts[0]}, {escape(second)} {texts[1]}. "
        )
        text += f"They predict {100 * different:.1f} % of its pixels differently."
        return f"{text}<br>{escape(comparison.limits)}" if comparison.limits else text
