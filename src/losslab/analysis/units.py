"""What an interval is over changes its width: the same difference by seeds, by images, by both."""

import pandas as pd

from losslab.analysis.images import run_image_differences
from losslab.analysis.intervals import t_interval

UNITS = ("seeds", "images", "seeds and images")


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
    baseline = str(both["baseline"].iloc[0]) if len(both) else ""
    whole = both[both["folds"] == 1]
    runs = run_image_differences(results, baseline, metric=metric)
    means = runs.groupby(["setting", "loss", "seed"])["difference"].mean()
    of_images = images.set_index(["setting", "loss"])
    rows = []
    for row in whole.to_dict("records"):
        key = (row["setting"], row["loss"])
        values = means.loc[key].to_numpy(float)
        seeds = {"n": len(values), "difference": float(values.mean()), **t_interval(values)}
        image = of_images.loc[key, ["n", "difference", "low", "high"]].to_dict()
        crossed = {name: row[name] for name in ("difference", "low", "high")}
        crossed["n"] = row["seeds"] * row["images"]
        names = {"setting": row["setting"], "loss": row["loss"], "baseline": baseline}
        for unit, found in zip(UNITS, (seeds, image, crossed), strict=True):
            rows.append({**names, "unit": unit, **found})
    columns = ["setting", "loss", "baseline", "unit", "n", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
