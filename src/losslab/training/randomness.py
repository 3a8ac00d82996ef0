"""Named sources of randomness: what is drawn depends on the seed and the name, never on what was
drawn before.

The order of the pictures and their augmentation are functions of (seed, epoch, step), so a resumed
run needs no history to go on, and two runs with one seed and different losses see the same pictures
in the same order. Only dropout draws from torch's global state; a checkpoint keeps that.
"""

import hashlib
import random
from typing import Any

import numpy as np
import torch


def derived_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for one purpose of one run."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> torch.Generator:
    """A CPU generator for one purpose of one run."""
    return torch.Generator().manual_seed(derived_seed(seed, *names))


def seed_everything(seed: int) -> None:
    """Set the global states from the run's seed: initial weights and dropout draw from torch's."""
    torch.manual_seed(derived_seed(seed, "torch"))
    np.random.seed(derived_seed(seed, "numpy") % 2**32)  # noqa: NPY002 a user's loss may draw from it
    random.seed(derived_seed(seed, "python"))


def global_states(device: torch.device) -> dict[str, Any]:
    """All global random states of the process, and the GPU's that `device` is, in types that a
    weights-only load accepts.
    """
    kind, keys, position, has_gauss, gauss = _numpy_state()
    version, numbers, next_gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "numpy": [kind, torch.tensor(keys.astype(np.int64)), position, has_gauss, gauss],
        "python": [version, list(numbers), next_gauss],
    }


def _numpy_state() -> tuple[Any, ...]:
    return tuple(np.random.get_state())  # noqa: NPY002


def restore_global_states(states: dict[str, Any], device: torch.device) -> None:
    """Set all global random states to what `global_states` returned."""
    torch.set_rng_state(states["torch"])
    if device.type == "cuda" and states["cuda"] is not None:
        torch.cuda.set_rng_state(states["cuda"], device)
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    version, numbers, next_gauss = states["python"]
    random.setstate((version, tuple(numbers), next_gauss))
