"""`losslab bench` as a user meets it."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from losslab import cli
from losslab.bench.losses import COLUMNS
from losslab.bench.training import SECTIONS


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Call `losslab bench` in an empty folder; returns exit status, output and error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KINETO_LOG_LEVEL", "99")

    def bench(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["losslab", "bench", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return bench


def test_a_tiny_benchmark_writes_both_files(call, tmp_path: Path) -> None:
    words = "--shape 1,3,16,16 --processes 1 --repeats 2 --output out --device cpu"
    losses = ("--loss", "dice", "--loss", "distance", "--loss", "levelset")
    code, _, _ = call("losses", *words.split(), *losses)
    assert code == 0
    table = pd.read_csv(tmp_path / "out" / "losses.csv")
    assert set(COLUMNS) <= set(table.columns)
    assert {"threads", "torch", "allocator"} <= set(table.columns)
    rows = set(zip(table["library"], table["loss"], strict=True))
    assert {
        ("torch", "cross_entropy"),
        ("losslab", "dice"),
        ("losslab", "distance"),
        ("losslab", "distance, maps made on the fly"),
        ("naive", "one-hot levelset"),
    } <= rows
    assert {library for library, _ in rows} - {"torch", "losslab", "naive"}  # and the peers
    base = table[table["loss"] == "cross_entropy"].iloc[0]
    assert base["ratio"] == 1
    assert (table["memory"] > 0).any()
    text = (tmp_path / "out" / "losses.md").read_text()
    assert "## 1x3x16x16, float32, contiguous" in text
    assert "| dice " in text


def test_steps_of_training_are_compared_and_cut_into_parts(call, tmp_path: Path) -> None:
    words = "--size 32 32 --batch-size 2 --classes 3 --steps 1 --threads 1 --output out"
    code, _, _ = call(
        "train", *words.split(), "--device", "cpu", "--loss", "dice", "--loss", "distance"
    )
    assert code == 0
    table = pd.read_csv(tmp_path / "out" / "train.csv").set_index("loss")
    assert {"dice", "distance", "cross_entropy"} < set(table.index)
    shares = table.loc["distance", [f"share_{name}" for name in SECTIONS]]
    assert shares.sum() == pytest.approx(1, abs=0.01)
    assert (shares > 0).all()
    assert table.loc["cross_entropy", "ratio"] == 1
    bare = table.iloc[1]
    assert bare["share_loss"] == 0
    assert "asked on a CPU" in (tmp_path / "out" / "train.md").read_text()


def test_scores_are_measured_and_written(call, tmp_path: Path) -> None:
    words = "--size 40 50 --classes 3 --processes 1 --repeats 1 --device cpu --output out"
    code, out, _ = call("metrics", *words.split())
    assert code == 0
    table = pd.read_csv(tmp_path / "out" / "metrics.csv").set_index("score")
    assert table.loc["confusion matrix by bincount", "ratio"] == 1
    assert {"region_counts", "boundary_counts", "e_measure", "entropy"} <= set(table.index)
    assert {"threads", "torch", "numpy"} <= set(table.columns)
    assert "targets are met" in out
    text = (tmp_path / "out" / "metrics.md").read_text()
    assert "One picture of 40x50 pixels with 3 classes" in text


def test_without_peers_there_are_none(call) -> None:
    words = "--shape 1,1,8,8 --processes 1 --repeats 1 --no-peers --device cpu --loss dice"
    code, out, _ = call("losses", *words.split())
    assert code == 0
    assert "binary_cross_entropy_with_logits" in out
    assert "| smp " not in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("losses", "--loss", "dize"), "unknown loss 'dize'"),
        (("losses", "--shape", "E"), "shape: one of A, B, B2, C, D or four numbers"),
        (("losses", "--layout", "last"), "unknown layout 'last': one of contiguous"),
        (("losses", "--dtype", "float8"), "unknown dtype 'float8': one of float32"),
        (("losses", "--device", "tpu"), "device: 'tpu'"),
        (("train", "--loss", "dize"), "unknown loss 'dize'"),
        (("train", "--encoder", "resnet1"), "resnet1"),
        (("metrics", "--size", "0", "8"), "size: a height and width of at least 1 pixel"),
        (("train", "--precision", "fp8"), "unknown precision 'fp8': one of fp32"),
    ],
)
def test_errors_are_one_line(call, words: tuple[str, ...], message: str) -> None:
    code, _, err = call(*words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
