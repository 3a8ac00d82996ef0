"""Weights of an encoder: files of every origin, the folders they are looked for in, the errors."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from losslab.errors import WeightsError
from losslab.models import Segmenter, build_model, find_weights
from losslab.models.trunks import ConvolutionalClassifier
from tests.models.networks import on_paper

SMALL: dict[str, Any] = {"encoder_depth": 3, "decoder_channels": (8, 8, 8)}


def same(part: nn.Module, state: dict[str, Tensor]) -> bool:
    own = part.state_dict()
    return all(torch.equal(own[key], state[key]) for key in own)


@pytest.fixture(scope="module")
def source() -> Segmenter:
    torch.manual_seed(5)
    return build_model("unet", num_classes=2, encoder="resnet18", **SMALL)


@pytest.mark.parametrize("model", ["unet", "fcn16s"])
def test_an_encoders_own_weights_are_loaded_from_a_file(
    tmp_path: Path, source: Segmenter, model: str
) -> None:
    encoder, whole = source.encoder.state_dict(), source.state_dict()
    safetensors.torch.save_file(encoder, tmp_path / "own.safetensors")
    safetensors.torch.save_file(whole, tmp_path / "best.safetensors")
    torch.save({"state_dict": whole}, tmp_path / "whole.pt")
    torch.save({"model": whole, "optimizer": {"lr": 1}}, tmp_path / "last.pt")
    torch.save({f"module.{k}": v for k, v in whole.items()}, tmp_path / "parallel.pth")
    for file in sorted(tmp_path.iterdir()):
        loaded = build_model(model, num_classes=5, encoder="resnet18", weights=str(file))
        assert same(loaded.encoder, encoder)


def test_torchvisions_segmentation_networks_bring_their_backbone(tmp_path: Path) -> None:
    torch.manual_seed(6)
    coco = torchvision.models.segmentation.deeplabv3_resnet50(
        weights=None, weights_backbone=None, aux_loss=True
    )
    path = str(tmp_path / "coco.pth")
    torch.save(coco.state_dict(), path)
    for name in ("deeplabv2_resnet101", "fcn8s"):
        model = build_model(name, num_classes=2, encoder="resnet50", weights=path)
        assert same(model.encoder, coco.backbone.state_dict())  # pyright: ignore


def test_torchvisions_classifier_is_loaded_without_its_last_layer(tmp_path: Path) -> None:
    torch.manual_seed(7)
    resnet = torchvision.models.resnet50(weights=None)
    state = {k: v for k, v in resnet.state_dict().items() if "batches_tracked" not in k}
    torch.save(state, tmp_path / "old.pth")  # as torch before 0.4.1 wrote it
    model = build_model("fcresnet", num_classes=1, weights=str(tmp_path / "old.pth"))
    assert same(model.encoder, resnet.state_dict())


@pytest.fixture(scope="module")
def vgg() -> dict[str, Tensor]:
    """The state of torchvision's VGG-16, its convolutions and the layers that become some."""
    generator = torch.Generator().manual_seed(8)
    with torch.device("meta"):
        shapes = torchvision.models.vgg16(weights=None).state_dict()
    return {
        key: torch.rand(value.shape, generator=generator) * 0.02 - 0.01
        for key, value in shapes.items()
    }


def on_meta(name: str) -> ConvolutionalClassifier:
    encoder = on_paper(name, 1).encoder
    assert isinstance(encoder, ConvolutionalClassifier)
    return encoder


def test_vggs_fully_connected_layers_become_convolutions(vgg: dict[str, Tensor]) -> None:
    state = on_meta("bfcn32s").adapted(vgg)
    assert state["fc6.weight"].shape == (4096, 512, 7, 7)
    maps = torch.rand(2, 512, 7, 7)
    hidden = (maps.flatten(1) @ vgg["classifier.0.weight"].T + vgg["classifier.0.bias"]).relu()
    by_hand = hidden @ vgg["classifier.3.weight"].T + vgg["classifier.3.bias"]
    found = functional.conv2d(maps, state["fc6.weight"], state["fc6.bias"]).relu()
    found = functional.conv2d(found, state["fc7.weight"], state["fc7.bias"])
    torch.testing.assert_close(found[:, :, 0, 0], by_hand, atol=1e-4, rtol=1e-4)


