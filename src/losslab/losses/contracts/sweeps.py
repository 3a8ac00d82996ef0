"""Losses over a situation that changes in one respect, and where their gradients push."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from losslab.losses.contracts.probe import LossFunction, measure, value_of
from losslab.losses.contracts.subject import subject
from losslab.losses.situations import Situation


def loss_functions(losses: Iterable[Any], *, edge_net: Any = None) -> dict[str, LossFunction]:
    """Binary losses by name, of anything that `loss_card` takes."""
    made = (subject(loss, edge_net) for loss in losses)
    return {name: make(1) for name, make in made}


def sweep(
    losses: Mapping[str, LossFunction],
    situation: Situation,
    field: str,
    values: Iterable[float | int],
) -> pd.DataFrame:
    """Values of binary losses as one field of the situation changes: loss, field, x, value."""
    rows = []
    for x in values:
        changed = replace(situation, **{field: x})
        labels, logits = changed.labels(), changed.logits()
        rows += [(name, field, x, value_of(loss, logits, labels)) for name, loss in losses.items()]
    return pd.DataFrame(rows, columns=["loss", "field", "x", "value"])


def gradient_maps(
    losses: Mapping[str, LossFunction], situation: Situation
) -> dict[str, Float[np.ndarray, "h w"]]:
    """The gradient of each binary loss by the logit of the object.

    With one confidence everywhere it is a constant times the gradient by p(object).
    """
    labels, logits = situation.labels(), situation.logits()
    return {
        name: measure(loss, logits, labels).gradient[0, 0].numpy() for name, loss in losses.items()
    }
