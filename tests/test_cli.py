"""The command line as a user meets it: what it prints and how it exits."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from losslab import cli
from losslab.data import SplitOptions, prepare
from tests.large_files import ROOT, large_files


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Call `losslab` in an empty folder; returns exit status, output and error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOSSLAB_DATA", raising=False)
    monkeypatch.setenv("LOSSLAB_CACHE", str(tmp_path / "cache"))

    def losslab(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["losslab", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return losslab


def test_list_names_all_there_is(call) -> None:
    code, out, _ = call("list")
    assert code == 0
    for name in ("dice_focal", "scenes", "deeplabv3plus", "scale_crop_mirror", "default"):
        assert name in out


def test_a_plan_prints_the_runs_and_executes_none(call, tmp_path: Path) -> None:
    words = ("study", "default", "--plan", "--set", "seed=[0]")
    code, out, _ = call(*words)
    assert code == 0
    assert "7 runs: 1 seed x 6 loss + 1 of the baseline once more" in out
    assert "is generated and needs no files" in out
    code, more, _ = call(*words, "--ids")
    assert code == 0
    assert len(set(more.splitlines()) - set(out.splitlines())) == 8  # a title and seven names
    assert not (tmp_path / "runs").exists()


def test_a_study_is_rehearsed_from_the_command_line_in_a_folder_of_its_own(
    call, tmp_path: Path
) -> None:
    network = "{encoder_depth: 3, decoder_channels: [16, 16, 8]}"
    small = (f"model_options={network}", "encoder=tu-resnet10t", "loss=[ce, iou]", "seed=[0]")
    sets = [word for value in small for word in ("--set", value)]
    words = ("study", "default", "--rehearse", "--no-report", "--threads", "1", *sets)
    code, out, err = call(*words, "--name", "own")
    assert code == 0, err
    assert "REHEARSAL: numbers mean nothing" in out
    assert "own: 3 runs rehearsed" in out
    assert len(list((tmp_path / "runs" / "rehearsal" / "runs").glob("*/*/done.json"))) == 3
    assert not list((tmp_path / "runs").glob("*/done.json"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "loss=dize"), "unknown loss 'dize': one of ce"),
        (("run", "lr"), "values are given as KEY=VALUE"),
        (("run", "epoch=3"), "did you mean 'epochs'"),
        (("study", "defualt"), "did you mean 'default'"),
        (("study", "default", "--set", "epoch=3"), "did you mean 'epochs'"),
        (("study", "default", "--ids"), "it goes with --plan"),
        (("run", "dataset=camvid"), "--data-root FOLDER or set LOSSLAB_DATA"),
        (("run", "dataset=camvid", "--data-root", "nowhere"), "data root nowhere does not exist"),
        (("data", "check", "camvit"), "did you mean 'camvid'"),
        (("data", "fixture", "scenes", "out"), "camvid"),
        (
            ("data", "cache", "scenes", "--fit", "fill"),
            "unknown fit 'fill': one of stretch, pad, k",
        ),
        (("data", "cache", "scenes", "--option", "split=val"), "unknown scenes option 'split'"),
        (("report", "default"), "no run of 'default' is done"),
        (("run", "size=[0, 2]"), "size"),
        (("run", "--device", "tpu"), "device"),
        (("run", "encoder_weights=nope.pt"), "nope.pt"),
    ],
)
def test_an_error_is_one_line_with_status_2(call, words: tuple[str, ...], message: str) -> None:
    code, _, err = call(*words)
    assert code == 2
    assert message in err
    assert err.startswith("losslab: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["camvid", "folder"])
def test_a_fixture_passes_its_own_check_and_damage_fails_it(
    call, tmp_path: Path, name: str
) -> None:
    options = ("--option", "classes=[background, blob, slab]") if name == "folder" else ()
    assert call("data", "fixture", name, "made", "--count", "8", *options)[0] == 0
    check = ("data", "check", name, "--data-root", "made", "--partial", *options)
    code, out, _ = call(*check)
    assert (code, "0 errors" in out) == (0, True), out

    picture = next(path for path in (tmp_path / "made").rglob("*.png"))
    picture.write_bytes(b"<html>404</html>")
    code, out, _ = call(*check)
    assert code == 1
    assert picture.name in out


def test_a_data_set_can_be_cached_in_advance(call, tmp_path: Path) -> None:
    words = ("data", "cache", "scenes", "--size", "32", "32", "--option", "train=4")
    code, out, _ = call(*words, "--option", "val=2", "--option", "test=2")
    assert code == 0
    assert "8 pictures at 32 x 32 (stretch)" in out
    assert list((tmp_path / "cache").rglob("*.npy"))


def test_a_run_takes_what_was_cached_in_advance_with_its_fit(call, tmp_path: Path) -> None:
    assert call("data", "fixture", "camvid", "made", "--count", "4")[0] == 0
    words = ("data", "cache", "camvid", "--data-root", "made", "--option", "partial=true")
    code, out, _ = call(*words, "--size", "30", "50", "--fit", "pad")
    assert (code, "camvid: 4 pictures at 30 x 50 (pad), classes: Sky," in out) == (0, True)
    (built,) = (tmp_path / "cache").rglob("images.npy")
    prepare(
        "camvid",
        options={"partial": True},
        task=None,
        split=SplitOptions(),
        size=(30, 50),
        fit="pad",
        data_root=tmp_path / "made",
        cache_root=tmp_path / "cache",
    )
    assert [built] == [*(tmp_path / "cache").rglob("images.npy")]


def test_masks_of_0_and_255_are_explained_before_they_are_cached(call, tmp_path: Path) -> None:
    for i in range(4):
        mask = np.zeros((8, 8), np.uint8)
        mask[i:] = 255
        for part in ("images", "masks"):
            (tmp_path / "own" / part).mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(tmp_path / "own" / part / f"{i}.png")
    words = ("data", "cache", "folder", "--data-root", "own", "--option", "classes=[a, b]")
    code, _, err = call(*words, "--size", "8", "8")
    assert (code, "if 255 is your object" in err) == (2, True)


def test_a_run_from_the_command_line_prints_its_scores_and_a_study_of_failures_fails(
    call, tmp_path: Path
) -> None:
    small = ("dataset_options={train: 8, val: 4, test: 4}", "size=[32, 32]", "batch_size=4")
    network = ("encoder=tu-resnet10t", "epochs=1")
    code, out, err = call("run", *small, *network, "--device", "cpu", "--threads", "1")
    assert code == 0, err
    assert "IoU" in out
    assert len(list((tmp_path / "runs").glob("*/done.json"))) == 1

    study = tmp_path / "bad.yaml"
    fixed = ", ".join((*small, *network)).replace("=", ": ")
    study.write_text(f"name: bad\nquestion: Why?\nfixed: {{{fixed}, lr: 1e30, optimizer: sgd}}\n")
    code, out, err = call("study", "bad.yaml", "--workers", "1", "--no-report")
    assert code == 2
    assert "1 of 1 runs did not finish" in err
    assert "diverged" in out


def test_the_module_can_be_called_without_the_script() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from losslab.cli import main; main()", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "study" in done.stdout


def test_no_tracked_file_is_too_large() -> None:
    assert large_files(ROOT) == []
    assert large_files(ROOT, largest=10)
