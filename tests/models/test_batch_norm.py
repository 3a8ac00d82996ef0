"""Batch normalisation that is fixed for good."""

import pytest
import torch
from torch import nn

from losslab.errors import SpecError
from losslab.models import Segmenter, build_model
from tests.models.networks import awake

CASES = [
    ("unet", "resnet18"),
    ("unet", "tu-resnet10t"),
    ("deeplabv3plus", "mobilenet_v2"),
    ("fcn16s", "resnet18"),
    ("deeplabv2_resnet101", "resnet50"),
]


def norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    return [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]


def step(model: Segmenter) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    model(torch.rand(2, 3, 64, 64)).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize(("name", "encoder"), CASES)
def test_a_fixed_batch_norm_keeps_its_statistics_and_its_parameters(
    name: str, encoder: str
) -> None:
    model = awake(build_model(name, num_classes=2, encoder=encoder, frozen_batch_norm=True))
    model.train()
    before = [{k: v.clone() for k, v in layer.state_dict().items()} for layer in norms(model)]
    convolution = next(p for p in model.parameters() if p.ndim == 4)
    weights = convolution.detach().clone()
    step(model)
    assert before
    for layer, state in zip(norms(model), before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in layer.state_dict().items())
    assert not torch.equal(convolution, weights), "all else trains"


def test_it_stays_fixed_through_train_and_eval() -> None:
    model = build_model("fcn32s", num_classes=1, encoder="resnet18", frozen_batch_norm=True)
    for mode in (True, False, True):
        assert model.train(mode).training == mode
        assert model.encoder.training == mode
        assert not any(layer.training for layer in norms(model))
    assert not any(p.requires_grad for layer in norms(model) for p in layer.parameters())


def test_without_the_option_it_learns() -> None:
    model = awake(build_model("fcn32s", num_classes=1, encoder="resnet18")).train()
    first = norms(model)[0]
    mean, weight = first.running_mean.clone(), first.weight.detach().clone()  # pyright: ignore
    step(model)
    assert not torch.equal(first.running_mean, mean)  # pyright: ignore
    assert not torch.equal(first.weight, weight)


def test_it_leaves_the_seeds_weights_as_they_are() -> None:
    states = []
    for frozen in (False, True):
        torch.manual_seed(0)
        model = build_model("fcn8s", num_classes=2, encoder="resnet18", frozen_batch_norm=frozen)
        states.append(model.state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("name", ["bfcn32s", "fcn_alexnet32s", "deeplab_largefov"])
def test_networks_without_batch_norm_take_the_option_too(name: str) -> None:
    with torch.device("meta"):
        model = build_model(name, num_classes=1, frozen_batch_norm=True)
    assert not norms(model)
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "size"), [("deeplabv3plus", (64, 64)), ("unet", (32, 32)), ("fcn32s", (1, 1))]
)
def test_a_batch_of_one_value_a_channel_is_refused_with_what_to_do(
    name: str, size: tuple[int, int]
) -> None:
    model = build_model(name, num_classes=2, encoder="resnet18").train()
    picture = torch.rand(1, 3, *size)
    with pytest.raises(SpecError, match=r"batch_size: .*frozen_batch_norm"):
        model(picture)
    assert model.eval()(picture).isfinite().all()
    assert model.train()(torch.rand(2, 3, *size)).isfinite().all()
    model.freeze_batch_norm()
    assert model.train()(picture).isfinite().all()
