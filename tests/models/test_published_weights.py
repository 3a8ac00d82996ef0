"""Published weights, fetched from servers on the loopback address as from their publishers."""

import hashlib
import http.server
import io
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch
import torchvision
from segmentation_models_pytorch.encoders import encoders as smp_encoders

from losslab.errors import WeightsError
from losslab.models import build_model, find_weights, published

Serve = Callable[[dict[str, bytes]], str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a server that holds these files by path, and says where; without a proxy."""
    servers: list[http.server.ThreadingHTTPServer] = []
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def start(files: dict[str, bytes]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hub_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of torch hub."""
    monkeypatch.delenv("LOSSLAB_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture(scope="module")
def resnet18() -> bytes:
    """torchvision's classifier as it is published."""
    torch.manual_seed(2)
    file = io.BytesIO()
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), file)
    return file.getvalue()


def publish(
    monkeypatch: pytest.MonkeyPatch, serve: Serve, content: bytes, sha256: str | None = None
) -> str:
    """Have torchvision's server hold `content`; returns the file's name."""
    digest = sha256 or hashlib.sha256(content).hexdigest()[:8]
    name = f"resnet18-{digest}.pth"
    address = serve({f"/models/{name}": content})
    monkeypatch.setattr(published, "torchvision_url", lambda encoder: f"{address}/models/{name}")
    return name


def test_torchvisions_weights_are_those_of_the_original_recipe() -> None:
    assert {name: published.torchvision_url(name) for name in ("alexnet", "vgg16", "resnet50")} == {
        "alexnet": "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
        "resnet50": "https://download.pytorch.org/models/resnet50-0676ba61.pth",
    }


def test_torchvisions_weights_are_fetched_once(
    hub_folder: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve, resnet18: bytes
) -> None:
    name = publish(monkeypatch, serve, resnet18)
    found = find_weights("fcn16s", "resnet18", "imagenet")
    assert found is not None
    path = found.path
    assert path == hub_folder / name
    assert path.read_bytes() == resnet18
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *a, **k: pytest.fail("again"))
    model = build_model("fcn16s", num_classes=2, encoder="resnet18", weights="imagenet")
    state = torch.load(io.BytesIO(resnet18), weights_only=True)
    assert all(torch.equal(v, state[k]) for k, v in model.encoder.state_dict().items())


def test_a_file_that_is_not_the_published_one_is_refused(
    hub_folder: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve, resnet18: bytes
) -> None:
    digest = hashlib.sha256(resnet18).hexdigest()[:8]
    for content in (resnet18[:-1], resnet18 + b"x", b"<html>Sign in to the network</html>"):
        publish(monkeypatch, serve, content, digest)
        with pytest.raises(WeightsError, match=f'invalid hash value .expected "{digest}"'):
            find_weights("fcn16s", "resnet18", "imagenet")
        assert not list(hub_folder.iterdir()), "nothing of it stays"


def test_a_server_without_the_file_is_named(
    hub_folder: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    address = serve({})
    url = f"{address}/models/resnet18-f37072fd.pth"
    monkeypatch.setattr(published, "torchvision_url", lambda encoder: url)
    with pytest.raises(WeightsError, match=f"404.*put {url} as resnet18.pth into a folder"):
        find_weights("fcn16s", "resnet18", "imagenet")


def test_a_server_that_falls_silent_is_given_up(
    hub_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "SILENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/resnet18-f37072fd.pth"
        monkeypatch.setattr(published, "torchvision_url", lambda encoder: url)
        with pytest.raises(WeightsError, match="timed out"):
            find_weights("fcn16s", "resnet18", "imagenet")
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize(
    ("name", "encoder"),
    [("unet", "resnet34"), ("unet", "tu-resnet10t"), ("bfcn32s", "vgg16"), ("fcn8s", "resnet34")],
)
def test_without_a_network_published_weights_fail_at_once_and_say_what_to_do(
    name: str,
    encoder: str,
    hub_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    serve: Serve,
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *a, **k: None)
    monkeypatch.setattr(published, "torchvision_url", lambda e: f"http://127.0.0.1:9/{e}-0.pth")
    suffix = ".pth" if name != "unet" else ".safetensors"
    with pytest.raises(
        WeightsError, match=rf" as {encoder}{suffix} .*in LOSSLAB_WEIGHTS.*encoder_weights=null"
    ):
        find_weights(name, encoder, "imagenet")


def test_a_resolver_that_does_not_answer_is_not_waited_for(
    hub_folder: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    answered = threading.Event()

    def resolve(*arguments: object, **settings: object) -> None:
        answered.wait(10)
        raise OSError("no such name")

    monkeypatch.setattr(published, "PATIENCE", 0.1)
    monkeypatch.setattr(socket, "create_connection", resolve)
    with pytest.raises(WeightsError, match=r"did not answer within 0\.1 s"):
        find_weights("bfcn32s", "vgg16", "imagenet")
    assert not answered.is_set()
    answered.set()


def test_where_there_is_a_proxy_the_proxy_is_tried(
    hub_folder: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve, resnet18: bytes
) -> None:
    digest = hashlib.sha256(resnet18).hexdigest()[:8]
    url = f"http://weights.invalid/resnet18-{digest}.pth"
    monkeypatch.setattr(published, "torchvision_url", lambda encoder: url)
    monkeypatch.setenv("http_proxy", serve({url: resnet18}))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # it remembers the proxies it began with
    found = find_weights("fcn16s", "resnet18", "imagenet")
    assert found is not None
    path = found.path
    assert path is not None
    assert path.read_bytes() == resnet18


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """A server on the loopback address that publishes one encoder as the hub does."""
    model = build_model("unet", num_classes=2, encoder="resnet18")
    content = safetensors.torch.save(model.encoder.state_dict())
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
    found = find_weights("unet", "resnet18", "imagenet")
    assert found is not None
    path = found.path
    assert path is not None
    assert path.read_bytes() == hub
    model = build_model("unet", num_classes=2, encoder="resnet18", weights="imagenet")
    own = model.encoder.state_dict()
    published_state = safetensors.torch.load(hub)
    assert all(torch.equal(own[key], published_state[key]) for key in published_state)
