"""Several settings as one comparison, and whether they are independent."""

from collections.abc import Iterable, Mapping

import pandas as pd

from losslab.analysis.scores import PAIR, with_setting

ALL_SETTINGS = "all settings"


def pool_settings(
    scores: pd.DataFrame, baseline: str, test_sets: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """One score per setting and loss, so that `paired_comparison` pairs settings instead of seeds.

    Each is the mean over the folds and seeds at which every loss of that setting has a score; a
    setting stands where a seed stood, as in the tests of van Beers (2018), and `unit` is its name.
    A setting without the baseline, or without a fold and seed at which all its losses have a score,
    is left out; no row is left where that holds for all.

    Settings that share a test set are not independent: 16 of them on 2 test sets are no 16 pairs.
    With `test_sets`, the test set of each setting (see `shared_sets`), each test set
    counts once, by the mean over its settings, of the losses that all of these have.
    """
    rows = []
    for setting, part in scores.groupby("setting", sort=True):
        losses = part["loss"].nunique()
        complete = part.groupby(list(PAIR))["loss"].transform("nunique") == losses
        if losses < 2 or baseline not in set(part.loc[complete, "loss"]):
            continue
        means = part[complete].groupby("loss", as_index=False)["value"].mean()
        unit = str(setting) if test_sets is None else test_sets[str(setting)]
        rows.append(means.assign(setting=setting, unit=unit))
    if not rows:
        return scores.head(0).assign(unit="")
    pooled = pd.concat(rows, ignore_index=True)
    found = pooled.groupby("unit")["setting"].transform("nunique")
    shared = pooled.groupby(["unit", "loss"])["setting"].transform("nunique") == found
    units = pooled[shared].groupby(["unit", "loss"], as_index=False)["value"].mean()
    units["seed"] = units["unit"].map({name: n for n, name in enumerate(units["unit"].unique())})
    return units.assign(setting=ALL_SETTINGS, fold=0)


def shared_sets(runs: pd.DataFrame) -> dict[str, str]:
    """The test set of each setting, by name, from the table of `losslab.study.load_runs`.

    Settings of one data set share its images whatever their task, size or division, and settings
    whose data have the same fingerprint share them whatever the data set is called.
    """
    named = with_setting(runs)
    keys = ["dataset", "data_fingerprint"] if "data_fingerprint" in named else ["dataset"]
    unit = {str(setting): str(setting) for setting in named["setting"]}
    for key in keys:
        for _, part in named.dropna(subset=[key]).groupby(key, sort=False):
            joined = {unit[str(setting)] for setting in part["setting"]}
            first = unit[str(part["setting"].iloc[0])]
            unit = {name: first if old in joined else old for name, old in unit.items()}
    datasets = named.drop_duplicates("setting").set_index("setting")["dataset"]
    return {name: _joined(datasets[_members(unit, name)]) for name in unit}


def dependence(runs: pd.DataFrame) -> str:
    """Says which settings share a test set, so that a test over settings is too sure; else "".

    `runs` is the table of `losslab.study.load_runs`.
    """
    sets = shared_sets(runs)
    groups: dict[str, list[str]] = {}
    for setting, name in sets.items():
        groups.setdefault(name, []).append(setting)
    shared = {name: settings for name, settings in groups.items() if len(settings) > 1}
    if not shared:
        return ""
    if len(groups) == 1:
        where = f"test pictures of one data set, {next(iter(groups))}"
    else:
        texts = [f"{len(s)} share {name} ({'; '.join(s)})" for name, s in shared.items()]
        where = f"{len(groups)} test sets: {', '.join(texts)}"
    return (
        f"The {len(sets)} settings are tested on {where}. Their differences are not "
        "independent, so a test that counts each setting as a pair is too sure; the test set is "
        "the unit."
    )


def _members(unit: Mapping[str, str], setting: str) -> list[str]:
    return [name for name, first in unit.items() if first == unit[setting]]


def _joined(names: Iterable[str]) -> str:
    return " = ".join(dict.fromkeys(names))
