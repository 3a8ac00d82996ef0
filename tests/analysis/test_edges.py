"""What is shown of an EdgeNet, and the made-up predictions that it is shown on."""

import numpy as np
import pandas as pd
import pytest
import torch

from losslab.analysis import edges
from losslab.losses import semeda
from losslab.plots import edges as pictures
from tests.losses.cases import random_edge_net
from tests.plots.test_figures import outside


@pytest.fixture
def label():
    label = np.zeros((48, 60), np.uint8)
    label[10:30, 8:40] = 1
    label[34:44, 30:] = 2
    label[:, 55:] = 255
    return label


def binary(label):
    return np.where(label == 2, 0, label).astype(np.uint8)


@pytest.mark.parametrize("num_classes", [1, 3])
def test_the_mean_of_the_map_is_the_loss(label, num_classes):
    label = label if num_classes > 1 else binary(label)
    net = random_edge_net(num_classes)
    logits = edges.prediction(label, num_classes, sigma=1.5)
    loss = semeda(logits, torch.from_numpy(label)[None], edge_net=net)
    values = edges.semeda_map(net, logits, label)
    assert np.isnan(values[label == 255]).all()
    assert np.nanmean(values) == pytest.approx(float(loss), rel=1e-5)


@pytest.mark.parametrize("num_classes", [1, 3])
def test_a_made_up_prediction_is_the_label_as_surely_as_asked(label, num_classes):
    label = label if num_classes > 1 else binary(label)
    logits = edges.prediction(label, num_classes, confidence=0.7)
    annotated = label != 255
    assert np.array_equal(edges.classes(logits)[annotated], label[annotated])
    if num_classes == 3:
        sureness = logits.softmax(1).max(1).values
        torch.testing.assert_close(sureness, torch.full_like(sureness, 0.7))


def test_every_mistake_but_being_unsure_makes_pixels_wrong(label):
    table = edges.mistake_table(edges.mistakes(label, 3), label, random_edge_net(3))
    wrong = table.set_index("prediction")["wrong pixels, %"]
    assert wrong["right"] == wrong["right, unsure"] == 0
    assert (wrong.drop(["right", "right, unsure", "blurred"]) > 0).all()
    assert wrong["4 px to the right"] > wrong["1 px to the right"]


def test_the_sentence_on_mistakes_holds_the_ratios_of_the_table(label):
    table = edges.mistake_table(edges.mistakes(label, 3), label, random_edge_net(3))
    rows = table.set_index("prediction")
    ratio = rows.loc["with holes", "ce"] / rows.loc["4 px to the right", "ce"]
    assert f"cross-entropy {ratio:.2f}".rstrip("0") in edges.read_mistakes(table)


def test_the_most_telling_feature_is_the_one_that_is_1_on_edges():
    net = random_edge_net(2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        # Feature 5 of layer 1: how much of class 1 is around a pixel beyond its own.
        net.layers[0].weight[5, 1] = 1.0
        net.layers[0].weight[5, 1, 1, 1] = -8.0
    labels = torch.zeros(1, 12, 12, dtype=torch.uint8)
    labels[:, 4:8, 4:8] = 1
    assert edges.telling_features(net, labels, count=1)[1] == [5]


def test_the_texts_of_every_figure_lie_inside_it(label):
    net = random_edge_net(3)
    colours = np.array([[120, 120, 120], [230, 159, 0], [0, 114, 178]], np.uint8)
    image = np.zeros((*label.shape, 3), np.uint8)
    labels = torch.from_numpy(label)[None]
    view = edges.edge_view(net, label)
    predictions = edges.mistakes(label, 3)
    maps = {name: edges.semeda_map(net, logits, label) for name, logits in predictions.items()}
    shown = {name: edges.classes(logits) for name, logits in predictions.items()}
    masks = edges.label_masks(labels, 3)
    features = edges.feature_maps(net, masks, edges.telling_features(net, labels))
    drawn = [
        pictures.edges_figure([image] * 4, [view] * 4, colours),
        pictures.features_figure(image, {"label": masks[0].numpy()}, {"label": features}, colours),
        pictures.mistakes_figure(image, shown, maps, colours),
    ]
    for figure in drawn:
        assert outside(figure) == []


def test_right_missed_invented_and_unscored_edges_have_a_colour_each():
    yes, no = np.array([[True, True, False, False, True]]), np.array([[False] * 5])
    view = edges.EdgeView(
        label=np.zeros((1, 5), np.uint8),
        target=yes,
        found=np.array([[True, False, True, False, False]]),
        scored=~no & np.array([[True, True, True, True, False]]),
    )
    _, ((axes,),) = pictures.new_figure()
    pictures.plot_found_edges(view, axes)
    row = [tuple(pixel) for pixel in np.asarray(axes.images[0].get_array())[0].tolist()]
    assert row == [
        pictures.HIT,
        pictures.MISSED,
        pictures.INVENTED,
        pictures.NOTHING,
        pictures.UNSCORED,
    ]
    assert axes.get_xlabel() == "1 missed, 1 invented"
    assert [rings.get_offsets().tolist() for rings in axes.collections] == [[[1, 0]], [[2, 0]]]
    assert edges.read_views([view]).startswith("In the maps shown 2 of 4 scored pixels are wrong")


def test_the_sobel_map_is_that_of_the_loss_with_nothing_outside_the_picture():
    masks = torch.ones(1, 1, 3, 3)
    found = edges.feature_maps(random_edge_net(1), masks.repeat(1, 2, 1, 1), {})["Sobel"] / 2
    assert np.array_equal(found, [[6, 4, 6], [4, 0, 4], [6, 4, 6]])


def test_the_sentence_on_the_scores_is_about_the_test_maps():
    row = {"label maps": 20, "F1, %": 90.0, "precision, %": 80.0, "recall, %": 99.5}
    scores = pd.DataFrame(
        [{"split": "validation", **row, "label maps": 3}, {"split": "test", **row}]
    )
    words = edges.read_scores(scores)
    assert words.startswith("On 20 test maps the network finds 99.50 % of the edge pixels")
    assert words.endswith("F1 90.00 %.")
