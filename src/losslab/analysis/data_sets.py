"""What the label maps of a data set hold: shares, ratios, object sizes and boundaries by class."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage

from losslab.constants import IGNORE_INDEX
from losslab.data import SegmentationDataset
from losslab.errors import DataError
from losslab.metrics.boundary import boundary_band

NEGATIVE = ("background", "other")
"""Names of what is no object: a set's background, and all that a binary task leaves out."""

DECADES, PER_DECADE = 7, 40
"""Areas from 1e-7 of a picture to all of it are counted in bins 6 % wide."""

QUANTILES = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}

LabelMap = UInt8[np.ndarray, "h w"]


@dataclass(frozen=True)
class LabelCounts:
    """Sums over the label maps of a data set; the arrays are by class."""

    names: tuple[str, ...]
    """The classes; of a binary task "other" and the task."""
    measured: int
    """Label maps that were counted."""
    total: int
    """Label maps that the data set has."""
    shapes: tuple[tuple[int, int], ...]
    """The different (height, width) of the label maps."""
    pixels: Int[np.ndarray, " c"]
    pictures: Int[np.ndarray, " c"]
    """Pictures with at least one pixel of the class."""
    host_pixels: Int[np.ndarray, " c"]
    """Annotated pixels of the pictures that contain the class."""
    boundary: Int[np.ndarray, " c"]
    """Boundary pixels: see `boundary_pixels`."""
    components: Int[np.ndarray, "c bins"]
    """Components (see `component_areas`) whose area as a share of the picture is in a bin."""
    areas: Float[np.ndarray, "c bins"]
    """The sum of these shares."""
    void: int
    void_pictures: int
    most_void: float | int
    """Largest share of void in one picture."""


def count_labels(dataset: SegmentationDataset, limit: int | None = None) -> LabelCounts:
    """The counts of a data set's label maps, of `limit` of them spread evenly over its order.

    One pass; the memory needed does not grow with the number of pictures. None or 0 counts all.
    """
    names = tuple(dataset.class_names)
    names = ("other", *names) if len(names) == 1 else names
    positions = spread(len(dataset), limit)
    c = len(names)
    pixels, pictures, host, boundary = (np.zeros(c, np.int64) for _ in range(4))
    components = np.zeros((c, DECADES * PER_DECADE), np.int64)
    shares = np.zeros(components.shape)
    shapes: set[tuple[int, int]] = set()
    void, void_pictures, most_void = 0, 0, 0.0
    for position in positions:
        _, label = dataset[position]
        own = np.bincount(label.ravel(), minlength=256)
        without = int(own[IGNORE_INDEX])
        shapes.add((label.shape[0], label.shape[1]))
        pixels += own[:c]
        pictures += own[:c] > 0
        host += np.where(own[:c] > 0, label.size - without, 0)
        boundary += np.bincount(label[boundary_pixels(label)], minlength=256)[:c]
        for value, areas in component_areas(label, c).items():
            share = areas / label.size
            np.add.at(components[value], _bin(share), 1)
            np.add.at(shares[value], _bin(share), share)
        void += without
        void_pictures += without > 0
        most_void = max(most_void, without / label.size)
    return LabelCounts(
        names=names,
        measured=len(positions),
        total=len(dataset),
        shapes=tuple(sorted(shapes)),
        pixels=pixels,
        pictures=pictures,
        host_pixels=host,
        boundary=boundary,
        components=components,
        areas=shares,
        void=void,
        void_pictures=void_pictures,
        most_void=most_void,
    )


def spread(total: int, limit: int | None) -> list[int]:
    """`limit` positions out of `total`, first and last among them, evenly apart; None or 0: all."""
    if limit is not None and limit < 0:
        raise DataError(f"limit: a number of pictures, or 0 for all, got {limit}")
    if not limit or limit >= total:
        return list(range(total))
    return np.linspace(0, total - 1, limit).round().astype(int).tolist()


def boundary_pixels(label: LabelMap) -> Bool[np.ndarray, "h w"]:
    """Pixels that have another label, void included, among their eight neighbours in the picture.

    The frame of the picture is no boundary. A square of k x k pixels has 4k - 4.
    """
    padded = np.pad(label, 1, mode="edge")
    return boundary_band(torch.from_numpy(padded)[None], 1)[0, 1:-1, 1:-1].numpy()