def test_largefov_takes_every_fourth_filter_and_nine_taps_of_vggs_layers(
    vgg: dict[str, Tensor],
) -> None:
    with tempfile.TemporaryDirectory() as folder:  # half a gigabyte
        torch.save(vgg, f"{folder}/vgg16.pth")
        model = build_model("deeplab_largefov", num_classes=1, weights=f"{folder}/vgg16.pth")
    encoder = model.encoder.state_dict()
    assert torch.equal(encoder["features.28.weight"], vgg["features.28.weight"])
    whole = vgg["classifier.0.weight"].view(4096, 512, 7, 7)
    for y in range(3):
        for x in range(3):
            assert torch.equal(encoder["fc6.weight"][..., y, x], whole[::4, :, 3 * y, 3 * x])
    assert torch.equal(encoder["fc6.bias"], vgg["classifier.0.bias"][::4])
    assert torch.equal(encoder["fc7.weight"][..., 0, 0], vgg["classifier.3.weight"][::4, ::4])
    assert torch.equal(encoder["fc7.bias"], vgg["classifier.3.bias"][::4])


def test_runs_of_vggs_other_forms_are_adapted_as_the_classifier_is(vgg: dict[str, Tensor]) -> None:
    large = on_meta("deeplab_largefov")
    direct = large.adapted(vgg)
    over_bfcn32s = large.adapted(without_classifier(on_meta("bfcn32s").adapted(vgg)))
    own = large.adapted(without_classifier(direct))
    for name in ("fc6.weight", "fc6.bias", "fc7.weight", "fc7.bias", "features.0.weight"):
        assert torch.equal(direct[name], over_bfcn32s[name])
        assert torch.equal(direct[name], own[name])


def without_classifier(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if not key.startswith("classifier.")}


@pytest.mark.parametrize("kernel", [1, 6])
def test_alexnets_fully_connected_layers_become_convolutions(kernel: int) -> None:
    torch.manual_seed(9)
    alexnet = torchvision.models.alexnet(weights=None).eval()
    encoder = on_paper("fcn_alexnet32s", 1, fc6_kernel=kernel).encoder
    assert isinstance(encoder, ConvolutionalClassifier)
    state = encoder.adapted(alexnet.state_dict())
    constant = torch.rand(1, 256, 1, 1).expand(1, 256, 6, 6)
    with torch.inference_mode():
        by_hand = alexnet.classifier[:5](constant.flatten(1))
        hidden = functional.conv2d(constant, state["fc6.weight"], state["fc6.bias"]).relu()
        found = functional.conv2d(hidden, state["fc7.weight"], state["fc7.bias"])
    assert found.shape[2:] == (7 - kernel, 7 - kernel)
    torch.testing.assert_close(found[0, :, 0, 0], by_hand[0], atol=1e-4, rtol=1e-4)


def test_a_single_tap_is_not_spread_over_a_larger_kernel() -> None:
    encoder = on_paper("fcn_alexnet32s", 1, fc6_kernel=6).encoder
    assert isinstance(encoder, ConvolutionalClassifier)
    state = {"fc6.weight": torch.rand(4096, 256, 1, 1), "fc6.bias": torch.rand(4096)}
    assert encoder.adapted(state)["fc6.weight"].shape == (4096, 256, 1, 1)


def test_weights_of_another_encoder_are_refused_with_their_first_tensors(tmp_path: Path) -> None:
    other = build_model("unet", num_classes=2, encoder="mobilenet_v2", **SMALL)
    safetensors.torch.save_file(other.state_dict(), tmp_path / "other.safetensors")
    for name, encoder, first in (
        ("unet", "resnet34", "bn1.bias"),
        ("fcn8s", "resnet18", "bn1.bias"),
        ("deeplab_largefov", "vgg16", "fc6.bias"),
    ):
        with pytest.raises(
            WeightsError, match=rf"other.safetensors does not fit .*: \d+ of its \d+.*{first}"
        ):
            build_model(
                name, num_classes=2, encoder=encoder, weights=str(tmp_path / "other.safetensors")
            )


