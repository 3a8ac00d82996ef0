"""Van Beers' paired t-tests over his 16 settings: of his own values, and of what was measured."""

import math

import pandas as pd
import scipy

from losslab.analysis.audit.names import data_set_name, model_name
from losslab.analysis.claims import points
from losslab.analysis.reproduction.layout import metric_name

_KEYS = ["model", "dataset", "class", "variant"]
METRICS = ("accuracy", "iou", "epochs")
"""His Figs. and tests: pixel accuracy, IoU, epochs to convergence."""

CAPTION = (
    "Van Beers tests the difference of the two losses over his settings by a paired t-test "
    "(section 5). All settings share the pictures of two test sets, so they are not independent "
    "and p is too small. IoU loss less cross-entropy:"
)

_LOSSES = {"ce": "ce", "iou(per='image', reduction='sum')": "iou"}


def setting_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """IoU loss less cross-entropy in each setting: a row per metric and setting.

    `table` is that of `reproduction_table`, with Tables 4.1 to 4.4 or some of them. Columns:
    metric, model, dataset, class, variant, name (for people), published and measured (the
    difference; NaN where one of the two is missing), odd (section 5.1 names the setting an
    aberration).
    """
    rows = table[table["metric"].isin(METRICS) & table["loss"].isin(_LOSSES)]
    rows = rows.assign(loss=rows["loss"].map(_LOSSES))
    wide = rows.pivot(index=["metric", *_KEYS], columns="loss", values=["published", "measured"])
    found = pd.DataFrame(
        {name: wide[name]["iou"] - wide[name]["ce"] for name in ("published", "measured")}
    ).reset_index()
    odd = (found["model"] == "fcresnet") & (found["dataset"] == "lfw_parts")
    found["odd"] = odd & (found["class"] == "face_without_hair")
    found["name"] = [
        f"{model_name(row['model'])}, {data_set_name(row['dataset'])}, {row['variant']}, "
        f"{'no hair' if 'without' in row['class'] else 'hair'}"
        for row in found.to_dict("records")
    ]
    return found


def paired_tests(pairs: pd.DataFrame) -> pd.DataFrame:
    """His two-sided paired t-tests again (section 5), published and measured beside each other.

    Columns: metric, settings (all, without the aberrations, of one network), of (published or
    measured), n, difference (mean; accuracy and IoU in fractions), p (NaN below two settings and
    without spread). All settings share the pictures of two test sets, so they are not independent.
    """
    rows = []
    for metric in METRICS:
        own = pairs[pairs["metric"] == metric]
        subsets = {"all": own, "without the aberrations": own[~own["odd"]]}
        subsets |= {model_name(m): own[own["model"] == m] for m in dict.fromkeys(own["model"])}
        for settings, part in subsets.items():
            for of in ("published", "measured"):
                values = part[of].dropna().to_numpy(float)
                row = {"metric": metric, "settings": settings, "of": of, "n": len(values)}
                row["difference"] = float(values.mean()) if len(values) else math.nan
                spread = len(values) > 1 and values.std() > 1e-12
                row["p"] = float(scipy.stats.ttest_1samp(values, 0).pvalue) if spread else math.nan
                rows.append(row)
    return pd.DataFrame(rows, columns=["metric", "settings", "of", "n", "difference", "p"])


def show_tests(tests: pd.DataFrame) -> pd.DataFrame:
    """`paired_tests` for people: "n, mean difference, p" as published and as measured."""

    def text(row: dict) -> str:
        epochs = f"{row['difference']:+.1f} epochs".replace("-", "−")
        size = epochs if row["metric"] == "epochs" else f"{points(row['difference'], 2)} points"
        return f"{size}, p = {_p(row['p'])} (n = {row['n']})" if row["n"] else "–"

    shown = tests.assign(text=[text(row) for row in tests.to_dict("records")])
    shown["metric"] = [metric_name(metric) for metric in shown["metric"]]
    keys = ["metric", "settings"]
    order = pd.MultiIndex.from_frame(shown[keys].drop_duplicates())
    wide = shown.pivot(index=keys, columns="of", values="text").loc[order]
    return wide[["published", "measured"]].rename_axis(columns=None).reset_index()


def _p(p: float) -> str:
    """Two digits, as he prints them: "0.042", "1.8e-05"."""
    return "–" if math.isnan(p) else f"{p:.2g}"
