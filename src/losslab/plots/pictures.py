"""Pictures of what runs predict: overlays, error maps and entropy maps on one colour scale."""

import math
from collections.abc import Mapping
from textwrap import fill

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from numpy import ndarray

from losslab.analysis.samples import Sample, SampleIndex
from losslab.constants import IGNORE_INDEX
from losslab.plots.style import COLUMN, PAGE, figure_style

ENTROPY_MAP = "cividis"
ENTROPY_SCALE = Normalize(0.0, 1.0, clip=True)
"""Shared by every entropy map: 0 is certain, 1 is the most that the number of classes allows."""

WRONG = (213, 94, 0)  # vermilion
VOID = (255, 255, 255)


def overlay(
    image: UInt8[ndarray, "h w 3"],
    labels: UInt8[ndarray, "h w"],
    colours: UInt8[ndarray, "c 3"],
    *,
    opacity: float = 0.65,
) -> UInt8[ndarray, "h w 3"]:
    """The image in grey under its classes' colours; pixels that are not annotated are white."""
    palette = np.full((256, 3), 255, np.uint8)
    palette[: len(colours)] = colours
    grey = image.mean(axis=2, keepdims=True)
    mixed = (1 - opacity) * grey + opacity * palette[labels]
    mixed[labels == IGNORE_INDEX] = VOID
    return mixed.round().astype(np.uint8)


def error_picture(sample: Sample) -> UInt8[ndarray, "h w 3"]:
    """The image in pale grey, wrong pixels in vermilion, those not annotated in white."""
    pale = 150 + 0.35 * sample.image.mean(axis=2, keepdims=True)
    picture = np.repeat(np.minimum(pale, 235), 3, axis=2)
    picture[sample.wrong] = WRONG
    picture[~sample.annotated] = VOID
    return picture.round().astype(np.uint8)


def plot_overlay(
    image: UInt8[ndarray, "h w 3"],
    labels: UInt8[ndarray, "h w"],
    colours: UInt8[ndarray, "c 3"],
    axes: Axes,
) -> Axes:
    """Draw the class overlay of one label map."""
    axes.imshow(overlay(image, labels, colours))
    return _frame(axes)


def plot_errors(sample: Sample, axes: Axes) -> Axes:
    """Draw the error map of one sample, with the share of wrong pixels below it."""
    axes.imshow(error_picture(sample))
    wrong = 100 * sample.wrong.sum() / max(1, sample.annotated.sum())
    axes.set_xlabel(f"{wrong:.1f} % wrong", labelpad=2, fontsize=7)
    return _frame(axes)


def plot_entropy(entropy: Float[ndarray, "h w"], axes: Axes) -> Axes:
    """Draw the entropy map on the shared scale, with its mean below it."""
    axes.imshow(entropy, cmap=ENTROPY_MAP, norm=ENTROPY_SCALE)
    axes.set_xlabel(f"mean {entropy.mean():.2f}", labelpad=2, fontsize=7)
    return _frame(axes)


def gallery(samples: Mapping[str, Sample], index: SampleIndex, *, width: float = PAGE) -> Figure:
    """One image: image and label at the left, a column per loss of prediction, errors, entropy.

    `samples` maps a loss to what its run made of the image. One colour bar holds for all entropy
    maps; the legend names the classes that the label or a prediction shows.
    """
    first = next(iter(samples.values()))
    tall = first.image.shape[0] / first.image.shape[1]
    columns = 1 + len(samples)
    tile = min((width - 0.95) / columns, 1.6)  # inches; the rest is for names and colour bar
    shown = shown_classes(samples)
    width = min(width, max(tile * columns + 0.95, COLUMN))
    per_row = max(2, int(width / 1.15))
    titles = [fill(loss, max(10, int(tile * 17))) for loss in samples]  # 17 letters an inch at 7 pt
    lines = max(title.count("\n") for title in titles)
    height = 3 * tile * tall + 0.75 + 0.17 * math.ceil(len(shown) / per_row) + 0.12 * lines
    with figure_style():
        layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
        figure = Figure(figsize=(width, height), layout=layout)
        grid = figure.subplots(3, columns, squeeze=False)
        grid[0, 0].imshow(first.image)
        _frame(grid[0, 0]).set_title("image", fontsize=7)
        plot_overlay(first.image, first.label, index.colours, grid[1, 0])
        grid[1, 0].set_xlabel("label", labelpad=2, fontsize=7)
        _error_key(grid[2, 0])
        for axes, title, sample in zip(grid.T[1:], titles, samples.values(), strict=True):
            plot_overlay(sample.image, sample.prediction, index.colours, axes[0])
            axes[0].set_title(title, fontsize=7)
            plot_errors(sample, axes[1])
            plot_entropy(sample.entropy, axes[2])
        for row, name in enumerate(("prediction", "errors", "entropy")):
            grid[row, 1].set_ylabel(name)
        scale = ScalarMappable(norm=ENTROPY_SCALE, cmap=ENTROPY_MAP)
        bar = figure.colorbar(scale, ax=list(grid[2]), fraction=0.05, pad=0.02, ticks=[0, 0.5, 1])
        bar.set_label("entropy / log c")
        handles = [patch(index.colours[value], index.class_names[value]) for value in shown]
        figure.legend(handles=handles, loc="outside lower center", ncols=per_row, handlelength=1)
    return figure


def shown_classes(samples: Mapping[str, Sample]) -> list[int]:
    """The classes that the label or a prediction shows, by index."""
    maps = [array for sample in samples.values() for array in (sample.label, sample.prediction)]
    values = {int(value) for array in maps for value in np.unique(array)}
    return sorted(values - {IGNORE_INDEX})


def _error_key(axes: Axes) -> None:
    """The empty cell under the label says what the colours of the error maps mean."""
    axes.axis("off")
    handles = [patch(WRONG, "wrong"), patch((200, 200, 200), "right")]
    handles.append(patch(VOID, "not annotated"))
    options: dict = {"title": "errors", "title_fontsize": 7, "handlelength": 1, "fontsize": 6.5}
    axes.legend(handles=handles, loc="center", borderaxespad=0, handletextpad=0.4, **options)


def patch(colour: object, label: str) -> Patch:
    """The entry of a legend that names a colour of 0..255."""
    red, green, blue = (float(channel) / 255 for channel in np.asarray(colour))
    return Patch(facecolor=(red, green, blue), edgecolor="#999999", linewidth=0.4, label=label)


def _frame(axes: Axes) -> Axes:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_linewidth(0.4)
    axes.spines[:].set_color("#999999")
    return axes
