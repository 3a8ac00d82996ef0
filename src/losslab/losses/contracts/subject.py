"""What a card is made of: a name, and a loss function for any number of classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from losslab.constants import IGNORE_INDEX
from losslab.errors import SpecError
from losslab.losses.edges import EdgeNet, random_edge_net
from losslab.losses.objective import Loss as LossFunction
from losslab.losses.objective import Objective, build_loss, needs_edge_net
from losslab.losses.objective import _checked_loss as checked_loss
from losslab.losses.peers import Peer

UNTRAINED = "EdgeNet with random weights"
"""Follows the name of a loss that was given no EdgeNet."""


@dataclass(frozen=True)
class Subject:
    """A loss that a card is made of."""

    name: str
    make: Callable[[int], LossFunction]
    """The loss for a number of classes."""
    comparable: Callable[[int], bool] = lambda count: True
    """Whether the loss for that number is the same one: not if it lacks a trained EdgeNet."""


def subject(loss: Any, num_classes: int, edge_net: Any = None) -> Subject:
    """The subject of a card for `num_classes`.

    `edge_net`: an EdgeNet, or a mapping from numbers of classes to one. Where none is for
    `num_classes`, all have random weights, which the name says; otherwise only the numbers with a
    net of their own are comparable. A callable that is no `Objective` is used as it is, whatever
    the number of classes. Raises `SpecError` for what is no loss, and for a number out of range.
    """
    if type(num_classes) is not int or not 1 <= num_classes <= IGNORE_INDEX:
        raise SpecError(
            f"num_classes: a whole number, 1 (binary) to {IGNORE_INDEX}, got {num_classes!r}"
        )
    if isinstance(loss, Peer):
        return Subject(loss.title, cache(loss.build))
    if isinstance(loss, Objective):
        given = loss

        def again(count: int, net: EdgeNet | None = None) -> LossFunction:
            same = count == given.num_classes and net in (None, given.edge_net)
            return given if same else given.for_classes(count, edge_net=net)

        if not given.needs_edge_net:
            return Subject(given.expression, cache(again))
        nets = {given.num_classes: given.edge_net, **_by_count(edge_net)}
        return _with_nets(given.expression, num_classes, nets, again)
    if isinstance(loss, str):
        build = partial(_build, loss)
        if not needs_edge_net(loss):
            return Subject(loss, cache(build))
        return _with_nets(loss, num_classes, _by_count(edge_net), build)
    name = name_of(loss)
    checked_loss(name, loss)
    return Subject(name, lambda count: loss)


def name_of(function: Any) -> str:
    """What a callable is called: a partial by its function and keywords, a lambda "lambda"."""
    if isinstance(function, partial):
        given = [*map(repr, function.args)]
        given += [f"{key}={value!r}" for key, value in function.keywords.items()]
        return f"{name_of(function.func)}({', '.join(given)})"
    name = getattr(function, "__name__", type(function).__name__)
    return "lambda" if name == "<lambda>" else name


def numbered(names: list[str]) -> list[str]:
    """The names, those that were there before with a number: a, b, a (2)."""
    return [
        name if (count := names[: i + 1].count(name)) == 1 else f"{name} ({count})"
        for i, name in enumerate(names)
    ]


def _with_nets(
    name: str, num_classes: int, nets: Mapping[int, Any], build: Callable[..., LossFunction]
) -> Subject:
    trained = num_classes in nets
    chosen = nets if trained else {}

    def make(count: int) -> LossFunction:
        return build(count, chosen.get(count) or random_edge_net(count))

    if not trained:
        return Subject(f"{name} ({UNTRAINED})", cache(make))
    return Subject(name, cache(make), lambda count: count in chosen)


def _build(expression: str, count: int, net: EdgeNet | None = None) -> LossFunction:
    return build_loss(expression, count, edge_net=net)


def _by_count(edge_net: Any) -> dict[int, EdgeNet]:
    if isinstance(edge_net, EdgeNet):
        return {edge_net.num_classes: edge_net}
    return dict(edge_net or {})
