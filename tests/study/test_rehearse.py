"""Rehearsals: a whole study on generated data in seconds, to its report."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from torch.backends import mkldnn

from losslab.data import prepare
from losslab.spec import RunSpec
from losslab.study import rehearse as module
from losslab.study.plan import expand, load_study, study_names
from losslab.study.rehearsal_data import generated_data, generated_weights
from losslab.study.rehearse import BANNER, Rehearsal, rehearsal_of, rehearse, rehearsed

SMALL = """
name: small
question: Does it walk?
fixed:
  dataset: camvid
  task: Road
  batches: positive
  model: unet
  model_options: {encoder_depth: 3, decoder_channels: [16, 16, 8]}
  encoder: tu-resnet10t
  encoder_weights: imagenet
  epochs: 3
grid:
  loss: [ce, iou]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all rehearsals of this module go: data and weights are made once."""
    return tmp_path_factory.mktemp("rehearsal")


@pytest.mark.parametrize("name", study_names())
def test_every_rehearsed_run_is_small_and_short(name: str) -> None:
    study, specs, notes = rehearsal_of(load_study(name))
    whole = [spec for spec in expand(load_study(name)) if spec.seed in (0, 1, 42, 1234)]
    assert study.name == f"{name}-rehearsal"
    assert BANNER in study.question
    half = "half precision is left out: this CPU has no arithmetic for it"
    seeds = [note for note in notes if note != half]
    assert all(re.fullmatch(r"seeds [\d, ]+ are left out", note) for note in seeds)
    slow = module.PLAIN_CPU and any(spec.precision != "fp32" for spec in whole)
    assert notes.count(half) == int(slow)
    assert len({spec.run_id for spec in specs}) == len(specs) == len(whole)
    for spec in specs:
        assert max(*spec.size, *(spec.test_size or (1, 1)), *(spec.crop_size or (1, 1))) <= 64
        assert (spec.epochs, spec.max_iterations) == (None, 2)
        assert spec.batch_size <= 2
        assert "keep" not in (spec.fit, spec.test_fit)
        assert spec.precision != "fp16"
    kept = ("model", "encoder", "loss", "task", "seed", "fold", "encoder_weights", "optimizer")
    for key in kept:
        assert {getattr(s, key) for s in specs} == {getattr(s, key) for s in whole}


def test_no_rehearsed_run_has_the_name_of_a_real_one() -> None:
    for name in study_names():
        whole = expand(load_study(name))
        assert not {s.run_id for s in whole} & {rehearsed(s).run_id for s in whole}


def test_runs_that_begin_from_others_begin_from_their_rehearsals() -> None:
    _, specs, _ = rehearsal_of(load_study("semeda2020-test"))
    ids = [spec.run_id for spec in specs]
    for spec in specs[4:]:
        assert spec.start_from in ids[:4]


@pytest.mark.parametrize("dataset", ["camvid", "lfw_parts", "folder"])
def test_generated_data_open_as_the_run_reads_them(dataset: str, folder: Path) -> None:
    from losslab.data import prepare

    options = {"classes": ["a", "b"], "name": "own"} if dataset == "folder" else {}
    spec = rehearsed(RunSpec(dataset=dataset, dataset_options=options, epochs=1))
    root = generated_data(spec, folder / "data")
    data = prepare(**spec.data_arguments(), data_root=root, cache_root=folder / "cache")
    assert len(data.train) >= 4
    assert generated_data(spec, folder / "data") == root


@pytest.mark.parametrize(
    ("model", "encoder", "weights"),
    [
        ("unet", "mobilenet_v2", "imagenet"),
        ("unet", "tu-resnet10t", "imagenet"),
        ("fcn_alexnet32s", "alexnet", "imagenet"),
        ("fcn8s", "resnet18", "resnet18_coco.pth"),
    ],
)
def test_generated_weights_are_taken_for_the_published_ones(
    model: str, encoder: str, weights: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from losslab.models import build_model, find_weights

    spec = RunSpec(model=model, encoder=encoder, encoder_weights=weights, epochs=1)
    generated_weights(spec, folder / "weights")
    monkeypatch.setenv("LOSSLAB_WEIGHTS", str(folder / "weights"))
    found = find_weights(model, encoder, weights)
    assert found is not None
    assert found.path.parent == folder / "weights"
    build_model(model, num_classes=2, encoder=encoder, weights=weights)


def run(text: str, folder: Path) -> tuple[Rehearsal, list[str]]:
    path = folder / "small.yaml"
    path.write_text(text)
    told: list[str] = []
    study = load_study(str(path))
    return rehearse(study, folder, threads=1, report=False, tell=told.append), told


def test_a_protocol_is_rehearsed_to_a_report_that_says_what_it_is(folder: Path) -> None:
    told: list[str] = []
    found = rehearse(load_study("semeda2020-helen"), folder, threads=1, tell=told.append)
    assert [outcome.status for outcome in found.outcomes] == ["finished"] * 2, found.outcomes
    page, text = found.pages
    assert page.parent == folder / "reports" / "semeda2020-helen-rehearsal"
    assert text.read_text().startswith(f"**{BANNER}.**")
    assert f"<body>\n<h1>{BANNER}</h1>" in page.read_text()
    assert "Published, measured, difference" in text.read_text()
    assert len(told) == 2
    runs = folder / "runs" / "semeda2020-helen-rehearsal"
    first, second = (runs / outcome.run_id for outcome in found.outcomes)
    assert (first / "run.ipynb").exists()  # as a study executes its runs
    assert not (second / "run.ipynb").exists()
    facts = json.loads((second / "run.json").read_text())
    assert facts["iterations"] == 2
    assert facts["edge_net"]["sha256"]
    assert not list(folder.rglob("best.safetensors"))
    assert not list(folder.rglob("last.pt"))
    assert str(folder) not in os.environ.get("LOSSLAB_WEIGHTS", "")


def test_what_was_rehearsed_is_not_repeated(folder: Path) -> None:
    for skipped in (False, True):
        found, _ = run(SMALL, folder)
        assert [outcome.skipped for outcome in found.outcomes] == [skipped] * 2


def test_a_run_that_fails_is_told_and_the_others_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = module.train

    def failing(spec: RunSpec, *rest: object, **more: object) -> object:
        if spec.loss == "iou":
            raise IndexError("this is what would\nhave stopped it on day three")
        return trained(spec, *rest, **more)  # pyright: ignore

    monkeypatch.setattr(module, "train", failing)
    text = SMALL.replace("name: small", "name: failing").replace("[ce, iou]", "[ce, iou, dice]")
    found, told = run(text, folder)
    assert [outcome.status for outcome in found.outcomes] == ["finished", "failed", "finished"]
    reason = "IndexError: this is what would have stopped it on day three"
    assert found.outcomes[1].reason == reason
    assert reason in told[1]


def test_runs_with_a_first_stage_are_rehearsed_in_both(folder: Path) -> None:
    text = SMALL.replace("name: small", "name: staged")
    text += "first: [{when: {}, set: {lr: 0.01}}]\n"
    for _ in range(2):  # the second time the weights of the first stage are gone
        found, _ = run(text, folder)
        assert [outcome.status for outcome in found.outcomes] == ["finished"] * 4, found.outcomes


@pytest.mark.parametrize("name", ["rahman2016-voc2010", "rahman2016-voc2011"])
def test_each_category_that_is_trained_alone_is_in_a_generated_training_picture(
    name: str, folder: Path
) -> None:
    _, specs, _ = rehearsal_of(load_study(name))
    first = specs[0]
    data = prepare(
        **{**first.data_arguments(), "task": None},
        data_root=generated_data(first, folder / "data"),
        cache_root=folder / "cache",
    )
    shown = {data.class_names[i] for i in np.unique(data.train.labels) if i != 255}
    assert {spec.task for spec in specs} <= shown


@pytest.mark.parametrize("plain", [True, False])
def test_onednn_is_left_out_only_where_it_is_slow_and_comes_back(
    plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLAIN_CPU", plain)
    before = mkldnn.enabled
    with module._kernels("bfcn32s"):
        assert mkldnn.enabled is (before and not plain)
    with module._kernels("unet"):
        assert mkldnn.enabled is before
    assert mkldnn.enabled is before
