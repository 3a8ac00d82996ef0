"""The card of a loss: what it does, found by calling it on small pictures.

A card is one tidy table, a row a probe: `PROBES` says of each what is measured. Nothing in it is
known beforehand, so that anything that can be called as losses are gets one, whatever library it
comes from. `Situation` is one object and one prediction of it, for looking at gradients.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int64
from scipy import ndimage
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.errors import SpecError, brief, unknown
from losslab.losses.edges import EdgeNet, random_edge_net
from losslab.losses.objective import (
    Loss,
    Objective,
    build_loss,
    checked_loss,
    needs_edge_net,
)

SIZE = 32
"""Side of the standard picture, pixels."""

CENTRE, RADIUS = (12, 11), 6.5
"""Of the standard picture's disc: row and column of its deepest pixel, and pixels."""

UNSURE, SURE, CERTAIN = 0.6, 0.99, 1 - 1e-9
"""Probabilities of the predicted class."""

MANY = 19
"""Classes of the probes of many classes; twice as many as asked for, if that is more."""


# Pictures -----------------------------------------------------------------------------------------


def standard_labels(num_classes: int) -> Int64[Tensor, "1 h w"]:
    """A disc (class 1), a bar (2) and a small square (3) on background, as far as there are
    classes.
    """
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    disc = (y - CENTRE[0]) ** 2 + (x - CENTRE[1]) ** 2 <= RADIUS**2
    bar = (abs(y - 24) <= 1) & (abs(x - 16) <= 9)
    square = (abs(y - 12) <= 1) & (abs(x - 25) <= 1)
    labels = torch.zeros(SIZE, SIZE, dtype=torch.int64)
    for index, mask in enumerate((disc, bar, square), start=1):
        if index < max(num_classes, 2):
            labels[mask] = index
    return labels[None]


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


def plausible_logits(num_classes: int) -> Float[Tensor, "1 c h w"]:
    """A middling prediction of the standard picture: shifted, sure by 0.8, with noise around the
    objects; the outermost four pixels are background alone.
    """
    logits = confident_logits(standard_labels(num_classes).roll(1, dims=2), num_classes, 0.8)
    noise = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
    logits[..., 5:-5, 5:-5] += noise[..., 5:-5, 5:-5]
    return logits


# Losses -------------------------------------------------------------------------------------------


def named_loss(
    loss: Any, edge_net: EdgeNet | Mapping[int, EdgeNet] | None = None
) -> tuple[str, Callable[[int], Any]]:
    """The name of a loss, and what makes it for a number of classes.

    `loss` is an expression, an `Objective`, another library's loss with `title` and `build`, or a
    callable. `edge_net` is that of the losses that read one, or one for each number of classes;
    where none is given it has random weights, as the name says.
    """
    nets = {edge_net.num_classes: edge_net} if isinstance(edge_net, EdgeNet) else edge_net or {}

    def build(expression: str, count: int) -> Loss:
        net = (nets.get(count) or random_edge_net(count)) if needs_edge_net(expression) else None
        return build_loss(expression, count, edge_net=net)

    if isinstance(loss, str):
        untrained = needs_edge_net(loss) and not nets
        return loss + " (EdgeNet with random weights)" * untrained, partial(build, loss)
    if isinstance(loss, Objective):
        return loss.expression, loss.for_classes
    if hasattr(loss, "build"):
        return loss.title, loss.build
    name = getattr(loss, "__name__", type(loss).__name__)
    checked_loss(name, loss)
    return name, lambda count: loss


def value_and_gradient(
    loss: Loss, logits: Tensor, labels: Tensor
) -> tuple[float, Float[Tensor, "n c h w"]]:
    """The value of a loss and its gradient by the logits, zeros where it has none."""
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, labels)
    gradient = torch.zeros_like(logits)
    if value.requires_grad:
        (gradient,) = torch.autograd.grad(value, logits)
    return float(value.detach()), gradient.detach()


