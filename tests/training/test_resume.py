"""A run that is stopped or killed and resumed ends with the same bits as one that was not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
import torch
from torch import Tensor

from losslab.errors import Terminated
from losslab.spec import RunSpec
from losslab.study.smoke import SMALLEST
from losslab.training import loop, train
from losslab.training.pictures import Pictures

# Each epoch looks at the stop flag after each of 4 steps, each of 2 validation batches and its
# checkpoint; the test set is 2 batches more, and so is validation with the tested weights.
STEPS, VALIDATION, EPOCHS = 4, 2, 2
LOOKS = EPOCHS * (STEPS + VALIDATION + 1) + 2 + VALIDATION

PLAIN = RunSpec(
    **SMALLEST | {"augmentation": "scale_crop_mirror", "crop_size": (32, 32)},
    loss="dice + ce",
    schedule="poly",
)
WITH_DROPOUT = RunSpec(
    **SMALLEST | {"model": "deeplabv3plus", "model_options": {"decoder_channels": 16}},
    loss="iou",
    optimizer="sgd",
    selection="last",
)
POSITIVE = RunSpec(**SMALLEST | {"batch_size": 2, "batches": "positive"}, task="speck", loss="iou")
TIMES = {"seconds", "step_seconds"}


class Killed(Exception):
    """The process is gone: nothing is saved."""


class Cut:
    """Stands for `StopRequest`: at look number `at`, either a stop is asked for or the run is
    killed.
    """

    def __init__(self, at: int, *, kill: bool):
        self.left, self.kill = at, kill

    def __call__(self) -> "Cut":
        return self

    def __enter__(self) -> "Cut":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    @property
    def requested(self) -> bool:
        self.left -= 1
        if self.left == 0 and self.kill:
            raise Killed
        return self.left == 0


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of all training pictures, as they are served."""
    seen: list[str] = []
    batches = Pictures.batches

    def logged(self: Pictures, groups: Any) -> Iterator[Any]:
        for group, batch in zip(groups, batches(self, groups), strict=True):
            seen.extend(f"{self.ids[i]}" for i in group if self.ids[i].startswith("train"))
            yield batch

    monkeypatch.setattr(Pictures, "batches", logged)
    return seen


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> dict[str, Path]:
    """Runs that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    specs = (PLAIN, WITH_DROPOUT, POSITIVE)
    for spec in specs:
        train(spec, folder / spec.run_id, cache_root=cache)
    return {spec.run_id: folder / spec.run_id for spec in specs}


def flatten(value: Any, name: str = "") -> dict[str, Any]:
    """All leaves of nested dictionaries and lists by their path."""
    if isinstance(value, dict):
        return {
            k: v for key, part in value.items() for k, v in flatten(part, f"{name}/{key}").items()
        }
    if isinstance(value, list | tuple):
        return flatten(dict(enumerate(value)), name)
    return {name: value}


def assert_same_run(one: Path, other: Path) -> None:
    """Every stored value is equal, but for times."""
    states = [flatten(torch.load(run / "last.pt", weights_only=True)) for run in (one, other)]
    assert states[0].keys() == states[1].keys()
    rows = {
        key.rpartition("/")[0]
        for key, value in states[0].items()
        if key.endswith("/metric") and value in TIMES
    }
    for key, value in states[0].items():
        if key.rpartition("/")[0] in rows or key.endswith(("seconds", "peak_memory")):
            continue
        if key.startswith("/random/python"):  # beartype, at work in tests, draws from this one
            continue
        if isinstance(value, Tensor):
            assert torch.equal(value, states[1][key]), key
        else:
            assert value == states[1][key], key
    weights = [safetensors.torch.load_file(run / "best.safetensors") for run in (one, other)]
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0] | weights[1])
    histories = [pd.read_parquet(run / "history.parquet") for run in (one, other)]
    kept = [history[~history["metric"].isin(TIMES)] for history in histories]
    pd.testing.assert_frame_equal(*kept, check_exact=True)
    for file in ("counts.parquet", "counts_val.parquet"):
        counts = [pd.read_parquet(run / file) for run in (one, other)]
        pd.testing.assert_frame_equal(*counts, check_exact=True)
    names = [sorted(path.name for path in (run / "samples").iterdir()) for run in (one, other)]
    assert names[0] == names[1] != []
    for sample in (one / "samples").iterdir():
        assert sample.read_bytes() == (other / "samples" / sample.name).read_bytes(), sample.name


@pytest.mark.parametrize("at", range(1, LOOKS + 1))
def test_a_run_that_is_asked_to_stop_anywhere_resumes_bit_identical(
    at: int,
    tmp_path: Path,
    cache: Path,
    whole: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    order: list[str],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", Cut(at, kill=False))
        with pytest.raises(Terminated, match="state is saved"):
            train(PLAIN, tmp_path, cache_root=cache)
    before = torch.load(tmp_path / "last.pt", weights_only=True)["progress"]["iterations"]
    assert len(order) == 4 * before
    train(PLAIN, tmp_path, cache_root=cache)
    assert len(order) == 16 * EPOCHS  # no picture twice, none left out
    assert_same_run(whole[PLAIN.run_id], tmp_path)


@pytest.mark.parametrize(
    "at", [2, STEPS + 1, STEPS + VALIDATION + 1, STEPS + VALIDATION + 3, LOOKS]
)
def test_a_run_that_is_killed_resumes_bit_identical_from_its_last_checkpoint(
    at: int, tmp_path: Path, cache: Path, whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", Cut(at, kill=True))
        with pytest.raises(Killed):
            train(PLAIN, tmp_path, cache_root=cache)
    train(PLAIN, tmp_path, cache_root=cache)
    assert_same_run(whole[PLAIN.run_id], tmp_path)


@pytest.mark.parametrize("at", [3, STEPS + VALIDATION + 2])
def test_dropout_goes_on_with_the_same_draws_after_a_stop(
    at: int, tmp_path: Path, cache: Path, whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", Cut(at, kill=False))
        with pytest.raises(Terminated):
            train(WITH_DROPOUT, tmp_path, cache_root=cache)
    torch.rand(7)  # whatever happened to the global state meanwhile
    train(WITH_DROPOUT, tmp_path, cache_root=cache)
    assert_same_run(whole[WITH_DROPOUT.run_id], tmp_path)


@pytest.mark.parametrize("at", [3, 2 * STEPS + VALIDATION + 4])
def test_batches_with_a_positive_picture_go_on_where_they_stopped(
    at: int, tmp_path: Path, cache: Path, whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", Cut(at, kill=False))
        with pytest.raises(Terminated, match="the state is saved"):
            train(POSITIVE, tmp_path, cache_root=cache)
    train(POSITIVE, tmp_path, cache_root=cache)
    assert_same_run(whole[POSITIVE.run_id], tmp_path)


def test_a_stop_while_testing_leaves_the_last_state_and_not_the_best_weights(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([0.9, 0.1] * 2)
    monkeypatch.setattr(loop, "dataset_means", lambda counts: {"iou": next(values)})
    train(PLAIN, tmp_path / "whole", cache_root=cache)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", Cut(LOOKS, kill=False))
        with pytest.raises(Terminated, match="while testing"):
            train(PLAIN, tmp_path / "cut", cache_root=cache)
    train(PLAIN, tmp_path / "cut", cache_root=cache)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_a_run_interrupted_twice_resumes_bit_identical(
    tmp_path: Path, cache: Path, whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for cut in (Cut(3, kill=False), Cut(4, kill=True), Cut(2, kill=False)):
        with monkeypatch.context() as patch:
            patch.setattr(loop, "StopRequest", cut)
            with pytest.raises((Terminated, Killed)):
                train(PLAIN, tmp_path, cache_root=cache)
    train(PLAIN, tmp_path, cache_root=cache)
    assert_same_run(whole[PLAIN.run_id], tmp_path)


def test_losses_of_one_seed_see_the_same_pictures_in_the_same_order(
    tmp_path: Path, cache: Path, order: list[str]
) -> None:
    facts = [
        train(RunSpec(**SMALLEST, loss=loss), tmp_path / loss, cache_root=cache)
        for loss in ("ce", "iou")
    ]
    assert order[: len(order) // 2] == order[len(order) // 2 :]
    assert facts[0]["order_sha256"] == facts[1]["order_sha256"]


def test_epochs_and_seeds_have_orders_of_their_own(
    tmp_path: Path, cache: Path, order: list[str]
) -> None:
    for seed in (0, 1):
        train(RunSpec(**SMALLEST, seed=seed), tmp_path / str(seed), cache_root=cache)
    epochs = [tuple(order[start : start + 16]) for start in range(0, len(order), 16)]
    assert len(set(epochs)) == 4
    assert {frozenset(epoch) for epoch in epochs} == {frozenset(epochs[0])}
