"""Loss cards as tables that people read, and what sets two cards apart."""

from collections.abc import Iterable

import pandas as pd

from losslab.losses.contracts.card import LossCard, Value, text
from losslab.losses.contracts.dependence import most_classes, same
from losslab.losses.contracts.pictures import SURE, UNSURE

SHOWN = ("perfect", "shifted", "empty", "full", "inverted")
"""Predictions in the order of the tables."""

ADDED = "absent classes added"
"""The standard picture under `most_classes`."""

ONE_OF_MANY = "one class of many there, all wrong"
"""A picture of one of `most_classes`, all of it predicted as another one."""

COMPARED = (
    "shifted",
    "a step does not raise p(true) at",
    "batch",
    "4x the size",
    "half void",
    "void pixels",
    ADDED,
    ONE_OF_MANY,
    "changes with",
    "float16",
    "bfloat16",
    "no finite answer to",
)
"""The facts that `differences` speaks of."""

BATCH = {
    "batch": "sums over it",
    "image, averaged": "mean over images",
    "image, summed": "sum over images",
}


def responses_table(cards: Iterable[LossCard]) -> pd.DataFrame:
    """A row per loss: its range and its values at sure predictions of the standard picture, and at
    which predictions a step against the gradient does not raise p(true).
    """
    return _table(cards, ["range", *SHOWN, "uniform", "a step does not raise p(true) at"])


def errors_table(cards: Iterable[LossCard]) -> pd.DataFrame:
    """A row per loss: what single errors add to the loss of a sure and perfect prediction."""
    cards = list(cards)
    cases = {r.case: None for card in cards for r in card.readings if r.section == "errors"}
    return _table(cards, list(cases))


def dependence_table(cards: Iterable[LossCard]) -> pd.DataFrame:
    """A row per loss: what else than the prediction decides its value."""
    columns = ["batch", "one of two objects missed", "4x the size", "half void", "void pixels"]
    return _table(cards, [*columns, ADDED, ONE_OF_MANY, "changes with"])


def limits_table(cards: Iterable[LossCard]) -> pd.DataFrame:
    """A row per loss: the size at which half precision fails, and inputs without a finite
    answer.
    """
    return _table(cards, ["float16", "bfloat16", "no finite answer to", "gradient at uniform"])


def comparison_table(cards: Iterable[LossCard]) -> pd.DataFrame:
    """A row per loss: where losses of one name in several libraries tend to part."""
    columns = ["shifted", "batch", "one of two objects missed", "half void", "void pixels"]
    return _table(cards, [*columns, ADDED, ONE_OF_MANY, "float16"])


def differences(card: LossCard, other: LossCard) -> str:
    """What sets a card apart from another one, in a sentence: "a, unlike b: batch: ...; ..."."""
    mine, theirs = facts(card), facts(other)
    apart = [
        f"{name}: {mine[name]}"
        for name in COMPARED
        if name in mine and name in theirs and _rough(mine[name]) != _rough(theirs[name])
    ]
    if not apart:
        return f"{card.name}: no difference from {other.name} was found."
    return f"{card.name}, unlike {other.name}: {'; '.join(apart)}."


def facts(card: LossCard) -> dict[str, str]:
    """Everything that the tables hold of one card, by column."""
    low, high = (card.get("range", "all predictions", end) for end in ("smallest", "largest"))
    found = {"range": f"{short(low)} to {short(high)}"}
    found |= {name: short(card.get("responses", f"{name}, p = {SURE}")) for name in SHOWN}
    found["uniform"] = short(card.get("responses", "uniform"))
    found["a step does not raise p(true) at"] = _not_rising(card)
    found |= {r.case: short(r.value) for r in card.readings if r.section == "errors"}
    missed = "one found, one missed"
    found["batch"] = _batch(card)
    found["one of two objects missed"] = short(card.get("batch", missed, "together"))
    resolution = (card.get("resolution", case) for case in ("4x", "1x"))
    found["4x the size"] = _ratio(*resolution)
    void = (card.get("void", f"{share} of 4 pixels void") for share in (2, 0))
    found["half void"] = _ratio(*void)
    found["void pixels"] = _void(card)
    if card.num_classes > 1:
        most = most_classes(card.num_classes)
        counts = (most, card.num_classes)
        pictures = (card.get("class count", f"standard picture, {c} classes") for c in counts)
        found[ADDED] = _ratio(*pictures)
        found[ONE_OF_MANY] = short(card.get("class count", f"one class, all wrong, {most} classes"))
    found["changes with"] = _changes(card)
    for kind in ("float16", "bfloat16"):
        found[kind] = _half(card, kind)
    found["no finite answer to"] = _not_finite(card)
    share = card.get("path", "from uniform to the label", "gradient at uniform / peak")
    digits = f"{share:.2g}" if isinstance(share, float) else text(share)
    found["gradient at uniform"] = f"{digits} of its peak"
    return found


