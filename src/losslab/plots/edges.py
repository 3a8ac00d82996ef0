"""Edges of label maps, what an EdgeNet finds, its features, and SEMEDA pixel by pixel."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy import ndarray

from losslab.analysis.edges import EdgeView
from losslab.data import RunData, SegmentationDataset
from losslab.plots.losses import bare
from losslab.plots.pictures import patch, plot_overlay
from losslab.plots.style import PAGE, figure_style, new_figure

HIT, MISSED, INVENTED = (40, 40, 40), (213, 94, 0), (0, 114, 178)  # black, vermilion, blue
NOTHING, UNSCORED = (255, 255, 255), (215, 215, 215)
FEATURE_MAP = "cividis"


def plot_edges(edges: Bool[ndarray, "h w"], axes: Axes) -> Axes:
    """Draw edge pixels in black on white."""
    axes.imshow(edges, cmap="Greys", vmin=0, vmax=1)
    return bare(axes)


def plot_found_edges(view: EdgeView, axes: Axes) -> Axes:
    """Draw found edges: right in black, missed in vermilion, invented in blue; grey is not scored.

    A ring of its colour is around each wrong pixel: in a small picture a pixel is hardly seen.
    """
    picture = np.full((*view.target.shape, 3), NOTHING, np.uint8)
    picture[view.target & view.found] = HIT
    picture[view.target & ~view.found] = MISSED
    picture[~view.target & view.found] = INVENTED
    picture[~view.scored] = UNSCORED
    axes.imshow(picture)
    for mask, colour in ((view.missed, MISSED), (view.invented, INVENTED)):
        y, x = mask.nonzero()
        axes.scatter(x, y, s=14, facecolors="none", edgecolors=[_fractions(colour)], linewidths=0.6)
    words = f"{view.missed.sum()} missed, {view.invented.sum()} invented"
    axes.set_xlabel(words, labelpad=2, fontsize=7)
    return bare(axes)


def plot_feature(values: Float[ndarray, "h w"], axes: Axes, *, peak: float | int) -> Axes:
    """Draw a feature map from 0 to `peak`, in the colours that all feature maps share."""
    axes.imshow(values, cmap=FEATURE_MAP, vmin=0, vmax=peak or 1)
    return bare(axes)


def plot_mask(mask: Float[ndarray, "c h w"], colours: UInt8[ndarray, "c 3"], axes: Axes) -> Axes:
    """Draw probabilities as the mixture of their classes' colours; void is white."""
    rest = 1 - mask.sum(0)
    axes.imshow((np.einsum("chw,cx->hwx", mask, colours / 255) + rest[..., None]).clip(0, 1))
    return bare(axes)


def edges_figure(
    images: Sequence[UInt8[ndarray, "h w 3"]],
    views: Sequence[EdgeView],
    colours: UInt8[ndarray, "c 3"],
) -> Figure:
    """A column per label map: the map over its picture, its semantic edges, and what is found."""
    tall = images[0].shape[0] / images[0].shape[1]
    tile = (PAGE - 0.5) / max(len(images), 4)
    with figure_style():
        figure, grid = new_figure(
            3, len(images), width=tile * len(images) + 0.5, height=3 * tile * tall + 0.75
        )
        for image, view, column in zip(images, views, zip(*grid, strict=True), strict=True):
            plot_overlay(np.asarray(image), view.label, colours, column[0])
            plot_edges(view.target, column[1])
            plot_found_edges(view, column[2])
        for row, name in zip(grid, ("label map", "semantic edges", "EdgeNet"), strict=True):
            row[0].set_ylabel(name)
        key = {"found": HIT, "missed": MISSED, "invented": INVENTED, "not scored": UNSCORED}
        handles = [patch(colour, name) for name, colour in key.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, handlelength=1)
    return figure


def features_figure(
    image: UInt8[ndarray, "h w 3"],
    masks: Mapping[str, Float[ndarray, "c h w"]],
    features: Mapping[str, Mapping[str, Float[ndarray, "h w"]]],
    colours: UInt8[ndarray, "c 3"],
) -> Figure:
    """The picture, then a row per mask: the mask in its classes' colours and its feature maps.

    The maps of a column share one scale, from 0 to the largest value in either row.
    """
    names = list(next(iter(features.values())))
    columns = 2 + len(names)
    tile = (PAGE - 0.25) / columns
    tall = image.shape[0] / image.shape[1]
    height = len(masks) * (tile * tall + 0.1) + 1.0
    with figure_style():
        figure, grid = new_figure(len(masks), columns, width=PAGE, height=height)
        bare(grid[0][0]).imshow(image)
        grid[0][0].set_title("picture", fontsize=7)
        for row, (mask_name, mask) in zip(grid, masks.items(), strict=True):
            plot_mask(mask, colours, row[1]).set_title(mask_name, fontsize=7)
            for axes, name in zip(row[2:], names, strict=True):
                peak = max(float(maps[name].max()) for maps in features.values())
                plot_feature(features[mask_name][name], axes, peak=peak)
        for row in grid[1:]:
            row[0].set_visible(False)
        for axes, name in zip(grid[0][2:], names, strict=True):
            axes.set_title(name, fontsize=7)
        _colour_bar(figure, grid, "value, from 0 to the largest in the column")
    return figure


def mistakes_figure(
    image: UInt8[ndarray, "h w 3"],
    shown: Mapping[str, UInt8[ndarray, "h w"]],
    maps: Mapping[str, Float[ndarray, "h w"]],
    colours: UInt8[ndarray, "c 3"],
) -> Figure:
    """A column per prediction: its classes over the picture, and what each pixel adds to SEMEDA.

    All maps share one scale; the loss, their mean, is stated below.
    """
    tile = (PAGE - 0.25) / len(shown)
    tall = image.shape[0] / image.shape[1]
    peak = max(float(np.nanmax(values)) for values in maps.values())
    with figure_style():
        figure, grid = new_figure(2, len(shown), width=PAGE, height=2 * tile * tall + 1.0)
        for above, below, name in zip(*grid, shown, strict=True):
            plot_overlay(image, shown[name], colours, above).set_title(name, fontsize=7)
            plot_feature(maps[name], below, peak=peak)
            below.set_xlabel(f"{np.nanmean(maps[name]):.3f}", labelpad=2, fontsize=7)
        grid[0][0].set_ylabel("prediction")
        grid[1][0].set_ylabel("SEMEDA")
        _colour_bar(figure, grid, "what a pixel adds", ticks=peak)
    return figure


def class_colours(data: RunData | SegmentationDataset) -> UInt8[ndarray, "c 3"]:
    """A colour for each value of a label map; of a binary task grey stands for the rest."""
    colours = np.asarray(data.colours, np.uint8)
    if data.num_classes > 1:
        return colours
    return np.concatenate([np.full((1, 3), 120, np.uint8), colours])


def _fractions(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


def _colour_bar(
    figure: Figure, grid: list[list[Axes]], label: str, *, ticks: float | None = None
) -> None:
    cells = [axes for row in grid for axes in row]
    scale = ScalarMappable(norm=Normalize(0, ticks or 1), cmap=FEATURE_MAP)
    bar = figure.colorbar(scale, ax=cells, location="bottom", fraction=0.04, aspect=60, shrink=0.6)
    if ticks is None:
        bar.set_ticks([0, 1], labels=["0", "largest"])
    bar.set_label(label)
