"""Losses over a situation that changes in one respect, and where their gradients push."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from losslab.errors import brief
from losslab.losses.contracts.probe import measure, value_of
from losslab.losses.contracts.subject import numbered, subject
from losslab.losses.objective import Loss as LossFunction
from losslab.losses.situations import Situation


def loss_functions(losses: Iterable[Any], *, edge_net: Any = None) -> dict[str, LossFunction]:
    """Binary losses by name, of anything that `loss_card` takes; names that come again are
    numbered.
    """
    found = [subject(loss, 1, edge_net) for loss in losses]
    names = numbered([each.name for each in found])
    return {name: each.make(1) for name, each in zip(names, found, strict=True)}


def sweep(
    losses: Mapping[str, LossFunction],
    situation: Situation,
    field: str,
    values: Iterable[float | int],
) -> pd.DataFrame:
    """Values of binary losses as one field of the situation changes: loss, field, x, value, error.

    Where a loss raises, the value is NaN and the error "raises ..."; otherwise it is "".
    """
    rows = []
    for x in values:
        changed = replace(situation, **{field: x})
        labels, logits = changed.labels(), changed.logits()
        for name, loss in losses.items():
            value, error = float("nan"), ""
            try:
                value = value_of(loss, logits, labels)
            except Exception as raised:  # any: what the loss does is what is shown
                error = f"raises {brief(raised)}"
            rows.append((name, field, x, value, error))
    return pd.DataFrame(rows, columns=["loss", "field", "x", "value", "error"])


def gradient_maps(
    losses: Mapping[str, LossFunction], situation: Situation
) -> dict[str, Float[np.ndarray, "h w"] | str]:
    """The gradient of each binary loss by the logit of the object; "raises ..." for one that does.

    With one confidence everywhere it is a constant times the gradient by p(object).
    """
    labels, logits = situation.labels(), situation.logits()
    maps: dict[str, Float[np.ndarray, "h w"] | str] = {}
    for name, loss in losses.items():
        try:
            maps[name] = measure(loss, logits, labels).gradient[0, 0].numpy()
        except Exception as raised:  # any: what the loss does is what is shown
            maps[name] = f"raises {brief(raised)}"
    return maps