# Probes -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Subject:
    """A loss, and the standard picture that it is asked about."""

    make: Callable[[int], Loss]
    num_classes: int

    @property
    def labels(self) -> Tensor:
        return standard_labels(self.num_classes)

    def value(self, logits: Tensor, labels: Tensor, count: int | None = None) -> float:
        return float(self.make(count or self.num_classes)(logits, labels).detach())

    def gradient(self, logits: Tensor, labels: Tensor) -> Tensor:
        return value_and_gradient(self.make(self.num_classes), logits, labels)[1]

    def predicting(self, predicted: Tensor, confidence: float = SURE) -> Tensor:
        return confident_logits(predicted, self.num_classes, confidence)


Probe = Callable[[_Subject], float]


def _prediction(change: Callable[[Tensor], Tensor]) -> Probe:
    return lambda s: s.value(s.predicting(change(s.labels)), s.labels)


def _inverted(labels: Tensor) -> Tensor:
    """Wrong at every pixel: each class takes the place of the next one that is there."""
    return (labels + 1) % (int(labels.max()) + 1)


def _error(rows: slice, columns: slice, wrong: int) -> Probe:
    """What pixels predicted as class `wrong` add to the loss of a perfect prediction."""

    def probe(s: _Subject) -> float:
        predicted = s.labels
        predicted[:, rows, columns] = wrong
        perfect = s.value(s.predicting(s.labels), s.labels)
        return s.value(s.predicting(predicted), s.labels) - perfect

    return probe


def _rising(change: Callable[[Tensor], Tensor]) -> Probe:
    """The cosine between a step against the gradient and what raises the mean of p(true)."""

    def probe(s: _Subject) -> float:
        logits = s.predicting(change(s.labels), UNSURE)
        step = -s.gradient(logits, s.labels)
        raising = -value_and_gradient(_missed, logits, s.labels)[1]
        return float(torch.cosine_similarity(step.flatten(), raising.flatten(), 0))

    return probe


