"""Sentences of the audit say what its tables say."""

import pandas as pd

from losslab.analysis.audit import sentences
from losslab.analysis.audit.findings import as_table, finding
from losslab.analysis.audit.names import comparison_name, loss_name, paper_name


def summary(**changes: object) -> pd.DataFrame:
    row = {"paper": "kim2019", "comparison": "settings", "metric": "iou", "baseline": "ce"}
    row |= {"proposed": "level set", "n": 13, "better": 12, "datasets": 3, "difference": 0.017}
    row |= {"low": 0.01, "high": 0.024, "bca_low": 0.012, "bca_high": 0.025, "t_p": 2e-4}
    row |= {"t_p_holm": 2e-4, "dependence": "one run each"}
    return pd.DataFrame([row, row | changes])


def test_names_are_those_that_people_use() -> None:
    assert paper_name("rahman2016") == "Rahman & Wang 2016"
    assert loss_name("dice(absent='zero')") == "Dice"
    assert loss_name("tversky") == "tversky"
    assert comparison_name("voc_aug classes") == "VOC 2012, classes"
    assert comparison_name("settings") == "settings"


def test_verdicts_are_counted_and_papers_with_contradictions_named() -> None:
    rows = [finding("kim2019", "1", "a", "1.0", 1.0), finding("gul2023", "1", "b", "1.0", 2.0)]
    rows.append(finding("gul2023", "1", "c", "1.0", float("nan"), note="not printed"))
    text = sentences.read_verdicts(as_table(rows))
    assert "Of 3 statistics and claims, 1 are reproduced" in text
    assert text.endswith("Contradicted: Gul 2023 (1).")
    assert "Contradicted" not in sentences.read_verdicts(as_table(rows[:1]))
    assert sentences.show_findings(as_table(rows))["derived"].to_list() == ["1", "2", "–"]


def test_gains_that_are_not_clear_of_zero_are_named() -> None:
    text = sentences.read_gains(summary(paper="gul2023", difference=-0.001, t_p_holm=0.36))
    assert "higher on average in 1 of 2 comparisons" in text
    assert "within its paper in 1" in text
    assert text.endswith("Not clear of 0: Gul 2023, settings (−0.1 points, p = 0.360).")
    assert "Not clear" not in sentences.read_gains(summary())


def test_gains_are_shown_in_points() -> None:
    table = sentences.show_gains(summary(low=float("nan")))
    assert table["95 % interval, t"].to_list() == ["+1.00 to +2.40", "–"]
    assert table["pairs that gain"].to_list() == ["12 of 13"] * 2
    assert table["p, Holm"].to_list() == ["<0.001"] * 2


def test_dependence_has_a_line_for_each_comparison() -> None:
    text = sentences.dependence_list(summary(baseline="iou"))
    assert text == "- Kim et al. 2019, settings: 13 pairs on 3 data sets: one run each."


def test_correlations_are_read_with_their_intervals() -> None:
    row = {"paper": "rahman2016", "comparison": "voc2011 categories", "n": 20, "rho": 0.44}
    table = pd.DataFrame([row | {"low": -0.03, "high": 0.75, "p": 0.055, "rho_mean": 0.5}])
    text = sentences.read_sparsity(table)
    assert "VOC 2011, categories: Spearman +0.44 (−0.03 to +0.75, p = 0.055, 20 classes)" in text
    assert text.endswith("none is clear of 0.")
    assert sentences.read_sparsity(table.assign(p=0.01)).endswith("at least one is clear of 0.")
    strong = sentences.read_strength(table.assign(rho=-0.5, p=0.01, rho_mean=-0.1))
    assert "In 1 of 1 comparisons the gain falls" in strong
    assert "uncorrected, in 1)" in strong
    assert "negative in 1 of them" in strong


def test_convergence_is_read_with_its_censored_runs() -> None:
    row = {"dataset": "cityscapes", "loss": "ce", "runs": 7, "reached": 2, "sooner": 7}
    table = pd.DataFrame([row | {"p": 0.016, "p_holm": 0.08}])
    text = sentences.read_convergence(table)
    assert text.startswith("5 of 7 runs do not reach the threshold in 60 epochs.")
    assert "sooner in every setting than cross-entropy (Cityscapes)." in text
    assert "sooner beyond chance than 0 of 1" in text
    assert "every setting" not in sentences.read_convergence(table.assign(sooner=6))


def test_a_median_beyond_the_last_epoch_is_shown_as_such() -> None:
    row = {"dataset": "cityscapes", "loss": "ce", "runs": 7, "reached": 2, "median": float("nan")}
    row |= {"sooner": 4, "later": 2, "undecided": 1, "p": 0.6875, "p_holm": 1.0}
    alone = {"loss": "distance", "sooner": 0, "later": 0, "undecided": 7, "median": 15.0}
    nothing = {"p": float("nan"), "p_holm": float("nan")}
    table = sentences.show_convergence(pd.DataFrame([row, row | alone | nothing]))
    assert table["data set"].to_list() == ["Cityscapes"] * 2
    assert table["median epoch"].to_list() == [">60", "15"]
    assert table["distance sooner"].to_list() == ["4", "–"]
    assert table["p, Holm"].to_list() == ["1.000", "–"]
