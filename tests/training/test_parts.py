"""The parts of training: files, randomness, schedules, devices, the stop request."""

import os
import random
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from losslab.errors import SpecError
from losslab.files import write_atomically, write_json
from losslab.spec import RunSpec
from losslab.training.checkpoint import Progress
from losslab.training.device import ask_for_determinism, autocast, choose_device, pin_allocator
from losslab.training.optimizers import OPTIMIZERS, SCHEDULES, build_optimizer, build_schedule
from losslab.training.randomness import (
    derived_seed,
    generator,
    global_states,
    restore_global_states,
    seed_everything,
)
from losslab.training.record import is_better
from losslab.training.stop import StopRequest

CPU = torch.device("cpu")


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half of the n")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_can_be_read_by_those_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_json(tmp_path / "x.json", {"a": 1})
    finally:
        os.umask(before)
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o644


def test_named_generators_do_not_depend_on_each_other() -> None:
    assert derived_seed(0, "order", 1) != derived_seed(0, "augment", 1)
    assert derived_seed(0, "order", 11) != derived_seed(0, "order1", 1)
    first = torch.rand(3, generator=generator(3, "order", 0))
    torch.rand(5)
    assert torch.equal(first, torch.rand(3, generator=generator(3, "order", 0)))


def test_global_states_survive_a_weights_only_file(tmp_path: Path) -> None:
    seed_everything(5)
    torch.save(global_states(CPU), tmp_path / "states.pt")
    drawn = (torch.rand(2).tolist(), np.random.rand(), random.random())  # noqa: NPY002
    restore_global_states(torch.load(tmp_path / "states.pt", weights_only=True), CPU)
    assert drawn == (torch.rand(2).tolist(), np.random.rand(), random.random())  # noqa: NPY002


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_lowers_a_quadratic(name: str) -> None:
    weight = torch.nn.Parameter(torch.tensor([3.0]))
    spec = RunSpec(epochs=1, optimizer=name, lr=0.05)  # pyright: ignore[reportArgumentType]
    optimizer = build_optimizer(spec, torch.nn.ParameterList([weight]), torch.device("cpu"))
    for _ in range(50):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert weight.abs().item() < 1.5


def test_the_poly_schedule_is_the_papers_formula() -> None:
    spec = RunSpec(epochs=1, schedule="poly", lr=0.1, poly_power=0.9, optimizer="sgd")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = build_optimizer(spec, torch.nn.ParameterList([weight]), torch.device("cpu"))
    schedule = build_schedule(spec, optimizer, total_steps=10)
    rates = []
    for _ in range(10):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([0.1 * (1 - step / 10) ** 0.9 for step in range(10)])


def test_schedules_start_at_the_given_rate() -> None:
    assert {name: factor(0.0, 0.9) for name, factor in SCHEDULES.items()} == dict.fromkeys(
        SCHEDULES, 1.0
    )
    assert SCHEDULES["cosine"](0.5, 0.9) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["tpu", "gpu9", "mps"])
def test_a_device_that_is_none_is_named_with_the_choices(name: str) -> None:
    with pytest.raises(SpecError, match="is not one of auto, cpu, cuda"):
        choose_device(name)


def test_a_gpu_that_is_missing_is_said_so() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(SpecError, match="torch finds no GPU"):
        choose_device("cuda")


@pytest.mark.parametrize(("precision", "kind"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_network_computes_in_the_asked_precision(precision: str, kind: torch.dtype) -> None:
    with autocast(torch.device("cpu"), precision):
        assert torch.nn.Linear(2, 2)(torch.zeros(1, 2)).dtype == kind


def test_large_blocks_stay_in_the_process_where_glibc_allows() -> None:
    assert pin_allocator() in (True, False)
    if not pin_allocator():
        pytest.skip("not glibc")
    import resource

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(5):
            torch.ones(2**24)  # 64 MiB: mapped anew each time without the pinned allocator
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    faults()  # the heap grows once
    assert faults() < 5 * 2**26 / 4096 / 2


def test_sigterm_becomes_a_request_that_ends_with_the_context() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        assert not stop.requested
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_came_while_blocked_is_delivered_inside() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        with StopRequest() as stop:
            assert stop.requested
        assert signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, set())
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def test_determinism_is_asked_for_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "kept")
    ask_for_determinism(True)
    assert torch.are_deterministic_algorithms_enabled()
    ask_for_determinism(False)
    assert not torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == "kept"


@pytest.mark.parametrize(
    ("monitor", "best", "value", "better"),
    [
        ("val_iou", 0.5, 0.6, True),
        ("val_iou", 0.5, 0.5, False),
        ("val_iou", 0.5, float("nan"), False),
        ("val_iou", float("nan"), 0.1, True),
        ("val_loss", 0.5, 0.4, True),
        ("val_loss", 0.5, 0.6, False),
    ],
)
def test_a_better_epoch_is_told_by_its_monitor(
    monitor: str, best: float, value: float, better: bool
) -> None:
    assert is_better(monitor, value, Progress(best_epoch=3, best_value=best)) is better
    assert is_better(monitor, value, Progress())


def test_rmsprop_weighs_the_past_as_the_spec_says() -> None:
    # one step from rest: v = (1 - alpha) g², so the first step is lr g / sqrt((1 - alpha) g²)
    steps = {}
    for alpha in (0.99, 0.9):
        weight = torch.nn.Parameter(torch.zeros(1))
        spec = RunSpec(epochs=1, optimizer="rmsprop", lr=1.0, momentum=0.0, rmsprop_alpha=alpha)
        optimizer = build_optimizer(spec, torch.nn.ParameterList([weight]), CPU)
        weight.grad = torch.tensor([5.0])
        optimizer.step()
        steps[alpha] = -weight.item()
    assert steps[0.99] == pytest.approx(10, rel=1e-4)
    assert steps[0.9] == pytest.approx(10**0.5, rel=1e-4)