def _missed(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - the mean of p(true)."""
    if logits.shape[1] == 1:
        return 1 - torch.where(labels[:, None] == 1, logits, -logits).sigmoid().mean()
    return 1 - logits.softmax(1).gather(1, labels[:, None]).mean()


def _near_uniform(s: _Subject) -> float:
    generator = torch.Generator().manual_seed(4)
    near = 0.01 * torch.randn(s.predicting(s.labels).shape, generator=generator)
    steps = [p for p in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99) if p * max(s.num_classes, 2) > 1]
    lengths = [
        float(s.gradient(logits.double(), s.labels).norm())
        for logits in (near, *(s.predicting(s.labels, p) for p in steps))
    ]
    return lengths[0] / max(lengths)


def _pair() -> tuple[Tensor, Tensor]:
    """Two pictures' labels, 199 pixels of class 1 and one, and a prediction that misses the one."""
    labels = torch.zeros(2, SIZE, SIZE, dtype=torch.int64)
    labels[0, 4:14, 4:24] = 1
    labels[0, 4, 4] = 0
    labels[1, 20, 20] = 1
    predicted = labels.clone()
    predicted[1] = 0
    return labels, predicted


def _one_missed(s: _Subject) -> float:
    labels, predicted = _pair()
    return s.value(s.predicting(predicted, CERTAIN), labels)


def _batch(s: _Subject) -> float:
    labels, predicted = _pair()
    logits = s.predicting(predicted, CERTAIN)
    each = [s.value(logits[i : i + 1], labels[i : i + 1]) for i in (0, 1)]
    return s.value(logits, labels) / (sum(each) / 2)


def _enlarged(s: _Subject) -> tuple[Tensor, Tensor]:
    """The standard picture and its plausible prediction, every pixel four."""
    logits = plausible_logits(s.num_classes).repeat_interleave(2, 2).repeat_interleave(2, 3)
    return logits, s.labels.repeat_interleave(2, 1).repeat_interleave(2, 2)


def _resolution(s: _Subject) -> float:
    return s.value(*_enlarged(s)) / s.value(plausible_logits(s.num_classes), s.labels)


def _half_void(s: _Subject) -> tuple[Tensor, Tensor, Tensor]:
    logits, labels = _enlarged(s)
    labels[:, ::2] = IGNORE_INDEX
    return logits, labels, (labels == IGNORE_INDEX)[:, None]


def _void_value(s: _Subject) -> float:
    logits, labels, _ = _half_void(s)
    return s.value(logits, labels) / s.value(*_enlarged(s))


def _void_logits(s: _Subject) -> float:
    logits, labels, void = _half_void(s)
    noise = 5 * torch.randn(logits.shape, generator=torch.Generator().manual_seed(2))
    return s.value(torch.where(void, noise, logits), labels) - s.value(logits, labels)


def _void_gradient(s: _Subject) -> float:
    logits, labels, void = _half_void(s)
    return float((s.gradient(logits, labels) * void).abs().max())


def _void_nan(s: _Subject) -> float:
    logits, labels, void = _half_void(s)
    return _finite(s, logits.masked_fill(void, torch.nan), labels)


def _finite(s: _Subject, logits: Tensor, labels: Tensor) -> float:
    """1 where value and gradient are finite."""
    value, gradient = value_and_gradient(s.make(s.num_classes), logits, labels)
    return float(np.isfinite(value) and bool(gradient.isfinite().all()))


def _absent_added(s: _Subject) -> float:
    count, logits = max(MANY, 2 * s.num_classes), plausible_logits(s.num_classes)
    more = torch.full((1, count - s.num_classes, SIZE, SIZE), -20.0)
    many = s.value(torch.cat((logits, more), 1), s.labels, count)
    return many / s.value(logits, s.labels)


def _one_of_many(s: _Subject) -> float:
    count, only = max(MANY, 2 * s.num_classes), torch.zeros(1, SIZE, SIZE, dtype=torch.int64)
    return s.value(confident_logits(only + 1, count, CERTAIN), only, count)


def _changed(change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Probe:
    """The relative difference that a change of the input makes."""

    def probe(s: _Subject) -> float:
        logits, labels = plausible_logits(s.num_classes), s.labels
        before = s.value(logits, labels)
        return s.value(*change(logits, labels)) / before - 1

    return probe


def _renumbered(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    if logits.shape[1] == 1:
        return -logits, 1 - labels
    return logits.flip(1), logits.shape[1] - 1 - labels


def _half(kind: torch.dtype) -> Probe:
    """The relative error of the value in half precision at 256 x 256 pixels."""

    def probe(s: _Subject) -> float:
        logits = plausible_logits(s.num_classes).repeat_interleave(8, 2).repeat_interleave(8, 3)
        labels = s.labels.repeat_interleave(8, 1).repeat_interleave(8, 2)
        logits = logits.to(kind)
        return s.value(logits, labels) / s.value(logits.double(), labels) - 1

    return probe


ROW, COLUMN = CENTRE
RIM = COLUMN - int(RADIUS)

PROBES: dict[str, tuple[str, str, Probe]] = {
    "perfect": ("prediction", "value, p(predicted) = 0.99", _prediction(lambda y: y)),
    "shifted": ("prediction", "one pixel to the right", _prediction(lambda y: y.roll(1, 2))),
    "empty": ("prediction", "background everywhere", _prediction(torch.zeros_like)),
    "full": ("prediction", "class 1 everywhere", _prediction(torch.ones_like)),
    "inverted": ("prediction", "wrong at every pixel", _prediction(_inverted)),
    "uniform": (
        "prediction",
        "all logits 0",
        lambda s: s.value(torch.zeros_like(s.predicting(s.labels)), s.labels),
    ),
    "pushes, shifted": (
        "gradient",
        "cosine of a training step and what raises p(true), p = 0.6",
        _rising(lambda y: y.roll(1, 2)),
    ),
    "pushes, inverted": ("gradient", "the same, wrong at every pixel", _rising(_inverted)),
    "near uniform": (
        "gradient",
        "length at nearly equal logits, share of the longest on the way to the label",
        _near_uniform,
    ),
    "deepest pixel missed": (
        "error",
        "added to the value of a perfect prediction",
        _error(slice(ROW, ROW + 1), slice(COLUMN, COLUMN + 1), 0),
    ),
    "hole of 5 x 5 there": (
        "error",
        "the same",
        _error(slice(ROW - 2, ROW + 3), slice(COLUMN - 2, COLUMN + 3), 0),
    ),
    "rim pixel missed": ("error", "the same", _error(slice(ROW, ROW + 1), slice(RIM, RIM + 1), 0)),
    "pixel added at the rim": (
        "error",
        "the same",
        _error(slice(ROW, ROW + 1), slice(RIM - 1, RIM), 1),
    ),
    "pixel added far away": ("error", "the same", _error(slice(30, 31), slice(30, 31), 1)),
    "one of two objects missed": (
        "batch",
        "value of two pictures: 199 pixels found, the only one missed",
        _one_missed,
    ),
    "batch": ("batch", "that, over the mean of each picture's own value", _batch),
    "4 x the pixels": ("size", "value over that of the small picture", _resolution),
    "half void": ("void", "value over that of the whole picture", _void_value),
    "logits under void": ("void", "what they change", _void_logits),
    "gradient under void": ("void", "largest", _void_gradient),
    "NaN under void": ("void", "1: value and gradient are finite", _void_nan),
    "absent classes added": ("classes", "value over that without them", _absent_added),
    "one class of many, all wrong": ("classes", "value", _one_of_many),
    "renumbered": (
        "invariance",
        "relative change, classes in reverse order",
        _changed(_renumbered),
    ),
    "mirrored": (
        "invariance",
        "relative change",
        _changed(lambda x, y: (x.flip(3), y.flip(2))),
    ),
    "float16": ("precision", "relative error at 256 x 256", _half(torch.float16)),
    "bfloat16": ("precision", "relative error at 256 x 256", _half(torch.bfloat16)),
    "logits of 10000": (
        "precision",
        "1: value and gradient of the wrong ones are finite",
        lambda s: _finite(s, 1e4 * s.predicting(_inverted(s.labels)).sign(), s.labels),
    ),
    "nothing annotated": (
        "precision",
        "1: value and gradient are finite",
        lambda s: _finite(
            s, plausible_logits(s.num_classes), torch.full_like(s.labels, IGNORE_INDEX)
        ),
    ),
}
"""Group, meaning and measurement of every probe."""

SOFTMAX = ("absent classes added", "one class of many, all wrong")
"""Probes that a binary loss has no answer to."""


def loss_card(
    loss: Any,
    *,
    num_classes: int = 4,
    edge_net: EdgeNet | Mapping[int, EdgeNet] | None = None,
) -> pd.DataFrame:
    """The card of a loss: loss, num_classes, group, probe, meaning, value, error.

    `loss` is an expression, an `Objective`, another library's loss or a callable of (logits,
    labels); `num_classes` = 1 is binary. `edge_net`: as in `named_loss`. Where the loss raises, the
    value is NaN and `error` says what; otherwise it is "". Raises `SpecError` for what is no loss.
    """
    if not 1 <= num_classes <= IGNORE_INDEX:
        raise SpecError(f"num_classes: 1 (binary) to {IGNORE_INDEX}, got {num_classes!r}")
    name, make = named_loss(loss, edge_net)
    subject, rows = _Subject(make, num_classes), []
    for probe, (group, meaning, measure) in PROBES.items():
        if num_classes == 1 and probe in SOFTMAX:
            continue
        value, error = float("nan"), ""
        try:
            with torch.random.fork_rng(devices=[]), np.errstate(all="ignore"):
                value = measure(subject)
        except ZeroDivisionError:
            error = "0 / 0"
        except Exception as raised:  # any: what the loss does is what is measured
            error = f"raises {brief(raised)}"
        rows.append((name, num_classes, group, probe, meaning, value, error))
    columns = ["loss", "num_classes", "group", "probe", "meaning", "value", "error"]
    return pd.DataFrame(rows, columns=columns)


# Situations ---------------------------------------------------------------------------------------

Shape = Literal["disc", "ring", "thin", "polygon"]
SHAPES: tuple[str, ...] = get_args(Shape)


@dataclass(frozen=True)
class Situation:
    """One object in a square picture, and a prediction of it: shifted, with a hole, more or less
    sure.

    The prediction is the object moved right by `shift` pixels, less a disc of radius `hole` (0:
    none) around the object's deepest point; each of its pixels gives the class that it predicts the
    probability `confidence`. Raises `SpecError` for a value out of its range.
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
        ranges = {
            "size": (self.size >= 8, "at least 8 pixels"),
            "radius": (0 < self.radius <= 0.5, "above 0 and at most 0.5 of the side"),
            "hole": (self.hole >= 0, "a radius of at least 0 pixels"),
            "confidence": (0 < self.confidence < 1, "between 0 and 1"),
        }
        for field, (fits, rule) in ranges.items():
            if not fits:
                raise SpecError(f"{field}: {rule}, got {getattr(self, field)}")

    def object(self, shift: int = 0) -> Bool[np.ndarray, "h w"]:
        """The pixels of the object, moved right by `shift` pixels.

        A ring is hollow inside half its radius, "thin" is a bar three pixels high, the polygon a
        star of five points whose corners lie at 0.45 and 1 of the radius.
        """
        y, x = np.mgrid[: self.size, : self.size] - self.size // 2
        x = x - shift
        radius, distance = self.radius * self.size, np.hypot(y, x)
        if self.shape == "thin":
            return (abs(y) <= 1) & (abs(x) <= radius)
        if self.shape == "polygon":
            reach = radius * np.where(np.arange(11) % 2, 0.45, 1.0)
            corners = np.linspace(0, 2 * np.pi, 11)
            return distance <= np.interp(np.arctan2(y, x) % (2 * np.pi), corners, reach)
        return (distance <= radius) & (distance >= radius / 2 * (self.shape == "ring"))

    def predicted(self) -> Bool[np.ndarray, "h w"]:
        """The pixels at which the prediction says "object"."""
        moved = self.object(self.shift)
        if self.hole == 0:
            return moved
        depth = np.asarray(ndimage.distance_transform_edt(np.pad(self.object(), 1)))[1:-1, 1:-1]
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        rows, columns = np.mgrid[: self.size, : self.size]
        return moved & (np.hypot(rows - y, columns - x - self.shift) >= self.hole)

    def labels(self) -> Int64[Tensor, "1 h w"]:
        """Label map: 1 on the object, 0 elsewhere."""
        return torch.from_numpy(self.object().astype(np.int64))[None]

    def logits(self) -> Float[Tensor, "1 1 h w"]:
        """Logits of the prediction, for a binary loss."""
        predicted = torch.from_numpy(self.predicted().astype(np.int64))[None]
        return confident_logits(predicted, 1, self.confidence)


def gradient_maps(
    losses: Iterable[Any],
    situation: Situation,
    *,
    edge_net: EdgeNet | Mapping[int, EdgeNet] | None = None,
) -> dict[str, Float[np.ndarray, "h w"] | str]:
    """The gradient of each binary loss by the logit of the object; "raises ..." for one that does.

    With one confidence everywhere it is a constant times the gradient by p(object).
    """
    maps: dict[str, Float[np.ndarray, "h w"] | str] = {}
    for loss in losses:
        name, make = named_loss(loss, edge_net)
        try:
            _, gradient = value_and_gradient(make(1), situation.logits(), situation.labels())
            maps[name] = gradient[0, 0].numpy()
        except Exception as raised:  # any: what the loss does is what is shown
            maps[name] = f"raises {brief(raised)}"
    return maps


def sweep(
    losses: Iterable[Any],
    situation: Situation,
    field: str,
    values: Iterable[float | int],
    *,
    edge_net: EdgeNet | Mapping[int, EdgeNet] | None = None,
) -> pd.DataFrame:
    """Values of binary losses as one field of the situation changes: loss, field, x, value, error.

    Where a loss raises, the value is NaN and the error "raises ..."; otherwise it is "".
    """
    made = {name: make(1) for name, make in (named_loss(loss, edge_net) for loss in losses)}
    rows = []
    for x in values:
        changed = replace(situation, **{field: x})
        for name, loss in made.items():
            value, error = float("nan"), ""
            try:
                value = float(loss(changed.logits(), changed.labels()))
            except Exception as raised:  # any: what the loss does is what is shown
                error = f"raises {brief(raised)}"
            rows.append((name, field, x, value, error))
    return pd.DataFrame(rows, columns=["loss", "field", "x", "value", "error"])
