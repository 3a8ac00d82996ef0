"""Binary views of a data set."""

import numpy as np
import pytest

from losslab.data import check_task, open_dataset
from losslab.data.dataset import task_lookup
from losslab.errors import DataError

CLASSES = ("background", "skin", "hair", "not so plain")


@pytest.mark.parametrize(
    ("task", "foreground"),
    [
        ("hair", {2}),
        ("skin+hair", {1, 2}),
        ("skin + hair", {1, 2}),
        ("not background", {1, 2, 3}),
        ("not background+hair", {1, 3}),
    ],
)
def test_task_is_the_union_of_its_classes_against_the_rest(task, foreground):
    table = task_lookup(task, CLASSES)
    assert {i for i in range(4) if table[i] == 1} == foreground
    assert {i for i in range(4) if table[i] == 0} == set(range(4)) - foreground
    assert (table[4:] == 255).all()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("hare", "task 'hare': unknown class 'hare': one of background, skin, hair"),
        ("skin+", "joined by '\\+'"),
        ("", "class names"),
        ("not ", "class names"),
        ("skin+skin", "named twice"),
        ("not background+skin+hair+not so plain", "0 of 4 classes"),
    ],
)
def test_tasks_that_make_no_sense_are_named(task, message):
    with pytest.raises(DataError, match=message):
        task_lookup(task, CLASSES)


def test_opened_task_is_binary_with_its_own_name():
    whole = open_dataset("scenes", split="val", val=3)
    view = open_dataset("scenes", split="val", task="blob+pole", val=3)
    assert (view.class_names, view.num_classes) == (("blob+pole",), 1)
    assert view.colours.shape == (1, 3)
    assert whole.num_classes == 6
    label, binary = whole[0][1], view[0][1]
    assert ((binary == 1) == np.isin(label, (1, 3))).all()


def test_task_is_checked_without_files_as_far_as_classes_are_known():
    check_task("camvid", {}, "Car+Bicyclist")
    check_task("folder", {}, "whatever")
    check_task("scenes", {}, None)
    for name, options in (
        ("camvid", {}),
        ("scenes", {"classes": 2}),
        ("folder", {"classes": ["background", "cat"]}),
    ):
        with pytest.raises(DataError, match="unknown class 'pole'"):
            check_task(name, options, "pole")
