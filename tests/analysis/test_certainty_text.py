"""Tables and sentences of how sure a comparison is say what the numbers say."""

import numpy as np
import pandas as pd
import pytest

from losslab import analysis
from losslab.analysis import certainty_sentences as sentences
from losslab.analysis import certainty_tables as tables
from losslab.analysis.units import intervals_by_unit
from tests.analysis.by_hand import folds_of, images_of, scores_of
from tests.analysis.synthetic import SETTINGS, synthetic_results
from tests.analysis.test_hierarchical import gains_of, results_of, sets_of, settings_results
from tests.analysis.test_mixed import settings_of_sets

TWO = (*SETTINGS, ("camvid", "Car", "unet", "resnet34"))


def compared(**gains: list[float]) -> pd.DataFrame:
    """A comparison with ce, whose scores are 0.5, of losses with these gains."""
    count = len(next(iter(gains.values())))
    columns = {loss: [0.5 + gain for gain in column] for loss, column in gains.items()}
    return analysis.paired_comparison(scores_of(ce=[0.5] * count, **columns), "ce")


SURE = [0.030, 0.031, 0.029, 0.032, 0.030, 0.033]
UNSURE = [0.030, -0.031, 0.029, -0.012, 0.001, 0.003]
ALIKE = [0.001, -0.001, 0.002, -0.002, 0.001, 0.0005]


def test_six_equal_signs_are_found_by_all_tests_before_and_not_after_correction() -> None:
    assert sentences.read_tests(compared(iou=SURE)) == (
        "Corrected p below 0.05: by all tests for `iou`."
    )
    text = sentences.read_tests(compared(iou=SURE, dice=UNSURE))
    assert "by all tests for no loss, by some only for `iou`" in text


def test_few_pairs_are_said_to_be_beyond_wilcoxon_and_a_hint() -> None:
    text = sentences.read_tests(compared(iou=SURE[:3]))
    assert "with 3 pairs the p of Wilcoxon and of sign flips cannot fall below 0.25" in text
    assert text.endswith("3 seeds make this a hint and no claim.")
    nothing = sentences.read_tests(compared(iou=UNSURE[:3]))
    assert "hint" not in nothing


def test_few_seeds_of_one_loss_make_no_hint_of_anothers_finding() -> None:
    three = pd.concat([compared(iou=SURE), compared(dice=SURE[:3])], ignore_index=True)
    text = sentences.read_tests(three)
    assert "with 3 pairs (`dice`) the p of Wilcoxon" in text
    assert text.endswith("; fewer than 5 seeds make it a hint and no claim for `dice`.")
    relevant = sentences.read_relevance(analysis.relevance(three))
    assert relevant.endswith("; fewer than 5 seeds make it a hint and no claim for `dice`.")
    untested = pd.concat([compared(iou=SURE), compared(dice=[0.1])], ignore_index=True)
    assert "hint" not in sentences.read_tests(untested)
    assert "hint" not in sentences.read_relevance(analysis.relevance(untested))


def test_findings_of_few_seeds_over_images_are_hints() -> None:
    for seeds in (4, 5):
        gains = gains_of((seeds, 30), seeds=0.001, images=0.03, rest=0.001)
        results = results_of(gains + 0.1)
        texts = (
            sentences.read_hierarchical(analysis.hierarchical_comparison(results, "ce")),
            sentences.read_mixed(analysis.mixed_comparison(results, "ce")),
        )
        for text in texts:
            assert "for `iou`" in text
            assert ("4 seeds make this a hint and no claim" in text) == (seeds == 4)


def test_one_pair_cannot_be_tested() -> None:
    assert sentences.read_tests(compared(iou=[0.1])).startswith("One pair or equal")


def test_folds_are_said_to_be_tested_by_the_corrected_t() -> None:
    gains = np.array([[0.030, 0.031], [0.029, 0.032], [0.030, 0.033]])
    scores = folds_of(ce=(0 * gains + 0.5).tolist(), iou=(0.5 + gains).tolist())
    comparison = analysis.paired_comparison(scores, "ce")
    assert "by the t test corrected for folds for `iou`" in sentences.read_tests(comparison)
    text = sentences.read_improvement(comparison)
    assert "100 % of 6 pairs; pairs of several folds are not independent" in text
    assert "Nadeau-Bengio" in tables.show_tests(comparison)["t corrected for folds"].item()
    assert tables.show_improvement(comparison)["95 % interval"].item() == "–"


def test_table_of_tests_has_each_p_and_its_correction() -> None:
    comparison = compared(iou=SURE, dice=UNSURE)
    table = tables.show_tests(comparison)
    assert table["loss"].tolist() == ["iou", "dice"]
    assert table["p, Wilcoxon"].tolist()[0] == "0.031"
    assert table["p, Wilcoxon, Holm"].tolist()[0] == "0.062"
    assert table["smallest p of the last two"].tolist() == ["0.031", "0.031"]


