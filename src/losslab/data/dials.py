"""The dials of the generated pictures and the kinds of object in them."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le
from pydantic.dataclasses import dataclass as checked_dataclass

from losslab.constants import STRICT
from losslab.data.options import Count, Share


@dataclass(frozen=True)
class Kind:
    """What sets the objects of one class apart. Lengths are in 1/1024 of the picture's shorter
    side.
    """

    name: str
    shape: str
    half_length: tuple[int, int]
    half_width: tuple[int, int] | None
    """None: 60 to 100 % of the half length."""
    frequency: int
    """Of 256 draws, those that put an object into the picture (each class draws twice)."""
    colour: tuple[int, int, int]
    pattern: int


# The first five objects make the default set: large, angular, thin, pierced, and small and rare.
KINDS = (
    Kind("background", "none", (0, 0), None, 0, (104, 118, 104), 0),
    Kind("blob", "ellipse", (130, 270), None, 140, (182, 88, 68), 4),
    Kind("slab", "box", (90, 200), None, 100, (74, 104, 184), 1),
    Kind("pole", "box", (200, 460), (17, 30), 110, (178, 160, 62), 0),
    Kind("ring", "ring", (110, 190), None, 75, (86, 170, 84), 2),
    Kind("speck", "ellipse", (38, 66), None, 80, (192, 96, 164), 3),
    Kind("cross", "cross", (90, 190), None, 80, (100, 160, 160), 1),
    Kind("wedge", "wedge", (100, 200), None, 80, (150, 100, 140), 4),
    Kind("diamond", "diamond", (80, 160), None, 60, (130, 130, 60), 2),
    Kind("dash", "box", (50, 100), (12, 20), 50, (70, 90, 120), 0),
)


@checked_dataclass(frozen=True, kw_only=True, config=STRICT)
class Dials:
    """The dials of the generated pictures."""

    train: Count = 400
    val: Count = 100
    test: Count = 100
    classes: Annotated[int, Ge(2), Le(len(KINDS))] = 6
    """Number of classes, background included."""
    foreground_ratio: Annotated[float, Ge(0.1), Le(1000)] | None = None
    """Background pixels for each object pixel, exactly so in every picture (before void rims); the
    objects are the same ones, grown or shrunk. None: as they come, about 5 on average."""
    roughness: Share = 0.3
    """0: smooth boundaries. 1: boundaries that stray by up to a twelfth of the picture."""
    thin_parts: Share = 0.3
    """Share of the objects that carry a thin arm, one to two pixels wide at 64 x 64."""
    texture_overlap: Share = 0.25
    """0: every class has its own colour. 1: colour says nothing; shape and pattern remain."""
    void_rim: Annotated[int, Ge(0), Le(16)] = 0
    """Pixels on either side of every boundary that are labelled void."""
    label_noise: Share = 0.0
    """Share of the objects that are labelled as another class or as background; the test split's
    labels stay right.
    """
    seed: Annotated[int, Ge(0), Le(2**63 - 1)] = 0
