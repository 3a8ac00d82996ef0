"""`losslab predict` and `losslab crf` on finished runs, through the command line."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from losslab import cli
from losslab.data.fixtures import write_fixture
from losslab.errors import StudyError
from losslab.metrics import score
from losslab.postprocess import probabilities, runs
from losslab.postprocess.probabilities import load_probabilities, path_of, store_probabilities
from losslab.postprocess.table import crf_table, show_crf
from losslab.spec import RunSpec
from losslab.study.smoke import SMALLEST
from losslab.training import train
from losslab.training.finished import reopen

pytest.importorskip("pydensecrf", reason="pydensecrf (the extra `crf`) is not installed")

REAL = {
    "dataset": "camvid",
    "dataset_options": {"partial": True},
    "size": (48, 48),
    "fit": "pad",
    "epochs": 1,
}
"""Pictures of 480x360 on a canvas with bars above and below."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root, a cache, and finished runs: all classes, a binary task, pictures from files."""
    home = tmp_path_factory.mktemp("made")
    write_fixture("camvid", home / "data", 8)
    specs = {
        "all": SMALLEST,
        "binary": SMALLEST | {"task": "blob+slab", "loss": "dice", "epochs": 1},
        "files": SMALLEST | REAL,
        "files-binary": SMALLEST | REAL | {"task": "Car+Road"},
    }
    for name, fields in specs.items():
        train(
            RunSpec(**fields),
            home / "runs" / name,
            data_root=home / "data",
            cache_root=home / "cache",
            device="cpu",
        )
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy of the finished runs, which a test may change."""
    shutil.copytree(made / "runs", tmp_path / "runs")
    for name in ("data", "cache"):
        (tmp_path / name).symlink_to(made / name)
    return tmp_path


@pytest.fixture
def call(monkeypatch, capsys, home: Path):
    def run(*words: str) -> tuple[int, str, str]:
        places = [f"--{name.replace('_', '-')}" for name in ("runs", "data_root", "cache_root")]
        folders = [str(home / name) for name in ("runs", "data", "cache")]
        options = [word for pair in zip(places, folders, strict=True) for word in pair]
        monkeypatch.setattr("sys.argv", ["losslab", *words, *options, "--device", "cpu"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


def opened(home: Path, name: str):
    return reopen(home / "runs" / name, data_root=home / "data", cache_root=home / "cache")


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".predictions.lock"
    }


def test_every_test_picture_gets_its_probabilities(call, home: Path) -> None:
    assert call("predict", "all", "binary", "files")[0] == 0
    for name, layers, shape in (("all", 6, (32, 32)), ("binary", 1, (32, 32))):
        run = opened(home, name)
        for picture in run.data.test.ids:
            stored = load_probabilities(home / "runs" / name / "probabilities", picture)
            assert stored.probs.shape == (layers, *shape)
            assert stored.seconds > 0
            assert 0 <= stored.probs.min() <= stored.probs.max() <= 1
            if layers > 1:
                np.testing.assert_allclose(stored.probs.sum(0), 1, atol=3e-3)
    # 480x360 on 48x48: the bars above and below are cut off
    run = opened(home, "files")
    stored = load_probabilities(home / "runs" / "files" / "probabilities", run.data.test.ids[0])
    assert stored.probs.shape == (11, 36, 48)


def test_the_stored_error_is_a_part_in_2048(home: Path) -> None:
    run = opened(home, "all")
    folder = store_probabilities(run, device="cpu")
    model = run.network(torch.device("cpu"))
    image = torch.from_numpy(run.data.test.images[:1].copy()).permute(0, 3, 1, 2)
    with torch.inference_mode():
        exact = model(probabilities.normalize(image)).softmax(1)[0].numpy()
    stored = load_probabilities(folder, run.data.test.ids[0]).probs
    assert (np.abs(stored - exact) <= exact / 2048 + 1e-6).all()


def test_the_network_is_rebuilt_without_any_published_weights(home: Path, monkeypatch) -> None:
    """The spec's own weights are those of the encoder before training: nobody asks for them."""
    spec = home / "runs" / "all" / "spec.json"
    fields = json.loads(spec.read_text())
    spec.write_text(json.dumps(fields | {"encoder_weights": "imagenet"}))

    def refuse(*args, **kwargs):
        raise AssertionError("weights were looked for")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("pooch.retrieve", refuse)
    assert store_probabilities(opened(home, "all"), device="cpu").is_dir()


def test_a_users_loss_need_not_be_there_any_more(home: Path) -> None:
    spec = home / "runs" / "all" / "spec.json"
    fields = json.loads(spec.read_text())
    spec.write_text(json.dumps(fields | {"loss": "gone:loss"}))
    assert opened(home, "all").loss == "gone:loss"


