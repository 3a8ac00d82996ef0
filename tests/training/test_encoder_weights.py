"""The encoder's weights are an input of a run: found, recorded, and the same when it goes on."""

import json
from pathlib import Path

import pytest
import torch
import torchvision
from torch.amp.grad_scaler import GradScaler

from losslab.constants import MEAN, STD
from losslab.data.transforms import normalize
from losslab.errors import SpecError, StudyError
from losslab.models import build_model, find_weights
from losslab.models.weights import statistics
from losslab.spec import RunSpec
from losslab.study.run import _check_same_weights
from losslab.study.smoke import SMALLEST
from losslab.training import train
from losslab.training.checkpoint import Progress, RunState
from losslab.training.device import choose_device, out_of_memory_named
from losslab.training.finished import reopen
from losslab.training.record import MOST_SKIPPED, divergence, mean_losses


def test_a_run_records_its_weights_and_is_refused_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSLAB_WEIGHTS", str(tmp_path))
    file = tmp_path / "resnet18.pt"
    torch.save(torchvision.models.resnet18().state_dict(), file)
    spec = RunSpec(**SMALLEST | {"encoder": "resnet18", "encoder_weights": "imagenet"})
    facts = train(spec, tmp_path / "run", cache_root=tmp_path / "cache")
    known = facts["weights"]
    assert (known["file"], known["origin"]) == ("resnet18.pt", "LOSSLAB_WEIGHTS")
    assert len(known["sha256"]) == 64
    assert known["mean"] == list(MEAN)
    network = reopen(tmp_path / "run", cache_root=tmp_path / "cache").network(torch.device("cpu"))
    assert network.statistics == (MEAN, STD)

    (tmp_path / "run" / "done.json").write_text("{}")
    _check_same_weights(tmp_path / "run", spec)
    torch.save(torchvision.models.resnet18().state_dict(), file)
    with pytest.raises(StudyError, match=r"other weights of its encoder: resnet18.pt with SHA-256"):
        _check_same_weights(tmp_path / "run", spec)
    file.unlink()
    _check_same_weights(tmp_path / "run", spec)  # nothing to compare with
    record = tmp_path / "run" / "run.json"
    record.write_text(json.dumps({k: v for k, v in facts.items() if k != "weights"}))
    _check_same_weights(tmp_path / "run", spec)  # a record from before it said so


def test_imagenet_also_finds_torchvisions_own_file_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSLAB_WEIGHTS", str(tmp_path))
    state = torchvision.models.resnet18().state_dict()
    torch.save(state, tmp_path / "resnet18-f37072fd.pth")
    found = find_weights("unet", "resnet18", "imagenet")
    assert found is not None
    assert found.path.name == "resnet18-f37072fd.pth"
    model = build_model("unet", num_classes=1, encoder="resnet18", weights="imagenet")
    assert torch.equal(model.encoder.state_dict()["conv1.weight"], state["conv1.weight"])


def test_pictures_are_normalised_as_the_encoder_was_trained() -> None:
    assert statistics("resnet34") == (MEAN, STD)
    halves = (0.5, 0.5, 0.5)
    for name in ("tu-tf_efficientnet_lite0", "tu-xception71", "xception", "inceptionv4"):
        assert statistics(name) == (halves, halves)
    assert statistics("dpn68")[0] == (124 / 255, 117 / 255, 104 / 255)
    white = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    torch.testing.assert_close(normalize(white, halves, halves), torch.ones(1, 3, 2, 2))
    random = build_model("unet", num_classes=1, encoder="tu-resnet10t")
    assert random.statistics == (MEAN, STD)


def test_real_encoders_load_by_torchvisions_and_timms_names(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared_data.parent / "weights"
    if not folder.is_dir():
        pytest.skip("real weights (../shared/weights) are not on this machine")
    monkeypatch.setenv("LOSSLAB_WEIGHTS", str(folder))
    means = {}
    for encoder in ("mobilenet_v2", "tu-tf_efficientnet_lite0"):
        model = build_model("unet", num_classes=3, encoder=encoder, weights="imagenet").eval()
        means[encoder] = model.statistics[0]
        assert model(normalize(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))).isfinite().all()
    assert means == {"mobilenet_v2": MEAN, "tu-tf_efficientnet_lite0": (0.5, 0.5, 0.5)}


def test_out_of_memory_says_what_did_not_fit_and_what_to_try() -> None:
    what = "batch_size 8, 64 x 64 pixels and precision fp32"

    def fail(error: Exception) -> None:
        with out_of_memory_named(torch.device("cpu"), what):
            raise error

    for error in (torch.OutOfMemoryError("CUDA"), RuntimeError("can't allocate memory: 1 TB")):
        with pytest.raises(StudyError, match=r"batch_size 8, 64 x 64.*a smaller batch_size"):
            fail(error)
    with pytest.raises(RuntimeError, match="other"):
        fail(RuntimeError("other"))


def test_a_gpu_by_number_is_the_current_one_and_has_to_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    current = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    assert current == [torch.device("cuda:1")]
    with pytest.raises(SpecError, match=r"cuda:2.*cuda:0 to cuda:1 do"):
        choose_device("cuda:2")


def state_with(losses: list[float], *, scaled: bool) -> RunState:
    """A run's state after steps with these losses."""
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return RunState(
        model=model,
        optimizer=optimizer,
        schedule=torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0),
        scaler=GradScaler("cpu", enabled=scaled),
        progress=Progress(step=len(losses), iterations=len(losses)),
        loss_log=torch.tensor(losses)[:, None],
        data="",
        user_losses={},
        device=torch.device("cpu"),
    )


def test_a_step_that_the_loss_scaler_skipped_is_no_divergence() -> None:
    losses = [1.0, float("inf"), 3.0]
    skipped, plain = state_with(losses, scaled=True), state_with(losses, scaled=False)
    assert divergence(skipped, ["ce"]) is None
    assert mean_losses(skipped, ["ce"]) == {"train_loss": 2.0}
    assert "step 2" in str(divergence(plain, ["ce"]))
    for_good = state_with([1.0, *[float("nan")] * MOST_SKIPPED], scaled=True)
    assert "step 2" in str(divergence(for_good, ["ce"]))
