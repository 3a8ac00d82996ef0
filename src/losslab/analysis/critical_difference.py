"""Losses ranked over many settings, and which of them the ranks do not tell apart."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import pandas as pd
import scipy
from jaxtyping import Float
from numpy import ndarray

from losslab.analysis.p_values import smallest_wilcoxon_p, wilcoxon_p, with_holm
from losslab.analysis.pooling import pool_settings
from losslab.errors import StudyError, unknown

FEWEST = 5
"""Settings below which nothing is tested: three or four have no power for the usual differences."""

METHODS = {"wilcoxon": "Wilcoxon's test of each pair, Holm", "nemenyi": "Nemenyi's test"}
UNITS = ("setting", "test set")

_ORDERS = 2**14  # random orders within settings for Friedman's p
_DIGITS = 12  # scores that agree so far are tied


@dataclass(frozen=True)
class CriticalDifference:
    """What `critical_difference` found.

    - ranks: loss and rank (the mean over the rows, 1 being best), best first; NaN without a row;
    - n: how many rows were ranked, each a `unit` of `UNITS`, on so many test_sets; left_out: rows
      that lack a loss;
    - chi2 and friedman_p; pairs: one, other (the worse rank), difference (of their mean ranks), p,
      p_corrected, apart;
    - groups: each largest set of losses of which no pair was told apart, two losses or more;
    - distance: Nemenyi's critical difference of mean ranks, else NaN;
    - reason: why nothing was tested, or why no pair could be told apart, else "".
    """

    ranks: pd.DataFrame
    n: int
    unit: str
    test_sets: int
    left_out: int
    method: str
    level: float
    chi2: float = math.nan
    friedman_p: float = math.nan
    pairs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_PAIRS)))
    groups: tuple[tuple[str, ...], ...] = ()
    distance: float = math.nan
    reason: str = ""

    @property
    def shared(self) -> bool:
        """Whether rows share a test set, so that they are not independent and tests too sure."""
        return self.test_sets < self.n


_PAIRS = ("one", "other", "difference", "p", "p_corrected", "apart")


def critical_difference(
    scores: pd.DataFrame,
    test_sets: Mapping[str, str],
    *,
    unit: str = "setting",
    method: str = "wilcoxon",
    level: float = 0.05,
) -> CriticalDifference:
    """Mean ranks of the losses over settings, and the groups that are not told apart.

    `scores` is the table of `select_scores`, `test_sets` the test set of each setting as
    `losslab.analysis.shared_sets` finds them. Rows are those of `pool_settings`: a setting each, or
    with `unit="test set"` a test set each, that have all losses. Friedman's p is that of random
    orders within rows, so that it holds for few rows too.

    "wilcoxon" tests each pair of losses by Wilcoxon's signed ranks with Holm's correction over all
    pairs, as Benavoli et al. (2016) recommend: whether two losses differ then does not depend on
    which others were ranked beside them. "nemenyi" is the diagram of Demšar (2006): pairs whose
    mean ranks lie further apart than q sqrt(k (k + 1) / 6n) are told apart, q being the studentized
    range of k losses over the root of 2. Neither waits for Friedman's test: both hold the level
    over all pairs by themselves.

    Raises StudyError for an unknown unit or method and for a single loss.
    """
    for kind, name, choices in (("unit", unit, UNITS), ("method", method, METHODS)):
        if name not in choices:
            raise StudyError(unknown(kind, name, choices))
    losses = sorted(scores["loss"].unique())
    if len(losses) < 2:
        raise StudyError("ranks need two losses or more: run another one")
    pooled = pool_settings(scores, losses[0], test_sets if unit == "test set" else None)
    table = pooled.pivot(index="unit", columns="loss", values="value").reindex(columns=losses)
    whole = table.dropna()
    values = whole.to_numpy(float).round(_DIGITS)
    ranks = scipy.stats.rankdata(-values, axis=1)
    means = pd.DataFrame({"loss": losses, "rank": ranks.mean(0) if len(ranks) else math.nan})
    order = means.sort_values(["rank", "loss"]).index
    names = [str(name) for name in scores["setting"].unique()]
    every = names if unit == "setting" else {test_sets[name] for name in names}
    found = CriticalDifference(
        ranks=means.loc[order].reset_index(drop=True),
        n=len(whole),
        unit=unit,
        test_sets=len({test_sets.get(str(name), name) for name in whole.index}),
        left_out=len(every) - len(whole),
        method=method,
        level=level,
    )
    if whole.empty:
        return replace(found, reason=f"no {unit} has a score of all of {', '.join(losses)}")
    if len(whole) < FEWEST:
        are = " is" if len(whole) == 1 else "s are"
        few = f"{len(whole)} {unit}{are} too few to test ranks: at least {FEWEST} are needed"
        return replace(found, reason=few)
    return _tested(found, values[:, order], ranks[:, order])


def _tested(
    found: CriticalDifference, values: Float[ndarray, "n k"], ranks: Float[ndarray, "n k"]
) -> CriticalDifference:
    n, k = ranks.shape
    error = math.sqrt(k * (k + 1) / (6 * n))
    names, means = list(found.ranks["loss"]), ranks.mean(0)
    rows = []
    for one, other in combinations(range(k), 2):
        apart = float(means[other] - means[one])
        if found.method == "nemenyi":
            p = float(scipy.stats.studentized_range.sf(math.sqrt(2) * apart / error, k, math.inf))
        else:
            gains = values[:, one] - values[:, other]
            p = wilcoxon_p(gains) if np.any(gains) else 1.0
        rows.append((names[one], names[other], apart, p))
    pairs = pd.DataFrame(rows, columns=list(_PAIRS[:4]))
    distance, reason = math.nan, ""
    if found.method == "nemenyi":
        distance = nemenyi_quantile(k, found.level) * error
        pairs["p_corrected"] = pairs["p"]
    else:
        pairs = with_holm(pairs, ["p"]).rename(columns={"p_holm": "p_corrected"})
        reason = _no_power(n, len(pairs), found)
    pairs["apart"] = pairs["p_corrected"] < found.level
    chi2, p = friedman(ranks)
    groups = _groups(names, pairs)
    tested = {"chi2": chi2, "friedman_p": p, "pairs": pairs, "groups": groups}
    return replace(found, **tested, distance=distance, reason=reason)


def friedman(ranks: Float[ndarray, "n k"], *, seed: int = 0) -> tuple[float, float]:
    """Friedman's chi-square of the ranks within n rows, with ties, and its p by random orders.

    p is the share of 16384 random orders within rows (and the one seen) whose chi-square is as
    large: valid for any n and k, where the chi-square distribution needs more than 10 rows and 5
    losses (Demšar 2006, sec. 3.2.2). Ranks that are all tied give NaN and 1.
    """
    n, k = ranks.shape
    middle = (k + 1) / 2
    spread = float(np.sum((ranks - middle) ** 2))
    if spread == 0:
        return math.nan, 1.0
    rng = np.random.default_rng(seed)
    totals = np.zeros((_ORDERS, k))
    for row in ranks:
        totals += rng.permuted(np.broadcast_to(row, (_ORDERS, k)), axis=1)
    seen = np.sum((ranks.sum(0) - n * middle) ** 2)
    drawn = np.sum((totals - n * middle) ** 2, axis=1)
    p = (1 + int(np.sum(drawn >= seen - 1e-9))) / (_ORDERS + 1)
    return float((k - 1) * seen / spread), p


def nemenyi_quantile(losses: int, level: float = 0.05) -> float:
    """q of Nemenyi's test: the studentized range over the root of 2 (Demšar 2006, table 5a)."""
    quantile = scipy.stats.studentized_range.ppf(1 - level, losses, math.inf)
    return float(quantile) / math.sqrt(2)


