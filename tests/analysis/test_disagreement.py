"""Where two losses disagree, from hand-made predictions and counts."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from losslab.analysis.disagreement import (
    ALIKE_WRONG,
    APART_WRONG,
    BOTH_RIGHT,
    FIRST_RIGHT,
    SECOND_RIGHT,
    different_share,
    disagreement,
    disagreement_shares,
    most_different,
    read_gaps,
    score_gaps,
    show_gaps,
)
from losslab.analysis.samples import Sample
from losslab.errors import StudyError
from losslab.metrics import counts_table

LABEL = np.array([[0, 0, 1], [1, 2, 255]], np.uint8)
ONE = np.array([[0, 0, 2], [2, 1, 1]], np.uint8)
OTHER = np.array([[0, 1, 1], [2, 0, 0]], np.uint8)


def sample(prediction: np.ndarray, label: np.ndarray = LABEL) -> Sample:
    image = np.zeros((*label.shape, 3), np.uint8)
    return Sample(image, label, prediction, np.zeros(label.shape))


def counts(*predictions: np.ndarray, labels: list[np.ndarray], classes: int = 3) -> pd.DataFrame:
    names = ["object"] if classes == 1 else [f"class {number}" for number in range(classes)]
    return counts_table(
        torch.from_numpy(np.stack(predictions)),
        torch.from_numpy(np.stack(labels)),
        num_classes=classes,
        ids=[f"picture {number}" for number in range(len(labels))],
        class_names=names,
    )


def test_every_pixel_is_of_the_kind_that_its_two_predictions_make_it() -> None:
    kinds = disagreement(sample(ONE), sample(OTHER))
    assert kinds.tolist() == [
        [BOTH_RIGHT, FIRST_RIGHT, SECOND_RIGHT],
        [ALIKE_WRONG, APART_WRONG, 255],
    ]


def test_shares_are_of_the_annotated_pixels() -> None:
    kinds = disagreement(sample(ONE), sample(OTHER))
    assert disagreement_shares(kinds) == pytest.approx([0.2] * 5)
    assert all(math.isnan(share) for share in disagreement_shares(np.full_like(kinds, 255)))


def test_the_share_predicted_differently_does_not_ask_who_is_right() -> None:
    rng = np.random.default_rng(0)
    label, one, other = rng.integers(0, 4, (3, 20, 30)).astype(np.uint8)
    label[:5] = 255
    expected = (one != other)[5:].mean()
    assert different_share(sample(one, label), sample(other, label)) == pytest.approx(expected)
    assert different_share(sample(other, label), sample(one, label)) == pytest.approx(expected)


def test_predictions_of_two_pictures_are_not_compared() -> None:
    with pytest.raises(StudyError, match="of different pictures or tasks"):
        disagreement(sample(ONE), sample(ONE, LABEL[::-1].copy()))


def test_gaps_are_differences_of_the_scores_of_single_pictures() -> None:
    right = counts(LABEL, LABEL, labels=[LABEL, LABEL])
    wrong = counts(LABEL, OTHER, labels=[LABEL, LABEL])
    table = score_gaps(right, wrong)
    assert table["image"].to_list() == ["picture 0", "picture 1"]
    # class 0: 1 of 3 pixels in the union, class 1: 1 of 3, class 2: none
    assert table["second"].to_list() == pytest.approx([1, (1 / 3 + 1 / 3 + 0) / 3])
    assert table["difference"].to_list() == pytest.approx([0, 1 - 2 / 9])
    assert score_gaps(right, wrong, "accuracy")["second"].to_list() == pytest.approx([1, 0.4])


def test_a_binary_picture_without_foreground_has_no_score() -> None:
    empty, full = np.zeros((2, 4, 4), np.uint8)
    full[1:3, 1:3] = 1
    both = counts(full, full, labels=[empty, full], classes=1)
    table = score_gaps(both, both)
    assert table["difference"].isna().to_list() == [True, False]
    assert most_different(table)["image"].to_list() == ["picture 1", "picture 0"]
    assert "1 pictures have no score." in read_gaps(table, "ce", "iou", "iou")
    assert show_gaps(table, "ce", "iou", "iou")["difference, points"].to_list() == ["–", "0.0"]


def test_the_largest_difference_comes_first_whatever_its_sign() -> None:
    gaps = pd.DataFrame({"image": list("abcd"), "difference": [0.1, -0.3, math.nan, 0.1]})
    assert most_different(gaps)["image"].to_list() == ["b", "a", "d", "c"]


def test_the_sentence_counts_who_scores_higher_and_names_the_widest_gap() -> None:
    gaps = pd.DataFrame({"image": list("abc"), "first": [0.5, 0.2, 0.7], "second": [0.4, 0.6, 0.7]})
    gaps["difference"] = gaps["first"] - gaps["second"]
    text = read_gaps(gaps, "ce", "dice", "iou")
    assert "`ce` scores higher on 1 of 3 test pictures and `dice` on 1" in text
    assert "furthest apart on b: 20.0 against 60.0 %" in text


def test_a_metric_that_no_picture_has_is_an_error_with_the_choices() -> None:
    table = counts(LABEL, labels=[LABEL])
    with pytest.raises(StudyError, match="unknown metric of a picture 'uoi': one of accuracy, iou"):
        score_gaps(table, table, "uoi")


def test_runs_of_other_pictures_are_not_compared() -> None:
    one, two = counts(LABEL, labels=[LABEL]), counts(LABEL, LABEL, labels=[LABEL, LABEL])
    with pytest.raises(StudyError, match="not tested on the same pictures"):
        score_gaps(one, two)
