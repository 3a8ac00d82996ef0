"""SEMEDA: predicted and labelled masks compared in the layers of a network that finds edges."""

from typing import Annotated, Literal

from annotated_types import Ge
from jaxtyping import Float, Integer
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.losses.at_once import at_once
from losslab.losses.edge_net import CHANNELS, EdgeNet, checked_edge_net
from losslab.losses.semeda_passes import value_and_gradient

Weight = Annotated[float | int, Ge(0)]


def semeda(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    weights: tuple[Weight, Weight, Weight] = (1.0, 1.0, 0.0),
    reduction: Literal["mean", "l1"] = "mean",
    edge_net: EdgeNet | None = None,
) -> Float[Tensor, ""]:
    """SEMEDA: Σ_l λ_l times the mean absolute difference between the EdgeNet's embeddings of the
    predicted probabilities and of the labels in its layer l.

    Chen et al. 2020, eqs. 4 and 5; `weights` are λ_1 to λ_3, of the layers' 16, 32 and 2 channels.
    The embeddings are those after ReLU, ReLU and softmax. Eq. 5 prints an L1 norm, which is a sum.
    `reduction="mean"` is the mean over annotated pixels and channels, so that a weight means the
    same at every layer and picture size. `"l1"` is the mean over annotated pixels of the L1 norm
    over channels: 16, 32 and 2 times as much, layer by layer. Eq. 6 adds the printed sum to a
    cross-entropy that eq. 2 prints as a sum over pixels; next to `ce`, which is the mean over
    pixels, `"l1"` therefore keeps the printed proportions. Void pixels are 0 in both masks, and
    enter neither sum nor mean. The EdgeNet is frozen: nothing reaches its parameters. Raises
    `SpecError` without an EdgeNet, or with one for another number of classes.
    """
    net = checked_edge_net(edge_net, logits.shape[1])
    parameters = [parameter.detach() for parameter in net.parameters()]
    shares = [1.0 if reduction == "l1" else 1.0 / channels for channels in CHANNELS]
    factors = [float(weight) * share for weight, share in zip(weights, shares, strict=True)]
    total = _semeda(logits, labels, parameters, factors)
    return total / (labels != IGNORE_INDEX).sum().clamp(min=1)


_semeda = at_once("semeda", value_and_gradient)
