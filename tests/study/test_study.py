"""Studies end to end: processes, papermill, Dask, the store and the report."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from filelock import FileLock

from losslab.data import prepare
from losslab.errors import StudyError
from losslab.spec import RunSpec
from losslab.study import dispatch, load_histories, load_results, load_runs
from losslab.study.dispatch import open_executor, run_process
from losslab.study.execute import DIVERGED, LOCKED, TERMINATED
from losslab.study.plan import Report, Study, expand
from losslab.study.report import ReportFolders, write_report
from losslab.study.run import Settings, check_runs, run_all
from losslab.study.smoke import SMALLEST, smoke_runs
from losslab.study.store import load_class_shares

FIXED = {key: list(v) if isinstance(v, tuple) else v for key, v in SMALLEST.items()}
LONG = {"epochs": 400, "seed": 9}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, cache: Path
) -> tuple[Study, list[str], Settings]:
    """Two losses with two seeds, through papermill on a Dask cluster of two workers."""
    study = Study(
        name="walk",
        question="Does it walk?",
        fixed=FIXED,
        grid={"loss": ["ce", "iou"], "seed": [0, 1]},
        report=Report(),
    )
    specs = expand(study)
    settings = Settings(tmp_path_factory.mktemp("runs"), cache_root=cache, device="cpu", threads=1)
    check_runs(specs, settings)
    with open_executor(workers=2) as executor:
        outcomes = run_all(specs, settings, executor)
    assert {o.status for o in outcomes} == {"finished"}, outcomes
    return study, [o.run_id for o in outcomes], settings


def settings_for(process_cache: Path) -> dict[str, Any]:
    return Settings(cache_root=process_cache, device="cpu", threads=1).for_notebook()


def prepare_run(folder: Path, **fields: Any) -> Path:
    spec = RunSpec.from_mapping({**FIXED, **fields})
    run_dir = folder / spec.run_id
    run_dir.mkdir(parents=True)
    (run_dir / "spec.json").write_text(json.dumps(spec.to_dict()))
    return run_dir


def start(run_dir: Path, cache: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "losslab.study.execute", str(run_dir)]
    return subprocess.Popen(
        [*command, json.dumps(settings_for(cache)), str(os.getpid())],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for(condition: Callable[[], Any], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_a_finished_run_has_all_its_files(finished: tuple[Study, list[str], Settings]) -> None:
    _, run_ids, settings = finished
    for run_id in run_ids:
        names = {path.name for path in (settings.runs / run_id).iterdir()}
        assert names >= {
            "spec.json", "run.json", "history.parquet", "counts.parquet", "samples",
            "best.safetensors", "last.pt", "run.ipynb", "done.json", "log.txt",
        }  # fmt: skip
        log = (settings.runs / run_id / "log.txt").read_text()
        assert len(re.findall(r"^epoch +\d+  train loss", log, re.MULTILINE)) == 2
        notebook = json.loads((settings.runs / run_id / "run.ipynb").read_text())
        assert not [
            o
            for c in notebook["cells"]
            for o in c.get("outputs", ())
            if o["output_type"] == "error"
        ]


def test_the_reports_numbers_are_those_of_the_counts(
    finished: tuple[Study, list[str], Settings], tmp_path: Path
) -> None:
    study, run_ids, settings = finished
    folders = ReportFolders.of(study.name, home=tmp_path, runs=settings.runs)
    html, markdown = write_report(study, run_ids, settings.runs, folders)

    miou = {"ce": [], "iou": []}
    for run_id in run_ids:
        counts = pd.read_parquet(settings.runs / run_id / "counts.parquet")
        sums = counts.groupby("class")[["tp", "fp", "fn"]].sum()
        union = sums.sum(axis=1)
        loss = json.loads((settings.runs / run_id / "spec.json").read_text())["loss"]
        miou[loss].append((sums["tp"] / union)[union > 0].mean())
    means = {loss: 100 * sum(values) / 2 for loss, values in miou.items()}

    text = markdown.read_text()
    for mean in means.values():
        assert f"{mean:.1f}" in text
    table = pd.read_csv(folders.reports / "tables" / "differences.csv").set_index("loss")
    expected = (means["iou"] - means["ce"]) / 100
    assert table.loc["iou", "difference"] == pytest.approx(expected, abs=1e-12)
    for name in re.findall(r"\]\((.+?\.png)\)", text):
        assert (folders.reports / name).resolve().is_file(), name
    assert re.search(r"\]\(.+?\.png\)", text)
    page = html.read_text()
    assert "data:image/png;base64" in page
    assert "http" not in re.sub(r"http://www\.w3\.org\S*", "", page.split("<body>")[0])
    assert str(tmp_path) not in text + page


def test_a_study_that_is_done_is_skipped(finished: tuple[Study, list[str], Settings]) -> None:
    study, run_ids, settings = finished
    before = [(settings.runs / r / "done.json").stat().st_mtime_ns for r in run_ids]
    with open_executor(workers=1) as executor:
        outcomes = run_all(expand(study), settings, executor)
    assert all(o.skipped and o.status == "finished" for o in outcomes)
    assert before == [(settings.runs / r / "done.json").stat().st_mtime_ns for r in run_ids]


def test_a_run_through_papermill_equals_the_same_run_called_directly(
    finished: tuple[Study, list[str], Settings], tmp_path: Path, cache: Path
) -> None:
    from losslab.training import train

    study, run_ids, settings = finished
    spec = expand(study)[0]
    train(spec, tmp_path / "direct", cache_root=cache, device="cpu", threads=1)
    stored = (settings.runs / run_ids[0] / "best.safetensors").read_bytes()
    assert stored == (tmp_path / "direct" / "best.safetensors").read_bytes()


def test_tables_of_finished_runs_are_tidy(finished: tuple[Study, list[str], Settings]) -> None:
    _, run_ids, settings = finished
    results = load_results(settings.runs, run_ids)
    assert list(results.columns) == [
        "run_id", "dataset", "task", "model", "encoder", "loss", "seed", "fold", "repeat",
        "image", "class", "metric", "level", "definition", "value",
    ]  # fmt: skip
    assert results["value"].dropna().between(0, 1).all()
    assert {"dataset", "image", "per_image"} <= set(results["level"])
    keys = ["run_id", "image", "class", "metric", "level", "definition"]
    assert not results.duplicated(keys).any()
    histories = load_histories(settings.runs)
    assert set(histories["epoch"]) == {1, 2}
    runs = load_runs(settings.runs)
    assert set(runs["status"]) == {"finished"}
    assert runs["step_seconds"].gt(0).all()
    assert runs["order_sha256"].groupby(runs["seed"]).nunique().eq(1).all()


def test_shares_of_classes_are_those_of_the_test_labels(
    finished: tuple[Study, list[str], Settings], cache: Path
) -> None:
    study, run_ids, settings = finished
    found = load_class_shares(settings.runs, run_ids)
    assert found.groupby("run_id")["share"].sum().tolist() == pytest.approx([1.0] * len(run_ids))
    arguments = expand(study)[0].data_arguments()
    data = prepare(**arguments, data_root=None, cache_root=cache)
    labels = np.asarray(data.test.labels)
    own = found[found["run_id"] == run_ids[0]].set_index("class")["share"]
    for value, name in enumerate(data.class_names):
        share = (labels == value).sum() / (labels != 255).sum()
        assert own[name] == pytest.approx(share)


def test_a_failing_run_is_recorded_and_does_not_stop_the_others(
    tmp_path: Path, cache: Path
) -> None:
    specs = [RunSpec(**SMALLEST, seed=seed) for seed in (5, 6)]
    settings = Settings(tmp_path / "runs", cache_root=cache, device="cpu", threads=1)
    check_runs(specs, settings)
    broken = settings.runs / specs[0].run_id
    broken.mkdir()
    (broken / "last.pt").write_bytes(b"damaged")
    with open_executor(workers=1) as executor:
        failed, good = run_all(specs, settings, executor)
    assert (failed.status, good.status) == ("failed", "finished")
    assert "last.pt is not a checkpoint" in (failed.reason or "")
    assert json.loads((broken / "failed.json").read_text())["reason"] == failed.reason
    assert not (broken / "done.json").exists()

    (broken / "last.pt").unlink()
    with open_executor(workers=1) as executor:
        mended, skipped = run_all(specs, settings, executor)
    assert (mended.status, mended.skipped, skipped.skipped) == ("finished", False, True)
    assert not (broken / "failed.json").exists()


def test_a_diverged_run_is_an_outcome_that_is_not_tried_again(tmp_path: Path, cache: Path) -> None:
    spec = RunSpec(**SMALLEST, lr=1e30, optimizer="sgd")
    settings = Settings(tmp_path / "runs", cache_root=cache, device="cpu", threads=1)
    for skipped in (False, True):
        with open_executor(workers=1) as executor:
            (outcome,) = run_all([spec], settings, executor)
        assert (outcome.status, outcome.skipped) == ("diverged", skipped)
        assert "loss term 'ce'" in (outcome.reason or "")
    assert load_runs(settings.runs).loc[0, "status"] == "diverged"
    with pytest.raises(StudyError, match="no finished run"):
        load_results(settings.runs)
    assert DIVERGED == 3


def test_sigterm_saves_the_state_and_exits_143_and_the_run_then_resumes(
    tmp_path: Path, cache: Path
) -> None:
    run_dir = prepare_run(tmp_path, **LONG)
    process = start(run_dir, cache)
    wait_for(lambda: (run_dir / "last.pt").exists())
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == TERMINATED
    assert "Terminated" in json.loads((run_dir / "failed.json").read_text())["reason"]

    import torch

    saved = torch.load(run_dir / "last.pt", weights_only=True)["progress"]
    assert 0 < saved["iterations"] < 1600
    again = start(run_dir, cache)
    wait_for(lambda: _iterations(run_dir) > saved["iterations"])
    again.send_signal(signal.SIGTERM)
    assert again.wait(60) == TERMINATED


@pytest.mark.parametrize("delay", [0.3, 1.5, 3.0])
def test_sigterm_while_a_run_starts_up_stops_it_too(
    delay: float, tmp_path: Path, cache: Path
) -> None:
    run_dir = prepare_run(tmp_path, **LONG)
    process = start(run_dir, cache)
    time.sleep(delay)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) in (TERMINATED, -signal.SIGTERM)
    assert not (run_dir / "done.json").exists()


def test_sigterm_to_a_study_waits_until_its_runs_have_saved_their_state(
    tmp_path: Path, cache: Path
) -> None:
    fields = json.dumps({**FIXED, **LONG})
    (tmp_path / "long.yaml").write_text(f"name: long\nquestion: How?\nfixed: {fields}\n")
    command = [sys.executable, "-c", "from losslab.cli import main; main()", "study", "long.yaml"]
    options = ["--no-report", "--device", "cpu", "--cache-root", str(cache), "--workers", "1"]
    study = subprocess.Popen([*command, *options], cwd=tmp_path)
    wait_for(lambda: list(tmp_path.glob("runs/*/last.pt")))
    study.send_signal(signal.SIGTERM)
    assert study.wait(120) == TERMINATED
    (failed,) = tmp_path.glob("runs/*/failed.json")
    assert "the state is saved" in json.loads(failed.read_text())["reason"]


def test_a_finished_run_of_other_data_is_not_passed_off_as_this_one(
    tmp_path: Path, cache: Path
) -> None:
    (run_id,) = smoke_runs(tmp_path, losses=("ce",), seeds=1)
    spec = RunSpec(**SMALLEST)
    assert spec.run_id == run_id
    check_runs([spec], Settings(tmp_path, cache_root=cache))
    facts = json.loads((tmp_path / run_id / "run.json").read_text())
    facts["dataset"]["fingerprint"] = "other"
    (tmp_path / run_id / "run.json").write_text(json.dumps(facts))
    with pytest.raises(StudyError, match=r"made from other data.*another --runs"):
        check_runs([spec], Settings(tmp_path, cache_root=cache))


def test_gpus_are_those_that_the_environment_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
    assert dispatch._visible_gpus(2) == ["5", "6"]
    with pytest.raises(StudyError, match="shows only 2"):
        dispatch._visible_gpus(3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert dispatch._visible_gpus(2) == ["0", "1"]


def test_a_run_in_progress_is_locked_against_a_second_process(tmp_path: Path, cache: Path) -> None:
    run_dir = prepare_run(tmp_path)
    with FileLock(run_dir / ".lock"):
        assert start(run_dir, cache).wait(60) == LOCKED
        outcome = run_process(str(run_dir), settings_for(cache))
    assert outcome["status"] == "locked"
    assert not (run_dir / "failed.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is signalled on Linux only")
def test_the_death_of_a_worker_takes_its_notebook_process_along(
    tmp_path: Path, cache: Path
) -> None:
    run_dir = prepare_run(tmp_path, **LONG)
    code = (
        "import sys; from losslab.study.dispatch import run_process; import json;"
        "run_process(sys.argv[1], json.loads(sys.argv[2]))"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", code, str(run_dir), json.dumps(settings_for(cache))]
    )
    wait_for(lambda: (run_dir / "last.pt").exists())
    family = psutil.Process(worker.pid).children(recursive=True)
    assert len(family) >= 2  # the run's process and its kernel
    worker.kill()
    worker.wait()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive


def test_a_killed_notebook_process_takes_its_kernel_along(tmp_path: Path, cache: Path) -> None:
    run_dir = prepare_run(tmp_path, **LONG)
    process = start(run_dir, cache)
    wait_for(lambda: (run_dir / "last.pt").exists())
    kernels = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(kernels, timeout=60)
    assert not alive


def test_a_run_past_its_time_limit_is_stopped_with_its_state_saved(
    tmp_path: Path, cache: Path
) -> None:
    run_dir = prepare_run(tmp_path, **LONG)
    outcome = run_process(str(run_dir), settings_for(cache), time_limit=20.0)
    assert outcome["status"] == "terminated"
    assert "time limit of 20 s" in outcome["reason"]
    assert (run_dir / "last.pt").exists()


def test_smoke_runs_are_kept_when_asked_for_again(tmp_path: Path) -> None:
    first = smoke_runs(tmp_path, seeds=1)
    stamps = [(tmp_path / r / "done.json").stat().st_mtime_ns for r in first]
    assert smoke_runs(tmp_path, seeds=1) == first
    assert stamps == [(tmp_path / r / "done.json").stat().st_mtime_ns for r in first]


def test_a_scheduler_that_does_not_answer_is_named_with_the_remedy() -> None:
    with (
        pytest.raises(StudyError, match=r"no Dask scheduler answers at 'tcp://127.0.0.1:1'"),
        open_executor(workers=1, scheduler="tcp://127.0.0.1:1", timeout=1.0),
    ):
        pass


def test_runs_go_to_the_workers_of_a_scheduler_elsewhere(tmp_path: Path, cache: Path) -> None:
    from distributed import LocalCluster

    spec = RunSpec(**SMALLEST, seed=4)
    settings = Settings(tmp_path / "runs", cache_root=cache, device="cpu", threads=1)
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=40
        ) as cluster,
        open_executor(workers=1, scheduler=cluster.scheduler_address) as executor,
    ):
        (outcome,) = run_all([spec], settings, executor)
    assert outcome.status == "finished", outcome.reason


def test_the_same_run_twice_in_a_study_is_refused(tmp_path: Path) -> None:
    spec = RunSpec(**SMALLEST)
    with pytest.raises(StudyError, match="same run twice"):
        check_runs([spec, spec], Settings(tmp_path))


def test_a_runs_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match=r"cannot be written.*--runs"):
        check_runs([RunSpec(**SMALLEST)], Settings(tmp_path / "file" / "runs"))


def test_an_unreadable_finished_run_is_named_with_the_remedy(tmp_path: Path) -> None:
    (run_id,) = smoke_runs(tmp_path, losses=("ce",), seeds=1)
    (tmp_path / run_id / "counts.parquet").write_bytes(b"damaged")
    with pytest.raises(
        StudyError, match=r"marked as finished but cannot be read.*delete the folder"
    ):
        load_results(tmp_path)


def _iterations(run_dir: Path) -> int:
    import torch

    return torch.load(run_dir / "last.pt", weights_only=True)["progress"]["iterations"]
