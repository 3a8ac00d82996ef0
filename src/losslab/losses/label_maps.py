"""Maps of a picture's labels that losses read: distances to the boundaries of its classes.

They depend on the labels alone, so training makes them once and keeps them where it can. Distances
are between pixel centres. What lies beyond the image's border is unknown and ends no object; void
(255) is outside every class, that around a picture which does not fill its canvas or crop too, so
there objects end at the picture's border.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import edt
import numpy as np
import torch
from jaxtyping import Float32, Integer, UInt8
from scipy import ndimage
from torch import Tensor

from losslab.edges import semantic_edges
from losslab.errors import SpecError, unknown

LABEL_MAPS_VERSION = 1
"""Raised when a map comes to hold other numbers: stored maps of another version are not read."""


@dataclass(frozen=True)
class LabelMap:
    """How a map is made of one picture's labels."""

    function: Callable[[UInt8[np.ndarray, "h w"], int], Float32[np.ndarray, "..."]]
    """`function(labels, num_classes)`: (h, w), or (c, h, w) where `per_class`."""
    per_class: bool

    def shape(self, labels: tuple[int, int, int], num_classes: int) -> tuple[int, ...]:
        """The shape of the maps of labels of shape (n, h, w)."""
        n, h, w = labels
        return (n, num_classes, h, w) if self.per_class else (n, h, w)


def distance_euclidean(
    labels: UInt8[np.ndarray, "h w"], num_classes: int
) -> Float32[np.ndarray, "h w"]:
    """Each pixel's weight for its own class: 1 at the class's boundary, 0 at its deepest pixel.

    Gul 2023, section 3.2, steps 1 to 4: the Euclidean distance D to the nearest pixel that is not
    of the class, reversed and min-max normalised over all the class's pixels, (max D - D) / (max D
    - min D). Where that is 0/0, because all of them are equally deep or the class fills the
    picture, the weight is 1. Void pixels have weight 0, and in the binary task (`num_classes` = 1)
    the background too.
    """
    regions = _regions(labels, num_classes)
    return _weights(regions, edt.edt(regions, black_border=False))


def distance_chessboard(
    labels: UInt8[np.ndarray, "h w"], num_classes: int
) -> Float32[np.ndarray, "h w"]:
    """`distance_euclidean` by the larger of the horizontal and the vertical distance.

    It is the distance of `scipy.ndimage.distance_transform_cdt`, to which Gul's thesis links as
    the function that made its maps.
    """
    regions = _regions(labels, num_classes)
    depth = np.zeros(labels.shape, np.float32)
    # A class's nearest other pixel lies in its bounding box or one pixel beside it: no path to the
    # outside of the box is shorter than the straight one.
    for region, box in _boxes(regions):
        own = regions[box] == region
        if own.all():
            depth[box] = np.inf
        else:
            steps = np.asarray(ndimage.distance_transform_cdt(own, "chessboard"), np.float32)
            np.copyto(depth[box], steps, where=own)
    return _weights(regions, depth)


def signed_distance(
    labels: UInt8[np.ndarray, "h w"], num_classes: int
) -> Float32[np.ndarray, "c h w"]:
    """The distance to each class: outside to its nearest pixel, inside 1 minus that to the nearest
    pixel outside, so that it is negative there and 0 on the class's outermost pixels.

    Kervadec et al. 2019, the level set function φ_G of their boundary loss, with the offset of 1 of
    their code. 0 everywhere for a class that is absent, and for one that fills the picture: neither
    has a boundary. In the binary task (`num_classes` = 1) the one class is the foreground.
    """
    regions = _regions(labels, num_classes)
    inside = 1 - edt.edt(regions, black_border=False)
    maps = np.zeros((num_classes, *labels.shape), np.float32)
    for region, _ in _boxes(regions):
        outside = regions != region
        if outside.any():
            signed = edt.edt(outside, black_border=False)
            np.copyto(signed, inside, where=~outside)
            maps[region - 1] = signed
    return maps


