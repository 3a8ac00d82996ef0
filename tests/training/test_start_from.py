"""A run that begins with the weights of another."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

from losslab.errors import StudyError
from losslab.spec import RunSpec
from losslab.study.smoke import SMALLEST
from losslab.training import train

FIRST = RunSpec(**SMALLEST)
SECOND = RunSpec(**SMALLEST | {"lr": 1e-9, "seed": 3}, start_from=FIRST.run_id)


def weights_of(run_dir: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(run_dir / "best.safetensors")


def test_a_run_begins_with_all_weights_of_the_run_that_it_names(tmp_path: Path) -> None:
    for spec in (FIRST, SECOND):
        train(spec, tmp_path / spec.run_id, cache_root=tmp_path / "cache")
    before, after = (weights_of(tmp_path / spec.run_id) for spec in (FIRST, SECOND))
    trained = [name for name in before if "running" not in name and "batches" not in name]
    assert any("segmentation_head" in name for name in trained)
    for name in trained:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-6)


def test_a_run_that_is_resumed_does_not_look_for_the_other_again(tmp_path: Path) -> None:
    for spec in (FIRST, SECOND):
        train(spec, tmp_path / spec.run_id, cache_root=tmp_path / "cache")
    (tmp_path / FIRST.run_id / "best.safetensors").unlink()
    train(SECOND, tmp_path / SECOND.run_id, cache_root=tmp_path / "cache")


def test_the_missing_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=rf"no weights of {FIRST.run_id}.*execute that run first"):
        train(SECOND, tmp_path / SECOND.run_id, cache_root=tmp_path / "cache")
