"""What is said of rankings under all definitions."""

import pandas as pd
import pytest

from losslab.analysis.definition_sentences import (
    how_ranked,
    read_agreement,
    read_equal,
    read_leaders,
    read_left_out,
    read_trimap,
    read_unequal,
)
from losslab.analysis.definition_words import explained, explained_in_markdown, names_of
from losslab.analysis.rankings import COMMON, Rankings, of_pictures, rank_all
from losslab.analysis.regions import trimap_table
from losslab.metrics import DEFINITIONS
from tests.analysis.counted import results_of
from tests.analysis.test_rankings import runs_of
from tests.analysis.test_regions import counts

OTHER = ("voc", "", "unet", "resnet34")


@pytest.fixture(scope="module")
def flipping() -> pd.DataFrame:
    """iou finds the one large object, dice the nine small ones."""
    return results_of({"iou": runs_of(0.95, 0.5), "dice": runs_of(0.8, 0.9, step=0.02)})


@pytest.fixture(scope="module")
def found(flipping: pd.DataFrame) -> Rankings:
    return rank_all(flipping)


def test_flips_under_whole_pictures_and_by_distance_are_counted_apart(found: Rankings) -> None:
    text = read_agreement(found.agreed)
    assert text.startswith(
        "4 of the 6 other definitions with numbers of their own put two losses or more in another "
        "order than IoU (data set) does; furthest from it is pixel accuracy (mean over images) "
        "(Kendall's τ −1.00)"
    )
    assert "by distance" not in text  # they have the numbers of whole pictures here
    assert text.endswith("under 4 of them both 95 % intervals of a flip exclude 0 (uncorrected).")


def test_a_flip_by_distance_alone_is_told() -> None:
    losses = {"iou": [counts(0.5, 0.9)] * 2, "dice": [counts(0.8, 0.7), counts(0.6, 0.7)]}
    found = rank_all(results_of(losses))
    own = found.agreed[(found.agreed["same_as"] == "") & ~found.agreed["chosen"]]
    trimaps = own[own["score"].str.match("trimap|nonboundary")]
    text = read_agreement(found.agreed)
    assert "other definitions order the losses as IoU (data set) does; 1 of the " in text
    assert f"1 of the {len(trimaps)} IoUs by distance from the edges reverses two losses" in text
    assert "none of these flips is told from chance" in text


def test_a_ranking_that_holds_everywhere_has_nothing_uncertain() -> None:
    found = rank_all(results_of({"iou": runs_of(0.95, 0.9), "dice": runs_of(0.8, 0.7)}))
    text = read_agreement(found.agreed)
    assert text.startswith("All 6 other definitions order the losses as IoU (data set) does")
    assert "chance" not in text


def test_the_leaders_are_counted_over_definitions_with_numbers_of_their_own(
    found: Rankings,
) -> None:
    whole = of_pictures(found)
    assert read_leaders(whole.ranked) == "Of 9 definitions, first is `dice` under 5, `iou` under 4."


def test_of_pictures_keeps_the_chosen_definition_though_it_is_a_trimap(
    flipping: pd.DataFrame,
) -> None:
    whole = of_pictures(rank_all(flipping, metric="trimap_iou_3"))
    assert whole.ranked["score"].iloc[0] == "trimap_iou_3@dataset"
    assert whole.agreed["score"].str.match("trimap|nonboundary").sum() == 1
    assert (whole.agreed["same_as"] == "").all()
    assert set(whole.flips["score"]) <= set(whole.agreed["score"])


def test_definitions_with_the_same_numbers_are_named_once(found: Rankings) -> None:
    text = read_equal(found.agreed)
    assert text.startswith("The same numbers as IoU (data set): ")
    assert "IoU (data set; labelled only), IoU (data set; absent are 1)" in text
    assert "IoU within 1, 3 px of edges (data set)" in text
    assert read_equal(found.agreed[found.agreed["same_as"] == ""]) == ""


def test_what_is_left_out_is_named_by_reason() -> None:
    whole = counts(0.5, 0.5)
    for name in ("tp", "fp", "fn"):
        whole[f"trimap_40_{name}"] = whole[name]
    results = results_of({"ce": [whole], "iou": [whole]})
    text = read_left_out(rank_all(results).missing)
    assert "these runs have other classes: IoU (data set; without background)" in text
    assert "nothing is left to score in these runs' pictures: IoU beyond 40 px of edges" in text
    both = pd.concat([results, results.assign(dataset="voc")])
    lines = read_left_out(rank_all(both).missing).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "- **scenes, unet, resnet34**",
        "- **voc, unet, resnet34**",
    ]
    assert read_left_out(rank_all(results).missing.head(0)) == ""


def test_unequal_numbers_of_runs_are_said(flipping: pd.DataFrame) -> None:
    assert "Not all losses have the same runs" not in how_ranked(rank_all(flipping).ranked)
    fewer = flipping[(flipping["loss"] == "iou") | (flipping["seed"] < 4)]
    ranked = rank_all(fewer).ranked
    assert ranked.groupby("loss")["runs"].first().to_dict() == {"dice": 4, "iou": 5}
    assert "Not all losses have the same runs" in how_ranked(ranked)
    assert read_unequal(ranked) in how_ranked(ranked)
    assert read_unequal(rank_all(flipping).ranked) == ""


def test_settings_are_read_each_by_itself(flipping: pd.DataFrame) -> None:
    other = results_of({"iou": runs_of(0.9, 0.9), "dice": runs_of(0.5, 0.5)}, OTHER)
    found = rank_all(pd.concat([flipping, other]))
    for text in (read_agreement(found.agreed), read_leaders(found.ranked)):
        lines = text.splitlines()
        assert [line.split("**")[1] for line in lines] == [
            "scenes, unet, resnet34",
            "voc, unet, resnet34",
        ]


def test_where_all_losses_are_equal_none_leads() -> None:
    table = trimap_table(results_of({"ce": [counts(0.5, 0)], "iou": [counts(0.6, 0)]}))
    text = read_trimap(table)
    assert "within w px of the edges is that of `iou` for w = 1 to 40" in text
    assert "beyond them that of `iou` for w = 1 to 3, no loss (all are equal) for w = 5" in text


def test_each_definition_and_rule_is_explained_once_in_text_and_in_markdown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    text, markdown = explained(COMMON), explained_in_markdown(COMMON)
    for name in ("IoU (image by image; classes pooled)", "E-measure (image by image)"):
        assert text.count(f"\n{name} ") == 1
        assert markdown.count(f"| {name} ") == 1
    for rules in (text, markdown):
        for rule in ("a class that the label lacks is left out", "pixels labelled 255"):
            assert rules.count(rule) == 1, rule
        assert "band of w pixels on both sides" in " ".join(rules.split())
    assert "- `boundary_iou`: Boundary IoU: TP / (TP + FP + FN) within" in markdown
    for score in DEFINITIONS.values():
        assert f"`{score.level}`" in markdown


def test_widths_of_a_trimap_are_named_together() -> None:
    names = ["iou@image", "trimap_iou_1@image", "trimap_iou_5@image", "trimap_iou_5@dataset"]
    assert names_of(names) == (
        "IoU (mean over images), IoU within 1, 5 px of edges (mean over images), IoU within 5 px "
        "of edges (data set)"
    )
