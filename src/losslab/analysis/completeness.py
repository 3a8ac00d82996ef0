"""Whether runs may be compared at all: same data, a baseline in each setting, and a partner."""

import pandas as pd

from losslab.analysis.scores import PAIR, with_setting, without_repeats
from losslab.errors import StudyError, unknown


def check_same_data(runs: pd.DataFrame) -> None:
    """Raise StudyError where finished runs of one setting and fold were made from different data.

    `runs` is the table of `losslab.study.load_runs`.
    """
    finished = with_setting(runs[runs["status"] == "finished"])
    for (setting, fold), part in finished.groupby(["setting", "fold"], sort=False):
        groups = part.dropna(subset=["data_fingerprint"]).groupby("data_fingerprint", sort=False)
        if groups.ngroups > 1:
            named = "; ".join(f"{str(key)[:12]}: {', '.join(ids)}" for key, ids in groups["run_id"])
            raise StudyError(
                f"the runs of {setting}, fold {fold}, saw different data ({named}): delete the "
                "runs of the old data or give the new data another name"
            )


def uncompared(runs: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """The settings in which no loss can be compared with the baseline: setting, reason.

    `runs` is the table of `losslab.study.load_runs`. Raises StudyError where that is so everywhere.
    """
    named = with_setting(runs)
    losses = sorted(named["loss"].unique())
    if baseline not in losses:
        raise StudyError(unknown("baseline", baseline, losses))
    rows = []
    for setting, part in named.groupby("setting", sort=False):
        own = part["loss"] == baseline
        done = part["status"] == "finished"
        pairs, others = (
            set(part.loc[rows, list(PAIR)].itertuples(index=False, name=None))
            for rows in (own & done, ~own & done)
        )
        if not pairs:
            diverged = int((part.loc[own, "status"] == "diverged").sum())
            reason = f"no finished run of the baseline {baseline!r} ({diverged} diverged)"
        elif not pairs & others:
            reason = f"no finished run of another loss shares fold and seed with {baseline!r}"
        else:
            continue
        rows.append({"setting": setting, "reason": reason})
    if len(rows) == named["setting"].nunique():
        reasons = "; ".join(dict.fromkeys(row["reason"] for row in rows))
        raise StudyError(f"nothing can be compared: {reasons}")
    return pd.DataFrame(rows, columns=["setting", "reason"])


def unpaired(runs: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """The finished runs that no difference holds, as no finished run of the baseline shares their
    fold and seed: setting, loss, runs (of that loss that finished), left_out (how many of them).

    `runs` is the table of `losslab.study.load_runs`. Settings that `uncompared` lists are left out,
    as are repeats; losses all of whose runs have a partner have no row.
    """
    gaps = set(uncompared(runs, baseline)["setting"])
    done = with_setting(without_repeats(runs[runs["status"] == "finished"]))
    done = done[~done["setting"].isin(gaps)]
    keys = ["setting", *PAIR]
    partners = pd.MultiIndex.from_frame(done.loc[done["loss"] == baseline, keys])
    others = done[done["loss"] != baseline]
    alone = ~pd.MultiIndex.from_frame(others[keys]).isin(partners)
    groups = others.assign(alone=alone).groupby(["setting", "loss"], sort=False)["alone"]
    found = groups.agg(runs="size", left_out="sum").reset_index()
    return found[found["left_out"] > 0].reset_index(drop=True)
