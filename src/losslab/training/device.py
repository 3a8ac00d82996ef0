"""Where and in which arithmetic a run computes."""

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from losslab.errors import SpecError, StudyError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" is the first GPU where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SpecError(f"device: {name!r} is not one of auto, cpu, cuda, cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise SpecError(f"device: {name!r} is not one of auto, cpu, cuda, cuda:N")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SpecError("device: 'cuda' was asked for, but torch finds no GPU; use auto or cpu")
    if device.type == "cuda" and device.index is not None:
        count = torch.cuda.device_count()
        if device.index >= count:
            raise SpecError(f"device: {name!r} does not exist; cuda:0 to cuda:{count - 1} do")
        torch.cuda.set_device(device)  # events and pinned memory are the current device's
    return device


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """The context in which the network runs: as it is for fp32, mixed precision otherwise."""
    return torch.autocast(
        device.type, dtype=PRECISIONS[precision], enabled=PRECISIONS[precision] != torch.float32
    )


def pin_allocator() -> bool:
    """Keep large blocks in the process instead of returning them to the kernel; True where that
    worked.

    glibc maps and unmaps every block over 32 MiB, and the page faults of that take a fifth to a
    third of a training step on a CPU. Other C libraries are left alone.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL("libc.so.6")
    wanted = {M_MMAP_THRESHOLD: 2**30, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 2**26}
    return all(libc.mallopt(option, value) == 1 for option, value in wanted.items())


def ask_for_determinism(wanted: bool) -> None:
    """Have torch refuse kernels that are not deterministic; memory it hands out is not cleared for
    it.

    On a GPU this must come before the first use of cuBLAS, which reads its workspace from the
    environment then.
    """
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(wanted)
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore


def peak_memory(device: torch.device) -> int:
    """This process's peak memory so far, in bytes: allocated on the GPU, resident on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource  # not on Windows, where only the CPU figure is missing

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def reset_peak_memory(device: torch.device) -> None:
    """Count the peak from here on, on a GPU: what lies there already is counted as it lies."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


@contextmanager
def out_of_memory_named(device: torch.device, what: str) -> Iterator[None]:
    """Raise `StudyError` that names what did not fit (`what`) and what to try."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        full = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        if not full:
            raise
        raise StudyError(
            f"out of memory on {device} with {what}; try a smaller batch_size, fewer pixels (size "
            "or crop_size), precision bf16 or fp16, or pictures that are not resident"
        ) from error


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Names of the device and of what computes on it, for run.json."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
