"""Where two losses disagree, drawn: on one picture's pixels, and over a test set's pictures."""

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy import ndarray

from losslab.analysis.disagreement import (
    ALIKE_WRONG,
    APART_WRONG,
    FIRST_RIGHT,
    IMAGE_METRICS,
    SECOND_RIGHT,
    disagreement,
    disagreement_shares,
)
from losslab.analysis.samples import Sample
from losslab.constants import IGNORE_INDEX
from losslab.plots.pictures import VOID, patch
from losslab.plots.style import COLUMN, LossStyle, figure_style, new_figure

# Okabe & Ito 2008, and grey: also apart in grey print, by their lightness.
COLOURS = {
    FIRST_RIGHT: (0, 114, 178),
    SECOND_RIGHT: (230, 159, 0),
    ALIKE_WRONG: (110, 110, 110),
    APART_WRONG: (60, 0, 40),
}


def disagreement_picture(one: Sample, other: Sample) -> UInt8[ndarray, "h w 3"]:
    """The image in pale grey where both are right, elsewhere the colour of `COLOURS`; pixels
    without a label are white.
    """
    kinds = disagreement(one, other)
    pale = np.minimum(190 + 0.25 * one.image.mean(axis=2, keepdims=True), 250)
    picture = np.repeat(pale, 3, axis=2).round().astype(np.uint8)
    for kind, colour in COLOURS.items():
        picture[kinds == kind] = colour
    picture[kinds == IGNORE_INDEX] = VOID
    return picture


def disagreement_key(
    one: Sample, other: Sample, first: str, second: str
) -> list[tuple[tuple[int, int, int], str]]:
    """Colour and meaning of each kind of pixel, with its share of the annotated ones."""
    shares = disagreement_shares(disagreement(one, other))
    names = {
        FIRST_RIGHT: f"only {first} right",
        SECOND_RIGHT: f"only {second} right",
        ALIKE_WRONG: "both wrong, alike",
        APART_WRONG: "both wrong, differently",
    }
    key = [(COLOURS[kind], f"{name}: {100 * shares[kind]:.1f} %") for kind, name in names.items()]
    return [((235, 235, 235), f"both right: {100 * shares[0]:.1f} %"), *key]


def disagreement_figure(one: Sample, other: Sample, first: str, second: str) -> Figure:
    """Where two losses' predictions of one picture differ, and who is right there."""
    height, width = one.image.shape[:2]
    picture = min(1.7, 2.2 * width / height)  # inches; the rest of the column is for the key
    with figure_style():
        layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)
        size = (COLUMN, max(1.25, picture * height / width + 0.1))
        figure = Figure(figsize=size, layout=layout)
        axes, key = figure.subplots(1, 2, width_ratios=(picture, COLUMN - picture))
        axes.imshow(disagreement_picture(one, other))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, linewidth=0.4, color="#999999")
        key.axis("off")
        entries = disagreement_key(one, other, first, second)
        handles = [patch(colour, fill(name, 30)) for colour, name in entries]
        key.legend(handles=handles, loc="center left", borderaxespad=0, handlelength=1)
    return figure


def gaps_figure(
    gaps: pd.DataFrame, first: str, second: str, metric: str, *, styles: Mapping[str, LossStyle]
) -> Figure:
    """The difference of two losses' scores on every test picture, from the largest to the least.

    Left of the crossing the first loss scores higher, right of it the second. `gaps` is the table
    of `score_gaps`.
    """
    with figure_style():
        figure, ((axes,),) = new_figure(width=COLUMN, height=2.0)
        plot_gaps(gaps, axes, styles=(styles[first], styles[second]))
        axes.set_ylabel(fill(f"{IMAGE_METRICS[metric]}, difference, points", 24))
        handles = [axes.plot([], [], "s", color=styles[name].colour)[0] for name in (first, second)]
        names = [f"{first} scores higher", f"{second} scores higher"]
        figure.legend(handles, names, loc="outside upper center", ncols=2, handlelength=1)
    return figure


def plot_gaps(gaps: pd.DataFrame, axes: Axes, *, styles: tuple[LossStyle, LossStyle]) -> Axes:
    """Draw the differences of `score_gaps` in points as bars, sorted; pictures without one are left
    out.
    """
    values = 100 * np.sort(gaps["difference"].dropna().to_numpy(float))[::-1]
    places = np.arange(1, len(values) + 1)
    for style, part in zip(styles, (values >= 0, values < 0), strict=True):
        axes.bar(places[part], values[part], width=0.9, color=style.colour, linewidth=0)
    axes.axhline(0, color="#444444", linewidth=0.6)
    axes.set_xlim(0.4, max(1, len(values)) + 0.6)
    low, high = axes.get_ylim()
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])
    axes.set_xlabel("test pictures, sorted")
    axes.grid(axis="y")
    return axes
