"""Sentences that read the rankings under all definitions, the trimaps and the entropies."""

from collections.abc import Mapping

import pandas as pd

from losslab.analysis.claims import ENOUGH_SEEDS, points
from losslab.analysis.definition_words import names_of
from losslab.analysis.definitions import by_distance, short_name
from losslab.analysis.rankings import EQUAL
from losslab.analysis.regions import ENTROPIES
from losslab.metrics import DEFINITIONS


def how_ranked(ranked: pd.DataFrame) -> str:
    """What the table of `show_rankings` shows, for the line over it."""
    chosen = ranked.loc[ranked["chosen"], "definition"].iloc[0]
    return f"{_HOW.format(chosen=chosen)} {read_unequal(ranked)}".strip()


def read_unequal(ranked: pd.DataFrame) -> str:
    """What ranks of losses with unequal numbers of runs mean; "" where all have as many."""
    runs = ranked.groupby("setting")["runs"]
    return "" if (runs.max() == runs.min()).all() else _UNEQUAL


_HOW = (
    "The same runs under all common definitions, {chosen} first: mean over runs in percent (rank). "
    "FLIP: two losses or more change places. derived: it follows class by class from another score "
    "(Dice from IoU, pooled classes from pixel accuracy), so it is no second witness; a mean of it "
    "can order losses in another way all the same, and FLIP there is what the other does not show."
)
_UNEQUAL = (
    "Not all losses have the same runs: means and ranks are of all runs of a loss, flips are "
    "judged over the folds and seeds that both losses have, so the two can differ."
)


def read_equal(agreed: pd.DataFrame) -> str:
    """Names the definitions that give the runs another's numbers; "" without any."""
    rows = agreed[agreed["same_as"] != ""]
    found = {}
    for setting, part in rows.groupby("setting", sort=False):
        groups = part.groupby("same_as", sort=False)["score"]
        found[setting] = "; ".join(
            f"the same numbers as {short_name(DEFINITIONS[str(name)])}: {names_of(others)}"
            for name, others in groups
        )
    return _of_some(agreed, found)


def read_left_out(missing: pd.DataFrame) -> str:
    """Says which definitions are left out and why, from the table of `left_out`; "" for none."""
    found = {}
    for setting, part in missing.groupby("setting", sort=False):
        groups = part.groupby("reason", sort=False)["score"]
        found[setting] = "; ".join(
            f"left out, since {_REASONS[str(reason)]}: {names_of(names)}"
            for reason, names in groups
        )
    return _of_some(missing, found)


_REASONS = {
    "not stored": "these runs were made by a version that did not store the counts",
    "no such classes": "they ask for one class, for several or for a background, and these runs "
    "have other classes",
    "no pixels": "nothing is left to score in these runs' pictures",
    "not all runs": "not all of these runs have a score",
}


def read_agreement(agreed: pd.DataFrame) -> str:
    """Reads the matrix of ranks, from the table of `agreement`."""
    found = []
    for _, part in agreed.groupby("setting", sort=False):
        chosen = part.loc[part["chosen"], "definition"].iloc[0]
        own = part[~part["chosen"] & ~part["derived"] & (part["same_as"] == "")]
        far = own["score"].map(by_distance).astype(bool)
        texts = [_of_pictures(own[~far], chosen), *_of_distances(own[far])]
        turned = part[part["derived"] & (part["same_as"] == "") & (part["flips"] > 0)]
        if len(turned):
            named = ", ".join(turned["definition"])
            texts.append(f"derived ones that reverse what the score behind them does not: {named}")
        both = pd.concat([own, turned])
        if (both["flips"] > 0).any():
            texts.append(_certainty(int((both["clear"] > 0).sum())))
        found.append("; ".join(texts))
    return _joined(agreed, found)


def read_leaders(ranked: pd.DataFrame) -> str:
    """Says which losses come first, and under how many of the definitions with numbers of their
    own, from the table of `rankings`; first ones that are equal are counted each.
    """
    found = []
    for _, part in ranked[ranked["same_as"] == ""].groupby("setting", sort=False):
        every = part["score"].nunique()
        first = part[part["rank"] == 1].groupby("loss").size().sort_values(ascending=False)
        named = [f"`{loss}` under {count}" for loss, count in first.items()]
        found.append(f"of {every} definitions, first is {', '.join(named)}")
    return _joined(ranked, found)


