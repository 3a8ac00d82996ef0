"""SEMEDA and its EdgeNet."""

import pytest
import torch

from losslab.errors import DataError, SpecError
from losslab.losses import EdgeNet, build_loss, semeda
from losslab.losses.edges import CHANNELS, label_masks, probability_masks
from tests.losses.cases import (
    in_turn,
    random_case,
    random_edge_net,
    sure_logits,
    value_and_gradient,
)

WEIGHTS = [(1.0, 1.0, 0.0), (0.5, 2.0, 3.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)]


def plain_semeda(logits, labels, edge_net, weights, reduction):
    """The same from autograd, on whole images."""
    annotated = labels != 255
    predicted = edge_net.embeddings(probability_masks(logits, labels))
    labelled = edge_net.embeddings(label_masks(labels, logits.shape[1], logits.dtype))
    total = logits.new_zeros(())
    for weight, ours, theirs, channels in zip(weights, predicted, labelled, CHANNELS, strict=True):
        difference = (ours - theirs).abs() * annotated[:, None]
        mean = difference.sum() / annotated.sum()
        total = total + weight * (mean / channels if reduction == "mean" else mean)
    return total


@in_turn("reduction", ["mean", "l1"])
@in_turn("weights", WEIGHTS)
@in_turn("num_classes", [1, 2, 5])
def test_value_and_gradient_are_those_of_the_plain_form(num_classes, weights, reduction):
    logits, labels = random_case(num_classes, size=(9, 7))
    net = random_edge_net(num_classes).double()
    options = {"weights": weights, "reduction": reduction}
    ours = value_and_gradient(lambda x: semeda(x, labels, edge_net=net, **options), logits)
    plain = value_and_gradient(
        lambda x: plain_semeda(x, labels, net, weights, reduction),
        logits,
    )
    torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-15)


