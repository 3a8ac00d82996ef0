"""Drawing one generated picture: shapes, boundaries, colours.

A picture is a function of (seed, index, dials, size) alone and is the same on every machine: random
numbers are the raw output of the counter-based Philox generator (which numpy keeps stable, unlike
its distributions), and all geometry and colour is arithmetic on whole numbers. Where they are
stored as float64 they stay below 2**53, so that every sum and product is exact and neither the
order of summation nor fused multiplication can change a pixel.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int32, UInt8

from losslab.data.dials import KINDS, Dials

UNIT = 1024
"""Length of the picture's shorter side in units of geometry."""

Objects = list[tuple[int, int]]
"""(class, slot) of each object, in the order of painting."""

Draws = list[list[list[int]]]
"""64 random bits by class, slot and use."""


@dataclass(frozen=True)
class _Part:
    """A shape in its own coordinates: the body of an object or its thin arm."""

    shape: str
    y: int
    x: int
    turn: int  # of 64 to the full circle
    half_length: int
    half_width: int
    owner: int  # 1 + index of the object


def draw(
    options: Dials, index: int, size: tuple[int, int], *, noisy: bool
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """The picture and the label map of one index at `size` = (height, width).

    `noisy` lets the dial `label_noise` act.
    """
    h, w = size
    draws = _draws(options.seed, index, stream=0, count=len(KINDS) * 2 * 16)
    table = draws.reshape(len(KINDS), 2, 16).tolist()
    smooth = _smooth_noise(options.seed, index, size)
    y, x = _grid(h, w)
    extent = (int(y[-1, 0]) + 1, int(x[0, -1]) + 1)
    stray = int(options.roughness * 85)
    y, x = y + np.floor(smooth[0] * stray / 128), x + np.floor(smooth[1] * stray / 128)

    objects = _objects(options, table)
    parts = _parts(options, objects, table, extent)
    owner = _paint([_field(part, y, x) for part in parts], parts, options.foreground_ratio)
    named = [k for k, _ in objects]
    if noisy:
        named = [_misnamed(options, k, table[k][slot]) for k, slot in objects]
    label = np.array([0, *named], dtype=np.uint8)[owner]
    return _colour(options, index, owner, objects, table, smooth), label


def _misnamed(options: Dials, k: int, draw: list[int]) -> int:
    """Class `k`, or for a share `label_noise` of the objects any other class."""
    if _below(draw[12], 2**16) >= int(options.label_noise * 2**16):
        return k
    return (k + 1 + _below(draw[13], options.classes - 1)) % options.classes


def _draws(seed: int, index: int, *, stream: int, count: int) -> np.ndarray:
    """`count` random uint64: Philox keyed by (seed, index), its counter starting at the stream's
    own range.
    """
    key = np.array([seed, index], dtype=np.uint64)
    return np.random.Philox(key=key, counter=[0, 0, 0, stream]).random_raw(count)


def _below(draw: int, limit: int) -> int:
    """A whole number in 0..limit-1 from 64 random bits."""
    return ((draw >> 32) * limit) >> 32


def _between(draw: int, ends: tuple[int, int]) -> int:
    return ends[0] + _below(draw, ends[1] - ends[0] + 1)


@lru_cache(maxsize=8)
def _grid(h: int, w: int) -> tuple[Float64[np.ndarray, "h 1"], Float64[np.ndarray, "1 w"]]:
    """Pixel centres in units of geometry, whole numbers."""
    side = min(h, w)
    y = ((2 * np.arange(h, dtype=np.int64) + 1) * UNIT) // (2 * side)
    x = ((2 * np.arange(w, dtype=np.int64) + 1) * UNIT) // (2 * side)
    return y[:, None].astype(np.float64), x[None, :].astype(np.float64)


@lru_cache(maxsize=64)
def _blend(length: int, cells: int) -> Float64[np.ndarray, "length nodes"]:
    """Weights (64ths, summing to 64) that blend `cells` + 1 lattice values into `length` pixels."""
    position = ((2 * np.arange(length, dtype=np.int64) + 1) * cells * 64) // (2 * length)
    cell, t = position // 64, position % 64
    eased = (t * t * (192 - 2 * t)) // 4096  # smoothstep 3t² - 2t³ in 64ths
    weights = np.zeros((length, cells + 1))
    weights[np.arange(length), cell] = 64 - eased
    weights[np.arange(length), cell + 1] = eased
    return weights


LATTICES = (18, 18, 3, 5)
"""Cells across the picture of the smooth noises: two that bend boundaries, light, ground."""


def _smooth_noise(seed: int, index: int, size: tuple[int, int]) -> list[Float64[np.ndarray, "h w"]]:
    """Smooth noise fields, whole numbers in -128..127."""
    draws = _draws(seed, index, stream=1, count=sum((c + 1) ** 2 for c in LATTICES))
    values = (draws >> np.uint64(56)).astype(np.float64) - 128
    fields, start = [], 0
    for cells in LATTICES:
        nodes = (cells + 1) ** 2
        lattice = values[start : start + nodes].reshape(cells + 1, cells + 1)
        start += nodes
        field = _blend(size[0], cells) @ lattice @ _blend(size[1], cells).T
        fields.append(np.floor(field / 4096))
    return fields


def _objects(options: Dials, table: Draws) -> Objects:
    """(class, slot) of the objects in the picture, the largest first; never none."""
    found = [
        (k, slot)
        for k in range(1, options.classes)
        for slot in range(2)
        if _below(table[k][slot][0], 256) < KINDS[k].frequency
    ]
    if not found:
        found = [(1 + _below(table[0][0][0], options.classes - 1), 0)]

    def area(item: tuple[int, int]) -> int:
        kind = KINDS[item[0]]
        return kind.half_length[1] * (kind.half_width or kind.half_length)[1]

    return sorted(found, key=lambda item: (-area(item), item))


def _parts(
    options: Dials,
    objects: Objects,
    table: Draws,
    extent: tuple[int, int],
) -> list[_Part]:
    """Bodies and arms in the order in which they are painted."""
    parts = []
    with_arm = int(options.thin_parts * 2**16)
    for i, (k, slot) in enumerate(objects):
        draw, kind = table[k][slot], KINDS[k]
        y, x, turn = _below(draw[1], extent[0]), _below(draw[2], extent[1]), _below(draw[3], 64)
        length = _between(draw[4], kind.half_length)
        if kind.half_width is None:
            width = length * _between(draw[5], (60, 100)) // 100
        else:
            width = _between(draw[5], kind.half_width)
        parts.append(_Part(kind.shape, y, x, turn, length, width, i + 1))
        if _below(draw[9], 2**16) < with_arm:
            reach = length * _between(draw[11], (150, 220)) // 100
            parts.append(_Part("box", y, x, _below(draw[10], 64), reach, 11, i + 1))
    return parts


# Rounded to 1/1024 the cosines lie far from any tie, so every libm gives the same whole numbers.
COSINES = np.rint(1024 * np.cos(2 * np.pi * np.arange(64) / 64))
ONE = 256.0 * 256.0
"""Value of a part's field on its boundary; the field grows with the square of the distance."""


def _field(
    part: _Part, y: Float64[np.ndarray, "#h #w"], x: Float64[np.ndarray, "#h #w"]
) -> Float64[np.ndarray, "h w"]:
    """Squared distance from the part's centre in units of its own size (inside: at most `ONE`)."""
    cos, sin = COSINES[part.turn], COSINES[(part.turn - 16) % 64]
    dy, dx = y - part.y, x - part.x
    u = np.abs(np.floor((dx * cos + dy * sin) * (2**18 // part.half_length) * 2.0**-20))
    v = np.floor((dy * cos - dx * sin) * (2**18 // part.half_width) * 2.0**-20)
    if part.shape == "wedge":
        return np.maximum(v, 2 * u - v) ** 2
    v = np.abs(v)
    if part.shape == "box":
        return np.maximum(u, v) ** 2
    if part.shape == "diamond":
        return (u + v) ** 2
    if part.shape == "cross":
        return np.minimum(np.maximum(u, 3 * v), np.maximum(3 * u, v)) ** 2
    if part.shape == "ring":
        return np.abs(u * u + v * v - 46000) * 3
    return u * u + v * v


def _paint(
    fields: list[Float64[np.ndarray, "h w"]], parts: list[_Part], ratio: float | None
) -> UInt8[np.ndarray, "h w"]:
    """For each pixel 1 + the index of the object seen there, 0 for background."""
    level, foreground = ONE, None
    if ratio is not None:
        # The k pixels nearest to an object, by field value and then by position, so that no ties
        # remain.
        nearest = np.minimum.reduce(fields)
        pixels = nearest.size
        rank = nearest * pixels + np.arange(pixels).reshape(nearest.shape)
        k = min(max(round(pixels / (1 + ratio)), 1), pixels)
        last = np.partition(rank.ravel(), k - 1)[k - 1]
        level, foreground = float(last // pixels), rank <= last
    owner = np.zeros(fields[0].shape, dtype=np.uint8)
    for part, field in zip(parts, fields, strict=True):
        owner[field <= level] = part.owner
    if foreground is not None:
        owner[~foreground] = 0
    return owner


def _patterns(draw: int, h: int, w: int) -> Int32[np.ndarray, "5 h w"]:
    """Patterns that classes wear, -1, 0 or 1: plain, stripes, stripes across, checks, blotches."""
    y, x = (axis.astype(np.int32) for axis in _grid(h, w))
    down = ((y + x // 2 + _below(draw, UNIT)) // 48) & 1
    across = ((x - y // 2 + UNIT + _below(draw << 16 & 2**64 - 1, UNIT)) // 56) & 1
    checks = ((y // 36) + (x // 36)) & 1
    blotches = (((y * 7 + x * 3) // 40) ^ ((x * 5 - y * 2 + 2 * UNIT) // 52)) & 1
    signs = [2 * np.broadcast_to(p, (h, w)) - 1 for p in (down, across, checks, blotches)]
    return np.stack([np.zeros((h, w), np.int32), *signs])


def _colour(
    options: Dials,
    index: int,
    owner: UInt8[np.ndarray, "h w"],
    objects: Objects,
    table: Draws,
    smooth: list[Float64[np.ndarray, "h w"]],
) -> UInt8[np.ndarray, "h w 3"]:
    """The picture: colours of the objects, their patterns, uneven light and grain."""
    h, w = owner.shape
    overlap = int(options.texture_overlap * 256)

    def worn(base: tuple[int, int, int], draw: list[int]) -> list[int]:
        return [
            (b * (256 - overlap) + _between(d, (50, 205)) * overlap) // 256
            for b, d in zip(base, draw[6:9], strict=True)
        ]

    ground = table[0]
    # Half of the ground wears the colour of some class, as far as textures overlap at all.
    decoy = KINDS[1 + _below(ground[1][1], options.classes - 1)].colour
    mixed = tuple(
        (a * (256 - overlap) + b * overlap) // 256
        for a, b in zip(KINDS[0].colour, decoy, strict=True)
    )
    palette = [worn(KINDS[0].colour, ground[0])]
    palette += [worn(KINDS[k].colour, table[k][slot]) for k, slot in objects]
    palette.append([(m + c) // 2 for m, c in zip(mixed, worn(decoy, ground[1]), strict=True)])
    wears = [0, *(KINDS[k].pattern for k, _ in objects), _below(ground[1][2], 5)]
    strength = [0, *(_between(table[k][slot][14], (10, 26)) for k, slot in objects)]
    strength.append(_between(ground[1][3], (0, 20)))

    seen = np.where((owner == 0) & (smooth[3] > 10), len(palette) - 1, owner)
    rows, columns = np.arange(h)[:, None], np.arange(w)[None, :]
    pattern = _patterns(ground[0][4], h, w)[np.array(wears)[seen], rows, columns]
    light = np.floor(smooth[2] / 4).astype(np.int32) + pattern * np.array(strength, np.int32)[seen]
    grain = _draws(options.seed, index, stream=2, count=-(-h * w * 3 // 8))
    grain = grain.astype("<u8").view(np.uint8)[: h * w * 3].reshape(h, w, 3)
    picture = np.array(palette, dtype=np.int32)[seen] + light[..., None]
    picture += (grain >> 3).astype(np.int32) - 16
    return np.clip(picture, 0, 255).astype(np.uint8)
