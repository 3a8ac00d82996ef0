"""What a data set holds: its pictures under their label maps, and its classes in numbers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy import ndarray
from scipy import ndimage

from losslab.constants import IGNORE_INDEX
from losslab.plots.losses import bare
from losslab.plots.pictures import VOID, overlay, patch
from losslab.plots.style import COLUMN, PAGE, figure_style, new_figure

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#999999"

Picture = tuple[UInt8[ndarray, "_ _ 3"], UInt8[ndarray, "_ _"]]
"""A picture and its label map; those of one data set may differ in size."""


def plot_shares(table: pd.DataFrame, axes: Axes, *, column: str, label: str) -> Axes:
    """Draw a share of each class as a bar, in percent, its value beside it."""
    shares = 100 * table[column].to_numpy(float)
    places = np.arange(len(table))
    colours = [GREY if name == "void" else BLUE for name in table["class"]]
    axes.barh(places, np.nan_to_num(shares), height=0.7, color=colours)
    for place, share in zip(places, shares, strict=True):
        axes.annotate(_percent(share), (0 if np.isnan(share) else share, place), (2, 0), **_BESIDE)
    axes.set_xlim(0, 1.18 * max(1e-9, np.nanmax(shares, initial=0)))
    axes.set_xlabel(label)
    return _by_class(table, axes)


def plot_ratios(table: pd.DataFrame, axes: Axes) -> Axes:
    """Draw background pixels for each pixel of an object, of `ratios` or `with_published`, on a
    logarithmic axis: over all pictures, over its own, and as published.
    """
    places = np.arange(len(table))
    # where the two ratios are equal a dot is in a ring
    ring = {"s": 48, "facecolors": "white", "edgecolors": BLUE}
    marks: dict[str, tuple[str, dict]] = {
        "ratio_own": ("pictures that contain it", ring),
        "ratio": ("all pictures", {"s": 18, "color": BLUE}),
        "published": ("Rahman & Wang, Table 2", {"s": 22, "marker": "x", "color": VERMILION}),
    }
    for column, (label, look) in marks.items():
        if column in table and table[column].notna().any():
            axes.scatter(table[column], places, label=label, **look)
    axes.set_xlabel("background pixels for each pixel of the class")
    return _by_class(table, _logarithmic(axes, table["ratio"]))


def plot_sizes(table: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the sizes of each class's components, of `object_sizes`, on a logarithmic axis: 5 to
    95 % of them as a thin line, the middle half as a thick one, the median as a dot.
    """
    places = np.arange(len(table))
    percent = 100 * table[["p05", "p25", "p50", "p75", "p95"]]
    axes.hlines(places, percent["p05"], percent["p95"], color=BLUE, linewidth=0.8)
    axes.hlines(places, percent["p25"], percent["p75"], color=BLUE, linewidth=3.5)
    axes.scatter(percent["p50"], places, s=26, color="white", edgecolors=BLUE, zorder=3)
    axes.set_xlabel("area of a connected component, % of its picture")
    return _by_class(table, _logarithmic(axes, table["p50"]))


def plot_label(label: UInt8[ndarray, "h w"], colours: UInt8[ndarray, "c 3"], axes: Axes) -> Axes:
    """Draw a label map in its classes' colours; void is white."""
    palette = np.full((256, 3), VOID, np.uint8)
    palette[: len(colours)] = colours
    axes.imshow(palette[label])
    return bare(axes)


def plot_names(label: UInt8[ndarray, "h w"], names: Sequence[str], axes: Axes) -> Axes:
    """Write the name of each class at the point of it that lies deepest inside."""
    width = label.shape[1]
    for value in np.unique(label[label != IGNORE_INDEX]):
        y, x = _deepest(label == value)
        side = "left" if x < width / 10 else "right" if x > 0.9 * width else "center"
        outline = [withStroke(linewidth=1.6, foreground="black")]
        options: dict = {"ha": side, "va": "center", "clip_on": True, "path_effects": outline}
        axes.text(x, y, names[int(value)], fontsize=7, color="white", **options)
    return axes


def _deepest(mask: Bool[ndarray, "h w"]) -> tuple[float, float]:
    """The pixel that is farthest from the outside; of several the most central."""
    depth = np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1)))[1:-1, 1:-1]
    places = np.argwhere(depth >= depth.max() - 0.5)
    apart = np.linalg.norm(places - places.mean(axis=0), axis=1)
    y, x = places[apart.argmin()]
    return float(y), float(x)


