"""Ranks over settings: Demšar's tables and example, Friedman's exact ones, what forbids tests."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from losslab.analysis.certainty_sentences import read_critical_difference
from losslab.analysis.certainty_tables import show_ranks
from losslab.analysis.critical_difference import (
    CriticalDifference,
    critical_difference,
    friedman,
    nemenyi_quantile,
    settings_needed,
)
from losslab.errors import StudyError
from losslab.plots.critical_difference import critical_difference_figure
from tests.analysis.by_hand import settings_of

# Demšar 2006, table 6: ranks of four trees on 14 data sets; means 3.143, 2.000, 2.893, 1.964.
TREES = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
DEMSAR = np.array(
    [
        *([4, 3, 2, 1], [1, 2, 3, 4], [4, 1, 2, 3], [4, 1, 3, 2], [4, 2, 3, 1]),
        *([1, 2.5, 4, 2.5], [3, 2, 4, 1], [2.5, 2.5, 4, 1], [4, 3, 2, 1]),
        *([2.5, 2.5, 2.5, 2.5], [4, 2.5, 1, 2.5], [3, 2, 4, 1], [4, 1, 2, 3], [3, 1, 4, 2]),
    ]
)


def found_of(
    losses: tuple[str, ...], table: np.ndarray, sets: int = 0, **options: object
) -> CriticalDifference:
    """The comparison of a table of scores; settings are dealt to so many test sets, or have one."""
    count = sets or len(table)
    test_sets = {f"s{place}": f"set{place % count}" for place in range(len(table))}
    return critical_difference(settings_of(losses, table), test_sets, **options)


def apart(found: CriticalDifference) -> set[tuple[str, str]]:
    pairs = found.pairs[found.pairs["apart"]]
    return set(zip(pairs["one"], pairs["other"], strict=True))


def test_quantiles_are_those_of_demsars_table_5() -> None:
    printed = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102}
    assert {k: round(nemenyi_quantile(k), 3) for k in printed} == pytest.approx(printed, abs=2e-3)
    tenth = {2: 1.645, 4: 2.291, 6: 2.589, 10: 2.920}
    found = {k: round(nemenyi_quantile(k, 0.10), 3) for k in tenth}
    assert found == pytest.approx(tenth, abs=2e-3)


def test_demsars_example_has_his_ranks_and_critical_differences() -> None:
    found = found_of(TREES, -DEMSAR, method="nemenyi", level=0.05)
    printed = {"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}
    assert found.ranks.set_index("loss")["rank"].to_dict() == pytest.approx(printed, abs=5e-4)
    assert found.ranks["loss"].iloc[0] == "C4.5+m+cf"
    assert found.distance == pytest.approx(1.25, abs=0.005)
    tenth = found_of(TREES, -DEMSAR, method="nemenyi", level=0.10)
    assert tenth.distance == pytest.approx(1.12, abs=0.005)


def test_demsars_example_finds_what_he_finds() -> None:
    # "C4.5 is significantly worse than C4.5+m and C4.5+m+cf" at 0.10; the other two are undecided.
    found = found_of(TREES, -DEMSAR, method="nemenyi", level=0.10)
    assert apart(found) == {("C4.5+m", "C4.5"), ("C4.5+m+cf", "C4.5")}
    assert found.groups == (("C4.5+m+cf", "C4.5+m", "C4.5+cf"), ("C4.5+cf", "C4.5"))


def test_friedmans_chi_square_is_demsars_but_for_his_ties() -> None:
    chi2, p = friedman(DEMSAR)
    ties = sum(
        float(np.sum(counts**3 - counts))
        for row in DEMSAR
        for counts in [np.unique(row, return_counts=True)[1]]
    )
    assert chi2 * (1 - ties / (14 * 4 * (4**2 - 1))) == pytest.approx(9.28, abs=0.005)
    known = stats.friedmanchisquare(*DEMSAR.T)
    assert chi2 == pytest.approx(known.statistic)
    assert p == pytest.approx(known.pvalue, abs=0.005)


@pytest.mark.parametrize(
    ("rows", "p"), [([[1, 2, 3]] * 3, 0.028), ([[1, 2, 3]] * 3 + [[1, 3, 2]], 0.042)]
)
def test_p_of_few_rows_is_that_of_friedmans_exact_table(rows: list[list[int]], p: float) -> None:
    # Friedman 1937, table 6: chi-square 6 of 3 x 3 ranks, 6.5 of 4 x 3
    assert friedman(np.array(rows, float))[1] == pytest.approx(p, abs=0.004)


def test_losses_that_tie_everywhere_have_no_chi_square() -> None:
    found = found_of(("a", "b", "c"), np.full((6, 3), 0.5))
    assert np.isnan(found.chi2)
    assert found.friedman_p == 1
    assert found.groups == (("a", "b", "c"),)
    assert found.ranks["rank"].tolist() == [2, 2, 2]


def test_pairs_are_tested_by_wilcoxon_with_holm() -> None:
    table = np.random.default_rng(0).normal([0.5, 0.52, 0.55, 0.6], 0.03, (12, 4))
    found = found_of(("a", "b", "c", "d"), table)
    at = dict(zip("abcd", table.T, strict=True))
    known = [
        stats.wilcoxon(at[one] - at[other]).pvalue
        for one, other in zip(found.pairs["one"], found.pairs["other"], strict=True)
    ]
    assert found.pairs["p"].to_numpy() == pytest.approx(known)
    corrected = multipletests(known, method="holm")[1]
    assert found.pairs["p_corrected"].to_numpy() == pytest.approx(corrected)
    assert len(apart(found)) > 0


def test_wilcoxons_p_of_a_pair_does_not_depend_on_the_other_losses_and_nemenyis_does() -> None:
    # Benavoli et al. 2016, sec. 2: b lies just above a everywhere, c and d between or beside them.
    rng = np.random.default_rng(1)
    a = rng.normal(0.5, 0.05, 20)
    pair = np.stack([a, a + 0.004], axis=1)
    crowd = np.concatenate([pair, a[:, None] + rng.uniform(0.001, 0.003, (20, 6))], axis=1)
    names = ("a", "b", *"cdefgh")
    p = {}
    for method in ("wilcoxon", "nemenyi"):
        for label, losses, table in (("two", names[:2], pair), ("eight", names, crowd)):
            pairs = found_of(losses, table, method=method).pairs
            row = pairs[(pairs["one"] == "b") & (pairs["other"] == "a")]
            p[method, label] = row["p"].item()
    assert p["wilcoxon", "two"] == p["wilcoxon", "eight"]
    assert p["nemenyi", "two"] > 1e6 * p["nemenyi", "eight"]


def test_a_group_need_not_be_a_stretch_of_ranks() -> None:
    # b is told apart from its neighbours by differences that never change sign, however small.
    rng = np.random.default_rng(0)
    base = rng.normal(0.5, 0.001, 14)
    c = base + rng.normal(0.0, 0.05, 14)
    found = found_of(("a", "b", "c"), np.stack([base + 0.002, base, c], axis=1))
    assert ("a", "b") in apart(found)
    assert all({"a", "b"} - set(group) for group in found.groups)
    joined = {loss for group in found.groups for loss in group}
    assert joined == {"a", "b", "c"}
    assert len(found.groups) == 2


def test_three_settings_are_ranked_and_not_tested() -> None:
    found = found_of(("a", "b"), np.array([[0.5, 0.6], [0.4, 0.6], [0.3, 0.4]]))
    assert found.ranks["loss"].tolist() == ["b", "a"]
    assert found.pairs.empty
    assert found.groups == ()
    assert found.reason == "3 settings are too few to test ranks: at least 5 are needed"
    assert read_critical_difference(found).endswith(f"(1.00 of 2; 1 is best). {found.reason}.")


def test_seven_settings_cannot_tell_six_losses_apart_and_it_says_so() -> None:
    table = np.linspace(0.5, 0.6, 6) + np.random.default_rng(0).normal(0, 1e-4, (7, 6))
    found = found_of(tuple("abcdef"), table)
    assert apart(found) == set()
    assert "no corrected p of 15 pairs can fall below 0.23 over 7 settings" in found.reason
    assert "at least 10 are needed" in found.reason
    assert "at least 10 are needed" in read_critical_difference(found)
    more = np.linspace(0.5, 0.6, 6) + np.random.default_rng(0).normal(0, 1e-4, (10, 6))
    assert len(apart(found_of(tuple("abcdef"), more))) == 15


def test_settings_needed_are_the_fewest_that_can_tell_a_pair_apart() -> None:
    for losses in (2, 3, 6, 12):
        n, pairs = settings_needed(losses), losses * (losses - 1) / 2
        assert pairs * 2.0 ** (1 - n) < 0.05 <= pairs * 2.0 ** (2 - n)


def test_settings_that_share_test_sets_are_said_to_be_too_sure() -> None:
    table = np.linspace(0.5, 0.6, 3) + np.random.default_rng(0).normal(0, 0.01, (16, 3))
    found = found_of(("a", "b", "c"), table, sets=2)
    assert (found.n, found.test_sets, found.shared) == (16, 2, True)
    assert "The 16 settings share 2 test sets, so they are not independent" in (
        read_critical_difference(found)
    )
    own = found_of(("a", "b", "c"), table)
    assert not own.shared
    assert "not independent" not in read_critical_difference(own)


def test_by_test_set_each_counts_once() -> None:
    table = np.linspace(0.5, 0.6, 3) + np.random.default_rng(0).normal(0, 0.01, (16, 3))
    found = found_of(("a", "b", "c"), table, sets=2, unit="test set")
    assert (found.n, found.unit, found.shared) == (2, "test set", False)
    assert found.reason.startswith("2 test sets are too few")


def test_settings_without_all_losses_are_left_out_and_counted() -> None:
    scores = settings_of(("a", "b"), np.linspace(0.4, 0.6, 14).reshape(7, 2))
    lacking = scores[~((scores["setting"] == "s2") & (scores["loss"] == "b"))]
    found = critical_difference(lacking, {f"s{place}": f"t{place}" for place in range(7)})
    assert (found.n, found.left_out) == (6, 1)
    assert "1 without all losses left out" in read_critical_difference(found)


def test_without_a_setting_of_all_losses_there_are_no_ranks() -> None:
    scores = settings_of(("a", "b"), np.linspace(0.4, 0.6, 4).reshape(2, 2))
    none = scores[(scores["setting"] == "s0") == (scores["loss"] == "a")]
    found = critical_difference(none, {"s0": "t", "s1": "u"})
    assert (found.n, found.left_out) == (0, 2)
    assert found.ranks["rank"].isna().all()
    assert read_critical_difference(found) == (
        "Nothing can be ranked: no setting has a score of all of a, b."
    )
    with pytest.raises(StudyError, match="nothing to draw: no setting"):
        critical_difference_figure(found, styles={})


@pytest.mark.parametrize(
    ("options", "message"),
    [({"unit": "seed"}, "unknown unit 'seed'"), ({"method": "t"}, "unknown method 't'")],
)
def test_unknown_choices_are_named(options: dict[str, str], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        found_of(("a", "b"), np.zeros((6, 2)), **options)


def test_a_single_loss_has_no_ranks() -> None:
    with pytest.raises(StudyError, match="two losses"):
        found_of(("a",), np.zeros((6, 1)))


def test_scores_that_differ_by_rounding_alone_are_tied() -> None:
    table = np.array([[0.1 + 0.2, 0.3]] * 6)
    assert found_of(("a", "b"), table).ranks["rank"].tolist() == [1.5, 1.5]


def test_the_table_names_what_each_loss_is_not_told_apart_from() -> None:
    table = show_ranks(found_of(TREES, -DEMSAR, method="nemenyi", level=0.10))
    assert table.columns.tolist() == ["loss", "mean rank over 14 settings", "not told apart from"]
    row = table.set_index("loss").loc["C4.5+cf"]
    assert row.tolist() == ["2.89", "C4.5+m+cf, C4.5+m, C4.5"]


def test_the_sentence_names_the_best_and_its_equals() -> None:
    text = read_critical_difference(found_of(TREES, -DEMSAR, method="nemenyi", level=0.10))
    assert text.startswith("`C4.5+m+cf` has the best mean rank over 14 settings (1.96 of 4")
    assert "does not tell it apart from `C4.5+m`, `C4.5+cf`;" in text
