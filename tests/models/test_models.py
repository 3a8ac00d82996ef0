"""Networks by name: sizes, options, weights."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch
from segmentation_models_pytorch.encoders import encoders as smp_encoders

from losslab.errors import SpecError, WeightsError
from losslab.models import MODELS, build_model, check_model, find_weights

SMALL = {
    "unet": {"encoder_depth": 3, "decoder_channels": (8, 8, 8)},
    "deeplabv3plus": {"decoder_channels": 8},
}


@pytest.mark.parametrize("encoder", ["resnet34", "resnet50", "mobilenet_v2"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [(32, 32), (45, 77), (33, 64)])
def test_logits_have_the_size_of_the_picture(
    name: str, encoder: str, size: tuple[int, int]
) -> None:
    model = build_model(name, num_classes=3, encoder=encoder, **SMALL[name]).eval()
    with torch.inference_mode():
        assert model(torch.zeros(2, 3, *size)).shape == (2, 3, *size)


def test_padding_does_not_touch_sizes_that_fit() -> None:
    model = build_model("unet", num_classes=1, encoder="resnet34", **SMALL["unet"]).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(model(images), model.network(images))  # pyright: ignore


def test_the_same_seed_gives_the_same_weights() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(build_model("unet", num_classes=2, encoder="mobilenet_v2").state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


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
        (("deeplabv3plus", {"encoder_output_stride": 32}), "encoder_output_stride"),
    ],
)
def test_wrong_options_are_named(arguments: tuple[str, dict], message: str) -> None:
    name, options = arguments
    with pytest.raises(SpecError, match=message):
        check_model(name, encoder="resnet34", options=options)


def test_an_encoders_own_weights_are_loaded_from_a_file(tmp_path: Path) -> None:
    source = build_model("unet", num_classes=2, encoder="resnet34", **SMALL["unet"])
    encoder = source.network.encoder.state_dict()  # pyright: ignore
    safetensors.torch.save_file(encoder, tmp_path / "own.safetensors")
    torch.save({"state_dict": source.state_dict()}, tmp_path / "whole.pt")
    for file in ("own.safetensors", "whole.pt"):
        loaded = build_model(
            "unet", num_classes=5, encoder="resnet34", weights=str(tmp_path / file), **SMALL["unet"]
        )
        own = loaded.network.encoder.state_dict()  # pyright: ignore
        assert all(torch.equal(own[key], encoder[key]) for key in encoder)


def test_weights_of_another_encoder_are_refused_with_their_first_keys(tmp_path: Path) -> None:
    other = build_model("unet", num_classes=2, encoder="mobilenet_v2", **SMALL["unet"])
    safetensors.torch.save_file(other.state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"does not fit the encoder: \d+ of its"):
        build_model(
            "unet", num_classes=2, encoder="resnet34", weights=str(tmp_path / "other.safetensors")
        )


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pt", "broken.pth"])
def test_a_damaged_weights_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsError, match=f"{name} is not a readable weights file"):
        build_model("unet", num_classes=2, encoder="resnet34", weights=str(tmp_path / name))


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
def test_weights_that_are_not_there_are_refused(weights: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        find_weights("resnet34", weights)


def test_published_weights_are_looked_for_in_ones_own_folder_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSLAB_WEIGHTS", str(tmp_path))
    (tmp_path / "resnet34.safetensors").write_bytes(b"")
    assert find_weights("resnet34", "imagenet") == tmp_path / "resnet34.safetensors"
    (tmp_path / "mine.pt").write_bytes(b"")
    assert find_weights("resnet34", "mine.pt") == tmp_path / "mine.pt"


def test_without_a_network_published_weights_fail_at_once_and_say_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LOSSLAB_WEIGHTS", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *a, **k: None)
    for encoder in ("resnet34", "tu-resnet10t"):
        with pytest.raises(WeightsError, match=r"name it in LOSSLAB_WEIGHTS.*encoder_weights=null"):
            find_weights(encoder, "imagenet")


def test_timms_published_weights_are_fitted_by_timm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import timm

    torch.manual_seed(1)
    published = timm.create_model("resnet10t", pretrained=False)
    safetensors.torch.save_file(published.state_dict(), tmp_path / "tu-resnet10t.safetensors")
    monkeypatch.setenv("LOSSLAB_WEIGHTS", str(tmp_path))
    model = build_model(
        "unet", num_classes=2, encoder="tu-resnet10t", weights="imagenet", **SMALL["unet"]
    )
    first = model.network.encoder.model.conv1[0].weight  # pyright: ignore
    assert torch.equal(first, published.conv1[0].weight)  # pyright: ignore


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """A server on the loopback address that publishes one encoder as the hub does."""
    model = build_model("unet", num_classes=2, encoder="resnet18")
    content = safetensors.torch.save(model.network.encoder.state_dict())  # pyright: ignore
    commit = smp_encoders["resnet18"]["pretrained_settings"]["imagenet"]["revision"]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.delenv("LOSSLAB_WEIGHTS", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    yield content
    server.shutdown()
    server.server_close()


def test_published_weights_are_fetched_once_from_the_hub(hub: bytes) -> None:
    path = find_weights("resnet18", "imagenet")
    assert path is not None
    assert path.read_bytes() == hub
    model = build_model("unet", num_classes=2, encoder="resnet18", weights="imagenet")
    own = model.network.encoder.state_dict()  # pyright: ignore
    published = safetensors.torch.load(hub)
    assert all(torch.equal(own[key], published[key]) for key in published)
