"""Which of a folder's finished runs are looked at together: one setting, fold and seed."""

from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd

from losslab.analysis.completeness import check_same_data
from losslab.analysis.provenance import spec_table, with_variants
from losslab.analysis.scores import PAIR, with_setting, without_repeats
from losslab.errors import StudyError, unknown
from losslab.study.store import load_runs


def finished_runs(folder: str | Path, run_ids: Iterable[str] | None = None) -> pd.DataFrame:
    """The finished runs of a folder, repeats left out: run_id, setting, fold, seed, loss, in the
    order of these.

    Raises StudyError where there are none and where runs of one setting saw different data.
    """
    runs = load_runs(Path(folder), run_ids)
    runs = with_variants(runs, spec_table(runs))
    check_same_data(runs)
    finished = with_setting(without_repeats(runs[runs["status"] == "finished"]))
    if finished.empty:
        raise StudyError(f"no run in {folder} has finished: run the study first")
    columns = ["setting", *PAIR, "loss"]
    table = finished[["run_id", *columns]].sort_values(columns, kind="stable")
    return table.drop_duplicates(columns).reset_index(drop=True)


def settings(runs: pd.DataFrame) -> list[str]:
    """The settings of the table of `finished_runs`."""
    return list(runs["setting"].unique())


def pairs(runs: pd.DataFrame, setting: str) -> list[tuple[int, int]]:
    """Folds and seeds at which a setting has finished runs; those with most losses first, the
    lowest of equal ones.
    """
    counts = _of(runs, setting).groupby(list(PAIR))["loss"].nunique()
    keys = [(int(fold), int(seed)) for fold, seed in counts.index]
    found = dict(zip(keys, counts.tolist(), strict=True))
    return sorted(found, key=lambda pair: (-found[pair], pair))


def choose(
    runs: pd.DataFrame,
    setting: str = "",
    *,
    seed: int | None = None,
    fold: int | None = None,
    losses: Collection[str] = (),
) -> pd.DataFrame:
    """The runs of one setting, fold and seed, a row a loss.

    By default the first setting, the fold and seed at which most losses have finished, and all
    losses there, in the order of `losses` where these are given. Raises StudyError for a name that
    is not there.
    """
    known = settings(runs)
    setting = setting or known[0]
    if setting not in known:
        raise StudyError(unknown("setting", setting, known))
    found = pairs(runs, setting)
    wanted = [(f, s) for f, s in found if seed in (None, s) and fold in (None, f)]
    if not wanted:
        asked = {"fold": fold, "seed": seed}
        asked = ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)
        told = "; ".join(f"fold {f}, seed {s}" for f, s in sorted(found))
        raise StudyError(f"no finished run of {setting} has {asked}: there are {told}")
    rows = _of(runs, setting)
    rows = rows[rows[list(PAIR)].apply(tuple, axis=1) == wanted[0]].set_index("loss", drop=False)
    for loss in losses:
        if loss not in rows.index:
            raise StudyError(unknown("loss with a finished run", loss, rows.index))
    return rows.loc[list(dict.fromkeys(losses)) or list(rows.index)].reset_index(drop=True)


def _of(runs: pd.DataFrame, setting: str) -> pd.DataFrame:
    return runs[runs["setting"] == setting]