def test_the_uncorrected_counts_are_those_of_the_run_where_its_size_is_the_original(
    call, home: Path
) -> None:
    for name in ("all", "binary"):
        assert call("crf", name, "--iterations", "2")[0] == 0
        folder = home / "runs" / name
        table = pd.read_parquet(folder / "crf" / "resnet101" / "counts-0.parquet")
        own = pd.read_parquet(folder / "counts.parquet")
        assert list(table.columns) == [*own.columns, "seconds"]
        for column in ("image", "class", "pixels", "boundary_width"):
            assert (table[column].to_numpy() == own[column].to_numpy()).all()
        wrong = np.abs(table[["tp", "fp", "fn"]].to_numpy() - own[["tp", "fp", "fn"]].to_numpy())
        assert wrong.max() <= 10  # of 1024 pixels: these networks hardly decide, float16 makes ties
        for column in ("image_entropy_band", "image_entropy_inside"):
            assert own[column].max() > 1
            np.testing.assert_allclose(table[column], own[column], rtol=0.002)


@pytest.mark.parametrize(("name", "classes"), [("files", 11), ("files-binary", 1)])
def test_pictures_from_files_are_scored_at_their_own_resolution(
    call, home: Path, name: str, classes: int
) -> None:
    status, out, err = call("crf", name, "--iterations", "1", "--iterations", "3")
    assert (status, err) == (0, "")
    run = opened(home, name)
    read = run.at_original_size()
    for number in (0, 1, 3):
        path = home / "runs" / name / "crf" / "resnet101" / f"counts-{number}.parquet"
        counts = pd.read_parquet(path)
        assert len(counts) == classes * len(run.data.test)
        for picture, rows in counts.groupby("image"):
            image, label = read(str(picture))
            assert image.shape == (360, 480, 3)
            # void pixels count nowhere
            assert set(rows["pixels"]) == {int((label != 255).sum())}
            assert int((label == 255).sum()) > 0
            assert rows["seconds"].nunique() == 1
    lines = out.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["none", "CRF-1", "CRF-3"]
    assert "mean IoU, %" in lines[0]


def test_more_iterations_take_longer_and_the_table_says_so(call, home: Path) -> None:
    _, out, _ = call("crf", "files", "--iterations", "1", "--iterations", "8")
    rows = [line.split() for line in out.splitlines()[1:]]
    seconds = [float(row[3]) for row in rows]
    assert seconds == sorted(seconds)
    assert seconds[2] > 2 * seconds[0]
    counts = pd.read_parquet(home / "runs/files/crf/resnet101/counts-8.parquet")
    means = score(counts.drop(columns="seconds")).query("`class` == 'mean' and level == 'dataset'")
    miou = means.set_index("metric")["value"]["iou"]
    assert float(rows[2][6]) == pytest.approx(100 * miou, abs=0.06)


def test_runs_of_one_loss_are_averaged_and_what_differs_is_shown(home: Path) -> None:
    shutil.copytree(home / "runs" / "all", home / "runs" / "again")
    spec = home / "runs" / "again" / "spec.json"
    spec.write_text(json.dumps(json.loads(spec.read_text()) | {"seed": 1}))
    results = []
    for name in ("all", "again", "binary"):
        run = opened(home, name)
        folder = store_probabilities(run, device="cpu")
        results.append((run, runs.apply_crf(run, folder, parameters="msc", iterations=(1,))))
    table = crf_table(results)
    assert list(table["run_id"]) == ["all", "all", "again", "again", "binary", "binary"]
    assert (table.loc[table["iterations"] == 0, "relative"] == 1).all()
    assert (table.loc[table["iterations"] == 1, "relative"] > 1).all()
    shown = show_crf(table)
    columns = ["task", "loss", "runs", "correction"]
    assert list(shown.columns[:4]) == columns
    assert shown[columns].to_numpy().tolist() == [
        ["all classes", "ce", 2, "none"],
        ["all classes", "ce", 2, "CRF-1"],
        ["blob+slab", "dice", 1, "none"],
        ["blob+slab", "dice", 1, "CRF-1"],
    ]
    both = table[(table["loss"] == "ce") & (table["iterations"] == 1)]
    assert shown["mean IoU, %"][1] == f"{100 * both['miou'].mean():.1f}"


def test_what_is_done_is_not_done_again(call, home: Path) -> None:
    first = call("crf", "all", "--iterations", "1")
    before = state(home / "runs" / "all")
    time.sleep(0.02)
    assert call("crf", "all", "--iterations", "1") == first
    assert call("predict", "all")[0] == 0
    assert state(home / "runs" / "all") == before
    call("crf", "all", "--iterations", "1", "--iterations", "2")  # one more: the others stay
    after = state(home / "runs" / "all")
    assert {key: after[key] for key in before} == before
    assert "crf/resnet101/counts-2.parquet" in after


