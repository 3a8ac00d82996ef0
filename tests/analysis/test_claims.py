"""What is claimed, and in which words."""

import numpy as np
import pandas as pd
import pytest

from losslab.analysis import (
    claims,
    paired_comparison,
    ranking_flips,
    rankings,
    relevance,
    seed_noise,
    tables,
)
from losslab.analysis.claims import points
from losslab.analysis.sentences import (
    claims_list,
    headline,
    read_differences,
    read_flips,
    read_folds,
    read_test_pictures,
)
from tests.analysis.synthetic import synthetic_results
from tests.analysis.test_statistics import scores_of


def claim_of(**values: list[float]) -> pd.Series:
    scores = scores_of(**values)
    return claims(paired_comparison(scores, "ce"), seed_noise(scores)).iloc[0]


def test_three_seeds_give_a_hint_at_most() -> None:
    found = claim_of(ce=[0.50, 0.51, 0.52], iou=[0.600, 0.611, 0.619])
    assert found["verdict"] == "hint of better"
    assert "3 seeds are too few" in found["sentence"]
    assert "cannot fall below 0.25" in found["sentence"]


def test_six_consistent_seeds_give_a_claim() -> None:
    noise = np.random.default_rng(0).normal(0, 0.002, (2, 6))
    found = claim_of(ce=list(0.5 + noise[0]), iou=list(0.55 + noise[1]))
    assert found["verdict"] == "better"
    assert "less than this difference" in found["sentence"]


def test_a_claim_reads_as_a_finding_with_its_interval_seeds_and_corrected_p() -> None:
    gain = [0.020, 0.022, 0.021, 0.019, 0.023]
    scores = scores_of(ce=[0.50, 0.51, 0.52, 0.49, 0.48], iou=[0.52, 0.532, 0.541, 0.509, 0.503])
    comparison = relevance(paired_comparison(scores, "ce"), rope=0.01)
    floor = pd.DataFrame({"setting": [scores["setting"].iloc[0]], "largest": [0.001]})
    table = claims(comparison, seed_noise(scores), label="IoU (data set)", floor=floor)
    low, high = (100 * comparison[end].iloc[0] for end in ("low", "high"))
    assert abs(100 * np.mean(gain) - 2.1) < 1e-9
    text = table["sentence"].iloc[0]
    assert text.startswith(
        f"`iou` beats `ce` by 2.1 points of IoU (data set) (95 % interval +{low:.1f} to "
        f"+{high:.1f}; 5 seeds; Holm p < 0.001). It matters in practice: more than 1.0 points"
    )
    assert "takes about 2 paired runs" in text
    assert text.endswith("; the same seed twice gave 0.1.")


def test_a_difference_within_the_region_of_practical_equivalence_is_called_alike() -> None:
    scores = scores_of(ce=[0.50, 0.51, 0.52, 0.49, 0.48], iou=[0.501, 0.512, 0.521, 0.492, 0.481])
    comparison = relevance(paired_comparison(scores, "ce"), rope=0.01)
    text = claims(comparison, seed_noise(scores))["sentence"].iloc[0]
    assert "In practice the two are alike: within ±1.0 points" in text


def test_the_runs_that_a_small_difference_takes_are_said() -> None:
    # d_z = 1/6: (1.960 + 0.842)^2 * 36 = 282.6, and 1.96^2 / 2 for the t test
    found = claim_of(ce=[0.50, 0.52, 0.54, 0.51], iou=[0.52, 0.51, 0.55, 0.50])
    assert "takes about 285 paired runs" in found["sentence"]


def test_an_interval_that_holds_zero_is_unclear() -> None:
    found = claim_of(ce=[0.50, 0.52, 0.54], iou=[0.52, 0.51, 0.55])
    assert found["verdict"] == "unclear"
    assert "holds 0" in found["sentence"]


def test_one_seed_gives_no_claim() -> None:
    found = claim_of(ce=[0.5], iou=[0.7])
    assert found["verdict"] == "no claim"
    assert found["sentence"].endswith("Nothing may be claimed from this.")


def test_significance_lost_to_the_correction_is_a_hint() -> None:
    rng = np.random.default_rng(4)
    base = rng.normal(0.5, 0.01, 6)
    losses = {f"l{i}": list(base + rng.normal(0, 0.01, 6)) for i in range(12)}
    gain = np.array([0.012, 0.002, 0.02, 0.005, 0.016, 0.001])  # uncorrected p is about 0.04
    scores = scores_of(ce=list(base), iou=list(base + gain), **losses)
    table = claims(paired_comparison(scores, "ce"), seed_noise(scores)).set_index("loss")
    assert table.loc["iou", "verdict"] == "hint of better"
    assert "corrected for" in str(table.loc["iou", "sentence"])


def test_headline_names_what_may_be_claimed_and_what_is_a_hint() -> None:
    rows = [("s", "iou", "better"), ("s", "dice", "hint of better"), ("s", "focal", "unclear")]
    table = pd.DataFrame(rows, columns=["setting", "loss", "verdict"])
    assert headline(table, "ce") == (
        "**`iou` may be claimed to be better than `ce`; there are hints that these are "
        "better: `dice`.**"
    )
    assert headline(table[2:], "ce") == "**No loss may be claimed to differ from `ce`.**"


def test_headline_counts_the_settings_where_there_are_several() -> None:
    rows = [("a", "iou", "better"), ("b", "iou", "better"), ("b", "dice", "hint of better")]
    rows += [("c", "iou", "unclear"), ("a", "dice", "hint of better"), ("c", "focal", "worse")]
    rows += [("c", "dice", "hint of worse")]
    table = pd.DataFrame(rows, columns=["setting", "loss", "verdict"])
    assert headline(table, "ce") == (
        "**`iou` (in 2 of 3) may be claimed to be better than `ce`; `focal` (in 1 of 3) may be "
        "claimed to be worse than `ce`; there are hints that these are better: `dice` "
        "(in 2 of 3); there are hints that these are worse: `dice` (in 1 of 3).**"
    )