def settings_needed(losses: int, level: float = 0.05) -> int:
    """The fewest settings with which Wilcoxon's test can tell any pair of so many losses apart."""
    n, pairs = 1, losses * (losses - 1) // 2
    while pairs * smallest_wilcoxon_p(n) >= level:
        n += 1
    return n


def _no_power(n: int, pairs: int, found: CriticalDifference) -> str:
    if n >= (needed := settings_needed(len(found.ranks), found.level)):
        return ""
    least = min(1.0, pairs * smallest_wilcoxon_p(n))
    return (
        f"no corrected p of {pairs} pair{'' if pairs == 1 else 's'} can fall below {least:.2g} "
        f"over {n} {found.unit}s: at least {needed} are needed to tell any two losses apart"
    )


def _groups(names: list[str], pairs: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """The maximal cliques of losses that were not told apart (Bron & Kerbosch 1973), best first."""
    alike: dict[str, set[str]] = {name: set() for name in names}
    for row in pairs[~pairs["apart"]].to_dict("records"):
        alike[row["one"]].add(row["other"])
        alike[row["other"]].add(row["one"])
    found: list[tuple[int, ...]] = []

    def grow(clique: set[str], rest: set[str], done: set[str]) -> None:
        if not rest and not done and len(clique) > 1:
            found.append(tuple(sorted(names.index(name) for name in clique)))
        for name in sorted(rest):
            grow(clique | {name}, rest & alike[name], done & alike[name])
            rest, done = rest - {name}, done | {name}

    grow(set(), set(names), set())
    return tuple(tuple(names[place] for place in clique) for clique in sorted(found))
