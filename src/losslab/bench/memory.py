"""Peak memory of a call beyond what was there before it."""

import ctypes
import gc
import platform
import re
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from losslab.bench.timing import Call

STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")


def allocated_peak(call: Call, device: torch.device) -> int:
    """The most bytes that torch's allocator had handed out at one time during the call, beyond
    those before it.

    Exact: on a CPU the profiler reports every allocation and release. It does not see what other
    libraries allocate: scratch room of oneDNN's convolutions, arrays of numpy and scipy.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    in_use = peak = 0
    for change in _changes(call)[1]:
        in_use += change
        peak = max(peak, in_use)
    return peak


def allocated_after(call: Call, device: torch.device) -> int:
    """The bytes that torch's allocator has handed out during the call and that are still in use
    while its result lives, beyond those before it; as exact as `allocated_peak`.
    """
    gc.collect()  # what goes during the call is to be its own
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        _result = call()
        return torch.cuda.memory_allocated(device) - before
    _result, changes = _changes(call)
    return sum(changes)


def _changes(call: Call) -> tuple[object, list[int]]:
    """What the call returns, and the bytes of each allocation in it (releases are negative)."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        result = call()
    assert record.profiler is not None
    results = record.profiler.kineto_results
    assert results is not None
    events = [event for event in results.events() if event.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    return result, [event.nbytes() for event in events]  # pyright: ignore[reportAttributeAccessIssue]


def resident_peak(call: Call) -> int | None:
    """How far the call raised the process's resident memory at its highest point, in bytes.

    The kernel's own mark, so it holds what every library allocates, and the allocator's
    fragmentation too. The heap gives back to the system first what it keeps unused. None where
    there is no such mark: it needs Linux and glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return None
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    try:
        RESET.write_text("5")  # sets VmHWM to VmRSS
        before = _status("VmRSS")
        call()
        return max(0, _status("VmHWM") - before)
    except OSError:
        return None


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"{STATUS} has no {name}")
    return int(found[1]) * 1024