def test_claims_of_several_settings_stand_under_their_names() -> None:
    table = pd.DataFrame({"setting": ["a", "b"], "sentence": ["One.", "Two."]})
    assert claims_list(table) == "**a**\n\n- One.\n\n**b**\n\n- Two."


def test_points_have_a_true_minus_sign() -> None:
    assert points(-0.0123) == "−1.2"
    assert points(float("nan")) == "–"
    assert points(-0.0001) == "0.0"


@pytest.fixture
def flipping() -> pd.DataFrame:
    """iou leads on IoU and ce on Boundary IoU, beyond any noise."""
    results = synthetic_results(effects={"ce": 0.0, "iou": 0.05}, noise=0.001, seeds=5)
    edge = (results["metric"] == "boundary_iou") & (results["loss"] == "iou")
    results.loc[edge, "value"] -= 0.1
    return results


def test_a_ranking_that_flips_under_another_definition_is_found(flipping: pd.DataFrame) -> None:
    flips = ranking_flips(flipping)
    assert set(flips["definition"]) == {
        "Boundary IoU (data set)",
        "Boundary IoU (mean over images)",
    }
    assert flips["clear"].all()
    assert (flips["better"] == "iou").all()
    text = read_flips(flips)
    assert "1 pair of losses changes places" in text  # under two definitions, yet one pair
    assert text.endswith("both 95 % intervals exclude 0 (uncorrected) for 1 of them.")


def test_a_flip_on_few_seeds_is_not_told_from_chance(flipping: pd.DataFrame) -> None:
    flips = ranking_flips(flipping[flipping["seed"] < 4])
    assert len(flips) == 2
    assert not flips["clear"].any()
    assert read_flips(flips).endswith("fewer than 5 seeds cannot tell that from chance.")
    assert "fewer than 5 seeds" in tables.show_flips(flips).iloc[0].to_list()


def test_the_claim_says_that_the_order_reverses(flipping: pd.DataFrame) -> None:
    scores = scores_of(ce=[0.50, 0.51], iou=[0.60, 0.611]).assign(setting="scenes, unet, resnet34")
    flips = ranking_flips(flipping)
    table = claims(paired_comparison(scores, "ce"), seed_noise(scores), flips)
    assert "The ranking flips under Boundary IoU (data set) and" in table["sentence"].iloc[0]


def test_rankings_start_with_the_chosen_definition(flipping: pd.DataFrame) -> None:
    table = rankings(flipping, metric="boundary_iou")
    assert table["definition"].iloc[0] == "Boundary IoU (data set)"
    first = table[table["chosen"]].set_index("loss")["rank"]
    assert first.to_dict() == {"ce": 1, "iou": 2}


def test_the_sentence_on_differences_counts_those_outside_the_band() -> None:
    scores = scores_of(ce=[0.50, 0.51, 0.52], iou=[0.70, 0.71, 0.721], dice=[0.51, 0.50, 0.53])
    text = read_differences(paired_comparison(scores, "ce"), seed_noise(scores))
    assert text.startswith("1 of 2 (`iou`) lies outside")


def test_many_folds_of_one_seed_give_a_hint_and_a_caveat() -> None:
    gain = np.array([0.05, 0.052, 0.049, 0.051, 0.05, 0.053])
    scores = scores_of(ce=[0.5] * 6, iou=list(0.5 + gain))
    folds = scores.assign(fold=scores["seed"], seed=0)
    comparison, noise = paired_comparison(folds, "ce"), seed_noise(folds)
    found = claims(comparison, noise).iloc[0]
    assert found["verdict"] == "hint of better"
    assert "; 6 folds, 1 seed; Holm p < 0.001)" in found["sentence"]
    assert "1 seed is too few; repeat with 5 seeds" in found["sentence"]
    assert read_differences(comparison, noise) == (
        "One seed leaves the seed noise unknown; the 95 % interval over folds excludes 0 for `iou`."
    )
    assert "Nadeau & Bengio" in read_folds(comparison)
    assert read_folds(paired_comparison(scores, "ce")) == ""


def test_equal_differences_on_many_seeds_give_no_claim() -> None:
    found = claim_of(ce=[0.5, 0.6, 0.4, 0.5, 0.6], iou=[0.6, 0.7, 0.5, 0.6, 0.7])
    assert found["verdict"] == "no claim"
    assert "5 seeds; all differences are equal" in found["sentence"]


def test_headline_names_the_settings_that_it_leaves_out() -> None:
    table = pd.DataFrame([("s", "iou", "unclear")], columns=["setting", "loss", "verdict"])
    gaps = pd.DataFrame({"setting": ["camvid, unet"], "reason": ["none"]})
    assert headline(table, "ce", gaps).endswith("Not compared with `ce`: camvid, unet.")


@pytest.mark.parametrize(
    ("selection", "caveat"), [("best", "chose the best epoch"), ("last", "validation pictures.")]
)
def test_scores_of_validation_pictures_are_called_that(selection: str, caveat: str) -> None:
    runs = pd.DataFrame({"data_tested_on_val": [True], "spec": [{"selection": selection}]})
    assert caveat in read_test_pictures(runs)
    assert read_test_pictures(runs.assign(data_tested_on_val=False)) == ""
    assert read_test_pictures(runs.drop(columns="data_tested_on_val")) == ""
