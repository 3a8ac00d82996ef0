"""What tables and figures of losses show, in sentences."""

from collections.abc import Iterable, Mapping
from math import isfinite

import numpy as np
import pandas as pd
from jaxtyping import Float

from losslab.losses.contracts.card import LossCard
from losslab.losses.contracts.tables import ADDED, BATCH, NEAR_UNIFORM, SEEN, facts
from losslab.losses.situations import Situation
from losslab.markdown import escaped

Maps = Mapping[str, Float[np.ndarray, "h w"] | str]
"""Of `gradient_maps`."""

LITTLE = 0.01
"""Share of a loss's longest gradient below which it is said to push hardly at all."""


def read_gradients(maps: Maps, situation: Situation) -> str:
    """Which losses push hardly at all at the object's deepest pixel, and on the background."""
    deepest = np.zeros_like(situation.object())
    deepest[situation.deepest()] = True
    background = ~situation.object() & ~situation.predicted()
    failed = [name for name, gradient in maps.items() if isinstance(gradient, str)]
    return (
        "Losses that push with less than 1 % of their longest gradient: at the object's deepest "
        f"pixel: {_weak(maps, deepest)}; on the background that is predicted as such: "
        f"{_weak(maps, background)}.{_told(failed)}"
    )


def read_sweeps(table: pd.DataFrame) -> str:
    """At which losses a worse prediction costs less, or more confidence in a right one costs more,
    from `sweep`'s rows.
    """
    right = {"shift": "as the shift grows", "hole": "as the hole grows"}
    parts = []
    for field, rows in table.groupby("field", sort=False):
        sign = -1 if field == "confidence" else 1
        odd = [str(loss) for loss, own in rows.groupby("loss", sort=False) if _turns(own, sign)]
        when = right.get(str(field), "as a right prediction grows more confident")
        does = "rises" if sign < 0 else "falls"
        parts.append(f"{when}, the value {does} somewhere: {_list(odd)}")
    failed = list(dict.fromkeys(table["loss"].astype(str)[~np.isfinite(table["value"])]))
    return f"{_capital('; '.join(parts))}.{_told(failed)}" if parts else ""


def read_responses(cards: Iterable[LossCard]) -> str:
    """Which losses have predictions from which a step leads away from the label, or nowhere."""
    falling, staying, failed = [], [], []
    for card in cards:
        words = facts(card)["a step does not raise p(true) at"]
        falling += [card.name] if "falls" in words else []
        staying += [card.name] if "stays" in words else []
        failed += [card.name] if "raises" in words or "not finite" in words else []
    return (
        f"From at least one of the eleven predictions a step lowers p(true): {_list(falling)}; "
        f"from at least one it does not change it: {_list(staying)}.{_told(failed)}"
    )


def read_errors(cards: Iterable[LossCard]) -> str:
    """Which losses a single wrong pixel costs next to nothing, beside the dearest one, and which
    an error pays.
    """
    free: dict[str, list[str]] = {}
    paid: dict[str, list[str]] = {}
    failed = []
    for card in cards:
        costs = {r.case: r.value for r in card.readings if r.section == "errors"}
        known = {case: v for case, v in costs.items() if isinstance(v, float) and isfinite(v)}
        failed += [card.name] if len(known) < len(costs) else []
        pixels = {case: cost for case, cost in known.items() if "pixel " in case}
        dearest = max(map(abs, pixels.values()), default=0.0)
        for case, cost in known.items():
            if case in pixels and abs(cost) <= LITTLE * dearest:
                free.setdefault(case, []).append(card.name)
            elif cost < 0:
                paid.setdefault(case, []).append(card.name)
    return (
        f"Costs at most 1 % of the dearest single pixel: {_by_case(free)}. Lowers the value: "
        f"{_by_case(paid)}.{_told(failed)}"
    )


def read_dependence(cards: Iterable[LossCard]) -> str:
    """Which losses couple the images of a batch, and which change as absent classes are added."""
    found = [(card, facts(card)) for card in cards]
    batch = [card.name for card, words in found if words["batch"] == BATCH["batch"]]
    fading = [card.name for card, words in found if " becomes " in words.get(ADDED, "")]
    failed = [card.name for card, words in found if _unknown(words["batch"])]
    more = f"; absent classes alter the value of {_list(fading)}"
    binary = all(card.num_classes == 1 for card, _ in found)
    return (
        f"Pixels are pooled over the whole batch in {_list(batch)}{'' if binary else more}."
        f"{_told(failed)}"
    )


def read_limits(cards: Iterable[LossCard]) -> str:
    """Which losses fail somewhere."""
    found = [(card.name, facts(card)) for card in cards]
    half = [
        name
        for name, words in found
        if not all(words[kind].startswith("value right") for kind in ("float16", "bfloat16"))
    ]
    broken = [name for name, words in found if words["no finite answer to"] != "none"]
    return (
        f"Wrong or refused in half precision: {_list(half)}; without a finite answer to one of the "
        f"extreme inputs: {_list(broken)}."
    )


def read_card(card: LossCard) -> str:
    """A card in a few sentences."""
    words = facts(card)
    kind = "binary" if card.num_classes == 1 else f"{card.num_classes} classes"
    return (
        f"{escaped(card.name)}, {kind}: {words[SEEN]} {SEEN}. A step against the gradient does not "
        f"raise p(true) at: {words['a step does not raise p(true) at']}. Near the uniform "
        f"prediction its gradient is {words[NEAR_UNIFORM]}. In a batch: {words['batch']}; void "
        f"pixels: {words['void pixels']}. It changes with: {words['changes with']}. No finite "
        f"answer to: {words['no finite answer to']}."
    )


def read_pizza(table: pd.DataFrame) -> str:
    """How far the values of `pizza_table` lie from the printed ones."""
    gap = (table["measured"] - table["printed"]).abs().groupby(table["loss"], sort=False).max()
    parts = [f"{loss} {value:.3f}" for loss, value in gap.items()]
    return (
        f"Largest distance from the printed values: {', '.join(parts)}. Twelve numbers are printed "
        "and five of the drawing fitted to them: the polygon's sides and the two rectangles' sizes "
        "by IoU, the ellipse's share of the picture by cross-entropy, its axes by distance. Dice "
        "follows from IoU; no column is a fully independent check."
    )


def _weak(maps: Maps, where: np.ndarray) -> str:
    names = []
    for name, gradient in maps.items():
        if isinstance(gradient, str) or not np.isfinite(gradient).all():
            continue
        peak = np.abs(gradient).max()
        if peak == 0 or np.abs(gradient[where]).max(initial=0.0) < LITTLE * peak:
            names.append(name)
    return _list(names)


def _turns(rows: pd.DataFrame, sign: int) -> bool:
    """Whether values that should grow (sign 1) or fall (-1) with x do not somewhere."""
    values = sign * rows.sort_values("x")["value"].to_numpy(float)
    known = values[np.isfinite(values)]
    room = 1e-5 * np.abs(known).max(initial=0.0)
    return bool((np.diff(known) < -room).any())


def _unknown(words: str) -> bool:
    return words.startswith("raises ") or words == "not finite"


def _told(failed: list[str]) -> str:
    return f" Raises or is not finite somewhere: {_list(failed)}." if failed else ""


def _by_case(found: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{case}: {_list(names)}" for case, names in found.items()) or "none"


def _list(names: list[str]) -> str:
    return ", ".join(map(escaped, names)) or "none"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
