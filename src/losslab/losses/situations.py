"""Small situations to look at a loss in: one object, and a prediction of it to change."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from scipy import ndimage
from torch import Tensor

from losslab.errors import SpecError, unknown

Shape = Literal["disc", "ring", "thin", "polygon"]
SHAPES: tuple[str, ...] = get_args(Shape)


@dataclass(frozen=True)
class Situation:
    """One object in a square picture, and a prediction of it: shifted, with a hole, more or less
    sure.

    The prediction is the object moved right by `shift` pixels, less a disc of radius `hole` (0:
    none) around the object's deepest point; each of its pixels gives the class that it predicts the
    probability `confidence`, and the others share the rest equally. Raises `SpecError` for a value
    out of its range.
    """

    shape: str = "disc"
    size: int = 64  # side of the picture, pixels
    radius: float | int = 0.3  # of the object, as a share of the side
    hole: float | int = 0  # radius of the hole in the prediction, pixels
    shift: int = 0  # of the prediction to the right, pixels
    confidence: float = 0.9  # probability of the predicted class

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise SpecError(unknown("shape", self.shape, SHAPES))
        if self.size < 8:
            raise SpecError(f"size: at least 8 pixels, got {self.size}")
        if not 0 < self.radius <= 0.5:
            raise SpecError(f"radius: above 0 and at most 0.5 of the side, got {self.radius}")
        if self.hole < 0:
            raise SpecError(f"hole: a radius of at least 0 pixels, got {self.hole}")
        if not 0 < self.confidence < 1:
            raise SpecError(f"confidence: between 0 and 1, got {self.confidence}")

    def object(self) -> Bool[np.ndarray, "h w"]:
        """The pixels of the object."""
        return draw(self.shape, self.size, radius=self.radius * self.size)

    def predicted(self) -> Bool[np.ndarray, "h w"]:
        """The pixels at which the prediction says "object"."""
        moved = draw(self.shape, self.size, radius=self.radius * self.size, shift=self.shift)
        if self.hole == 0:
            return moved
        y, x = self.deepest()
        rows, columns = np.mgrid[: self.size, : self.size]
        return moved & (np.hypot(rows - y, columns - x - self.shift) >= self.hole)

    def deepest(self) -> tuple[int, int]:
        """Row and column of the object's pixel that is farthest from its outside."""
        depth = np.asarray(ndimage.distance_transform_edt(np.pad(self.object(), 1)))[1:-1, 1:-1]
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        return int(y), int(x)

    def labels(self) -> Int64[Tensor, "1 h w"]:
        """Label map: 1 on the object, 0 elsewhere."""
        return torch.from_numpy(self.object().astype(np.int64))[None]

    def logits(self, num_classes: int = 1) -> Float[Tensor, "1 c h w"]:
        """Logits of the prediction for `num_classes` (1: binary)."""
        predicted = torch.from_numpy(self.predicted().astype(np.int64))[None]
        return confident_logits(predicted, num_classes, self.confidence)


def draw(
    shape: str, size: int, *, radius: float | int, shift: int = 0
) -> Bool[np.ndarray, "size size"]:
    """One centred object of a kind in `SHAPES`, moved right by `shift` pixels.

    A ring is hollow inside half its radius, "thin" is a bar three pixels high, the polygon a
    star of five points whose corners lie at 0.45 and 1 of the radius.
    """
    centre = size // 2
    y, x = np.mgrid[:size, :size] - centre
    x = x - shift
    distance = np.hypot(y, x)
    if shape == "disc":
        return distance <= radius
    if shape == "ring":
        return (distance <= radius) & (distance >= radius / 2)
    if shape == "thin":
        return (abs(y) <= 1) & (abs(x) <= radius)
    if shape != "polygon":
        raise SpecError(unknown("shape", shape, SHAPES))
    angle = np.arctan2(y, x) % (2 * np.pi)
    corners = np.linspace(0, 2 * np.pi, 11)
    reach = radius * np.where(np.arange(11) % 2, 0.45, 1.0)
    return distance <= np.interp(angle, corners, reach)


def confident_logits(
    predicted: Int64[Tensor, "n h w"], num_classes: int, confidence: float
) -> Float[Tensor, "n c h w"]:
    """Logits under which each pixel's predicted class has the probability `confidence` and the
    others share the rest; 0 for all but that class (binary: of either sign).
    """
    odds = confidence / (1 - confidence)
    if num_classes == 1:
        return (float(np.log(odds)) * (2.0 * predicted - 1))[:, None].float()
    margin = float(np.log(odds * (num_classes - 1)))
    n, h, w = predicted.shape
    return torch.zeros(n, num_classes, h, w).scatter_(1, predicted[:, None], margin)
