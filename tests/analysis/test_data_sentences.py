"""Sentences about a data set say what the numbers say."""

import numpy as np
import pandas as pd

from losslab.analysis import data_sentences as sentences
from losslab.analysis.data_sets import (
    boundary_shares,
    class_shares,
    count_labels,
    object_sizes,
    ratios,
)
from losslab.analysis.divisions import division_table
from tests.analysis.made import Made

V = 255
TWO = Made([[[0, 0, 0, 1], [2, 2, 2, V]], [[0, 0, 0, 0], [0, 0, 0, 0]]], ("background", "a", "b"))


def test_the_caption_names_the_set_the_split_and_how_many_were_counted() -> None:
    assert sentences.caption(count_labels(TWO), "made", "train") == "made, train: all 2 pictures"
    counts = count_labels(Made([[[0]]] * 2000), 10)
    assert sentences.caption(counts, "made", "all") == "made, all splits: 10 of 2,000 pictures"


def test_the_counts_name_sizes_or_their_range() -> None:
    assert "in all 2 pictures; height x width in pixels: 2 x 4." in sentences.read_counts(
        count_labels(TWO)
    )
    many = count_labels(Made([np.zeros((3 + i, 9 - i)) for i in range(5)]), 4)
    text = sentences.read_counts(many)
    assert "4 of the 5 pictures, spread evenly over them" in text
    assert "4 sizes, 3 to 7 high and 5 to 9 wide" in text


def test_samples_say_which_classes_are_not_in_sight() -> None:
    label = np.array([[0, 2, V]], np.uint8)
    assert sentences.read_samples([label], ("x", "y", "z")) == (
        "2 of 3 classes are in sight, not y."
    )
    assert sentences.read_samples([label, label + 1], ("x", "y")) == "2 of 2 classes are in sight."


def test_shares_name_the_largest_the_smallest_and_the_absent() -> None:
    text = sentences.read_shares(class_shares(count_labels(TWO)))
    assert text == (
        "background takes 68.8 % of the pixels, a 6.25 %, 11 times less; a is in 50 % of the "
        "pictures."
    )
    absent = sentences.read_shares(class_shares(count_labels(Made([[[0, 1]]]))))
    assert absent.endswith("Of b there is no pixel.")
    void = Made([np.full((2, 2), V)])
    assert sentences.read_shares(class_shares(count_labels(void))) == "No pixel is annotated."


def test_void_is_a_sentence_where_there_is_some() -> None:
    assert sentences.read_void(count_labels(TWO)) == (
        "6.25 % of the pixels are void, not annotated; they are in 50 % of the pictures and take "
        "at most 12.5 % of one."
    )
    assert sentences.read_void(count_labels(Made([[[0]]]))) == "Every pixel is annotated."


def test_ratios_tell_the_range_what_presence_changes_and_the_published() -> None:
    table = ratios(count_labels(TWO)).assign(published=[7.0, np.nan])
    assert sentences.read_ratios(table) == (
        "b has 4.0 background pixels for each of its own, a 14. Where only the pictures that "
        "contain a class count, the largest change is that of b, from 4.0 to 1.3. The 1 published "
        "ratios are, at the median, 100 % from those over all pictures and 14.3 % from those over "
        "the pictures that contain the class."
    )
    alone = sentences.read_ratios(ratios(count_labels(Made([[[0, 0]]], ("background", "a")))))
    assert alone == "There is no object in these pictures."


def test_sizes_tell_the_largest_and_the_smallest_median() -> None:
    text = sentences.read_sizes(object_sizes(count_labels(TWO)))
    assert text == (
        "Half of the 1 components of b take more than 37.5 % of their picture; of the 1 of a half "
        "take less than 12.5 %. b comes in 1.0 pieces a picture that has it."
    )


def test_boundaries_tell_the_most_and_the_least() -> None:
    label = np.zeros((8, 8), np.uint8)
    label[2:6, 2:6] = 1
    text = sentences.read_boundaries(boundary_shares(count_labels(Made([label]))))
    assert text == "75 % of the pixels of a are boundary, 41.7 % of those of ground."


def test_divisions_tell_what_a_run_takes_where_a_split_lacks() -> None:
    options = {"train": 20, "val": 6, "test": 4}
    table = division_table("scenes", None, options)
    assert sentences.read_divisions(table) == "Its division 'official': 20 train, 6 val, 4 test."
    lacking = table.assign(test=[0, 5, 6, 6])
    assert sentences.read_divisions(lacking).endswith("; a run takes val for test too.")
    none = table.assign(train=0, val=0, test=0)
    assert "no division of its own" in sentences.read_divisions(none)


def test_overlaps_name_the_splits_and_an_example() -> None:
    columns = ["splits", "shared", "example"]
    nothing = pd.DataFrame([["train and val", 0, "–"]], columns=columns)
    assert sentences.read_overlaps(nothing) == "No picture file is twice in train and val."
    rows = [["train and val", 0, "–"], ["train and test", 0, "–"]]
    none = sentences.read_overlaps(pd.DataFrame(rows, columns=columns))
    assert none == "No picture file is in two splits."
    rows[1] = ["train and test", 2, "p1, q7"]
    found = sentences.read_overlaps(pd.DataFrame(rows, columns=columns))
    assert found == "Picture files occur twice: 2 in train and test (such as p1, q7)."
    assert "no files" in sentences.read_overlaps(pd.DataFrame(columns=columns))
