"""The functions that other projects import, on plain tensors, and the rules at the edges."""

import pytest
import torch

from losslab.errors import DataError
from losslab.metrics import boundary_iou, e_measure, entropy, region_counts, trimap_iou
from losslab.metrics.histograms import check_labels
from tests.metrics.maps import blobs

SCORES = {
    "boundary_iou": boundary_iou,
    "trimap_iou": lambda pred, labels, **named: trimap_iou(pred, labels, width=3, **named),
    "e_measure": e_measure,
    "region_counts": lambda pred, labels, **named: region_counts(pred, labels, **named)["tp"],
}


@pytest.fixture
def maps():
    labels = torch.stack([blobs(seed, (30, 40), 3, void=True) for seed in (0, 1)])
    pred = torch.stack([blobs(seed, (30, 40), 3) for seed in (0, 2)])
    return pred, labels


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("num_classes", [1, 3])
def test_a_score_does_not_depend_on_type_or_layout_of_the_maps(maps, name, num_classes):
    pred, labels = maps
    if num_classes == 1:
        pred, labels = (torch.where(x == 255, 255, (x == 1).to(x.dtype)) for x in maps)
    expected = SCORES[name](pred, labels, num_classes=num_classes)
    assert expected.isfinite().all()
    for kind in (torch.uint8, torch.int16, torch.int32, torch.int64):
        found = SCORES[name](pred.to(kind), labels.to(kind), num_classes=num_classes)
        assert torch.equal(found, expected)
    spread = [torch.stack([x, x + 0], -1)[..., 0] for x in (pred, labels)]
    assert not spread[0].is_contiguous()
    assert torch.equal(SCORES[name](*spread, num_classes=num_classes), expected)


@pytest.mark.parametrize("name", SCORES)
def test_a_score_leaves_its_maps_as_they_were(maps, name):
    pred, labels = maps
    before = pred.clone(), labels.clone()
    SCORES[name](pred, labels, num_classes=3)
    assert torch.equal(pred, before[0])
    assert torch.equal(labels, before[1])


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2)])
@pytest.mark.parametrize("right", [True, False])
def test_pictures_smaller_than_any_band_are_all_boundary(size, right):
    labels = torch.ones(1, *size, dtype=torch.int64)
    pred = labels if right else 1 - labels
    assert boundary_iou(pred, labels, num_classes=1) == right
    assert e_measure(pred, labels, num_classes=1) == right
    # One label has no edges: there is nothing within a distance of them, and all is beyond.
    assert trimap_iou(pred, labels, num_classes=1, width=40).isnan()
    assert trimap_iou(pred, labels, num_classes=1, width=40, inside=False) == right


def test_objects_at_the_border_of_the_picture_end_there():
    """Boundary IoU takes the picture's outside for background, a trimap makes no edge there."""
    labels = torch.zeros(1, 9, 9, dtype=torch.int64)
    labels[:, :, :4] = 1
    pred = labels.clone()
    pred[:, 4, 0] = 0  # at the border, three pixels from the object's edge
    # The object's rim has 4 + 4 + 7 + 7 pixels, of which one is missed; around it the prediction
    # has a rim of its own: pixels (3..5, 0..1) but the missed one, of which (3..5, 1) are new.
    assert float(boundary_iou(pred, labels, num_classes=1, width=1)) == pytest.approx(21 / 25)
    assert trimap_iou(pred, labels, num_classes=1, width=3) == 1
    assert float(trimap_iou(pred, labels, num_classes=1, width=4)) == pytest.approx(35 / 36)


def test_maps_of_void_alone_have_no_score():
    void = torch.full((2, 5, 6), 255)
    for name in ("boundary_iou", "trimap_iou", "e_measure"):
        assert SCORES[name](torch.zeros_like(void), void, num_classes=3).isnan(), name
    assert not SCORES["region_counts"](torch.zeros_like(void), void, num_classes=3).any()


def test_what_is_void_lies_outside_an_object_and_is_dropped_from_the_bands_last():
    labels = torch.zeros(1, 12, 12, dtype=torch.int64)
    labels[:, 3:9, 3:9] = 1
    pred = labels.roll(1, 2)
    rim = labels.clone()
    rim[:, 3:9, 8] = 255  # the object's last column
    # The label's object now ends at column 7; the prediction's has columns 4 to 9, and loses what
    # it has in column 8 only once its band is made.
    p, y = torch.zeros(12, 12, dtype=torch.bool), torch.zeros(12, 12, dtype=torch.bool)
    for band, columns in ((p, range(4, 10)), (y, range(3, 8))):
        band[[3, 8], columns[0] : columns[-1] + 1] = True
        band[3:9, [columns[0], columns[-1]]] = True
    seen = rim[0] != 255
    expected = (p & y & seen).sum() / ((p | y) & seen).sum()
    found = boundary_iou(pred, rim, num_classes=1, width=1)
    assert float(found) == pytest.approx(float(expected))


def test_a_class_that_is_nowhere_does_not_change_a_mean(maps):
    pred, labels = maps
    for name in ("boundary_iou", "trimap_iou", "e_measure"):
        few, many = (SCORES[name](pred, labels, num_classes=count) for count in (3, 9))
        assert torch.equal(few, many), name


def test_probabilities_are_refused_with_what_to_do():
    maps = torch.zeros(1, 2, 2)
    with pytest.raises(DataError, match=r"whole numbers; got torch\.float32 .* take the argmax"):
        check_labels(maps, maps.long(), 2)


@pytest.mark.parametrize("number", [0, 256])
def test_more_classes_than_a_byte_holds_are_refused(number):
    maps = torch.zeros(1, 2, 2, dtype=torch.int64)
    with pytest.raises(DataError, match=f"num_classes {number}: 1 for a binary task, else 2 to 25"):
        check_labels(maps, maps, number)


def test_entropy_has_the_shape_of_the_label_map_and_lies_between_0_and_1():
    logits = 5 * torch.randn(2, 4, 6, 7, generator=torch.Generator().manual_seed(0))
    values = entropy(logits)
    assert values.shape == (2, 6, 7)
    assert values.dtype == torch.float32
    assert 0 <= values.min() < values.max() <= 1
    assert entropy(logits.half()).dtype == torch.float32
    assert entropy(logits.double()).dtype == torch.float64