def _of_pictures(own: pd.DataFrame, chosen: str) -> str:
    """How the definitions of whole pictures order the losses."""
    flip = own[own["flips"] > 0]
    if own.empty:
        return f"no other definition gives these runs other numbers than {chosen}"
    if flip.empty:
        return f"all {len(own)} other definitions order the losses as {chosen} does"
    least = flip.iloc[int(flip["tau"].fillna(1).argmin())]
    return (
        f"{len(flip)} of the {len(own)} other definitions with numbers of their own put two losses "
        f"or more in another order than {chosen} does; furthest from it is "
        f"{least['definition']} (Kendall's τ {_tau(least['tau'])})"
    )


def _of_distances(own: pd.DataFrame) -> list[str]:
    """How those do that look at pixels by their distance from the edges."""
    flip, every = int((own["flips"] > 0).sum()), len(own)
    if not every:
        return []
    count = {0: f"none of the {every}", every: f"all {every}"}.get(flip, f"{flip} of the {every}")
    verb = "reverses" if flip in (0, 1) else "reverse"
    return [f"{count} IoUs by distance from the edges {verb} two losses or more"]


def read_trimap(table: pd.DataFrame) -> str:
    """Reads the trimap figure, from `trimap_table`: who leads near the edges, and who away."""
    found = []
    for _, part in table.groupby("setting", sort=False):
        told = {}
        for region, rows in part.dropna(subset=["mean"]).groupby("region"):
            leaders = [f"{loss} for {_span(widths)}" for loss, widths in _leaders(rows)]
            told[region] = ", ".join(leaders)
        inner = part[(part["region"] == "within") & (part["width"] == part["width"].min())]
        spread = points(inner["mean"].max() - inner["mean"].min(), sign=False)
        texts = [
            "the highest mean IoU within w px of the edges is that of "
            f"{told.get('within', 'no loss')}",
            f"beyond them that of {told.get('beyond', 'no loss')}",
        ]
        texts.append(f"at the edge pixels themselves (w = 1) the means lie {spread} points apart")
        found.append("; ".join(texts))
    return _joined(table, found)


def read_entropy(table: pd.DataFrame) -> str:
    """Reads the table of entropies, from `entropy_table`: who is least sure, on the band and off
    it. It calls no entropy good: that depends on how often the network errs there.
    """
    found = []
    for _, part in table.groupby("setting", sort=False):
        texts = []
        for region in ENTROPIES:
            rows = part[part["region"] == region].dropna(subset=["mean"]).sort_values("mean")
            if len(rows):
                low, high = rows.iloc[0], rows.iloc[-1]
                texts.append(
                    f"{region} the mean entropy runs from {points(low['mean'], sign=False)} % of "
                    f"the largest possible (`{low['loss']}`) to {points(high['mean'], sign=False)} "
                    f"% (`{high['loss']}`)"
                )
        found.append("; ".join(texts) or "no entropy is defined")
    return _joined(table, found)


def _certainty(clear: int) -> str:
    if clear == 0:
        return (
            "none of these flips is told from chance (both 95 % intervals would have to exclude "
            f"0, over {ENOUGH_SEEDS} seeds or more)"
        )
    return f"under {clear} of them both 95 % intervals of a flip exclude 0 (uncorrected)"


def _leaders(rows: pd.DataFrame) -> list[tuple[str, list[float]]]:
    """The loss of the highest mean and the widths at which it is, as neighbours; where all are
    equal none leads.
    """
    found: list[tuple[str, list[float]]] = []
    for width, part in rows.groupby("width"):
        loss = f"`{part['loss'].iloc[int(part['mean'].argmax())]}`"
        if len(part) > 1 and part["mean"].max() - part["mean"].min() < EQUAL:
            loss = "no loss (all are equal)"
        if found and found[-1][0] == loss:
            found[-1][1].append(float(str(width)))
        else:
            found.append((loss, [float(str(width))]))
    return found


def _span(widths: list[float]) -> str:
    span = f"{widths[0]:g}" if len(widths) == 1 else f"{widths[0]:g} to {widths[-1]:g}"
    return f"w = {span}"


def _tau(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _joined(table: pd.DataFrame, found: list[str]) -> str:
    """One sentence, or a list with a line per setting."""
    return _of_some(table, dict(zip(dict.fromkeys(table["setting"]), found, strict=True)))


def _of_some(table: pd.DataFrame, found: Mapping) -> str:
    """The texts of some settings of a table: one sentence, or a list with a line for each."""
    if table["setting"].nunique() > 1:
        return "\n".join(f"- **{setting}**: {text}." for setting, text in found.items())
    return "".join(f"{text[:1].upper()}{text[1:]}." for text in found.values())