def test_shares_of_wins_are_read_with_their_interval() -> None:
    text = sentences.read_improvement(compared(iou=SURE, dice=UNSURE))
    assert "`iou` scores above `ce` in 100 % of 6 pairs" in text
    assert text.endswith("excludes one half for `iou`.")
    few = sentences.read_improvement(compared(iou=SURE[:5]))
    assert "excludes one half for no loss (5 of 5 would not do; 6 of 6 would)" in few
    table = tables.show_improvement(compared(iou=SURE)).iloc[0]
    assert table["better in, % of pairs"] == "100"
    assert table["95 % interval"] == "54 to 100"


def test_the_largest_gain_is_named_among_equal_shares() -> None:
    text = sentences.read_improvement(compared(iou=[0.01, 0.02], dice=[0.05, 0.06]))
    assert text.startswith("`dice` scores above")


def test_pairs_needed_are_named_for_the_loss_that_needs_most() -> None:
    comparison = compared(iou=SURE, dice=UNSURE)
    text = sentences.read_power(comparison)
    needed = comparison.set_index("loss")["needed"]
    assert "(80 % power at 0.05) for `iou`" in text
    assert f"the most, {needed['dice']:.0f} pairs, would be needed for `dice`" in text
    assert "unknown without a spread" in sentences.read_power(compared(iou=[0.1]))


def test_folds_have_no_nested_bootstrap() -> None:
    results = synthetic_results(seeds=4)
    results = results.assign(fold=results["seed"], seed=0)
    both, nested = (
        analysis.hierarchical_comparison(results, "ce", scheme=scheme)
        for scheme in ("crossed", "nested")
    )
    table = tables.show_hierarchical(both, nested)
    assert (table["nested bootstrap"] == "–").all()
    assert (table["95 % interval"] != "–").all()


def test_each_verdict_of_relevance_is_read() -> None:
    relevant = analysis.relevance(compared(iou=SURE, dice=UNSURE, focal=ALIKE))
    text = sentences.read_relevance(relevant)
    assert "more than 1.0 points better: `iou`" in text
    assert "equal to it within ±1.0 points (two one-sided tests at 5 %): `focal`" in text
    assert text.endswith("undecided: `dice`.")
    table = tables.show_relevance(relevant).set_index("loss")
    assert table["verdict"].to_dict() == {
        "iou": "relevant gain",
        "dice": "undecided",
        "focal": "negligible",
    }
    few = analysis.relevance(compared(iou=SURE[:3]))
    assert "3 seeds make this a hint" in sentences.read_relevance(few)


def test_settings_of_which_the_same_is_said_are_read_at_once() -> None:
    results = synthetic_results(settings=TWO, seeds=2)
    text = sentences.read_hierarchical(analysis.hierarchical_comparison(results, "ce"))
    reason = "2 seeds, where at least 3 are needed"
    assert text == f"In each of 2 settings: no interval: {reason}."


def test_settings_are_read_one_by_one() -> None:
    scores = analysis.select_scores(synthetic_results(settings=TWO, seeds=2))
    text = sentences.read_power(analysis.paired_comparison(scores, "ce"))
    assert text.count("- **") == 2
    assert "- **camvid (Car), unet, resnet34**: " in text


def test_more_seeds_are_advised_where_seeds_vary_most_and_images_where_they_do() -> None:
    for seeds, images, what in ((0.05, 0.001, "seeds"), (0.001, 0.05, "images")):
        gains = gains_of((4, 30), seeds=seeds, images=images, rest=0.001)
        found = analysis.hierarchical_comparison(results_of(gains), "ce")
        assert f"more {what} would shorten it most for 1 of 1" in sentences.read_hierarchical(found)
        row = tables.show_hierarchical(found).iloc[0]
        assert (float(row["standard error from seeds"]) > float(row["from images"])) == (
            what == "seeds"
        )


def test_a_missing_interval_is_read_with_its_reason() -> None:
    results = results_of(gains_of((2, 9), seeds=0.1, images=0.1, rest=0.1))
    found = analysis.hierarchical_comparison(results, "ce")
    assert sentences.read_hierarchical(found) == (
        "No interval: 2 seeds, where at least 3 are needed."
    )
    assert tables.show_hierarchical(found)["note"].item().startswith("2 seeds")
    mixed = analysis.mixed_comparison(results, "ce")
    assert sentences.read_mixed(mixed).startswith("No mixed model: 2 seeds")
    assert tables.show_mixed(mixed)["95 % interval"].item() == "–"


