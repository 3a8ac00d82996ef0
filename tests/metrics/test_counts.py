"""Counts per image and class."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losslab.errors import DataError
from losslab.metrics import (
    COUNT_COLUMNS,
    boundary_band,
    boundary_counts,
    boundary_width,
    counts_table,
    group_counts_table,
    region_counts,
    trimap_counts,
)
from losslab.metrics.counts import ENTROPY_COLUMNS
from losslab.metrics.histograms import check_labels
from tests.metrics.maps import label_maps


def random_maps(num_classes, seed=0, size=(9, 7), count=3):
    generator = torch.Generator().manual_seed(seed)
    shape = (count, *size)
    pred = torch.randint(0, max(num_classes, 2), shape, generator=generator)
    labels = torch.randint(0, max(num_classes, 2), shape, generator=generator)
    labels[torch.rand(shape, generator=generator) < 0.2] = 255
    return pred, labels


def test_counts_of_a_2x2_image_are_as_counted_by_hand():
    pred = torch.tensor([[[0, 1], [2, 2]]])
    labels = torch.tensor([[[0, 1], [1, 255]]])
    counts = region_counts(pred, labels, num_classes=3)
    assert counts["tp"].tolist() == [[1, 1, 0]]
    assert counts["fp"].tolist() == [[0, 0, 1]]
    assert counts["fn"].tolist() == [[0, 1, 0]]
    assert counts["pixels"].tolist() == [3]


@pytest.mark.parametrize("kind", [torch.uint8, torch.int64])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), num_classes=st.integers(1, 7))
def test_counts_are_those_of_the_masks_of_each_class(kind, seed, num_classes):
    pred, labels = random_maps(num_classes, seed)
    counts = region_counts(pred.to(kind), labels.to(kind), num_classes=num_classes)
    valid = labels != 255
    for column, index in enumerate([1] if num_classes == 1 else range(num_classes)):
        p, y = (pred == index) & valid, (labels == index) & valid
        assert torch.equal(counts["tp"][:, column], (p & y).flatten(1).sum(1))
        assert torch.equal(counts["fp"][:, column], (p & ~y).flatten(1).sum(1))
        assert torch.equal(counts["fn"][:, column], (~p & y).flatten(1).sum(1))
    assert torch.equal(counts["pixels"], valid.flatten(1).sum(1))


def test_what_is_predicted_at_void_pixels_is_free():
    pred, labels = random_maps(3)
    expected = region_counts(pred, labels, num_classes=3)
    counts = region_counts(pred.masked_fill(labels == 255, 99), labels, num_classes=3)
    assert all(torch.equal(counts[name], expected[name]) for name in counts)


def test_an_index_outside_the_classes_is_an_error_that_names_it():
    pred, labels = random_maps(3)
    labels[0, 0, 0] = 0
    for number in (3, 255):
        wrong = pred.clone()
        wrong[0, 0, 0] = number
        with pytest.raises(DataError, match=f"predicted index {number} is outside"):
            region_counts(wrong, labels, num_classes=3)
    labels[1, 1, 1] = 7
    with pytest.raises(DataError, match="label 7 is outside the classes 0 to 2"):
        region_counts(pred, labels, num_classes=3)


def test_maps_of_two_shapes_are_an_error():
    pred, labels = random_maps(3)
    with pytest.raises(DataError, match=re.escape("one shape (n, h, w)")):
        check_labels(pred[:, 1:], labels, 3)


def test_the_table_has_a_row_per_image_and_class():
    pred, labels = random_maps(2, size=(100, 80))
    table = counts_table(
        pred, labels, num_classes=2, ids=["a", "b", "c"], class_names=["road", "car"]
    )
    assert tuple(table.columns) == COUNT_COLUMNS
    assert table["image"].tolist() == ["a", "a", "b", "b", "c", "c"]
    assert table["class"].tolist() == ["road", "car"] * 3
    assert (table["boundary_width"] == boundary_width(100, 80)).all()
    counts = region_counts(pred, labels, num_classes=2)
    assert table["tp"].tolist() == counts["tp"].flatten().tolist()
    assert table["pixels"].tolist() == np.repeat(counts["pixels"].numpy(), 2).tolist()


def test_names_that_do_not_match_the_maps_are_an_error():
    pred, labels = random_maps(2)
    with pytest.raises(DataError, match="one id an image and one name a class"):
        counts_table(pred, labels, num_classes=2, ids=["a"], class_names=["x", "y"])


def test_a_confusion_within_a_group_is_right_and_across_groups_is_wrong():
    labels = torch.tensor([[[0, 1, 1, 2, 2, 255]]], dtype=torch.uint8)
    pred = torch.tensor([[[1, 2, 0, 2, 1, 1]]], dtype=torch.uint8)
    table = group_counts_table(
        pred,
        labels,
        groups={"both": ("left", "right"), "right": ("right",)},
        ids=["a"],
        class_names=["background", "left", "right"],
    )
    found = table.set_index("class")[["tp", "fp", "fn", "pixels"]]
    assert found.loc["both"].tolist() == [3, 1, 1, 5]
    assert found.loc["right"].tolist() == [1, 1, 1, 5]


def test_a_group_of_an_unknown_class_is_refused():
    layer = torch.zeros(1, 2, 2, dtype=torch.uint8)
    with pytest.raises(DataError, match="group 'g': unknown class 'c'"):
        group_counts_table(layer, layer, groups={"g": ("c",)}, ids=["a"], class_names=["a", "b"])


TRIMAPS = (1, 3, 12)


@settings(max_examples=25, deadline=None)
@given(maps=label_maps())
def test_the_table_of_one_pass_holds_what_each_function_counts_by_itself(maps):
    pred, labels, num_classes = maps
    ids, names = [str(i) for i in range(len(labels))], [f"c{i}" for i in range(num_classes)]
    table = counts_table(
        pred,
        labels,
        num_classes=num_classes,
        ids=ids,
        class_names=names,
        trimap_widths=TRIMAPS,
    )
    parts = {"": region_counts(pred, labels, num_classes=num_classes)}
    parts["boundary_"] = boundary_counts(pred, labels, num_classes=num_classes)
    trimaps = trimap_counts(pred, labels, num_classes=num_classes, widths=TRIMAPS)
    parts |= {f"trimap_{width}_": counts for width, counts in trimaps.items()}
    trimap_columns = [f"trimap_{w}_{name}" for w in TRIMAPS for name in ("tp", "fp", "fn")]
    assert list(table.columns) == [*COUNT_COLUMNS, *trimap_columns]
    for prefix, counts in parts.items():
        for name in ("tp", "fp", "fn"):
            found = table[f"{prefix}{name}"].to_numpy()
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found, counts[name].flatten())


@settings(max_examples=25, deadline=None)
@given(maps=label_maps())
def test_entropies_are_summed_on_and_off_the_band_of_the_label(maps):
    pred, labels, num_classes = maps
    entropies = torch.rand(labels.shape, generator=torch.Generator().manual_seed(0))
    names = [f"c{i}" for i in range(num_classes)]
    ids = [str(i) for i in range(len(labels))]
    table = counts_table(
        pred, labels, num_classes=num_classes, ids=ids, class_names=names, entropies=entropies
    )
    assert tuple(table.columns) == (*COUNT_COLUMNS, *ENTROPY_COLUMNS)
    band = boundary_band(labels, boundary_width(*labels.shape[1:])).numpy()
    values = entropies.double().numpy()
    for row in table.to_dict("records"):
        image = int(row["image"])
        index = 1 if num_classes == 1 else int(row["class"][1:])
        here = band[image]
        for prefix, mask in (
            ("", (labels[image] == index).numpy()),
            ("image_", (labels[image] != 255).numpy()),
        ):
            on, off = (values[image][mask & part].sum() for part in (here, ~here))
            assert row[f"{prefix}entropy_band"] == pytest.approx(on, abs=1e-6)
            assert row[f"{prefix}entropy_inside"] == pytest.approx(off, abs=1e-6)
            if prefix:
                assert row["image_band_pixels"] == (mask & here).sum()
            else:
                assert row["boundary_tp"] + row["boundary_fn"] == (mask & here).sum()


def test_an_entropy_that_is_no_number_spoils_its_own_image_alone():
    pred, labels = random_maps(2)
    entropies = torch.full(labels.shape, 0.5)
    entropies[1, 0, 0] = torch.nan
    names = {"ids": ["a", "b", "c"], "class_names": ["x", "y"]}
    table = counts_table(pred, labels, num_classes=2, entropies=entropies, **names)
    spoilt = table["image"] == "b"
    for column in ("entropy_inside", "image_entropy_band"):
        assert table.loc[spoilt, column].isna().all()
        assert table.loc[~spoilt, column].notna().all()


@pytest.mark.parametrize("num_classes", [1, 3, 255])
def test_bytes_and_whole_numbers_are_checked_alike(num_classes):
    last = max(num_classes, 2) - 1
    for kind in (torch.uint8, torch.int64):
        labels = torch.full((1, 2, 3), last, dtype=kind)
        labels[0, 0] = 255
        pred = torch.full_like(labels, 255)
        pred[labels == last] = last
        check_labels(pred, labels, num_classes)
        if last == 254:
            continue
        for wrong, name in (((pred, labels + 0), "predicted index"), ((pred + 0, labels), "label")):
            layer = wrong[0] if name == "predicted index" else wrong[1]
            before = layer[0, 1, 1].item()
            layer[0, 1, 1] = last + 1
            with pytest.raises(DataError, match=f"{name} {last + 1} is outside"):
                check_labels(*wrong, num_classes)
            layer[0, 1, 1] = before
    check_labels(pred[:0], labels[:0], num_classes)


def test_a_prediction_of_255_at_an_annotated_pixel_is_an_error():
    labels = torch.zeros(1, 2, 2, dtype=torch.uint8)
    with pytest.raises(DataError, match="predicted index 255"):
        check_labels(labels + 255, labels, 2)


@pytest.mark.parametrize("num_classes", [1, 2, 5])
def test_a_map_of_void_alone_counts_nothing(num_classes):
    void = torch.full((2, 5, 6), 255, dtype=torch.uint8)
    names = [f"c{i}" for i in range(num_classes)]
    table = counts_table(
        torch.zeros_like(void),
        void,
        num_classes=num_classes,
        ids=["a", "b"],
        class_names=names,
        trimap_widths=TRIMAPS,
        entropies=torch.ones(void.shape),
    )
    numbers = table.drop(columns=["image", "class", "boundary_width"])
    assert not numbers.to_numpy().any()


def test_groups_have_trimaps_of_their_own():
    labels = torch.tensor([[[0, 0, 0, 1, 2, 2, 2, 2]]], dtype=torch.uint8)
    table = group_counts_table(
        labels,
        labels,
        groups={"both": ("left", "right")},
        ids=["a"],
        class_names=["background", "left", "right"],
        trimap_widths=(1,),
    )
    # Between left and right there is no edge of their union.
    assert table["trimap_1_tp"].tolist() == [1]