def test_each_set_of_parameters_has_its_own_folder(call, home: Path) -> None:
    for name in ("largefov", "msc"):
        assert call("crf", "all", "--iterations", "1", "--parameters", name)[0] == 0
    assert {p.name for p in (home / "runs" / "all" / "crf").iterdir()} == {"largefov", "msc"}


def test_stopped_work_is_taken_up_picture_by_picture(call, home: Path, monkeypatch) -> None:
    def stop_after(count: int, function):
        calls = []

        def wrapped(*args, **kwargs):
            calls.append(args)
            if len(calls) > count:
                raise KeyboardInterrupt
            return function(*args, **kwargs)

        return wrapped

    run = opened(home, "all")
    with monkeypatch.context() as patch:
        patch.setattr(probabilities, "predicted", stop_after(4, probabilities.predicted))
        with pytest.raises(KeyboardInterrupt):
            store_probabilities(run, device="cpu")
    folder = run.run_dir / "probabilities"
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("*.npz")}
    assert len(kept) == 3  # the first of the four calls warmed up
    store_probabilities(run, device="cpu")
    assert len(list(folder.glob("*.npz"))) == len(run.data.test)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())

    words = {"parameters": "resnet101", "iterations": (1,)}
    with monkeypatch.context() as patch:
        patch.setattr(runs, "_counts", stop_after(5, runs._counts))
        with pytest.raises(KeyboardInterrupt):
            runs.apply_crf(run, folder, **words)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "_counts", stop_after(3, runs._counts))  # 8 pictures, 5 are done
        files = runs.apply_crf(run, folder, **words)
    assert len(pd.read_parquet(files[1])) == 6 * len(run.data.test)
    assert not (run.run_dir / "crf" / "resnet101" / ".parts").exists()


def test_results_of_other_weights_are_made_anew(call, home: Path) -> None:
    call("crf", "all", "--iterations", "1")
    before = state(home / "runs" / "all" / "crf")
    shutil.copy(home / "runs" / "all" / "best.safetensors", home / "kept")
    other = RunSpec(**SMALLEST | {"seed": 5})
    train(other, home / "other", cache_root=home / "cache", device="cpu")
    shutil.copy(home / "other" / "best.safetensors", home / "runs" / "all")
    call("crf", "all", "--iterations", "1")
    after = state(home / "runs" / "all" / "crf")
    assert before.keys() == after.keys()
    assert all(before[key][1] != after[key][1] for key in before)


def test_a_damaged_file_is_named(home: Path) -> None:
    run = opened(home, "all")
    folder = store_probabilities(run, device="cpu")
    for damage in (b"", b"no zip", path_of(folder, run.data.test.ids[0]).read_bytes()[:-40]):
        path_of(folder, run.data.test.ids[0]).write_bytes(damage)
        with pytest.raises(StudyError, match=r"test_00000\.npz.*losslab predict"):
            runs.apply_crf(run, folder, parameters="msc", iterations=(1,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: (run / "spec.json").unlink(), "no run was finished there"),
        (lambda run: (run / "run.json").write_text("{"), "run.json is missing or unreadable"),
        (lambda run: (run / "best.safetensors").unlink(), "best.safetensors is missing"),
        (lambda run: (run / "best.safetensors").write_bytes(b"x"), "does not hold this run's"),
        (
            lambda run: (run / "run.json").write_text(
                (run / "run.json").read_text().replace('"finished"', '"diverged"')
            ),
            "has diverged and makes no predictions",
        ),
        (
            lambda run: (run / "spec.json").write_text(
                (run / "spec.json").read_text().replace('"test": 8', '"test": 7')
            ),
            "made from other data",
        ),
    ],
)
def test_a_run_that_cannot_be_used_is_said_to_be(call, home: Path, change, message: str) -> None:
    change(home / "runs" / "all")
    status, _, err = call("predict", "all")
    assert status == 2
    assert message in err
    assert "\n" not in err.strip()


def test_wrong_words_are_met_with_the_right_ones(call) -> None:
    assert "one of largefov, msc, resnet101" in call("crf", "all", "--parameters", "resnet")[2]
    assert call("crf", "all", "--iterations", "0")[0] == 2
    assert "no run was finished there" in call("crf", "none")[2]


def test_the_command_needs_its_extra(call, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pydensecrf.densecrf", None)
    status, _, err = call("crf", "all")
    assert status == 2
    assert "losslab[crf]" in err
