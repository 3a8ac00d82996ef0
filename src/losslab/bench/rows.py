"""What is timed: the losses as calls of forward and backward pass together."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, conv2d, cross_entropy

from losslab.bench import naive
from losslab.bench.inputs import Inputs
from losslab.bench.peers import Peer, peers
from losslab.bench.targets import ARITHMETIC, ON_THE_FLY
from losslab.bench.timing import Call
from losslab.constants import IGNORE_INDEX
from losslab.losses import LOSSES, EdgeNet, build_loss, label_maps_of, needs_edge_net, parse
from losslab.losses.edges import random_edge_net
from losslab.losses.label_maps import label_map

OURS, TORCH, NAIVE = "losslab", "torch", "naive"

COPY = "logits read twice, gradient written once"
"""The row of the floor: no loss with a gradient moves less memory."""


Forward = Callable[[Tensor], Tensor]
"""From logits to a loss that a backward pass can start from."""


class Row(NamedTuple):
    """One line of the table."""

    loss: str
    library: str
    call: Call
    forward: Forward | None = None
    """The loss alone; None where the call is no loss."""

    @property
    def key(self) -> str:
        """Unique among the rows of one batch."""
        return f"{self.library}: {self.loss}"


def default_losses() -> tuple[str, ...]:
    """Every registered loss as it comes, and options that change what has to be computed."""
    return (*LOSSES, *(text for text in ("focal(one_vs_all=True)",) if "focal" in LOSSES))


def baseline(inputs: Inputs) -> Row:
    """Torch's cross-entropy, the unit of all ratios.

    The binary one has no way to leave void pixels out and is given the void as background: so it
    does less than the losses that are compared with it.
    """
    labels = inputs.labels
    if inputs.num_classes > 1:
        return _row(
            "cross_entropy",
            TORCH,
            inputs,
            lambda logits: cross_entropy(logits, labels, ignore_index=IGNORE_INDEX),
        )
    labels = labels.masked_fill(labels == IGNORE_INDEX, 0)
    return _row(
        "binary_cross_entropy_with_logits",
        TORCH,
        inputs,
        lambda logits: binary_cross_entropy_with_logits(logits[:, 0], labels.to(logits.dtype)),
    )


def rows(inputs: Inputs, losses: Sequence[str], *, with_peers: bool) -> Iterator[Row]:
    """All that is compared with the baseline: losslab's losses, what belongs to them written
    naively, and the peers whose counterpart is among them.
    """
    yield Row(COPY, TORCH, _copies(inputs))
    for expression in losses:
        yield from _ours(inputs, expression)
    names = {term.name for expression in losses for term in parse(expression)}
    if "semeda" in names:
        yield Row(ARITHMETIC, TORCH, _convolutions(inputs))
    yield from _naive(inputs, names)
    if with_peers:
        for peer in peers().values():
            if peer.counterpart in names:
                yield _peer(inputs, peer)


def _peer(inputs: Inputs, peer: Peer) -> Row:
    """The peer as it comes; where it stops at void pixels, with those given as background."""
    loss = peer.build(inputs.num_classes)
    few = Inputs(inputs.logits.detach()[:1], inputs.labels[:1])
    name = peer.name
    try:
        loss(*few)
    except Exception:
        inputs = inputs._replace(labels=inputs.labels.masked_fill(inputs.labels == IGNORE_INDEX, 0))
        name = f"{name}, void as background"
    return _of(name, peer.library, inputs, loss)


def _row(name: str, library: str, inputs: Inputs, forward: Forward) -> Row:
    """The row of a loss: its forward and backward pass; the gradient is thrown away."""
    logits = inputs.logits
    return Row(name, library, lambda: torch.autograd.grad(forward(logits), logits), forward)


def _of(name: str, library: str, inputs: Inputs, loss: Callable[[Tensor, Tensor], Tensor]) -> Row:
    return _row(name, library, inputs, lambda logits: loss(logits, inputs.labels))


def _ours(inputs: Inputs, expression: str) -> Iterator[Row]:
    device = inputs.logits.device
    edge_net = _edge_net(inputs) if needs_edge_net(expression) else None
    objective = build_loss(expression, inputs.num_classes, edge_net=edge_net, validate=False).to(
        device
    )
    names = label_maps_of(expression)
    if not names:
        yield _of(expression, OURS, inputs, objective)
        return
    maps = {name: label_map(name, inputs.labels, inputs.num_classes) for name in names}
    yield _row(
        expression, OURS, inputs, lambda logits: objective(logits, inputs.labels, label_maps=maps)
    )
    yield _of(ON_THE_FLY.format(expression), OURS, inputs, objective)


def _edge_net(inputs: Inputs) -> EdgeNet:
    """Untrained: its time does not depend on its weights."""
    return random_edge_net(inputs.num_classes).to(inputs.logits.device)


def _copies(inputs: Inputs) -> Call:
    # A copy reads and writes once, three halves of it are twice and once: half the batch is
    # copied a second time.
    source = inputs.logits.detach()
    target = torch.empty_like(source)
    half = len(source.flatten()) // 2
    ends = [tensor.as_strided((half,), (1,)) for tensor in (target, source)]

    def call() -> None:
        target.copy_(source)
        ends[0].copy_(ends[1])

    return call


def _convolutions(inputs: Inputs) -> Call:
    """The bare convolutions of SEMEDA's two layers: of the prediction there and back, of the labels
    there.
    """
    parameters = list(_edge_net(inputs).parameters())[:4]
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    n, h, w = inputs.labels.shape
    # Both masks in the layout that convolutions like best.
    p, label = torch.rand(2, n, h, w, layers[0][0].shape[1], device=inputs.logits.device).movedim(
        -1, 2
    )
    p.requires_grad_()

    def embed(x: Tensor) -> Tensor:
        for weight, bias in layers:
            x = conv2d(x, weight, bias, padding=1)
        return x

    def call() -> None:
        with torch.no_grad():
            embed(label)
        predicted = embed(p)
        torch.autograd.grad(predicted, p, predicted.detach())

    return call


def _naive(inputs: Inputs, names: set[str]) -> Iterator[Row]:
    logits, labels = inputs
    if "levelset" in names:
        yield _of("one-hot levelset", NAIVE, inputs, naive.levelset)
    if "distance" in names:
        maps = naive.distance_weights(labels.cpu(), inputs.num_classes).to(logits.device)
        name = "one-hot distance"
        yield _row(name, NAIVE, inputs, lambda logits: naive.distance(logits, labels, weights=maps))
        yield _of(ON_THE_FLY.format(name), NAIVE, inputs, naive.distance)
    if "semeda" in names:
        net = _edge_net(inputs).requires_grad_(True)
        yield _row(
            "semeda, gradients of everything kept",
            NAIVE,
            inputs,
            lambda logits: naive.semeda(logits, labels, edge_net=net),
        )