def edge_distance(labels: UInt8[np.ndarray, "h w"], num_classes: int) -> Float32[np.ndarray, "h w"]:
    """Each pixel's distance to the nearest semantic edge of the label map, 0 on edges.

    Void is a label like any other here, as in `semantic_edges`: a strip of it around an object is
    where the object ends. A picture without an edge has distance 0 everywhere.
    """
    edges = semantic_edges(torch.tensor(labels)[None])[0].numpy()  # a copy: may be read-only
    if not edges.any():
        return np.zeros(labels.shape, np.float32)
    return edt.edt(~edges, black_border=False)


LABEL_MAPS: dict[str, LabelMap] = {
    "distance_euclidean": LabelMap(distance_euclidean, per_class=False),
    "distance_chessboard": LabelMap(distance_chessboard, per_class=False),
    "signed_distance": LabelMap(signed_distance, per_class=True),
    "edge_distance": LabelMap(edge_distance, per_class=False),
}


def make_label_maps(
    name: str, labels: UInt8[np.ndarray, "n h w"], num_classes: int, *, threads: int = 1
) -> Float32[np.ndarray, "..."]:
    """The map `name` of each picture, (n, h, w) or (n, c, h, w), each made by one of `threads`."""
    kind = LABEL_MAPS[name]
    n, h, w = labels.shape
    maps = np.empty(kind.shape((n, h, w), num_classes), np.float32)
    if maps.size == 0:
        return maps

    def fill(position: int) -> None:
        maps[position] = kind.function(np.ascontiguousarray(labels[position]), num_classes)

    if min(n, threads) == 1:
        for position in range(n):
            fill(position)
        return maps
    with ThreadPoolExecutor(min(n, threads)) as pool:
        list(pool.map(fill, range(n)))  # raises what a thread has raised
    return maps


def label_map(
    name: str, labels: Integer[Tensor, "n h w"], num_classes: int
) -> Float32[Tensor, "..."]:
    """The map `name` of each picture, (n, h, w) or (n, c, h, w), on the labels' device.

    It is made on the CPU, one picture a thread; labels on a GPU are waited for. Raises `SpecError`
    for an unknown name.
    """
    if name not in LABEL_MAPS:
        raise SpecError(unknown("label map", name, LABEL_MAPS))
    pictures = labels.to("cpu", torch.uint8).numpy()
    maps = make_label_maps(name, pictures, num_classes, threads=torch.get_num_threads())
    return torch.from_numpy(maps).to(labels.device)


def _regions(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Class plus one, 0 at pixels that are of no class whose distance is asked for."""
    if num_classes == 1:
        return (labels == 1).astype(np.uint8)
    return labels + np.uint8(1)  # 255 becomes 0


def _boxes(regions: np.ndarray) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """Each region that is there, with its bounding box and the pixels beside that."""
    for region, box in enumerate(ndimage.find_objects(regions), 1):
        if box is not None:
            rows, columns = (slice(max(side.start - 1, 0), side.stop + 1) for side in box)
            yield region, (rows, columns)


def _weights(regions: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Depths (h, w), 0 in region 0, reversed and normalised within each region."""
    if np.isinf(depth.flat[0]):  # one region fills the picture, and has no outside
        return np.ones(depth.shape, np.float32)
    deepest = _deepest(regions.ravel(), depth.ravel())
    # A region that does not fill the picture has pixels next to others: the least depth is 1.
    span = deepest - 1
    flat = span <= 0
    deepest[flat], span[flat] = 2, 1
    deepest[0] = 0
    weights = deepest[regions]
    weights -= depth
    weights /= span[regions]
    return weights


def _deepest(regions: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The greatest depth in each region (256,), by way of that in each run of one region."""
    starts = np.flatnonzero(regions[1:] != regions[:-1]) + 1
    starts = np.concatenate(([0], starts))
    deepest = np.zeros(256, np.float32)
    np.maximum.at(deepest, regions[starts], np.maximum.reduceat(depth, starts))
    return deepest