def samples_figure(
    pictures: Sequence[Picture],
    titles: Sequence[str],
    names: Sequence[str],
    colours: UInt8[ndarray, "c 3"],
) -> Figure:
    """A column per picture: the picture, its label map, and both over each other, with a legend."""
    tall = max(image.shape[0] / image.shape[1] for image, _ in pictures)
    tile = (PAGE - 0.4) / max(len(pictures), 3)
    present = {int(value) for _, label in pictures for value in np.unique(label)}
    handles = [patch(colours[v], names[v]) for v in sorted(present - {IGNORE_INDEX})]
    handles += [patch(VOID, "void")] if IGNORE_INDEX in present else []
    per_row = 6
    height = 3 * tile * tall + 0.55 + 0.17 * -(-len(handles) // per_row)
    with figure_style():
        figure, grid = new_figure(3, len(pictures), width=tile * len(pictures) + 0.4, height=height)
        for (image, label), title, column in zip(
            pictures, titles, zip(*grid, strict=True), strict=True
        ):
            bare(column[0]).imshow(image)
            column[0].set_title(_short(title), fontsize=7)
            plot_label(label, colours, column[1])
            bare(column[2]).imshow(overlay(image, label, colours))
        for row, name in zip(grid, ("picture", "label map", "overlay"), strict=True):
            row[0].set_ylabel(name)
        figure.legend(handles=handles, loc="outside lower center", ncols=per_row, handlelength=1)
    return figure


def picture_figure(
    picture: Picture,
    names: Sequence[str],
    colours: UInt8[ndarray, "c 3"],
    *,
    opacity: float = 0.65,
) -> Figure:
    """One picture, and beside it the picture under its classes' colours, each class named in it."""
    image, label = picture
    tall = image.shape[0] / image.shape[1]
    with figure_style():
        figure, ((left, right),) = new_figure(
            1, 2, width=PAGE, height=tall * (PAGE - 0.2) / 2 + 0.1
        )
        bare(left).imshow(image)
        bare(right).imshow(overlay(image, label, colours, opacity=opacity))
        plot_names(label, names, right)
    return figure


def shares_figure(table: pd.DataFrame, caption: str) -> Figure:
    """Shares of pixels and of pictures side by side, of `class_shares`, the largest class first;
    `caption` says what was counted.
    """
    rows = _ordered(table, "pixel_share")
    with figure_style():
        figure, ((left, right),) = new_figure(1, 2, width=PAGE, height=_height(rows))
        plot_shares(rows, left, column="pixel_share", label="share of the pixels, %")
        plot_shares(rows, right, column="picture_share", label="pictures that contain it, %")
        right.set_yticklabels([])
        _caption(caption, left)
    return figure


def ratios_figure(table: pd.DataFrame, caption: str) -> Figure:
    """See `plot_ratios`; the smallest ratio first."""
    rows = table.sort_values("ratio", kind="stable").reset_index(drop=True)
    with figure_style():
        figure, ((axes,),) = new_figure(width=PAGE, height=_height(rows) + 0.2)
        _caption(caption, plot_ratios(rows, axes))
        if axes.collections:
            figure.legend(loc="outside upper center", ncols=3)
    return figure


def sizes_figure(table: pd.DataFrame, caption: str) -> Figure:
    """See `plot_sizes`; the class with the largest median first."""
    rows = _ordered(table, "p50")
    with figure_style():
        figure, ((axes,),) = new_figure(width=PAGE, height=_height(rows))
        _caption(caption, plot_sizes(rows, axes))
    return figure


def boundaries_figure(table: pd.DataFrame, caption: str) -> Figure:
    """Share of each class's pixels that are boundary, of `boundary_shares`, the smallest first."""
    rows = table.sort_values("boundary_share", kind="stable").reset_index(drop=True)
    with figure_style():
        figure, ((axes,),) = new_figure(width=COLUMN, height=_height(rows))
        label = "boundary pixels, % of the class's pixels"
        _caption(caption, plot_shares(rows, axes, column="boundary_share", label=label))
    return figure


_BESIDE: dict = {"textcoords": "offset points", "fontsize": 6.5, "va": "center"}


def _short(name: str, longest: int = 22) -> str:
    """A long name without its middle."""
    half = longest // 2 - 1
    return name if len(name) <= longest else f"{name[:half]}…{name[-half:]}"


def _percent(share: float) -> str:
    if np.isnan(share):
        return "absent"
    return "0" if share == 0 else f"{share:.1f}" if share >= 0.95 else f"{share:.2g}"


def _caption(text: str, axes: Axes) -> None:
    """Says above a figure what was counted."""
    axes.set_title(text, loc="left", fontsize=7, color="#555555")


def _ordered(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Largest first; void stays last."""
    void = table["class"] == "void"
    rows = table[~void].sort_values(column, ascending=False, kind="stable")
    return pd.concat([rows, table[void]], ignore_index=True)


def _by_class(table: pd.DataFrame, axes: Axes) -> Axes:
    """A row per class, from the top."""
    axes.set_yticks(range(len(table)), table["class"])
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    return axes


def _logarithmic(axes: Axes, values: pd.Series) -> Axes:
    """A logarithmic axis to the right with plain numbers and light lines at powers of ten."""
    if not (values > 0).any():  # nothing was drawn: no range to take a logarithm of
        return axes
    axes.set_xscale("log")
    axes.grid(axis="x")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    return axes


def _height(table: pd.DataFrame) -> float:
    return 0.72 + 0.165 * max(3, len(table))
