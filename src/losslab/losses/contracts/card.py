"""The card of a loss: what it does, found by measuring it."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

import pandas as pd

from losslab.losses.contracts import dependence, invariances, limits, responses
from losslab.losses.contracts.probe import Reading
from losslab.losses.contracts.subject import Subject, subject

PREDICTIONS = (
    "perfect, empty, full, inverted, shifted and uniform predictions of the standard picture, and "
    "random logits of standard deviation 0.5 to 16"
)
"""What the smallest and largest value of a card were seen on; no bounds of the loss."""

Value = float | int | bool | str | None


@dataclass(frozen=True)
class LossCard:
    """What a loss answered to every question; nothing in it is known beforehand."""

    name: str
    num_classes: int
    readings: tuple[Reading, ...]

    def get(self, section: str, case: str, quantity: str = "value") -> Value:
        """One cell. Raises KeyError, which names what there is, for a cell that the card has
        not.
        """
        cells = {(r.section, r.case, r.quantity): r.value for r in self.readings}
        if (section, case, quantity) in cells:
            return cells[section, case, quantity]
        # A loss that raised has the sentence in place of all quantities of the case.
        if str(cells.get((section, case, "value"))).startswith("raises "):
            return cells[section, case, "value"]
        near = [key for key in cells if key[0] == section] or sorted({key[0] for key in cells})
        raise KeyError(f"{(section, case, quantity)}: not on the card, which has {near}")

    def to_frame(self) -> pd.DataFrame:
        """The card as a tidy table: loss, num_classes, section, case, quantity, value, text.

        `value` is NaN where `text` is no number; True and False are 1 and 0.
        """
        rows = [
            (self.name, self.num_classes, r.section, r.case, r.quantity, _number(r.value), r.value)
            for r in self.readings
        ]
        columns = ["loss", "num_classes", "section", "case", "quantity", "value", "text"]
        frame = pd.DataFrame(rows, columns=columns)
        frame["text"] = [text(value) for value in frame["text"].astype(object)]
        return frame

    def _repr_markdown_(self) -> str:
        from losslab.losses.contracts.tables import markdown_card

        return markdown_card(self)


def loss_card(
    loss: Any,
    *,
    num_classes: int = 4,
    name: str | None = None,
    edge_net: Any = None,
    largest_size: int = 256,
) -> LossCard:
    """The card of any loss: an expression, an `Objective`, a `Peer` or a callable of (logits,
    labels).

    `num_classes`: 1 is binary (sigmoid). `edge_net`: the frozen EdgeNet for losses that need one,
    or a mapping from the number of classes to one: without one for `num_classes` it has random
    weights, as the card's name says; otherwise other numbers of classes are asked about only where
    they have a net. `largest_size` bounds the search for the size at which half precision fails. A
    loss that raises has the error's first sentence in that cell. Raises `SpecError` for what cannot
    be called as losses are.
    """
    found = subject(loss, num_classes, edge_net)
    cells = list(_readings(found, num_classes, largest_size))
    return LossCard(name or found.name, num_classes, (*_range(cells), *cells))


def _readings(found: Subject, num_classes: int, largest_size: int) -> Iterator[Reading]:
    loss = found.make(num_classes)
    for section in (
        responses.responses,
        responses.noise,
        responses.path,
        responses.errors,
        dependence.resolution,
        dependence.batch,
        dependence.void,
        invariances.invariances,
        limits.extremes,
    ):
        yield from section(loss, num_classes)
    yield from dependence.class_count(found, num_classes)
    yield from limits.half_precision(loss, num_classes, largest_size=largest_size)


def _range(cells: list[Reading]) -> Iterator[Reading]:
    sections = ("responses", "noise")
    values = [
        value
        for cell in cells
        if cell.section in sections and cell.quantity == "value"
        for value in [_number(cell.value)]
        if isfinite(value)
    ]
    yield Reading("range", "smallest", "all predictions", min(values, default=None))
    yield Reading("range", "largest", "all predictions", max(values, default=None))


def _number(value: Value) -> float:
    return float(value) if isinstance(value, (bool, int, float)) else float("nan")


def text(value: Value) -> str:
    """A cell as people read it: four digits, yes or no, a dash where the question does not
    arise.
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
