"""Division into training, validation and test pictures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from losslab.data.splits import SplitOptions, divide
from losslab.errors import DataError

IDS = [f"picture{i}" for i in range(50)]
NONE = [None] * 50


def positions(options, ids=IDS):
    return divide("set", ids, [None] * len(ids), options)


@given(seed=st.integers(0, 2**32), fold=st.integers(0, 4))
def test_every_picture_lies_in_exactly_one_part(seed, fold):
    for rule in ("fractions", "folds"):
        parts = positions(SplitOptions(rule=rule, seed=seed, fold=fold))
        assert sorted(i for part in parts.values() for i in part) == list(range(50))


def test_each_picture_is_tested_in_exactly_one_fold():
    tested = [i for f in range(5) for i in positions(SplitOptions(rule="folds", fold=f))["test"]]
    assert sorted(tested) == list(range(50))


def test_validation_is_the_next_folds_test():
    parts = [positions(SplitOptions(rule="folds", fold=f)) for f in range(5)]
    assert all(parts[f]["val"] == parts[(f + 1) % 5]["test"] for f in range(5))


def test_fractions_give_their_counts():
    parts = positions(SplitOptions(rule="fractions", fractions=(0.7, 0.2, 0.1)))
    assert [len(parts[s]) for s in ("train", "val", "test")] == [35, 10, 5]


def test_seeded_order_is_pinned():
    parts = positions(SplitOptions(rule="fractions", fractions=(0.8, 0.1, 0.1), seed=7))
    assert parts["test"] == [1, 15, 18, 25, 47]


def test_order_does_not_depend_on_how_ids_are_listed():
    forward = positions(SplitOptions(rule="fractions"))["test"]
    backward = positions(SplitOptions(rule="fractions"), ids=IDS[::-1])["test"]
    assert {IDS[i] for i in forward} == {IDS[::-1][i] for i in backward}


def test_official_split_follows_the_data_set():
    own = ["test", "train", "val", None]
    parts = divide("set", list("abcd"), own, SplitOptions())
    assert parts == {"train": [1], "val": [2], "test": [0]}


def test_missing_official_split_says_what_else_there_is():
    with pytest.raises(DataError, match=r"set: it has no official split.*'fractions' or 'folds'"):
        positions(SplitOptions())


def test_empty_part_is_an_error():
    with pytest.raises(DataError, match="leaves none for val"):
        positions(SplitOptions(rule="fractions"), ids=["a", "b"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rule": "fraction"}, "unknown split rule 'fraction'.*did you mean 'fractions'"),
        ({"fractions": (0.7, 0.2, 0.2)}, "sum to 1"),
        ({"fractions": (1.0, 0.0, 0.0)}, "positive"),
        ({"fractions": (float("nan"), 0.5, 0.5)}, "positive"),
        ({"folds": 2}, "at least 3"),
        ({"fold": 5}, r"fold: 0\.\.4 for 5 folds, got 5"),
    ],
)
def test_impossible_divisions_are_named(values, message):
    with pytest.raises(DataError, match=message):
        SplitOptions(**values)


@given(fold=st.integers(0, 4))
def test_a_share_for_validation_is_taken_from_the_training_folds(fold):
    parts = positions(SplitOptions(rule="folds", fold=fold, fold_val=0.1))
    assert [len(parts[s]) for s in ("train", "val", "test")] == [35, 5, 10]
    assert sorted(i for part in parts.values() for i in part) == list(range(50))
    assert parts["test"] == positions(SplitOptions(rule="folds", fold=fold))["test"]


@pytest.mark.parametrize("share", [0.0, -0.1, 0.8, 1.0, float("nan")])
def test_a_share_that_leaves_no_training_pictures_is_refused(share):
    with pytest.raises(DataError, match=r"fold_val: a share between 0 and 0\.8"):
        SplitOptions(rule="folds", fold_val=share)


@pytest.mark.parametrize("lacking", ["val", "test"])
def test_the_one_held_out_part_of_an_official_division_serves_as_both(lacking):
    other = {"val": "test", "test": "val"}[lacking]
    official = ["train"] * 3 + [other] * 2
    parts = divide("set", list("abcde"), official, SplitOptions())
    assert parts == {"train": [0, 1, 2], "val": [3, 4], "test": [3, 4]}


@pytest.mark.parametrize("rule", ["official", "fractions", "folds"])
def test_training_may_hold_the_validation_pictures_too(rule):
    official = ["train"] * 30 + ["val"] * 20
    apart = divide("set", IDS, official, SplitOptions(rule=rule))
    both = divide("set", IDS, official, SplitOptions(rule=rule, train_on_val=True))
    assert both["train"] == sorted([*apart["train"], *apart["val"]])
    assert (both["val"], both["test"]) == (apart["val"], apart["test"])
