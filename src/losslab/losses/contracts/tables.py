"""Loss cards as tables that people read, and what sets two cards apart."""

from collections.abc import Iterable, Mapping
from math import isfinite

import pandas as pd

from losslab.losses.contracts.card import LossCard, Value, text
from losslab.losses.contracts.dependence import most_classes, same
from losslab.losses.contracts.pictures import SURE, UNSURE
from losslab.markdown import escaped, markdown_table

SHOWN = ("perfect", "shifted", "empty", "full", "inverted")
"""Predictions in the order of the tables."""

ADDED = "absent classes added"
"""The standard picture under `most_classes`."""

ONE_OF_MANY = "one class of many there, all wrong"
"""A picture of one of `most_classes`, all of it predicted as another one."""

SEEN = "seen on the standard picture"
"""The smallest and largest value, see `PREDICTIONS`."""

NEAR_UNIFORM = "gradient near uniform"
"""Its length at a prediction that is nearly uniform, as a share of the longest one on the way from
there to the label.
"""

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
    "batch": "pixels pooled over it",
    "image, averaged": "mean over images",
    "image, summed": "sum over images",
}


def responses_table(cards: Iterable[LossCard]) -> pd.DataFrame:
    """A row per loss: the values seen and those at sure predictions of the standard picture, and at
    which predictions a step against the gradient does not raise p(true).
    """
    return _table(cards, [SEEN, *SHOWN, "uniform", "a step does not raise p(true) at"])


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
    return _table(cards, ["float16", "bfloat16", "no finite answer to", NEAR_UNIFORM])


def comparison_table(cards: Iterable[LossCard]) -> pd.DataFrame:
    """A row per loss: where losses of one name in several libraries tend to part."""
    columns = ["shifted", "batch", "one of two objects missed", "half void", "void pixels"]
    return _table(cards, [*columns, ADDED, ONE_OF_MANY, "float16"])


def cards_frame(cards: Iterable[LossCard]) -> pd.DataFrame:
    """The cells of all cards below each other."""
    frames = [card.to_frame() for card in cards]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def beside(
    ours: Mapping[str, LossCard], theirs: Iterable[tuple[str, LossCard]]
) -> tuple[list[LossCard], list[str]]:
    """Each of our cards followed by those of its peers, and a sentence for each peer.

    `theirs`: pairs of the name in `ours` and the peer's card.
    """
    pairs = list(theirs)
    cards = []
    for name, mine in ours.items():
        cards += [mine, *(card for counterpart, card in pairs if counterpart == name)]
    return cards, [differences(card, ours[counterpart]) for counterpart, card in pairs]


def differences(card: LossCard, other: LossCard) -> str:
    """What sets a card apart from another one, in a sentence: "a, unlike b: batch: ...; ..."."""
    mine, theirs = facts(card), facts(other)
    apart = [
        f"{name}: {mine[name]}"
        for name in COMPARED
        if name in mine and name in theirs and mine[name] != theirs[name]
    ]
    if not apart:
        return f"{card.name}: no difference from {other.name} was found."
    return f"{card.name}, unlike {other.name}: {'; '.join(apart)}."


def facts(card: LossCard) -> dict[str, str]:
    """Everything that the tables hold of one card, by column."""
    found = {SEEN: _seen(card)}
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
    case = ("path", "from near uniform to the label", "gradient near uniform / peak")
    share = card.get(*case)
    known = isinstance(share, float) and isfinite(share)
    found[NEAR_UNIFORM] = f"{share:.2g} of its peak" if known else short(share)
    return found


def markdown_card(card: LossCard) -> str:
    """The whole card: responses as a table, the other cells by section."""
    kind = "binary" if card.num_classes == 1 else f"{card.num_classes} classes"
    parts = [f"**{escaped(card.name)}** ({kind})", markdown_table(_responses(card))]
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
    """A number with three digits, or "not finite"; a sentence of an error as it is."""
    if isinstance(value, float):
        if not isfinite(value):
            return "not finite"
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
    return _exceptions(card, "responses", "p(true) after a step", "rises") or "none"


def _exceptions(card: LossCard, section: str, quantity: str, good: Value) -> str:
    """The cases of a section that are not as they should be, each with what it is instead; that
    alone where it is the same for all.
    """
    cases = list(dict.fromkeys(r.case for r in card.readings if r.section == section))
    found = {case: card.get(section, case, quantity) for case in cases}
    wrong = {case: value for case, value in found.items() if value not in (good, None)}
    others = set(wrong.values())
    if wrong and len(others) == 1 and len(wrong) == sum(v is not None for v in found.values()):
        return _brief(wrong[next(iter(wrong))], whole=True) or "; ".join(wrong)
    named = [(case, _brief(value)) for case, value in wrong.items()]
    return "; ".join(f"{case} ({words})" if words else case for case, words in named)


def _brief(value: Value, *, whole: bool = False) -> str:
    """What is not as it should be, in a word or as a whole sentence; "" for a plain no."""
    if not isinstance(value, str):
        return ""
    return "raises" if value.startswith("raises ") and not whole else value


def _seen(card: LossCard) -> str:
    low, high = (card.get("range", "all predictions", end) for end in ("smallest", "largest"))
    if low is None:  # nothing finite
        return short(card.get("responses", "uniform"))
    return f"{short(low)} to {short(high)}"


def _ratio(after: Value, before: Value) -> str:
    if not isinstance(before, float) or not isfinite(before):
        return short(before)
    if not isinstance(after, float) or not isfinite(after):
        return short(after)
    if same(after, before) or short(after) == short(before):
        return "the same"
    return f"{short(before)} becomes {short(after)}"


def _batch(card: LossCard) -> str:
    cases = ("one found, one missed", "the same, the first half void")
    alike, unlike = (str(card.get("batch", case, "computed per")) for case in cases)
    # Images count alike only while they have equally many annotated pixels.
    if (alike, unlike) == ("image, averaged", "batch"):
        return "mean over pixels"
    if alike == "image, averaged" != unlike:
        return f"mean over images or pixels (with void pixels: {_brief(unlike)})"
    return BATCH.get(alike, alike)


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
    return _exceptions(card, "invariances", "holds", True) or "nothing that was tried"


def _half(card: LossCard, kind: str) -> str:
    size = card.get("half precision", kind, "first wrong size")
    if isinstance(size, str):
        return size
    if size is not None:
        return f"value wrong from {size}"
    return f"value right to {card.get('half precision', kind, 'largest size')}"


def _not_finite(card: LossCard) -> str:
    return _exceptions(card, "extremes", "finite", True) or "none"
