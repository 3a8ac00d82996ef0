"""What was run: the values that vary between the runs of a study, those that do not, and where."""

from collections.abc import Iterable

import pandas as pd

from losslab.analysis.scores import PAIR, SETTING, with_setting


def spec_table(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per run of its spec, from the column `spec` of `losslab.study.load_runs`.

    Nested names are joined by points: `dataset_options.classes`. `repeat` is left out: it decides
    nothing.
    """
    specs = zip(runs["run_id"], runs["spec"], strict=True)
    table = pd.DataFrame([{"run_id": run_id, **_flat(spec)} for run_id, spec in specs])
    return table.drop(columns="repeat", errors="ignore")


def varying(specs: pd.DataFrame) -> pd.DataFrame:
    """The axes of a study: name, number of values and the values, of each name that varies."""
    rows = []
    for name in specs.columns.drop("run_id"):
        values = sorted({_text(value) for value in specs[name]}, key=_number_first)
        if len(values) > 1:
            between = "; " if any(", " in value for value in values) else ", "
            rows.append({"name": name, "values": len(values), "which": between.join(values)})
    return pd.DataFrame(rows, columns=["name", "values", "which"])


def constant(records: pd.DataFrame, names: Iterable[str] | None = None) -> pd.DataFrame:
    """The names that have one value in all runs, with that value; of `names` only, where given."""
    wanted = records.columns.drop("run_id") if names is None else list(names)
    rows = []
    for name in wanted:
        if name in records and len({_text(value) for value in records[name]}) == 1:
            rows.append({"name": name, "value": _text(records[name].iloc[0])})
    return pd.DataFrame(rows, columns=["name", "value"])


def origin(runs: pd.DataFrame) -> pd.DataFrame:
    """Code, machine and libraries of the runs, from `losslab.study.load_runs`: name, value.

    Where runs differ all values are listed: times of such runs are not comparable.
    """
    rows = []
    for name in _ORIGIN:
        if name in runs:
            values = list(dict.fromkeys(_text(value) for value in runs[name]))
            if name == "user_losses":  # most runs have none
                values = [value for value in values if value != "–"]
            if values:
                rows.append({"name": _ORIGIN[name], "value": "; ".join(values)})
    return pd.DataFrame(rows, columns=["name", "value"])


_ORIGIN = {
    "losslab": "losslab",
    "commit": "git commit",
    "dirty": "files changed since that commit",
    "user_losses": "users' losses and SHA-256 of their files",
    "device": "device",
    "threads": "threads",
    "system": "system",
    "python": "python",
    "torch": "torch",
    "torchvision": "torchvision",
    "segmentation-models-pytorch": "segmentation-models-pytorch",
    "timm": "timm",
    "data_train": "training images",
    "data_val": "validation images",
    "data_test": "test images",
    "data_fingerprint": "SHA-256 of the data",
}
"""Columns of `load_runs` that a reader needs to repeat a study, and their names for people."""


_NAME = "dataset_options.name"
_LONG = 30  # characters of a value beyond which a title rather goes without it


def with_variants(frame: pd.DataFrame, specs: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column `variant` of what else sets its runs apart, such as "lr=0.01".

    A study may vary more than data set, task, model, encoder, loss, fold and seed. What differs
    between runs that agree in all of these becomes part of their setting; what goes with the loss
    (a learning rate of its own, say) does not, or losses could not be compared: see `tied_to_loss`.
    A long value, such as a list of classes, is named only where the shorter ones do not tell the
    runs apart.
    """
    texts = specs.drop(columns="run_id").map(_text)
    if _NAME in texts:  # data sets of one kind go by their own names, as in `load_runs`
        texts["dataset"] = texts[_NAME].where(texts[_NAME] != "–", texts["dataset"])
    known = [name for name in (*SETTING, "loss", *PAIR) if name in texts]
    groups = texts.groupby(known)
    apart: list[str] = []
    for name in sorted(texts.columns.drop(known), key=lambda n: texts[n].str.len().max() > _LONG):
        if texts[name].str.len().max() > _LONG:
            groups = texts.groupby([*known, *apart])
        if (groups[name].nunique() > 1).any():
            apart.append(name)
    names = [", ".join(f"{n}={row[n]}" for n in apart) for _, row in texts.iterrows()]
    return frame.assign(variant=frame["run_id"].map(dict(zip(specs["run_id"], names, strict=True))))


def tied_to_loss(runs: pd.DataFrame, specs: pd.DataFrame) -> pd.DataFrame:
    """What else differs between runs that are compared: name, loss, value.

    A study may give a loss a learning rate of its own; then a difference may be due to either.
    `specs` is the table of `spec_table` and `runs` has the column `variant` of `with_variants`.
    Values are text; a loss with several (one per setting, say) has them all in one.
    """
    keys = ["setting", *PAIR]
    known = with_setting(runs)[["run_id", "loss", *keys]]
    names = [name for name in specs.columns if name not in {*known.columns, *SETTING}]
    table = known.merge(specs[["run_id", *names]].map(_text), on="run_id")
    rows = []
    for name in names:
        apart = table[table.groupby(keys)[name].transform("nunique") > 1]
        for loss, values in apart.groupby("loss")[name]:
            value = " or ".join(sorted(values.unique()))
            rows.append({"name": name, "loss": loss, "value": value})
    return pd.DataFrame(rows, columns=["name", "loss", "value"])


def _flat(stored: dict, prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in stored.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "–" if value is None or value == "" or value != value else str(value)


def _number_first(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text
