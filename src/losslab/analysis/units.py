"""What an interval is over changes its width: the same difference by seeds, by images, by both."""

import pandas as pd

from losslab.analysis.images import run_image_differences
from losslab.analysis.intervals import t_interval

UNITS = ("seeds", "images", "seeds and images")

_COLUMNS = ["setting", "loss", "baseline", "unit", "n", "difference", "low", "high"]


def intervals_by_unit(
    results: pd.DataFrame, images: pd.DataFrame, both: pd.DataFrame, *, metric: str = "iou"
) -> pd.DataFrame:
    """One mean difference per setting and loss with its 95 % interval over each unit.

    `images` is the table of `image_comparison` and `both` of `hierarchical_comparison`, of the same
    results and metric; over seeds it is the t interval of the runs' means over images. All three
    are of the score of an image, so that only the unit differs. Columns: setting, loss, baseline,
    unit (of `UNITS`), n, difference, low, high. Settings of several folds are left out: there an
    image is tested in one fold only.
    """
    whole = both[both["folds"] == 1]
    if whole.empty:
        return pd.DataFrame(columns=_COLUMNS)
    baseline = str(whole["baseline"].iloc[0])
    runs = run_image_differences(results, baseline, metric=metric)
    means = runs.groupby(["setting", "loss", "seed"])["difference"].mean()
    by_loss = images.set_index(["setting", "loss"])
    known = by_loss[["n", "difference", "low", "high"]].to_dict("index")
    rows = []
    for row in whole.to_dict("records"):
        key = (row["setting"], row["loss"])
        values = means.loc[key].to_numpy(float)
        seeds = {"n": len(values), "difference": float(values.mean()), **t_interval(values)}
        crossed = {name: row[name] for name in ("difference", "low", "high")}
        crossed["n"] = row["seeds"] * row["images"]
        names = {"setting": row["setting"], "loss": row["loss"], "baseline": baseline}
        for unit, found in zip(UNITS, (seeds, known[key], crossed), strict=True):
            rows.append(names | {"unit": unit} | dict(found))
    return pd.DataFrame(rows, columns=_COLUMNS)
