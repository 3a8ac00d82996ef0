"""What each paper's proposed loss gains over its baselines, pair by pair, and how sure that is."""

import math

import numpy as np
import pandas as pd
import scipy

from losslab.analysis.audit.findings import of
from losslab.analysis.intervals import LEVEL, bootstrap_interval
from losslab.analysis.published import load_published
from losslab.analysis.statistics import paired_comparison

PROPOSED = {
    "rahman2016": ("IoU loss", "iou"),
    "vanbeers2018": ("IoU loss", "iou("),
    "kim2019": ("level set", "levelset"),
    "chen2020": ("SEMEDA", "semeda"),
    "gul2023": ("distance", "distance"),
}
"""By paper the proposed loss: its name here, and what its expressions hold."""

_CHEN_SETTINGS = ("4", "5", "7", "8")

COMPARISONS = {
    **{("rahman2016", table): ("{dataset} categories", "iou") for table in ("1", "3", "4")},
    **{("vanbeers2018", f"4.{n}"): ("faces, settings", "iou") for n in range(1, 5)},
    **{("kim2019", table): ("settings", "iou") for table in ("1", "2", "3")},
    ("chen2020", "1"): ("{dataset} weightings", "iou"),
    **{("chen2020", table): ("{dataset} classes", "iou") for table in ("2", "3")},
    **{("chen2020", table): ("settings", "iou") for table in _CHEN_SETTINGS},
    ("chen2020", "6"): ("helen parts", "dice"),
    **{("gul2023", f"4.{n}"): ("{dataset} settings", "boundary_iou") for n in (*range(1, 7), 12)},
    **{("gul2023", f"A.{n}"): ("{dataset} folds", "boundary_iou") for n in range(1, 7)},
}
"""By paper and table the comparison that its rows belong to, and the paper's main score."""

NOT_INDEPENDENT = {
    "categories": "a network a category, one run each, on the same pictures",
    "classes": "classes of one trained network, on one test set",
    "weightings": "weightings of one loss, all against one baseline run",
    "folds": "folds share most of their training pictures, for which their interval is widened",
    "parts": "parts of the same faces, segmented by one network",
    "settings": "settings share their test pictures, and one run stands for each",
}
"""Why the pairs of a comparison are not independent, by the last word of its name."""

FOLDS = "folds"
"""Last word of the comparisons whose pairs are folds."""

FOLD_RATIO = 0.2 / 0.7
"""Test over training pictures of Gul's folds (section 4.4.3)."""

FEWEST_PAIRS = 5
"""Pairs below which no bootstrap interval is given: it cannot reach beyond the pairs themselves."""

_POOLED = ("mean", "overall")
_KEYS = ("paper", "comparison", "dataset", "split", "model", "encoder", "pretraining", "variant")
KEYS = (*_KEYS, "class", "metric")
"""What the two cells of a pair have in common."""

_RATIO = "background_to_object_ratio"


