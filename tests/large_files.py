"""Refuse tracked files that are too large for a repository, and a `src` that grows:
`python -m tests.large_files`.
"""

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


MOST_LINES = {"": 36_500, "losses": 3_004}
"""Lines of Python in src/losslab and in folders of it: they shrink, and these numbers with them."""


def lines_of_code(folder: Path) -> int:
    """Lines of Python below a folder."""
    return sum(len(path.read_text().splitlines()) for path in folder.rglob("*.py"))


if __name__ == "__main__":
    for name, most in MOST_LINES.items():
        lines = lines_of_code(ROOT / "src" / "losslab" / name)
        if lines > most:
            sys.exit(
                f"src/losslab/{name} has {lines} lines, at most {most} are allowed: delete some"
            )
    found = large_files(ROOT)
    if found:
        sys.exit(f"larger than {LARGEST // 2**20} MiB: {', '.join(found)}")
