"""What a card is made of: a name, and a loss function for any number of classes."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from losslab.losses.contracts.probe import LossFunction
from losslab.losses.edge_net import EdgeNet
from losslab.losses.objective import Objective, build_loss, needs_edge_net
from losslab.losses.peers import Peer


def subject(loss: Any, edge_net: Any = None) -> tuple[str, Callable[[int], LossFunction]]:
    """Name of a loss, and what makes it for a number of classes.

    `edge_net`: an EdgeNet for every number of classes, or a mapping from it to one, in which
    missing ones are replaced by `random_edge_net`. A callable that is no `Objective` is used as it
    is, whatever the number of classes.
    """
    if isinstance(loss, Peer):
        return f"{loss.library} {loss.name}", cache(loss.build)
    if isinstance(loss, Objective):
        given = loss

        def again(count: int) -> LossFunction:
            if count == given.num_classes:
                return given
            return _objective(given.expression, count, edge_net)

        return loss.expression, cache(again)
    if isinstance(loss, str):
        return loss, cache(lambda count: _objective(loss, count, edge_net))
    return getattr(loss, "__name__", type(loss).__name__), lambda count: loss


def _objective(expression: str, count: int, edge_net: Any) -> LossFunction:
    if not needs_edge_net(expression):
        return build_loss(expression, count)
    net = edge_net
    if not isinstance(net, EdgeNet):
        net = (edge_net or {}).get(count) or random_edge_net(count)
    return build_loss(expression, count, edge_net=net)


def random_edge_net(num_classes: int) -> EdgeNet:
    """An untrained EdgeNet with the weights of seed 0: its edges mean nothing, its loss is one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return EdgeNet(num_classes).requires_grad_(False)