def component_areas(label: LabelMap, num_classes: int) -> dict[int, Int[np.ndarray, " k"]]:
    """Pixels of each connected component of each class that occurs; corners connect.

    Objects of one class that touch are one component.
    """
    found = {}
    boxes: list = ndimage.find_objects(label.astype(np.int32) + 1, max_label=num_classes)
    for value, box in enumerate(boxes):
        if box is not None:
            mask = label[box] == value
            components = np.zeros(mask.shape, np.int32)
            ndimage.label(mask, structure=np.ones((3, 3)), output=components)
            found[value] = np.bincount(components.ravel())[1:]
    return found


def class_shares(counts: LabelCounts) -> pd.DataFrame:
    """Share of all pixels that each class takes, and of the pictures that contain it; void last.

    Columns: class, pixels, pixel_share, pictures, picture_share. The pixel shares sum to 1.
    """
    pixels = np.append(counts.pixels, counts.void)
    pictures = np.append(counts.pictures, counts.void_pictures)
    table = pd.DataFrame({"class": [*counts.names, "void"], "pixels": pixels})
    table["pixel_share"] = pixels / max(1, pixels.sum())
    table["pictures"] = pictures
    table["picture_share"] = pictures / max(1, counts.measured)
    return table


def ratios(counts: LabelCounts) -> pd.DataFrame:
    """Pixels that are not of the class for each that is: over all pictures, and over its own.

    Every other class is background, as in Rahman & Wang's training (2016, section 4), and void is
    left out. Their Table 2 is the first of the two: over all pictures the shares of the categories,
    1 / (1 + ratio), sum to the share of pixels that are of any, which the printed values put at
    23 % (VOC 2010) and 24 % (VOC 2011); over the pictures that contain it, an aeroplane at 152
    would fill 0.7 % of its own pictures. Whether they counted void cannot be told from the table.
    Columns: class, ratio, ratio_own (over the pictures that contain the class). NaN where it has no
    pixel. The background itself is left out.
    """
    annotated = counts.pixels.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        table = pd.DataFrame(
            {
                "class": counts.names,
                "ratio": (annotated - counts.pixels) / counts.pixels,
                "ratio_own": (counts.host_pixels - counts.pixels) / counts.pixels,
            }
        )
    table.loc[counts.pixels == 0, ["ratio", "ratio_own"]] = np.nan
    return objects(table)


def object_sizes(counts: LabelCounts) -> pd.DataFrame:
    """Quantiles of the areas of each class's components, as shares of their picture.

    Columns: class, components, per_picture (mean over the pictures that contain it), p05 to p95
    (each the mean of a bin 6 % wide). Classes without a component have NaN; the background is left
    out.
    """
    number = counts.components.sum(axis=1)
    table = pd.DataFrame({"class": counts.names, "components": number})
    table["per_picture"] = number / np.where(counts.pictures, counts.pictures, np.nan)
    below = counts.components.cumsum(axis=1)
    every = np.arange(len(number))
    for name, share in QUANTILES.items():
        places = (below >= share * number[:, None]).argmax(axis=1)
        inside = counts.components[every, places]
        table[name] = counts.areas[every, places] / np.where(number, inside, np.nan)
    return objects(table)


def boundary_shares(counts: LabelCounts) -> pd.DataFrame:
    """Share of each class's pixels that are boundary: see `boundary_pixels`.

    Columns: class, boundary, boundary_share (NaN where the class has no pixel).
    """
    table = pd.DataFrame({"class": counts.names, "boundary": counts.boundary})
    pixels = np.where(counts.pixels, counts.pixels, np.nan)
    table["boundary_share"] = counts.boundary / pixels
    return table


def objects(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of classes that are no background."""
    return table[~table["class"].isin(NEGATIVE)].reset_index(drop=True)


def _bin(shares: np.ndarray) -> np.ndarray:
    places = np.floor((np.log10(shares) + DECADES) * PER_DECADE).astype(int)
    return places.clip(0, DECADES * PER_DECADE - 1)
