"""Which code a run was made by."""

import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import losslab
from losslab.losses import source_digests, user_losses

LIBRARIES = ("segmentation-models-pytorch", "timm", "torchvision", "numpy", "scipy", "pandas")


def code_state(loss: str) -> dict[str, Any]:
    """Version of losslab, its git commit and whether tracked files differ from it (None outside a
    checkout), the libraries' versions, and SHA-256 of the sources of users' losses in `loss`.
    """
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "losslab": losslab.__version__,
        "commit": commit,
        "dirty": bool(changes) if commit else None,
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "user_losses": source_digests(user_losses(loss)),
    }


def _git(*words: str) -> str | None:
    folder = Path(losslab.__file__).parent
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
