"""Rankings under all definitions, from counts that are made to flip or not to."""

import math

import pandas as pd
import pytest

from losslab.analysis import ranking_flips, rankings, tables
from losslab.analysis.definition_sentences import read_agreement
from losslab.analysis.rankings import COMMON, agreement, left_out
from losslab.errors import StudyError
from losslab.metrics import DEFINITIONS
from tests.analysis.counted import counts_of, evenly, results_of

BINARY = [name for name in COMMON if DEFINITIONS[name].classes in ("mean", "pixels")]


def runs_of(
    large: float, small: float, *, seeds: int = 5, step: float = 0.01, edges: bool = True
) -> list[pd.DataFrame]:
    """A network of one class, better by a step with each seed."""
    shares = [(large + step * seed, small + step * seed) for seed in range(seeds)]
    return [counts_of({"object": evenly(*share)}, edges=edges) for share in shares]


@pytest.fixture(scope="module")
def large_or_small() -> pd.DataFrame:
    """iou finds the one large object, dice the nine small ones."""
    return results_of({"iou": runs_of(0.95, 0.5), "dice": runs_of(0.8, 0.9, step=0.02)})


def test_one_large_and_many_small_objects_flip_between_the_levels(
    large_or_small: pd.DataFrame,
) -> None:
    flips = ranking_flips(large_or_small, definitions=COMMON)
    assert set(flips["better"]) == {"iou"}
    assert "iou@image" in set(flips["score"])
    assert not flips["score"].str.contains("@dataset").any()
    row = flips.set_index("score").loc["iou@image"]
    # 9950 of 10900 pixels against 8810; (0.95 + 9 * 0.5) / 10 against (0.8 + 9 * 0.9) / 10; and
    # the seeds of dice are 0.02 better on average
    assert row["difference"] == pytest.approx((9950 - 8810) / 10900 - 0.02)
    assert row["other_difference"] == pytest.approx(0.545 - 0.89 - 0.02)
    assert row["low"] > 0
    assert row["other_high"] < 0
    assert row["clear"]
    assert row["seeds"] == 5


def test_a_loss_that_is_ahead_everywhere_flips_nowhere() -> None:
    results = results_of({"iou": runs_of(0.95, 0.9), "dice": runs_of(0.8, 0.7)})
    ranked = rankings(results, definitions=COMMON)
    flips = ranking_flips(results, definitions=COMMON)
    assert flips.empty
    assert (ranked[ranked["loss"] == "iou"]["rank"] == 1).all()
    agreed = agreement(ranked, flips)
    assert (agreed["tau"] == 1).all()
    assert (agreed["flips"] == 0).all()


def test_equal_losses_share_a_rank_and_do_not_flip() -> None:
    results = results_of({"iou": runs_of(0.9, 0.9), "dice": runs_of(0.9, 0.9)})
    ranked = rankings(results, definitions=COMMON)
    assert (ranked["rank"] == 1).all()
    flips = ranking_flips(results, definitions=COMMON)
    assert flips.empty
    assert agreement(ranked, flips)["tau"].isna().all()


def test_a_tie_under_one_definition_alone_is_no_flip() -> None:
    # equal at data-set level: 0.9 * 10000 + 0.5 * 900 = 0.855 * 10000 + 900
    tied = {"iou": [counts_of({"a": evenly(0.9, 0.5)})]}
    tied["dice"] = [counts_of({"a": evenly(0.855, 1.0)})]
    results = results_of(tied)
    assert ranking_flips(results, definitions=COMMON).empty
    assert ranking_flips(results, level="image", definitions=["iou@dataset"]).empty
    ranks = rankings(results).set_index(["score", "loss"])["rank"]
    assert ranks["iou@dataset"].to_list() == [1, 1]
    assert ranks["iou@image"].to_dict() == {"dice": 1, "iou": 2}


def test_one_run_is_ranked_first_and_agrees_with_nothing() -> None:
    results = results_of({"iou": runs_of(0.9, 0.8, seeds=1)})
    ranked = rankings(results, definitions=COMMON)
    flips = ranking_flips(results, definitions=COMMON)
    assert (ranked["rank"] == 1).all()
    assert flips.empty
    assert math.isnan(agreement(ranked, flips)["tau"].iloc[0])


