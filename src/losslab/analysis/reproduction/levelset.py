"""Kim et al. 2019 beyond the tables: the loss against mIoU, Heavisides, epsilon and lambda."""

from typing import Any, NamedTuple

import pandas as pd

from losslab.analysis.reproduction.finished import Finished, Run
from losslab.losses import Term, parse
from losslab.losses.region import Heaviside
from losslab.metrics.scores import MEAN

CE, LEVELSET = "cross-entropy", "level set"


class LevelSet(NamedTuple):
    """The level set term of an objective."""

    weight: float
    epsilon: float
    heaviside: Heaviside


def levelset_of(loss: str) -> LevelSet | None:
    """The level set term of a loss expression, or None. A user's own loss has none."""
    if ":" in loss:
        return None
    for term in parse(loss):
        if term.name == "levelset":
            options = term.options
            epsilon = float(options.get("epsilon", 0.05))
            return LevelSet(term.weight, epsilon, options.get("heaviside", "tanh"))
    return None


def loss_terms(finished: Finished) -> pd.DataFrame:
    """Both training terms and validation mIoU at each epoch, as Kim's Fig. 4: a row per run and
    epoch.

    Columns: run_id, setting, loss, seed, epoch, ce and levelset (terms of the training loss,
    without their weights; levelset is NaN in runs of cross-entropy alone, which do not compute it),
    miou (fraction). Only losses of cross-entropy with or without a level set term.
    """
    parts = []
    for run in finished.runs:
        found = levelset_of(run.loss)
        if run.loss != "ce" and found is None:
            continue
        table = pd.DataFrame(
            {
                "ce": _term(finished, run, "ce"),
                "levelset": _term(finished, run, "levelset"),
                "miou": finished.curve(run, "val_iou"),
            }
        )
        names = {"run_id": run.run_id, "setting": _setting(run), "loss": run.loss}
        parts.append(table.rename_axis("epoch").reset_index().assign(**names, seed=run.seed))
    columns = ["run_id", "setting", "loss", "seed", "epoch", "ce", "levelset", "miou"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def _term(finished: Finished, run: Run, name: str) -> pd.Series:
    terms: list[Term] = parse(run.loss)
    for term in terms:
        if term.name == name:
            # One term alone is the whole training loss, which the history names so.
            metric = f"train_loss: {term}" if len(terms) > 1 else "train_loss"
            return finished.curve(run, metric) / term.weight
    return pd.Series(dtype=float)


def sweep_table(finished: Finished, definition: str = "iou@dataset") -> pd.DataFrame:
    """Test score of every level set objective and of cross-entropy: a row per run.

    Columns: run_id, setting, loss, seed, heaviside ("" for cross-entropy), weight (lambda; 0),
    epsilon (NaN), value (fraction). Objectives with further terms are left out.
    """
    rows = []
    for run in finished.runs:
        found = levelset_of(run.loss)
        if run.loss != "ce" and (found is None or {t.name for t in parse(run.loss)} != _PAIR):
            continue
        row: dict[str, Any] = {"run_id": run.run_id, "setting": _setting(run), "loss": run.loss}
        row |= {"seed": run.seed, "heaviside": "", "weight": 0.0, "epsilon": float("nan")}
        row |= found._asdict() if found else {}
        row["value"] = finished.scores.get((run.run_id, definition, MEAN), float("nan"))
        rows.append(row)
    columns = ["run_id", "setting", "loss", "seed", "heaviside", "weight", "epsilon", "value"]
    return pd.DataFrame(rows, columns=columns).dropna(subset=["value"])


_PAIR = {"ce", "levelset"}


def _setting(run: Run) -> str:
    name = run.spec["dataset_options"].get("name", run.dataset)
    scales = ", several scales" if run.multi_scale else ""
    return f"{name}{f' ({run.task})' if run.task else ''}, {run.model}{scales}"


def read_terms(terms: pd.DataFrame) -> str:
    """How level set loss and mIoU go together over epochs, and what cross-entropy does."""
    own = terms.dropna(subset=["levelset", "miou"])
    runs = own.groupby("run_id").filter(lambda part: len(part) > 2)
    if runs.empty:
        return "Too few epochs to say how the level set loss and mIoU go together."
    ranks = [
        part["levelset"].corr(part["miou"], method="spearman") for _, part in runs.groupby("run_id")
    ]
    mean = pd.Series(ranks).mean()
    return (
        f"Over the epochs of {len(ranks)} run{'s' if len(ranks) > 1 else ''} Spearman's "
        f"correlation of level set loss and validation mIoU is {_signed(mean)} on average (the "
        "paper's Fig. 4: the loss falls as mIoU rises). Both also move with the epoch, so it does "
        "not show that one causes the other."
    )


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