def paired_gains(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """The proposed loss's score minus a baseline's, for each pair of cells that differ in the loss.

    `table` is that of `load_published` (default). A row per pair: `KEYS`, table, baseline and loss
    (expressions), proposed (name), baseline_value, value, doubtful (whether the reading of the
    proposed loss's cell is), gain (values are fractions). The baseline is cross-entropy; of Gul
    each of the five other losses in turn. The score is the paper's main one. Means over classes are
    left out where the classes themselves are printed.
    """
    cells = load_published() if table is None else table
    parts = []
    for (paper, number), (name, metric) in COMPARISONS.items():
        rows = of(cells, paper, number)
        rows = rows[(rows["metric"] == metric) & rows["value"].notna()]
        label, text = PROPOSED[paper]
        names = [name.format(dataset=dataset) for dataset in rows["dataset"]]
        ours = rows["loss"].str.lower().str.contains(text, regex=False)
        parts.append(rows.assign(comparison=names, proposed=label, ours=ours))
    every = pd.concat(parts, ignore_index=True)
    every["value"] = every["value"] / np.where(every["unit"] == "percent", 100, 1)
    by_class = every["comparison"].str.endswith(("categories", "classes", "parts"))
    every = every[~(by_class & every["class"].isin(_POOLED))]
    # Scores after a CRF, and those quoted from elsewhere, find no partner.
    every["doubtful"] = every["note"].str.startswith("doubtful")
    ours = every.loc[every["ours"], [*KEYS, "table", "proposed", "loss", "value", "doubtful"]]
    theirs = every[~every["ours"] & ((every["loss"] == "ce") | (every["paper"] == "gul2023"))]
    theirs = theirs[[*KEYS, "loss", "value"]]
    theirs = theirs.rename(columns={"loss": "baseline", "value": "baseline_value"})
    pairs = ours.merge(theirs, on=list(KEYS))
    pairs = pairs[~pairs["variant"].str.contains(" of 5 folds")]
    columns = [*KEYS, "table", "proposed", "loss", "baseline", "baseline_value", "value"]
    pairs = pairs[[*columns, "doubtful"]].assign(gain=pairs["value"] - pairs["baseline_value"])
    return pairs.reset_index(drop=True)


def gain_summary(gains: pd.DataFrame, *, resamples: int = 9999, seed: int = 0) -> pd.DataFrame:
    """The mean gain of each comparison and baseline, with what a paired analysis supports.

    `gains` is the table of `paired_gains`. Columns of `paired_comparison` (fractions; n pairs; Holm
    over all rows of a paper) with paper, comparison, metric, proposed, baseline, better (pairs that
    gain), bca_low and bca_high (BCa bootstrap over the pairs, Efron 1987; NaN below five pairs and
    of folds), datasets (distinct ones among the pairs: the units that are nearest to independent)
    and dependence (why the pairs are not). Folds are compared as folds: low, high and p are of the
    t corrected for the training pictures that they share (Nadeau & Bengio 2003). All others take
    the pairs for independent, so they are narrower and smaller than the truth.
    """
    keys = ["paper", "comparison", "metric", "proposed", "baseline"]
    tables = []
    for _, of_paper in gains.groupby("paper", sort=False):
        groups = of_paper.groupby(keys, sort=False)
        numbered = of_paper.assign(setting=groups.ngroup(), fold=0, seed=range(len(of_paper)))
        folds = numbered["comparison"].str.endswith(FOLDS)
        numbered.loc[folds, "fold"], numbered.loc[folds, "seed"] = groups.cumcount()[folds], 0
        ratios = {str(number): FOLD_RATIO for number in numbered.loc[folds, "setting"]}
        ours = numbered.assign(loss="proposed")
        theirs = numbered.assign(loss="baseline", value=numbered["baseline_value"])
        both = pd.concat([ours, theirs])
        compared = paired_comparison(both, "baseline", ratios=ratios).set_index("setting")
        for number, part in numbered.groupby("setting", sort=False):
            values = part["gain"].to_numpy(float)
            row = {key: part[key].iloc[0] for key in keys}
            row |= {"better": int((values > 1e-9).sum()), "datasets": part["dataset"].nunique()}
            row |= _bca(values if part["fold"].nunique() == 1 else values[:0], resamples, seed)
            row["dependence"] = NOT_INDEPENDENT[str(row["comparison"]).split()[-1]]
            fields = compared.drop(columns=["loss", "baseline", "seeds", "folds"]).loc[number]
            tables.append(row | fields.to_dict())
    return pd.DataFrame(tables)


def _bca(values: np.ndarray, resamples: int, seed: int) -> dict[str, float]:
    if len(values) < FEWEST_PAIRS or len(np.unique(values.round(9))) < 3:
        return {"bca_low": math.nan, "bca_high": math.nan}
    interval = bootstrap_interval(values, resamples, np.random.default_rng(seed))
    return {f"bca_{end}": value for end, value in interval.items()}


def with_sparsity(gains: pd.DataFrame, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Gains of the classes with a background:object ratio in Rahman & Wang's Table 2 (`ratio`)."""
    cells = load_published() if table is None else table
    ratios = cells.loc[cells["metric"] == _RATIO, ["dataset", "class", "value"]]
    ratios = ratios.rename(columns={"value": "ratio"})
    return gains[gains["paper"] == "rahman2016"].merge(ratios, on=["dataset", "class"])


def associations(gains: pd.DataFrame, against: str) -> pd.DataFrame:
    """Spearman's rank correlation of the gain with a column, of each comparison with cross-entropy.

    Columns: paper, comparison, n, rho, low, high (95 % interval, Bonett & Wright 2000), p. With
    `against="baseline_value"` also `rho_mean`, the correlation with the mean of the two scores
    (Oldham 1962): the gain holds the baseline's own error with the opposite sign, which alone makes
    `rho` negative, and against the mean it does not. Comparisons of fewer than 5 pairs, or against
    fewer than three different values, are left out.
    """
    rows = []
    of_ce = gains[gains["baseline"] == "ce"]
    for (paper, comparison), part in of_ce.groupby(["paper", "comparison"], sort=False):
        if len(part) < 5 or part[against].nunique() < 3:
            continue
        rank = scipy.stats.spearmanr(part["gain"], part[against])
        rho, n = float(rank.statistic), len(part)
        half = scipy.stats.norm.ppf((1 + LEVEL) / 2) * math.sqrt((1 + rho**2 / 2) / (n - 3))
        row = {
            "paper": paper,
            "comparison": comparison,
            "n": n,
            "rho": rho,
            "p": float(rank.pvalue),
        }
        row |= {"low": math.tanh(math.atanh(rho) - half) if abs(rho) < 1 else math.nan}
        row |= {"high": math.tanh(math.atanh(rho) + half) if abs(rho) < 1 else math.nan}
        if against == "baseline_value":
            mean = (part["value"] + part["baseline_value"]) / 2
            row["rho_mean"] = float(scipy.stats.spearmanr(part["gain"], mean).statistic)
        rows.append(row)
    columns = ["paper", "comparison", "n", "rho", "low", "high", "p"]
    extra = ["rho_mean"] if against == "baseline_value" else []
    return pd.DataFrame(rows, columns=[*columns, *extra])
