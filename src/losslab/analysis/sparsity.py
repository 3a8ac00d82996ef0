"""How the gain of a loss depends on how sparse the foreground is."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from losslab.analysis.claims import ALPHA, ENOUGH_SEEDS, p_text, points
from losslab.analysis.equivalence import ROPE, relevance
from losslab.analysis.intervals import t_interval
from losslab.analysis.p_values import t_test_p, with_holm
from losslab.analysis.scores import LEVELS, select_scores
from losslab.analysis.slopes import least_squares_slopes
from losslab.analysis.statistics import paired_comparison, paired_differences
from losslab.analysis.table_parts import spans
from losslab.errors import StudyError

RATIO = "dataset_options.foreground_ratio"
"""The column of `spec_table` that holds background pixels for each object pixel."""

_KEYS = ("subject", "level", "ratio")


def scores_by_ratio(
    results: pd.DataFrame,
    specs: pd.DataFrame,
    *,
    metric: str = "iou",
    levels: Sequence[str] = tuple(LEVELS),
) -> pd.DataFrame:
    """`select_scores` at each level with the columns level, ratio (background pixels for each
    object pixel) and subject (the setting without the ratio).

    `results` is the table of `losslab.study.load_results` and `specs` of `spec_table`, of the same
    runs. Raises StudyError where fewer than two ratios were run.
    """
    if RATIO not in specs or specs[RATIO].nunique() < 2:
        raise StudyError(
            "the runs differ in no share of the foreground; a study of it has two "
            "dataset_options.foreground_ratio or more, such as the study 'sparsity'"
        )
    ratios = specs.set_index("run_id")[RATIO].astype(float)
    parts = [
        select_scores(results, metric=metric, level=level).assign(level=level) for level in levels
    ]
    scores = pd.concat(parts, ignore_index=True)
    scores["ratio"] = scores["run_id"].map(ratios)
    scores["subject"] = [_subject(setting) for setting in scores["setting"]]
    return scores.dropna(subset=["ratio"])


def gains_by_ratio(scores: pd.DataFrame, baseline: str, rope: float = ROPE) -> pd.DataFrame:
    """`paired_comparison` and `relevance` of each loss at each ratio, by the rows of
    `scores_by_ratio`: columns subject, level, ratio instead of setting. Holm's correction is over
    all losses and ratios of a level.
    """
    parts = [
        paired_comparison(part, baseline, by=_KEYS)
        for _, part in scores.groupby(["subject", "level"], sort=False)
    ]
    return relevance(pd.concat(parts, ignore_index=True), rope)


def trends(scores: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """How a loss's gain over the baseline changes where the foreground is ten times sparser.

    Least-squares slope of the gain against log10 of the ratio, of each fold and seed by itself, as
    the runs of one seed at several ratios share their start and order; then mean and Student's t
    over the seeds. Seeds that lack a ratio are left out. Columns: subject, level, loss, baseline, n
    (seeds), slope (fraction per factor of ten), low, high (95 %), t_p, t_p_holm (over the losses of
    a level).
    """
    differences = paired_differences(scores, baseline, by=_KEYS)
    tables = []
    for (subject, level), part in differences.groupby(["subject", "level"], sort=False):
        rows = []
        for loss, runs in part.groupby("loss", sort=False):
            wide = runs.pivot(index=["fold", "seed"], columns="ratio", values="difference").dropna()
            slopes = least_squares_slopes(wide, np.log10(wide.columns.to_numpy(float)))
            row: dict[str, Any] = {"subject": subject, "level": level, "loss": loss}
            row |= {"baseline": baseline, "n": len(slopes), "slope": math.nan, "t_p": math.nan}
            row |= t_interval(slopes)
            if len(slopes):
                row["slope"] = float(slopes.mean())
            if not math.isnan(row["low"]):
                row["t_p"] = t_test_p(slopes)
            rows.append(row)
        tables.append(with_holm(pd.DataFrame(rows), ("t_p",)))
    columns = ["subject", "level", "loss", "baseline", "n", "slope", "low", "high"]
    return pd.concat(tables, ignore_index=True)[[*columns, "t_p", "t_p_holm"]]


def show_gains(gains: pd.DataFrame) -> pd.DataFrame:
    """`gains_by_ratio` of one level for people: a row per loss, a column per ratio, in points."""
    rows = gains.assign(text=[_gain(row) for row in gains.to_dict("records")])
    wide = rows.pivot(index=["subject", "loss"], columns="ratio", values="text")
    order = rows.groupby(["subject", "loss"], sort=False)["difference"].max()
    wide = wide.loc[order.sort_values(ascending=False).index].reset_index()
    return _named(wide.rename(columns={ratio: f"1:{ratio:g}" for ratio in wide.columns[2:]}))


def show_trends(table: pd.DataFrame) -> pd.DataFrame:
    """`trends` for people, in points for each factor of ten."""
    rows = table.sort_values(["subject", "level", "slope"], ascending=[True, True, False])
    shown = rows[["subject", "level", "loss", "n"]].rename(columns={"n": "seeds"})
    shown["level"] = rows["level"].map(LEVELS)
    shown["points per factor of ten"] = [points(value, 2) for value in rows["slope"]]
    shown["95 % interval"] = spans(rows)
    shown["p, t, Holm"] = [p_text(p) for p in rows["t_p_holm"]]
    return _named(shown.reset_index(drop=True))


def answer(gains: pd.DataFrame, found: pd.DataFrame, level: str) -> str:
    """In a sentence for each subject: whether gains grow with sparsity, from what to what."""
    texts = []
    for subject, part in found[found["level"] == level].groupby("subject", sort=False):
        own = gains[(gains["subject"] == subject) & (gains["level"] == level)]
        first, last = own["ratio"].min(), own["ratio"].max()
        more, baseline = _growing(part), part["baseline"].iloc[0]
        if more.empty:
            text = (
                f"No loss was seen to gain more over `{baseline}` where the foreground is sparser"
            )
        else:
            at_last = own[(own["ratio"] == last) & own["loss"].isin(more["loss"])]
            best = str(at_last.loc[at_last["difference"].idxmax(), "loss"])
            dense = own[(own["ratio"] == first) & own["loss"].isin(more["loss"])]
            text = (
                f"{_in_words(len(more), len(part))} more over `{baseline}` the sparser the "
                f"foreground: at 1:{first:g} {_where_dense(dense)}, at 1:{last:g} `{best}` gains "
                f"{_at(own, best, last)} points"
            )
        few = int(part["n"].max()) < ENOUGH_SEEDS
        text += f" (a hint: fewer than {ENOUGH_SEEDS} seeds)." if few else "."
        texts.append(f"{subject}: {text}" if found["subject"].nunique() > 1 else text)
    return " ".join(texts)


def read_sparsity(gains: pd.DataFrame, found: pd.DataFrame) -> str:
    """Level by level, in Markdown: which losses gain more where the foreground is sparser, by how
    much, and at which ratios they are behind.
    """
    texts = []
    for (subject, level), part in found.groupby(["subject", "level"], sort=False):
        own = gains[(gains["subject"] == subject) & (gains["level"] == level)]
        more = _growing(part)
        less = part[(part["t_p_holm"] < ALPHA) & (part["slope"] < 0)]
        rest = part.drop([*more.index, *less.index])
        clauses = [
            f"the gain of {_losses(rows['loss'])} over `{part['baseline'].iloc[0]}` {how}"
            for rows, how in (
                (more, "grows with sparsity"),
                (less, "falls with sparsity"),
                (rest, "shows no trend that could be told from seeds"),
            )
            if len(rows)
        ]
        text = f"{_AT[str(level)]} {'; '.join(clauses)}"
        lines = [_step(row, own) for row in more.to_dict("records")]
        text += "".join([":\n", *(f"\n- {line}" for line in lines)]) if lines else "."
        if found["subject"].nunique() > 1:
            text = f"{subject}: {text}"
        texts.append(text)
    return "\n\n".join(texts)


_AT = {"dataset": "At data-set level", "image": "As a mean over images"}


def _growing(trend: pd.DataFrame) -> pd.DataFrame:
    """The losses whose gain grows with sparsity, the steepest first."""
    more = trend[(trend["t_p_holm"] < ALPHA) & (trend["slope"] > 0)]
    return more.sort_values("slope", ascending=False, kind="stable")


def _in_words(some: int, every: int) -> str:
    if some < every:
        return f"{some} of {every} losses gain" if some > 1 else f"One of {every} losses gains"
    return f"All {every} losses gain" if every > 1 else "The loss gains"


def _step(row: Mapping[Any, Any], gains: pd.DataFrame) -> str:
    """From what to what the gain of a loss grows."""
    own = gains[gains["loss"] == row["loss"]]
    first, last = own["ratio"].min(), own["ratio"].max()
    text = (
        f"`{row['loss']}`: {_at(own, row['loss'], first)} at 1:{first:g}, "
        f"{_at(own, row['loss'], last)} at 1:{last:g}; {points(row['slope'])} points for each "
        f"factor of ten [{points(row['low'])}, {points(row['high'])}]"
    )
    behind = [f"1:{ratio:g}" for ratio in own.loc[own["high"] < 0, "ratio"].sort_values()]
    return f"{text}; behind at {', '.join(behind)}" if behind else text


def _where_dense(dense: pd.DataFrame) -> str:
    """What those that gain with sparsity gain where it is least."""
    rope = points(float(dense["rope"].iloc[0]), sign=False)
    none = dense["practical"] == "negligible"
    some = (dense["low"] > 0) & ~none
    if none.all():
        return f"none of these gains is beyond ±{rope} points"
    parts = [
        f"{_losses(dense.loc[rows, 'loss'])} {what}"
        for rows, what in (
            (some, "already ahead"),
            (none, f"within ±{rope} points"),
            (~none & ~some, "not told from it"),
        )
        if rows.any()
    ]
    return ", ".join(parts)


def _at(gains: pd.DataFrame, loss: str, ratio: float) -> str:
    row = gains[(gains["loss"] == loss) & (gains["ratio"] == ratio)].iloc[0]
    return f"{points(row['difference'])} [{points(row['low'])}, {points(row['high'])}]"


def _gain(row: dict[Any, Any]) -> str:
    text = points(row["difference"])
    if math.isnan(row["low"]):
        return text
    return f"{text} [{points(row['low'])}, {points(row['high'])}]"


def _losses(losses: pd.Series) -> str:
    return ", ".join(f"`{loss}`" for loss in losses)


def _subject(setting: str) -> str:
    return re.sub(rf",? *{re.escape(RATIO)}=[^,]*", "", setting).strip(", ")


def _named(table: pd.DataFrame) -> pd.DataFrame:
    table = table.rename_axis(columns=None)
    return table.drop(columns="subject") if table["subject"].nunique() == 1 else table
