"""At how many epochs each loss is ahead of all others (Gul 2023)."""

import pandas as pd

from losslab.analysis.claims import points
from losslab.analysis.convergence import of_metric
from losslab.analysis.scores import PAIR
from losslab.analysis.table_parts import for_one_setting, mean_sd


def superiority(histories: pd.DataFrame, *, metric: str = "val_boundary_iou") -> pd.DataFrame:
    """Share of epochs at which a loss has the best validation score among the losses compared.

    Gul 2023, section 2.3, "superiority bIoU": there in percent, of one run a loss. Here for each
    fold and seed that all losses of a setting have, over the epochs that all of them trained; where
    several are best, each gets its part of the epoch, so the shares add up to 1. `histories` is the
    table of `losslab.study.load_histories`. Columns: setting, loss, fold, seed, metric, losses (how
    many are compared), epochs (how many), share (0 to 1). Settings without a fold and seed that all
    losses have are left out. Raises StudyError where no run has the metric.
    """
    rows = of_metric(histories, metric)
    found = []
    for setting, of_setting in rows.groupby("setting", sort=False):
        losses = of_setting["loss"].nunique()
        for (fold, seed), part in of_setting.groupby(list(PAIR)):
            curves = part.pivot(index="epoch", columns="loss", values="value").dropna()
            if curves.empty or curves.shape[1] < losses:
                continue
            best = curves.eq(curves.max(axis=1), axis=0)
            shares = best.div(best.sum(axis=1), axis=0).mean()
            row = {"setting": setting, "fold": fold, "seed": seed, "metric": metric}
            row |= {"losses": losses, "epochs": len(curves)}
            found += [row | {"loss": loss, "share": share} for loss, share in shares.items()]
    columns = ["setting", "loss", *PAIR, "metric", "losses", "epochs", "share"]
    return pd.DataFrame(found, columns=columns)


def show_superiority(table: pd.DataFrame) -> pd.DataFrame:
    """`superiority` for people: mean ± sd over folds and seeds, percent of the epochs, the highest
    first.
    """
    groups = table.groupby(["setting", "loss"])
    rows = groups.agg(
        runs=("share", "size"),
        epochs=("epochs", "max"),
        mean=("share", "mean"),
        sd=("share", "std"),
    )
    rows = rows.reset_index().sort_values(["setting", "mean"], ascending=[True, False])
    pairs = zip(rows.pop("mean"), rows.pop("sd"), strict=True)
    rows["best at, % of epochs"] = [mean_sd(mean, sd, 1) for mean, sd in pairs]
    return for_one_setting(rows)


def read_superiority(table: pd.DataFrame) -> str:
    """Reads the table: who is ahead at most epochs, and what a share of epochs does not say."""
    if table.empty:
        return "No fold and seed has a finished run of every loss, so no epoch can be compared."
    lines = []
    for _, part in table.groupby("setting", sort=False):
        means = part.groupby("loss")["share"].mean()
        best = means[means == means.max()].index
        named = ", ".join(f"`{loss}`" for loss in best)
        verb = "is" if len(best) == 1 else "are each"
        seeds = len(part[list(PAIR)].drop_duplicates())
        many = f"{seeds} seeds or folds" if seeds > 1 else "one seed"
        lines.append(
            f"{named} {verb} best at {points(means.max(), 0, sign=False)} % of the epochs ({many}, "
            f"{len(means)} losses; an even share would be {100 / len(means):.0f} %)"
        )
    settings = table["setting"].unique()
    if len(settings) == 1:
        return f"{lines[0]}. {_LIMITS}"
    listed = [f"- **{setting}**: {line}." for setting, line in zip(settings, lines, strict=True)]
    return "\n".join([*listed, "", _LIMITS])


_LIMITS = (
    "It counts how often, not by how much, gives the first epochs the weight of the last, and the "
    "epochs of one run are not independent: it ranks no trained network."
)
