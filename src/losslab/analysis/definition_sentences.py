"""Sentences that read the rankings under all definitions, the trimaps and the entropies."""

import pandas as pd

from losslab.analysis.claims import ENOUGH_SEEDS, points
from losslab.analysis.definitions import by_distance
from losslab.analysis.regions import ENTROPIES


def read_agreement(agreed: pd.DataFrame) -> str:
    """Reads the matrix of ranks, from the table of `agreement`."""
    found = []
    for _, part in agreed.groupby("setting", sort=False):
        chosen = part.loc[part["chosen"], "definition"].iloc[0]
        own = part[~part["chosen"] & ~part["derived"] & (part["same_as"] == "")]
        far = own["score"].map(by_distance).astype(bool)
        texts = [_of_pictures(own[~far], chosen), *_of_distances(own[far])]
        if (own["flips"] > 0).any():
            texts.append(_certainty(int((own["clear"] > 0).sum())))
        found.append("; ".join(texts))
    return _joined(agreed, found)


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
            leaders = [f"`{loss}` for {_span(widths)}" for loss, widths in _leaders(rows)]
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
    """The loss of the highest mean and the widths at which it is, as neighbours."""
    found: list[tuple[str, list[float]]] = []
    for width, part in rows.groupby("width"):
        loss = str(part["loss"].iloc[int(part["mean"].argmax())])
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
    settings = list(dict.fromkeys(table["setting"]))
    if len(settings) == 1:
        return found[0][:1].upper() + found[0][1:] + "."
    pairs = zip(settings, found, strict=True)
    return "\n".join(f"- **{setting}**: {text}." for setting, text in pairs)
