"""What no score may depend on: the numbers of the classes, and how the picture is held."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losslab.metrics import DEFINITIONS, TRIMAP_WIDTHS, counts_table, score
from losslab.metrics.scores import MEAN
from tests.metrics.maps import blobs, label_maps

HELD = {
    "mirrored": lambda maps: maps.flip(-1),
    "upside down": lambda maps: maps.flip(-2),
    "turned": lambda maps: maps.rot90(1, (-2, -1)),
    "transposed": lambda maps: maps.transpose(-1, -2),
}


OF_ONE_CLASS = {name for name, definition in DEFINITIONS.items() if definition.classes == "both"}


def all_counts(pred, labels, names, entropies):
    return counts_table(
        pred,
        labels,
        num_classes=len(names),
        ids=[f"image {index}" for index in range(len(labels))],
        class_names=names,
        trimap_widths=TRIMAP_WIDTHS,
        entropies=entropies,
    )


def all_scores(counts: pd.DataFrame) -> pd.Series:
    scores = score(counts, DEFINITIONS)
    return scores.set_index(["definition", "class"])["value"].sort_index()


def some_entropies(labels):
    return torch.rand(labels.shape, generator=torch.Generator().manual_seed(0))


def large_maps(seeds):
    """Regions so large that even the widest trimap leaves something of them."""
    small = torch.stack([blobs(seed, (30, 40), 3, void=True) for seed in seeds])
    return small.repeat_interleave(8, 1).repeat_interleave(8, 2)


def named(num_classes):
    return ["background", *(f"class {index}" for index in range(1, num_classes))][:num_classes]


@pytest.mark.parametrize("how", HELD)
@settings(max_examples=20, deadline=None)
@given(maps=label_maps())
def test_counts_do_not_depend_on_how_the_picture_is_held(how, maps):
    pred, labels, num_classes = maps
    held = [HELD[how](layer).contiguous() for layer in (pred, labels, some_entropies(labels))]
    counts = all_counts(pred, labels, named(num_classes), some_entropies(labels))
    pd.testing.assert_frame_equal(all_counts(*held[:2], named(num_classes), held[2]), counts)


@settings(max_examples=8, deadline=None)
@given(maps=label_maps(), chance=st.randoms(use_true_random=False))
def test_no_definition_of_a_score_depends_on_the_numbers_of_the_classes(maps, chance):
    pred, labels, num_classes = maps
    if num_classes == 1:  # the foreground's number is given
        num_classes = 2
    names, order = named(num_classes), list(range(num_classes))
    chance.shuffle(order)
    lookup = torch.full((256,), 255, dtype=torch.uint8)
    lookup[:num_classes] = torch.tensor(order, dtype=torch.uint8)
    renamed = [names[order.index(index)] for index in range(num_classes)]
    renumbered = (lookup[layer.long()] for layer in (pred, labels))
    values = all_scores(all_counts(pred, labels, names, some_entropies(labels)))
    again = all_scores(all_counts(*renumbered, renamed, some_entropies(labels)))
    pd.testing.assert_series_equal(again, values, rtol=1e-12)


def test_the_numbers_of_many_classes_do_not_matter_either():
    """As many as a byte takes, void beside them."""
    labels = torch.stack([blobs(s, (40, 60), 4, void=True) for s in (0, 1)])
    pred = torch.stack([blobs(s, (40, 60), 4) for s in (0, 5)])
    numbers = torch.full((256,), 255)
    numbers[:4] = torch.tensor([254, 0, 131, 77])
    names = [f"class {index}" for index in range(255)]
    far = all_counts(numbers[pred], numbers[labels], names, some_entropies(labels))
    near = all_counts(pred, labels, [names[i] for i in (254, 0, 131, 77)], some_entropies(labels))
    keys = ["image", "class"]
    found = near[keys].merge(far, on=keys, how="left")
    pd.testing.assert_frame_equal(found, near)
    others = far[~far["class"].isin(near["class"])]
    assert not others.filter(regex="tp|fp|fn").to_numpy().any()


@settings(max_examples=20, deadline=None)
@given(maps=label_maps())
def test_images_counted_together_are_counted_as_each_by_itself(maps):
    pred, labels, num_classes = maps
    entropies, names = some_entropies(labels), named(num_classes)
    together = all_counts(pred, labels, names, entropies)
    alone = [
        all_counts(pred[i : i + 1], labels[i : i + 1], names, entropies[i : i + 1]).assign(
            image=f"image {i}"
        )
        for i in range(len(labels))
    ]
    pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), together)


def test_every_definition_has_a_value_on_maps_that_hold_every_class():
    labels = large_maps((0, 1, 2))
    pred = large_maps((0, 4, 5))
    pred[pred == 255] = 0
    values = all_scores(all_counts(pred, labels, named(3), some_entropies(labels)))
    means = values.xs(MEAN, level="class")
    assert set(means.index) == {name for name in DEFINITIONS if name not in OF_ONE_CLASS}
    assert means.notna().all()
    assert means.nunique() > 0.8 * len(means)
    assert (means >= 0).all()
    assert (means.drop([name for name in means.index if "e_measure" in name]) <= 1).all()


def test_a_perfect_prediction_scores_1_by_every_definition_of_quality():
    labels = large_maps((0, 1, 2))
    values = all_scores(all_counts(labels, labels, named(3), some_entropies(labels)))
    qualities = {name for name, definition in DEFINITIONS.items() if definition.is_quality}
    assert len(qualities) > 20
    # The E-measure's authors divide by N - 1.
    several = values.xs(MEAN, level="class")[list(qualities - OF_ONE_CLASS)]
    np.testing.assert_allclose(several, 1, atol=1e-3)
    one = torch.where(labels == 255, 255, (labels == 1).to(labels.dtype))
    values = all_scores(all_counts(one, one, ["object"], some_entropies(labels)))
    binary = values.xs(MEAN, level="class")
    binary = binary[[name for name in qualities if name in binary]]
    assert set(binary.index) >= OF_ONE_CLASS
    np.testing.assert_allclose(binary, 1, atol=1e-3)
