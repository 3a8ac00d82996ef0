"""A user's own loss goes through runs and into the report without a change to the package."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from losslab.study import load_results
from losslab.study.smoke import SMALLEST

MODULE = """
from losslab.losses import dice

def log_dice(logits, labels, *, floor: float = 1e-6):
    return -(1 - dice(logits, labels)).clamp_min(floor).log()
"""
LOSS = "ce + 0.5*my_own_losses:log_dice(floor=0.01)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with a module and a study."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "my_own_losses.py").write_text(MODULE)
    study = {
        "name": "mine",
        "question": "Is my loss better than cross-entropy?",
        "fixed": json.loads(json.dumps({**SMALLEST, "epochs": 1})),
        "grid": {"loss": ["ce", LOSS], "seed": [0]},
        "report": {"baseline": "ce"},
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(study))
    return folder


def losslab(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("losslab")), *arguments, "--cache-root", "cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)


def test_a_users_loss_is_run_and_reported_and_a_changed_one_is_noticed(folder: Path) -> None:
    done = losslab(folder, "study", "mine.yaml", "--threads", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    facts = [json.loads(path.read_text()) for path in folder.glob("runs/*/run.json")]
    assert len(facts) == 2
    own = [sources for f in facts if (sources := f["user_losses"])]
    assert [list(sources) for sources in own] == [["my_own_losses:log_dice"]]
    report = (folder / "reports" / "mine" / "report.md").read_text()
    assert LOSS in report
    digest = own[0]["my_own_losses:log_dice"]
    assert f"my_own_losses:log_dice {digest[:12]}" in report

    elsewhere = load_results(folder / "runs")  # here the module cannot be imported
    assert set(elsewhere["loss"]) == {"ce", LOSS}

    again = losslab(folder, "study", "mine.yaml", "--no-report")
    assert again.stdout.count("is done already") == 2

    with (folder / "my_own_losses.py").open("a") as file:
        file.write("# another version\n")
    changed = losslab(folder, "study", "mine.yaml", "--no-report")
    assert changed.returncode == 2
    assert "made with another version of my_own_losses:log_dice" in changed.stderr
