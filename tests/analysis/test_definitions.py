"""What tables say of how they were scored."""

import pandas as pd

from losslab.analysis.definitions import (
    METRICS,
    caption,
    definition_table,
    derived_from,
    is_derived,
    short_name,
    with_definition,
)
from losslab.metrics import DEFINITIONS, SCORES


def test_no_two_definitions_have_the_same_name_for_people() -> None:
    names = [short_name(score) for score in DEFINITIONS.values()]
    assert len(set(names)) == len(names)


def test_a_short_name_says_the_level_and_what_is_unusual() -> None:
    assert short_name(DEFINITIONS["iou@dataset"]) == "IoU (data set)"
    assert short_name(DEFINITIONS["trimap_iou_3@image"]) == (
        "IoU within 3 px of edges (mean over images)"
    )
    assert short_name(DEFINITIONS["iou@image, foreground"]) == (
        "IoU (mean over images; without background)"
    )


def test_each_definition_is_explained_with_all_its_rules() -> None:
    table = definition_table(DEFINITIONS).set_index("score")
    assert list(table.index) == list(DEFINITIONS)
    assert table["text"].is_unique
    assert table.drop(columns="width").notna().all(axis=None)
    widths = table["width"].dropna()
    assert widths["boundary_iou@image"] == 0.02
    assert widths["nonboundary_iou_40@dataset"] == 40
    assert "iou@dataset" not in widths


def test_a_caption_says_each_rule_once() -> None:
    names = [f"{metric}@dataset" for metric in METRICS if f"{metric}@dataset" in SCORES]
    text = caption(SCORES[name] for name in names)
    assert text.startswith("Pixel accuracy: summed over the set. IoU, Dice, Boundary IoU, class")
    for rule in ("summed over the set, then the ratio", "is left out", "2 % of", "255"):
        assert text.count(rule) == 1, rule
    assert text.endswith("Pixels labelled 255 are not counted.")
    of_images = caption([SCORES["iou@image"]])
    assert "mean over images, then over classes" in of_images
    assert "band" not in of_images


def test_a_table_can_carry_the_definition_of_its_numbers() -> None:
    table = with_definition(pd.DataFrame({"difference": [0.01]}), SCORES["trimap_iou_5@dataset"])
    carried = table.iloc[0][["metric", "level", "classes", "absent", "width"]].to_list()
    assert carried == ["trimap_iou_5", "dataset", "mean", "union", 5]
    assert "255" in table["void"].iloc[0]


def test_what_follows_from_the_chosen_score_is_derived() -> None:
    assert is_derived("dice@image", "iou@dataset")
    assert is_derived("iou@image", "dice@dataset")
    assert not is_derived("dice@image", "dice@dataset")
    assert not is_derived("boundary_iou@image", "dice@dataset")
    assert is_derived("iou@dataset, pooled", "iou@image")
    assert not is_derived("iou@image_first, pooled", "iou@image")


def test_a_derived_definition_names_the_score_behind_it() -> None:
    assert derived_from("dice@image", "iou@dataset") == "iou@image"
    assert derived_from("iou@image, absent one", "dice@image") == "dice@image, absent one"
    assert derived_from("iou@image, absent union", "dice@image") == "dice@image"
    assert derived_from("dice@dataset, pooled", "iou@dataset") == "accuracy@dataset"
