"""The papers' networks in the training loop: their recipes, resuming, and runs as weights."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from losslab.errors import Terminated, WeightsError
from losslab.models import Segmenter, build_model
from losslab.spec import RunSpec
from losslab.study.run import Settings, check_runs
from losslab.study.smoke import SMALLEST
from losslab.training import loop, train

SMALL: dict[str, Any] = SMALLEST | {"model": "fcn16s", "model_options": {}, "encoder": "resnet18"}
RECIPE: dict[str, Any] = SMALL | {
    "model_options": {"frozen_batch_norm": True},
    "optimizer": "sgd",
    "lr": 1e-3,
    "weight_decay": 5e-4,
    "head_lr_factor": 10.0,
    "bias_lr_factor": 2.0,
    "bias_decay": False,
    "schedule": "poly",
}


class StopsAfterSteps:
    """Stands for `StopRequest`: asks for a stop after so many steps."""

    def __init__(self, steps: int):
        self.steps = steps

    def __call__(self) -> "StopsAfterSteps":
        return self

    def __enter__(self) -> "StopsAfterSteps":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    @property
    def requested(self) -> bool:
        self.steps -= 1
        return self.steps == 0


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_a_run_in_deeplabs_recipe_is_resumed_to_the_same_bits_without_its_weights_file(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    encoder = build_model("fcn16s", num_classes=2, encoder="resnet18").encoder.state_dict()
    weights = tmp_path / "resnet18.safetensors"
    safetensors.torch.save_file(encoder, weights)
    spec = RunSpec(**RECIPE, encoder_weights=str(weights))
    whole, cut = tmp_path / "whole", tmp_path / "cut" / spec.run_id
    train(spec, whole, cache_root=cache, device="cpu")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", StopsAfterSteps(3))
        with pytest.raises(Terminated):
            train(spec, cut, cache_root=cache, device="cpu")
    weights.unlink()
    check_runs([spec], Settings(cut.parent, cache_root=cache))
    train(spec, cut, cache_root=cache, device="cpu")
    first, second = (safetensors.torch.load_file(run / "best.safetensors") for run in (whole, cut))
    assert all(torch.equal(first[key], second[key]) for key in first)
    trained = first["network.encoder.layer4.1.conv2.weight"]
    assert not torch.equal(trained, encoder["layer4.1.conv2.weight"])
    for key in ("layer4.1.bn2.running_mean", "layer4.1.bn2.weight", "bn1.bias"):
        assert torch.equal(first[f"network.encoder.{key}"], encoder[key])
    with pytest.raises(WeightsError, match="does not exist"):
        check_runs([spec], Settings(tmp_path / "elsewhere", cache_root=cache))


def test_a_runs_weights_begin_another_network(tmp_path: Path, cache: Path) -> None:
    train(RunSpec(**SMALL), tmp_path, cache_root=cache, device="cpu")
    best = safetensors.torch.load_file(tmp_path / "best.safetensors")
    last = torch.load(tmp_path / "last.pt", weights_only=True)["model"]
    for file, state in (("best.safetensors", best), ("last.pt", last)):
        path = str(tmp_path / file)
        model = build_model("fcn8s", num_classes=5, encoder="resnet18", weights=path)
        own = model.encoder.state_dict()
        assert all(torch.equal(own[key], state[f"network.encoder.{key}"]) for key in own)


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fcn_alexnet32s", {}),
        ("fcresnet", {}),
        ("deeplab_largefov", {}),
        ("deeplab_largefov", {"multi_scale": True}),
    ],
)
def test_logits_and_gradients_are_finite_in_mixed_precision(
    name: str, options: dict[str, Any], precision: str
) -> None:
    torch.manual_seed(0)
    model: Segmenter = build_model(name, num_classes=2, **options).train()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        logits = model(torch.rand(2, 3, 40, 33))
    torch.nn.functional.cross_entropy(logits.float(), torch.randint(0, 2, (2, 40, 33))).backward()
    gradients = [p.grad for p in model.head_parameters()]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    assert any(g is not None and g.any() for g in gradients)
