"""Networks by name: sizes, options, layouts, seeds."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from losslab.errors import SpecError
from losslab.models import MODELS, Segmenter, build_model, check_model, default_encoder
from tests.models.networks import OURS, awake, built_once

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"encoder_depth": 3, "decoder_channels": (8, 8, 8)},
    "deeplabv3plus": {"decoder_channels": 8},
}


@pytest.fixture(scope="module")
def network() -> Callable[[str], Segmenter]:
    return built_once()


@pytest.mark.parametrize("encoder", ["resnet34", "resnet50", "mobilenet_v2"])
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(32, 32), (45, 77), (33, 64)])
def test_logits_of_smps_networks_have_the_size_of_the_picture(
    name: str, encoder: str, size: tuple[int, int]
) -> None:
    model = build_model(name, num_classes=3, encoder=encoder, **SMALL[name]).eval()
    with torch.inference_mode():
        assert model(torch.zeros(2, 3, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize("stride", [8, 16])
def test_deeplabv3plus_dilates_xception71(stride: int) -> None:
    model = build_model(
        "deeplabv3plus", num_classes=1, encoder="tu-xception71", encoder_output_stride=stride
    ).eval()
    with torch.inference_mode():
        assert model.encoder(torch.zeros(1, 3, 64, 96))[-1].shape[2:] == (
            64 // stride,
            96 // stride,
        )
        for size in ((32, 32), (33, 47)):
            assert model(torch.zeros(1, 3, *size)).shape == (1, 1, *size)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("size", [(1, 1), (32, 32), (33, 33), (97, 65), (65, 31)])
def test_logits_have_the_size_of_the_picture(
    name: str, size: tuple[int, int], network: Callable[[str], Segmenter]
) -> None:
    with torch.inference_mode():
        logits = network(name)(torch.rand(1, 3, *size))
    assert logits.shape == (1, 3, *size)
    assert logits.isfinite().all()
    assert logits.std() > 0


@pytest.mark.parametrize("name", OURS)
def test_a_picture_does_not_see_the_others_of_its_batch(
    name: str, network: Callable[[str], Segmenter]
) -> None:
    images = torch.rand(2, 3, 40, 56)
    with torch.inference_mode():
        both, second = network(name)(images), network(name)(images[1:])
    torch.testing.assert_close(both[1:], second, rtol=0, atol=1e-4 * second.abs().max().item())


@pytest.mark.parametrize("name", OURS)
def test_networks_compute_the_same_with_channels_last(
    name: str, network: Callable[[str], Segmenter]
) -> None:
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        first = network(name)(images)
        second = network(name)(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-4 * first.abs().max().item())


@pytest.mark.parametrize("name", ["fcresnet", "fcn8s", "deeplabv2_resnet101"])
def test_every_parameter_learns(name: str) -> None:
    encoder = {"fcn8s": "resnet18", "deeplabv2_resnet101": "resnet50"}.get(name)
    model = awake(build_model(name, num_classes=2, encoder=encoder)).train()
    model(torch.rand(2, 3, 64, 64)).square().mean().backward()
    still = [k for k, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


@pytest.mark.parametrize(
    ("name", "encoder"), [("fcn8s", "resnet18"), ("deeplabv2_resnet101", "resnet50")]
)
def test_a_states_round_trip_gives_the_same_logits(name: str, encoder: str) -> None:
    first = awake(build_model(name, num_classes=2, encoder=encoder))
    second = build_model(name, num_classes=2, encoder=encoder).eval()
    second.load_state_dict(first.state_dict())
    images = torch.rand(1, 3, 40, 40)
    with torch.inference_mode():
        assert torch.equal(first(images), second(images))


def test_padding_does_not_touch_sizes_that_fit() -> None:
    model = build_model("unet", num_classes=1, encoder="resnet34", **SMALL["unet"]).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(model(images), model.network(images))


@pytest.mark.parametrize(
    ("name", "encoder"),
    [
        ("unet", "mobilenet_v2"),
        ("fcn16s", "resnet18"),
        ("deeplab_largefov", None),
        ("deeplabv2_resnet101", "resnet50"),
    ],
)
def test_the_same_seed_gives_the_same_weights(name: str, encoder: str | None) -> None:
    states = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        states.append(build_model(name, num_classes=2, encoder=encoder).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not all(torch.equal(states[0][key], states[2][key]) for key in states[0])


def test_logits_keep_the_channels_last_layout() -> None:
    model = build_model("unet", num_classes=4, encoder="resnet34", **SMALL["unet"])
    model = model.to(memory_format=torch.channels_last)  # pyright: ignore
    images = torch.rand(2, 3, 32, 32).to(memory_format=torch.channels_last)
    assert model(images).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("unett", {}), "unknown model 'unett'.*'unet'"),
        (("unet", {"depth": 3}), "unknown option of unet 'depth'"),
        (("unet", {"encoder_depth": 6}), "encoder_depth: .*3, 4 or 5, got 6"),
        (("unet", {"encoder_depth": 3}), "5 widths for encoder_depth 3"),
        (("unet", {"decoder_channels": (8, 8, 8, 8, -1)}), "decoder_channels"),
        (("unet", {"frozen_batch_norm": 1}), "frozen_batch_norm: .*bool.*, got 1"),
        (("deeplabv3plus", {"encoder_output_stride": 32}), "encoder_output_stride"),
        (("fcn8s", {"multi_scale": True}), "unknown option of fcn8s 'multi_scale'"),
        (("fcn8s", {"frozen_batch_norm": "yes"}), "frozen_batch_norm"),
    ],
)
def test_wrong_options_are_named(arguments: tuple[str, dict], message: str) -> None:
    name, options = arguments
    with pytest.raises(SpecError, match=message):
        check_model(name, encoder="resnet34", options=options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fcn_alexnet32s", {"fc6_kernel": 3}, "fc6_kernel: .*1 or 6, got 3"),
        ("deeplab_largefov", {"multi_scale": "yes"}, "multi_scale: .*bool.*, got 'yes'"),
    ],
)
def test_wrong_options_of_networks_with_one_trunk_are_named(
    name: str, options: dict, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        check_model(name, encoder=None, options=options)


@pytest.mark.parametrize(
    ("name", "encoder", "choices"),
    [
        ("bfcn32s", "resnet34", "one of vgg16"),
        ("fcresnet", "resnet101", "one of resnet50"),
        ("fcn_alexnet32s", "vgg16", "one of alexnet"),
        ("deeplab_largefov", "vgg19", r"one of vgg16 \(did you mean 'vgg16'\?\)"),
        ("fcn8s", "mobilenet_v2", "one of resnet18, resnet34, resnet50, resnet101, resnet152"),
        ("deeplabv2_resnet101", "resnet34", "one of resnet50, resnet101, resnet152"),
    ],
)
def test_an_encoder_that_a_network_cannot_have_is_refused(
    name: str, encoder: str, choices: str
) -> None:
    with pytest.raises(SpecError, match=f"unknown encoder of {name} '{encoder}': {choices}"):
        check_model(name, encoder=encoder, options={})


@pytest.mark.parametrize("name", MODELS)
def test_every_network_has_an_encoder_of_its_own_that_passes_its_check(name: str) -> None:
    assert check_model(name, encoder=default_encoder(name), options={}) == check_model(
        name, encoder=None, options={}
    )


@pytest.mark.parametrize("encoder", ["densenet121", "vgg16_bn", "xception"])
def test_an_encoder_that_cannot_be_dilated_is_refused(encoder: str) -> None:
    with pytest.raises(SpecError, match=f"'{encoder}' cannot be dilated; one of resnet18"):
        check_model("deeplabv3plus", encoder=encoder, options={})
    check_model("unet", encoder=encoder, options={})


@pytest.mark.parametrize("encoder", ["tu-densenet121", "tu-vgg11", "tu-vit_tiny_patch16_224"])
def test_one_of_timms_that_cannot_be_dilated_is_refused_when_it_is_built(encoder: str) -> None:
    with pytest.raises(SpecError, match=f"'{encoder}' does not fit smp's DeepLabV3Plus"):
        build_model("deeplabv3plus", num_classes=2, encoder=encoder)


def test_layers_that_no_encoder_brings_begin_as_kerass_where_asked() -> None:
    torch.manual_seed(0)
    model = build_model("bfcn32s", num_classes=1, initialization="glorot")
    known = {id(layer) for layer in model.encoder.modules()}
    head = [m for m in model.modules() if type(m) is torch.nn.Conv2d and id(m) not in known]
    assert head
    for layer in head:
        # Glorot & Bengio 2010, eq. 16; a uniform draw deviates by its bound over the root of 3.
        fan_in, fan_out = (n * layer.weight[0, 0].numel() for n in layer.weight.shape[1::-1])
        bound = (6 / (fan_in + fan_out)) ** 0.5
        assert layer.weight.abs().max() <= bound
        assert float(layer.weight.std()) == pytest.approx(bound / 3**0.5, rel=0.1)
        assert layer.bias is None or not layer.bias.any()


def test_deeplabv3plus_pools_at_the_rates_that_it_is_given() -> None:
    for rates, options in (
        ((12, 24, 36), {}),
        ((6, 12, 18), {"decoder_atrous_rates": [6, 12, 18]}),
    ):
        model = build_model("deeplabv3plus", num_classes=2, encoder="resnet18", **options)
        dilations = {m.dilation[0] for m in model.modules() if isinstance(m, torch.nn.Conv2d)}
        assert set(rates) <= dilations