def test_a_hand_made_net_gives_the_value_on_paper():
    net = EdgeNet(2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        net.layers[0].weight[0, 1, 1, 1] = 3.0  # the first feature: 3 p(class 1), the others 0
        net.layers[1].weight[0, 0, 1, 2] = 1.0  # and its right neighbour's
    p = torch.tensor([[0.75, 0.5]])
    logits = torch.stack([torch.zeros_like(p), (p / (1 - p)).log()])[None]
    labels = torch.tensor([[[1, 0]]])
    # Layer 1: |3 * 0.75 - 3| and |3 * 0.5 - 0|; layer 2: |3 * 0.5 - 0| and, at the border, 0.
    first, second = (0.75 + 1.5) / 2, 1.5 / 2
    loss = semeda(logits, labels, edge_net=net, weights=(1.0, 1.0, 0.0), reduction="l1")
    assert float(loss) == pytest.approx(first + second)
    loss = semeda(logits, labels, edge_net=net, weights=(2.0, 5.0, 0.0))
    assert float(loss) == pytest.approx(2 * first / 16 + 5 * second / 32)


@in_turn("num_classes", [1, 5])
def test_the_two_reductions_differ_by_the_number_of_channels(num_classes):
    logits, labels = random_case(num_classes)
    net = random_edge_net(num_classes)
    for index, channels in enumerate((16, 32, 2)):
        weights = tuple(float(place == index) for place in range(3))
        mean = semeda(logits, labels, edge_net=net, weights=weights)
        l1 = semeda(logits, labels, edge_net=net, weights=weights, reduction="l1")
        assert float(l1) == pytest.approx(channels * float(mean), rel=1e-12)


def test_weights_of_zero_cost_nothing_and_have_no_gradient():
    logits, labels = random_case(3)
    value, gradient = value_and_gradient(
        lambda x: semeda(x, labels, edge_net=random_edge_net(3), weights=(0.0, 0.0, 0.0)), logits
    )
    assert value == 0
    assert not gradient.any()


def test_nothing_reaches_the_edge_net_whatever_its_state():
    logits, labels = random_case(3)
    net = random_edge_net(3).train().requires_grad_(True)
    loss = semeda(logits.requires_grad_(), labels, edge_net=net)
    loss.backward()
    assert all(parameter.grad is None for parameter in net.parameters())
    frozen = semeda(logits, labels, edge_net=random_edge_net(3).eval().requires_grad_(False))
    assert frozen == loss


def test_renumbering_the_classes_with_the_nets_input_channels_changes_nothing():
    logits, labels = random_case(5)
    net, renumbered = random_edge_net(5).double(), random_edge_net(5).double()
    order = torch.tensor([3, 0, 4, 1, 2])
    numbers = torch.full((256,), 255)
    numbers[order] = torch.arange(5)
    with torch.no_grad():
        renumbered.layers[0].weight.copy_(net.layers[0].weight[:, order])
    other = semeda(logits[:, order], numbers[labels], edge_net=renumbered)
    assert float(other) == pytest.approx(float(semeda(logits, labels, edge_net=net)), rel=1e-12)


def test_the_arithmetic_is_float64_for_float64_logits_and_a_float32_net():
    logits, labels = random_case(3)
    net = random_edge_net(3)
    loss = semeda(logits, labels, edge_net=net)
    assert loss.dtype == torch.float64
    assert float(loss) == pytest.approx(
        float(semeda(logits, labels, edge_net=random_edge_net(3).double())), rel=1e-13
    )
    assert next(net.parameters()).dtype == torch.float32


@in_turn("num_classes", [1, 4])
def test_without_a_gradient_wanted_the_value_is_the_same(num_classes):
    logits, labels = random_case(num_classes)
    net = random_edge_net(num_classes)
    with torch.no_grad():
        value = semeda(logits, labels, edge_net=net)
    assert not value.requires_grad
    assert value == semeda(logits.requires_grad_(), labels, edge_net=net)


def test_a_right_and_sure_prediction_has_the_embeddings_of_the_labels():
    _, labels = random_case(4, void=0.1)
    loss = semeda(sure_logits(labels, 4), labels, edge_net=random_edge_net(4))
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_without_an_edge_net_the_error_names_the_remedy():
    logits, labels = random_case(3)
    with pytest.raises(SpecError, match=r"build_loss\(\.\.\., edge_net=\.\.\.\).*losslab edges"):
        semeda(logits, labels)
    with pytest.raises(SpecError, match="losslab edges"):
        build_loss("ce + semeda", 3)


def test_an_edge_net_for_another_number_of_classes_is_refused():
    logits, labels = random_case(3)
    with pytest.raises(SpecError, match="num_classes=5, the logits have 3"):
        semeda(logits, labels, edge_net=EdgeNet(5))


@in_turn("num_classes", [1, 4])
def test_the_layers_have_16_32_and_2_channels_and_the_last_sums_to_1(num_classes):
    _, labels = random_case(num_classes)
    net = random_edge_net(num_classes)
    masks = label_masks(labels, num_classes)
    first, second, edges = net.embeddings(masks)
    assert [x.shape[1] for x in (first, second, edges)] == [16, 32, 2]
    assert (first >= 0).all()
    assert (second >= 0).all()
    torch.testing.assert_close(edges.sum(1), torch.ones_like(edges[:, 0]))
    torch.testing.assert_close(net(masks).softmax(1), edges)


@in_turn("num_classes", [1, 3])
def test_masks_have_a_channel_a_class_and_are_0_at_void(num_classes):
    logits, labels = random_case(num_classes)
    masks = label_masks(labels, num_classes)
    probs = probability_masks(logits, labels)
    for array in (masks, probs):
        assert array.shape == (3, max(num_classes, 2), 7, 5)
        torch.testing.assert_close(array.sum(1), (labels != 255).to(array.dtype))
    assert torch.equal(masks.argmax(1)[labels != 255], labels[labels != 255])


def test_a_saved_edge_net_comes_back_as_it_was(tmp_path):
    net = random_edge_net(4)
    net.save(tmp_path / "net.safetensors")
    before = torch.get_rng_state()
    back = EdgeNet.load(tmp_path / "net.safetensors")
    assert torch.equal(torch.get_rng_state(), before)
    assert back.num_classes == 4
    for ours, theirs in zip(net.parameters(), back.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_file_that_holds_no_edge_net_is_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"no weights")
    with pytest.raises(DataError, match="losslab edges"):
        EdgeNet.load(path)