def test_a_mixed_model_is_read_with_where_the_spread_comes_from() -> None:
    results = results_of(gains_of((5, 30), seeds=0.001, images=0.03, rest=0.02))
    found = analysis.mixed_comparison(results, "ce")
    text = sentences.read_mixed(found)
    sd = 100 * found["sd_images"].item()
    assert f"{sd:.1f} of images" in text
    assert "sd of seeds" in tables.show_mixed(found)


def test_over_settings_the_tables_speak_of_settings_and_test_sets() -> None:
    results = settings_results({"a@camvid": 0.01, "b@camvid": 0.03, "c@camvid": 0.05})
    crossed = analysis.hierarchical_over_settings(results, "ce", sets_of(results))
    assert "standard error from settings" in tables.show_hierarchical(crossed)
    assert "interval over settings and images" in sentences.read_hierarchical(crossed)
    one, _ = settings_of_sets(1, 3)
    mixed = analysis.mixed_over_settings(one, "ce", sets_of(one))
    assert "of settings, " in sentences.read_mixed(mixed)
    assert "of test sets" not in sentences.read_mixed(mixed)
    many, _ = settings_of_sets(4, 3)
    over = analysis.mixed_over_settings(many, "ce", sets_of(many))
    sd = 100 * over["sd_sets"].item()
    assert f"in points: {sd:.1f} of test sets, " in sentences.read_mixed(over)
    assert {"sd of settings", "sd of test sets"} <= set(tables.show_mixed(mixed))


def test_units_are_read_by_their_widths() -> None:
    results = results_of(gains_of((5, 40), seeds=0.001, images=0.05, rest=0.001))
    both = analysis.hierarchical_comparison(results, "ce")
    units = intervals_by_unit(results, analysis.image_comparison(results, "ce"), both)
    text = sentences.read_units(units)
    half = 50 * (units["high"] - units["low"])
    assert f"{half.iloc[0]:.2f} over seeds" in text
    assert f"{half.iloc[1]:.2f} over images" in text
    table = tables.show_units(units)
    assert [name for name in table if "over" in name] == [
        "95 % interval over seeds",
        "95 % interval over images",
        "95 % interval over seeds and images",
    ]


def test_over_both_may_be_shorter_than_over_seeds_and_that_is_explained() -> None:
    results = results_of(gains_of((3, 100), seeds=0.03, images=0.1, rest=0.02))
    both = analysis.hierarchical_comparison(results, "ce")
    units = intervals_by_unit(results, analysis.image_comparison(results, "ce"), both)
    widths = (units["high"] - units["low"]).to_list()
    said = "few seeds leave t fewer degrees of freedom" in sentences.read_units(units)
    assert said
    assert widths[2] < widths[0]


def test_two_seeds_are_said_to_be_too_few_for_both() -> None:
    results = results_of(gains_of((2, 9), seeds=0.1, images=0.1, rest=0.1))
    both = analysis.hierarchical_comparison(results, "ce")
    units = intervals_by_unit(results, analysis.image_comparison(results, "ce"), both)
    assert sentences.read_units(units).endswith("both at once need three seeds.")
    assert sentences.read_units(units.head(0)) == ""


@pytest.mark.parametrize(("gap", "said"), [(0.2, "lies above"), (0.0005, "which is no test")])
def test_interquartile_means_are_read_against_the_baseline(gap: float, said: str) -> None:
    ce = [0.50, 0.51, 0.52, 0.53, 0.54]
    found = analysis.interquartile_means(scores_of(ce=ce, iou=[value + gap for value in ce]))
    text = sentences.read_interquartile(found, "ce")
    assert text.startswith("`iou` has the highest interquartile mean")
    assert said in text
    assert tables.show_interquartile(found)["loss"].tolist() == ["iou", "ce"]


def test_without_a_shared_setting_the_interquartile_mean_says_so() -> None:
    empty = analysis.interquartile_means(scores_of(ce=[0.5])).head(0)
    assert sentences.read_interquartile(empty, "ce") == "No setting has runs of all losses."


def test_a_column_of_settings_is_shown_only_where_there_are_several() -> None:
    one = analysis.paired_comparison(analysis.select_scores(synthetic_results(seeds=2)), "ce")
    scores = analysis.select_scores(synthetic_results(settings=TWO, seeds=2))
    two = analysis.paired_comparison(scores, "ce")
    for show in (tables.show_tests, tables.show_improvement):
        assert "setting" not in show(one)
        assert "setting" in show(two)
    base = np.full((2, 3), 0.5)
    assert "setting" not in tables.show_hierarchical(
        analysis.hierarchical_comparison(images_of({"ce": base, "iou": base + 0.1}), "ce")
    )
