"""What tables and figures of losses show, in sentences."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float

from losslab.losses.contracts.card import LossCard
from losslab.losses.contracts.tables import ADDED, facts
from losslab.losses.situations import Situation

LITTLE = 0.01
"""Share of a loss's longest gradient below which it is said to push hardly at all."""


def read_gradients(maps: Mapping[str, Float[np.ndarray, "h w"]], situation: Situation) -> str:
    """Which losses push hardly at all at the object's deepest pixel, and on the background."""
    deepest = np.zeros_like(situation.object())
    deepest[situation.deepest()] = True
    background = ~situation.object() & ~situation.predicted()
    return (
        "Losses that push with less than 1 % of their longest gradient: at the object's deepest "
        f"pixel {_weak(maps, deepest)}; on the background that is predicted as such "
        f"{_weak(maps, background)}."
    )


def read_responses(cards: Iterable[LossCard]) -> str:
    """Which losses have predictions from which a step leads away from the label, or nowhere."""
    falling, staying = [], []
    for card in cards:
        words = facts(card)["a step does not raise p(true) at"]
        falling += [card.name] if "(falls)" in words else []
        staying += [card.name] if "(stays)" in words else []
    return (
        f"From at least one of the eleven predictions a step lowers p(true): {_list(falling)}; "
        f"from at least one it does not change it: {_list(staying)}."
    )


def read_dependence(cards: Iterable[LossCard]) -> str:
    """Which losses couple the images of a batch, and which fade as absent classes are added."""
    cards = list(cards)
    found = {card.name: facts(card) for card in cards}
    batch = [name for name, words in found.items() if words["batch"] == "sums over it"]
    fading = [name for name, words in found.items() if words.get(ADDED, "the same") != "the same"]
    more = f"; absent classes alter the value of {_list(fading)}"
    binary = all(card.num_classes == 1 for card in cards)
    return f"Sums run over the whole batch in {_list(batch)}{'' if binary else more}."


def read_limits(cards: Iterable[LossCard]) -> str:
    """Which losses fail somewhere."""
    found = {card.name: facts(card) for card in cards}
    half = [
        name
        for name, words in found.items()
        if not all(words[kind].startswith("right") for kind in ("float16", "bfloat16"))
    ]
    broken = [name for name, words in found.items() if words["no finite answer to"] != "none"]
    return (
        f"Wrong or refused in half precision: {_list(half)}; without a finite answer to one of the "
        f"extreme inputs: {_list(broken)}."
    )


def read_pizza(table: pd.DataFrame) -> str:
    """How far the values of `pizza_table` lie from the printed ones."""
    gap = (table["measured"] - table["printed"]).abs().groupby(table["loss"], sort=False).max()
    parts = [f"{loss} {value:.3f}" for loss, value in gap.items()]
    return f"Largest distance from the printed values: {', '.join(parts)}."


def _weak(maps: Mapping[str, np.ndarray], where: np.ndarray) -> str:
    names = []
    for name, gradient in maps.items():
        peak = np.abs(gradient).max()
        if peak == 0 or np.abs(gradient[where]).max(initial=0.0) < LITTLE * peak:
            names.append(name)
    return _list(names)


def _list(names: list[str]) -> str:
    return ", ".join(names) or "none"
