"""Sentences of the audit say what its tables say."""

import pandas as pd

from losslab.analysis.audit import sentences
from losslab.analysis.audit.findings import as_table, check, finding
from losslab.analysis.audit.names import (
    ALL,
    comparison_name,
    data_set_name,
    loss_name,
    model_name,
    paper_name,
    rho_text,
    unit_name,
)


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
    assert data_set_name("celebamask_hq") == "CelebAMask-HQ"
    assert data_set_name("mine") == "mine"


def test_an_encoder_is_named_where_a_network_has_several() -> None:
    assert model_name("unet", "mobilenet_v2") == "U-Net MobileNetV2"
    assert model_name("deeplabv3plus") == "DeepLabv3+"
    assert model_name("fcn8s", "resnet101") == "FCN-8s"


def test_a_unit_is_a_paper_or_one_of_its_networks() -> None:
    assert unit_name({"paper": ALL, "part": ""}) == "all five papers"
    assert unit_name({"paper": "vanbeers2018", "part": ""}) == "van Beers 2018"
    assert unit_name({"paper": "vanbeers2018", "part": "bfcn32s"}) == "van Beers 2018, BFCN-32s"


def test_a_correlation_has_its_sign_and_a_true_minus() -> None:
    assert (rho_text(0.436), rho_text(-0.5), rho_text(float("nan"))) == ("+0.44", "−0.50", "–")


def test_verdicts_are_counted_and_papers_with_contradictions_named() -> None:
    rows = [
        finding("kim2019", "1", "Table 1", "a", "1.0", 1.0),
        finding("gul2023", "1", "Table 1", "b", "1.0", 2.0),
        finding("gul2023", "1", "Table 1", "c", "1.0", float("nan"), note="not printed"),
    ]
    text = sentences.read_verdicts(as_table(rows))
    assert "Of 3 statistics and claims that the papers print, 1 are reproduced" in text
    assert text.endswith("Contradicted: Gul 2023 (1).")
    assert "Contradicted" not in sentences.read_verdicts(as_table(rows[:1]))


def test_checks_of_ours_are_counted_apart_and_those_that_fail_named() -> None:
    rows = [finding("kim2019", "1", "Table 1", "a", "1.0", 1.0)]
    rows += [check("gul2023", "1", name, pd.Series([good])) for name, good in (("b", 1), ("c", 0))]
    text = sentences.read_verdicts(as_table(rows))
    assert text.startswith("Of 1 statistics")
    assert text.endswith("Of 2 checks of ours, 1 hold; not: Gul 2023, c.")
    assert sentences.read_verdicts(as_table(rows[:2])).endswith("Of 1 checks of ours, 1 hold.")


def test_gains_that_are_not_clear_of_zero_are_named() -> None:
    text = sentences.read_gains(summary(paper="gul2023", difference=-0.001, t_p_holm=0.36))
    assert "higher on average in 1 of 2 comparisons" in text
    assert "within its paper in 1" in text
    assert text.endswith("Not clear of 0: Gul 2023, settings (−0.1 points, p = 0.360).")
    assert "Not clear" not in sentences.read_gains(summary())


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


def convergence(**changes: object) -> pd.DataFrame:
    row = {"dataset": "cityscapes", "loss": "ce", "runs": 7, "reached": 2, "sooner": 7}
    row |= {"p": 0.016, "p_min": 0.0156, "p_holm": 0.016, "earlier": 20.0}
    return pd.DataFrame([row | changes])


def test_convergence_is_read_with_its_censored_runs() -> None:
    text = sentences.read_convergence(convergence())
    assert text.startswith("5 of 7 runs do not reach the threshold in 60 epochs.")
    assert "sooner in every setting than cross-entropy (Cityscapes)." in text
    assert "sooner beyond chance than 1 of 1 losses" in text
    assert "every setting" not in sentences.read_convergence(convergence(sooner=6))


def test_a_loss_that_is_later_beyond_chance_does_not_count_as_beaten() -> None:
    assert "than 0 of 1" in sentences.read_convergence(convergence(earlier=-20.0))


def test_where_so_few_settings_cannot_be_significant_the_sentence_says_so() -> None:
    assert "could not be" not in sentences.read_convergence(convergence())
    five = pd.concat([convergence(loss=f"l{k}", p_holm=0.078) for k in range(5)])
    text = sentences.read_convergence(five)
    assert "than 0 of 5 losses, and could not be: 7 settings give no p below 0.016" in text
    assert "which is 0.078 after the correction" in text