def test_tensors_of_another_shape_are_refused(tmp_path: Path) -> None:
    state = build_model("deeplab_largefov", num_classes=1).encoder.state_dict()
    for name, wrong in (("fc7.weight", (1024, 500)), ("features.0.bias", (65,))):
        torch.save(state | {name: torch.rand(wrong)}, tmp_path / "wrong.pth")
        with pytest.raises(
            WeightsError, match=rf"0 of its .* missing and 1 differ in shape \({name}"
        ):
            build_model("deeplab_largefov", num_classes=1, weights=str(tmp_path / "wrong.pth"))


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, source: Segmenter) -> None:
    state = source.encoder.state_dict()
    state["conv1.weight"] = torch.full_like(state["conv1.weight"], torch.nan)
    torch.save(state, tmp_path / "nan.pt")
    with pytest.raises(WeightsError, match=r"not finite \(conv1.weight"):
        build_model("fcn32s", num_classes=1, encoder="resnet18", weights=str(tmp_path / "nan.pt"))


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pt", "broken.pth"])
@pytest.mark.parametrize("model", ["unet", "fcn8s"])
def test_a_damaged_weights_file_is_named(tmp_path: Path, name: str, model: str) -> None:
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsError, match=f"{name} is not a readable weights file"):
        build_model(model, num_classes=2, encoder="resnet34", weights=str(tmp_path / name))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_half_a_file_is_refused(tmp_path: Path, source: Segmenter, suffix: str) -> None:
    path = tmp_path / f"half{suffix}"
    if suffix == ".pt":
        torch.save(source.state_dict(), path)
    else:
        safetensors.torch.save_file(source.state_dict(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match=f"half{suffix} is not a readable weights file"):
        build_model("unet", num_classes=2, encoder="resnet18", weights=str(path))


def test_pickled_code_in_a_weights_file_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "trapped",))

    torch.save({"x": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(WeightsError, match="not a readable weights file"):
        build_model("unet", num_classes=2, encoder="resnet34", weights=str(tmp_path / "trap.pt"))
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("image-net", "unknown encoder_weights 'image-net'.*did you mean 'imagenet'"),
        ("missing.safetensors", "does not exist, neither as given nor in LOSSLAB_WEIGHTS"),
    ],
)
@pytest.mark.parametrize(("name", "encoder"), [("unet", "resnet34"), ("bfcn32s", "vgg16")])
def test_weights_that_are_not_there_are_refused(
    name: str, encoder: str, weights: str, message: str
) -> None:
    with pytest.raises(WeightsError, match=message):
        find_weights(name, encoder, weights)


@pytest.mark.parametrize("name", ["unet", "fcn8s"])
def test_published_weights_are_looked_for_in_ones_own_folder_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("LOSSLAB_WEIGHTS", str(tmp_path))
    (tmp_path / "resnet34.safetensors").write_bytes(b"")
    published = find_weights(name, "resnet34", "imagenet")
    assert published == (tmp_path / "resnet34.safetensors", "LOSSLAB_WEIGHTS")
    (tmp_path / "mine.pt").write_bytes(b"")
    assert find_weights(name, "resnet34", "mine.pt") == (tmp_path / "mine.pt", "file")


def test_random_weights_are_no_file() -> None:
    assert find_weights("unet", "resnet34", None) is None
    assert find_weights("bfcn32s", None, None) is None


@pytest.fixture
def timm_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """The state of a timm classifier, published in one's own folder."""
    torch.manual_seed(1)
    state = timm.create_model("resnet10t", pretrained=False).state_dict()
    safetensors.torch.save_file(state, tmp_path / "tu-resnet10t.safetensors")
    monkeypatch.setenv("LOSSLAB_WEIGHTS", str(tmp_path))
    return state


def test_timms_published_weights_are_fitted_by_timm(timm_file: dict[str, Tensor]) -> None:
    model = build_model("unet", num_classes=2, encoder="tu-resnet10t", weights="imagenet", **SMALL)
    first = model.encoder.model.conv1[0].weight  # pyright: ignore
    assert torch.equal(first, timm_file["conv1.0.weight"])


@pytest.mark.parametrize("damage", ["missing", "shape", "html"])
def test_a_file_that_timm_cannot_fit_whole_is_refused(
    timm_file: dict[str, Tensor], tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "tu-resnet10t.safetensors"
    name = "layer1.0.conv1.weight"
    if damage == "html":
        path.write_bytes(b"<html>not found</html>")
    else:
        del timm_file[name]
        extra = {name: torch.rand(3, 3)} if damage == "shape" else {}
        safetensors.torch.save_file(timm_file | extra, path)
    message = "not a readable weights file" if damage == "html" else f"not fit the encoder.*{name}"
    with pytest.raises(WeightsError, match=message):
        build_model("unet", num_classes=2, encoder="tu-resnet10t", weights="imagenet", **SMALL)


def test_torchvisions_file_is_found_in_ones_own_folder_by_its_published_name_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSLAB_WEIGHTS", str(tmp_path))
    (tmp_path / "vgg16-397923af.pth").write_bytes(b"")
    found = find_weights("bfcn32s", "vgg16", "imagenet")
    assert found == (tmp_path / "vgg16-397923af.pth", "LOSSLAB_WEIGHTS")


@pytest.mark.parametrize("content", [{1: torch.zeros(2)}, {"epoch": 3}, [torch.zeros(2)]])
def test_a_file_without_named_tensors_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match="no state dictionary of tensors"):
        build_model("unet", num_classes=2, encoder="resnet18", weights=str(path))