def test_one_seed_each_flips_but_may_be_chance(large_or_small: pd.DataFrame) -> None:
    flips = ranking_flips(large_or_small[large_or_small["seed"] == 0], definitions=COMMON)
    assert len(flips)
    assert not flips["clear"].any()
    assert (flips["seeds"] == 1).all()


def test_a_class_that_is_missing_flips_by_the_rule_for_absent_classes() -> None:
    # wrong predicts "b" in the images that lack it; right never does, and is worse at "a"
    nowhere = dict.fromkeys(evenly(0, 0))
    somewhere = nowhere | {"large": 0.9}
    right = counts_of({"a": evenly(0.7, 0.7), "b": somewhere})
    wrong = counts_of({"a": evenly(0.75, 0.75), "b": somewhere})
    stray = (wrong["class"] == "b") & (wrong["image"] != "large")
    wrong.loc[stray, "fp"] = 1
    results = results_of({"right": [right], "wrong": [wrong]})
    flips = ranking_flips(results, level="image", definitions=COMMON)
    scores = set(flips["score"])
    assert {"iou@image, absent union", "iou@image, absent one"} <= scores
    assert "iou@image_first" not in scores  # absent classes are left out there too
    assert (flips["better"] == "wrong").all()


def test_dice_is_no_second_witness_of_iou(large_or_small: pd.DataFrame) -> None:
    flips = ranking_flips(large_or_small, definitions=COMMON)
    assert not flips["score"].str.startswith("dice").any()
    ranked = rankings(large_or_small, definitions=COMMON)
    derived = set(ranked.loc[ranked["derived"], "score"])
    assert derived == {name for name in derived if name.startswith("dice") or "pooled" in name}
    assert "dice@image" in derived
    chosen = ranking_flips(large_or_small, metric="dice", definitions=COMMON)
    assert "dice@image" in set(chosen["score"])
    assert not chosen["score"].str.match("iou").any()


@pytest.fixture(scope="module")
def even_or_one_class() -> pd.DataFrame:
    """iou finds half of both classes, dice all of one and next to nothing of the other."""
    half = [counts_of({"a": evenly(s, s), "b": evenly(s, s)}) for s in (0.5, 0.501, 0.502)]
    one = [counts_of({"a": evenly(1, 1), "b": evenly(s, s)}) for s in (0.02, 0.021, 0.022)]
    return results_of({"iou": half, "dice": one})


@pytest.mark.parametrize(("metric", "twin"), [("iou", "dice"), ("dice", "iou")])
def test_a_mean_dice_that_orders_losses_as_no_mean_iou_does_is_a_flip(
    even_or_one_class: pd.DataFrame, metric: str, twin: str
) -> None:
    # mean IoU 0.5 against 0.51, mean Dice 0.667 against (1 + 0.039) / 2
    flips = ranking_flips(even_or_one_class, metric=metric, definitions=COMMON)
    row = flips.set_index("score").loc[f"{twin}@dataset"]
    ahead = "dice" if metric == "iou" else "iou"
    assert row["better"] == ahead
    assert row["difference"] > 0 > row["other_difference"]
    found = rankings(even_or_one_class, metric=metric, definitions=COMMON)
    agreed = agreement(found, flips)
    shown = tables.show_rankings(found, agreed).set_index("definition")
    name = "Dice" if twin == "dice" else "IoU"
    assert shown.loc[f"{name} (data set)", "note"] == "derived, FLIP"
    text = read_agreement(agreed)
    assert "derived ones that reverse what the score behind them does not: " in text
    assert f"{name} (data set)" in text


def test_definitions_that_give_the_same_numbers_tell_a_flip_once(
    large_or_small: pd.DataFrame,
) -> None:
    ranked = rankings(large_or_small, definitions=COMMON).drop_duplicates("score")
    same = ranked.set_index("score")["same_as"]
    assert same["iou@dataset, absent labelled"] == "iou@dataset"
    assert same["iou@image, absent one"] == "iou@image"
    flips = ranking_flips(large_or_small, definitions=COMMON)
    told = flips["score"].to_list()
    assert "iou@image" in told
    assert "iou@image, absent one" not in told
    agreed = agreement(rankings(large_or_small, definitions=COMMON), flips).set_index("score")
    assert agreed.loc["iou@image, absent one", "flips"] == 1