def markdown_card(card: LossCard) -> str:
    """The whole card: responses as a table, the other cells by section."""
    from losslab.analysis.tables import markdown_table

    kind = "binary" if card.num_classes == 1 else f"{card.num_classes} classes"
    parts = [f"**{card.name}** ({kind})", markdown_table(_responses(card))]
    frame = card.to_frame()
    rest = frame[~frame["section"].isin(["responses", "noise"])]
    lines = [
        (
            section,
            case,
            "; ".join(_cell(q, t) for q, t in zip(rows.quantity, rows.text, strict=True)),
        )
        for (section, case), rows in rest.groupby(["section", "case"], sort=False)
    ]
    table = pd.DataFrame(lines, columns=["asked", "case", "measured"])
    table["asked"] = table["asked"].where(~table["asked"].duplicated(), "")
    return "\n\n".join([*parts, markdown_table(table)])


def short(value: Value) -> str:
    """A number with three digits; a sentence of an error as it is."""
    if isinstance(value, float):
        return "0" if abs(value) < 5e-7 else f"{value:.3g}"
    return text(value)


def _table(cards: Iterable[LossCard], columns: list[str]) -> pd.DataFrame:
    rows = [(card.name, facts(card)) for card in cards]
    used = [column for column in columns if any(column in found for _, found in rows)]
    cells = [{"loss": name} | {c: found.get(c, text(None)) for c in used} for name, found in rows]
    return pd.DataFrame(cells, columns=["loss", *used])


def _responses(card: LossCard) -> pd.DataFrame:
    rows = []
    for name in (*SHOWN, "uniform"):
        cases = [name] if name == "uniform" else [f"{name}, p = {p}" for p in (UNSURE, SURE)]
        cells = {"prediction": "uniform, p = 1/c" if name == "uniform" else name}
        for p, case in zip((UNSURE, SURE), cases, strict=False):
            cells[f"value, p = {p}"] = short(card.get("responses", case))
            cells[f"gradient, p = {p}"] = text(card.get("responses", case, "gradient"))
            cells[f"p(true) after a step, p = {p}"] = str(
                card.get("responses", case, "p(true) after a step")
            )
        rows.append(cells)
    return pd.DataFrame(rows).fillna("")


def _cell(quantity: str, value: str) -> str:
    return value if quantity == "value" else f"{quantity}: {value}"


def _not_rising(card: LossCard) -> str:
    found = [
        f"{r.case} ({r.value})"
        for r in card.readings
        if r.section == "responses" and r.quantity == "p(true) after a step" and r.value != "rises"
    ]
    return "; ".join(found) or "none"


def _ratio(after: Value, before: Value) -> str:
    if not isinstance(after, float) or not isinstance(before, float):
        return "raises"
    if same(after, before) or short(after) == short(before):
        return "the same"
    return f"{short(before)} becomes {short(after)}"


def _batch(card: LossCard) -> str:
    cases = ("one found, one missed", "the same, the first half void")
    alike, unlike = (str(card.get("batch", case, "computed per")) for case in cases)
    # Images count alike only while they have equally many annotated pixels.
    if (alike, unlike) == ("image, averaged", "batch"):
        return "mean over pixels"
    return BATCH.get(alike, alike)


def _rough(fact: str) -> str:
    # How far half precision was tried depends on the time it took.
    return "right" if fact.startswith("right to") else fact


def _void(card: LossCard) -> str:
    value, gradient = (
        card.get("void", "logits under void", quantity)
        for quantity in ("enters the value", "gets a gradient")
    )
    if isinstance(value, str):
        return value
    found = [name for name, on in (("enter the value", value), ("get a gradient", gradient)) if on]
    if card.get("void", "NaN under void", "finite") is False:
        found.append("NaN there spreads")
    return ", ".join(found) or "count nowhere"


def _changes(card: LossCard) -> str:
    broken = [
        r.case
        for r in card.readings
        if r.section == "invariances" and r.quantity == "holds" and r.value is False
    ]
    return "; ".join(broken) or "nothing that was tried"


def _half(card: LossCard, kind: str) -> str:
    size = card.get("half precision", kind, "first wrong size")
    if isinstance(size, str):
        return size
    if size is not None:
        return f"wrong from {size}"
    return f"right to {card.get('half precision', kind, 'largest size')}"


def _not_finite(card: LossCard) -> str:
    found = []
    for case in dict.fromkeys(r.case for r in card.readings if r.section == "extremes"):
        finite = card.get("extremes", case, "finite")
        if finite is not True:
            found.append(f"{case} (raises)" if isinstance(finite, str) else case)
    return "; ".join(found) or "none"
