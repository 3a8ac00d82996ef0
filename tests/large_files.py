"""Refuse tracked files that are too large for a repository: `python -m tests.large_files`."""

import subprocess
import sys
from pathlib import Path

LARGEST = 2 * 2**20
ROOT = Path(__file__).resolve().parents[1]


def large_files(root: Path, largest: int = LARGEST) -> list[str]:
    """Tracked files of more than `largest` bytes."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [
        name
        for name in names
        if name and (root / name).is_file() and (root / name).stat().st_size > largest
    ]


if __name__ == "__main__":
    found = large_files(ROOT)
    if found:
        sys.exit(f"larger than {LARGEST // 2**20} MiB: {', '.join(found)}")