def test_older_runs_are_ranked_by_what_they_hold_and_the_rest_is_named() -> None:
    results = results_of({"iou": runs_of(0.9, 0.8, edges=False), "dice": runs_of(0.8, 0.9)})
    ranked = rankings(results, definitions=COMMON)
    assert not ranked["score"].str.startswith("trimap").any()
    reasons = left_out(results, definitions=COMMON).set_index("score")["reason"]
    assert reasons["trimap_iou_3@dataset"] == "not all runs"
    assert reasons["trimap_iou_2@dataset"] == "not stored"
    assert reasons["iou@dataset, foreground"] == "no such classes"
    assert set(reasons.index) | set(ranked["score"]) == set(COMMON)
    assert not set(reasons.index) & set(ranked["score"])


def test_a_chosen_score_that_no_run_holds_is_an_error() -> None:
    results = results_of({"iou": runs_of(0.9, 0.8, edges=False)})
    with pytest.raises(StudyError, match="no run has a score trimap_iou_1@dataset"):
        rankings(results, metric="trimap_iou_1")


def test_an_entropy_ranks_nothing() -> None:
    assert not [name for name in COMMON if name.startswith("entropy")]
    assert {name for name, score in DEFINITIONS.items() if score.is_quality} == set(COMMON)


def test_settings_are_ranked_each_by_itself(large_or_small: pd.DataFrame) -> None:
    other = results_of(
        {"iou": runs_of(0.5, 0.5), "dice": runs_of(0.9, 0.9)}, ("voc", "", "unet", "resnet34")
    )
    both = pd.concat([large_or_small, other])
    flips = ranking_flips(both, definitions=COMMON)
    assert flips["setting"].unique().tolist() == ["scenes, unet, resnet34"]
    shown = tables.show_rankings(rankings(both))
    assert shown["setting"].nunique() == 2


def test_a_table_of_rankings_says_where_it_flips(large_or_small: pd.DataFrame) -> None:
    ranked = rankings(large_or_small, definitions=COMMON)
    agreed = agreement(ranked, ranking_flips(large_or_small, definitions=COMMON))
    shown = tables.show_rankings(ranked, agreed).set_index("definition")
    assert list(shown.columns) == ["iou", "dice", "τ", "note"]
    assert shown.loc["IoU (data set)"].to_list()[2:] == ["1.00", "chosen"]
    assert shown.loc["IoU (mean over images)"].to_list()[2:] == ["−1.00", "FLIP"]
    assert shown.loc["Dice (mean over images)", "note"] == "derived"
    same = shown.loc["IoU (mean over images; absent are 1)", "note"]
    assert same == "as IoU (mean over images)"


def test_a_table_of_flips_has_both_intervals(large_or_small: pd.DataFrame) -> None:
    flips = ranking_flips(large_or_small, definitions=["iou@image"])
    row = tables.show_flips(flips).iloc[0]
    low, high = (f"{100 * flips[end].iloc[0]:+.2f}" for end in ("low", "high"))
    assert row["chosen score, points"] == f"+8.46 ({low} to {high})"
    assert row["there, points"].startswith("−36.50 (−")
    assert row["told from chance"] == "yes"
    one = ranking_flips(large_or_small[large_or_small["seed"] == 0], definitions=["iou@image"])
    row = tables.show_flips(one).iloc[0]
    assert row["there, points"] == "−34.50"  # one seed has no interval
    assert row["told from chance"] == "fewer than 5 seeds"


def test_widths_that_flip_alike_share_a_row_with_the_range_of_their_differences(
    large_or_small: pd.DataFrame,
) -> None:
    flips = ranking_flips(large_or_small, definitions=["iou@image"])
    parts = [
        flips.assign(score=f"trimap_iou_{w}@image", other_difference=-0.01 * w) for w in (1, 3)
    ]
    both = pd.concat(parts).assign(definition="IoU within 1 px of edges (mean over images)")
    (row,) = tables.show_flips(both).to_dict("records")
    assert row["reverses under"] == "IoU within 1, 3 px of edges (mean over images)"
    assert row["there, points"] == "−1.00 to −3.00"
