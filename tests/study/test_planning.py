"""What a plan says of a study before anything runs."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from losslab.bench.steps import KEY, Rate, keep_rates, load_rates, measure_rates
from losslab.bench.work import count_work
from losslab.data import DATASETS
from losslab.data.fixtures import WRITERS, write_fixture
from losslab.spec import RunSpec
from losslab.study.costs import Speed, cache_bytes, cost_of, speed_of
from losslab.study.needs import Pictures, count_pictures, published_counts
from losslab.study.plan import expand, load_study, study_names
from losslab.study.planning import plan_text
from losslab.study.smoke import SMALLEST

PICTURES = Pictures(100, 20, 30, tested_on_val=False, total=150, there=False)
SPEC = RunSpec(**SMALLEST)
NO_RATES = pd.DataFrame(columns=list(Rate.__dataclass_fields__))


def plan(name: str, *overrides: str, root: Path | None = None, ids: bool = False) -> str:
    study = load_study(name, overrides)
    return plan_text(
        study, expand(study), data_root=root, rates=load_rates(None), device="here", ids=ids
    )


@pytest.fixture(autouse=True)
def no_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LOSSLAB_DATA", raising=False)
    monkeypatch.delenv("LOSSLAB_WEIGHTS", raising=False)
    monkeypatch.setenv("LOSSLAB_CACHE", str(tmp_path / "cache"))


def test_the_work_of_a_convolution_is_counted_by_hand() -> None:
    # LargeFOV's last layer alone grows with the classes: 1024 weights and a bias for each
    few, more = (
        count_work("deeplab_largefov", encoder="vgg16", options={}, size=(65, 65), num_classes=c)
        for c in (1, 11)
    )
    assert more.parameters - few.parameters == 10 * 1025
    assert more.flops - few.flops == 2 * 10 * 1024 * 9 * 9  # stride 8 of 65 pixels: 9 x 9


def test_the_work_grows_with_the_pixels_and_not_with_the_batch() -> None:
    small, large = (
        count_work("unet", encoder="resnet18", options={}, size=(s, s), num_classes=2)
        for s in (64, 128)
    )
    assert large.flops == pytest.approx(4 * small.flops)
    assert large.saved_bytes == pytest.approx(4 * small.saved_bytes, rel=0.01)
    assert large.parameters == small.parameters


def test_what_is_kept_for_the_backward_pass_is_counted_as_torch_keeps_it() -> None:
    from losslab.models import build_model

    model = build_model("unet", num_classes=2, encoder="resnet18").train()
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(torch.zeros(2, 3, 64, 64))
    counted = count_work("unet", encoder="resnet18", options={}, size=(64, 64), num_classes=2)
    assert output.requires_grad
    assert 2 * counted.saved_bytes == pytest.approx(sum(kept.values()), rel=0.02)


def test_a_run_is_reckoned_from_its_steps_and_its_looks_at_validation() -> None:
    spec = replace(SPEC, epochs=3, batch_size=8, task="blob")
    work = count_work(
        "unet", encoder=spec.encoder, options=spec.model_options, size=(32, 32), num_classes=1
    )
    cost = cost_of(spec, PICTURES, Speed(1e6, 0.5, "here", "unet"))
    assert cost.steps == 3 * (100 // 8)
    passes = 3 * cost.steps * 8 + (3 + 1) * 20 + 30  # trained, validated and counted, tested
    assert cost.seconds == pytest.approx(passes * work.flops / 1e6 + cost.steps * 0.5)
    assert cost.looking == pytest.approx((4 * 20 + 30) / passes)
    assert cost_of(spec, PICTURES, None).seconds is None


def test_a_run_by_iterations_takes_them_and_half_precision_keeps_half() -> None:
    spec = replace(SPEC, epochs=None, max_iterations=77, task="blob", batch_size=50)
    full, half = (
        cost_of(replace(spec, precision=p), PICTURES, None)  # pyright: ignore
        for p in ("fp32", "bf16")
    )
    assert full.steps == 77
    assert half.memory < 0.7 * full.memory


def test_the_speed_is_that_of_the_network_here_else_elsewhere_else_of_the_others() -> None:
    rows = [
        ("unet", "resnet34", "fp32", "here", 5.0),
        ("unet", "resnet34", "fp32", "there", 9.0),
        ("fcn8s", "resnet50", "fp32", "here", 7.0),
    ]
    rates = pd.DataFrame(rows, columns=["model", "encoder", "precision", "device", "gigaflops"])
    rates["optimizer_seconds"] = 0.0
    unet = RunSpec(epochs=1)
    other = RunSpec(epochs=1, model="fcn32s")

    def rate(spec: RunSpec, table: pd.DataFrame, device: str) -> tuple[float, str, str] | None:
        speed = speed_of(spec, table, device)
        return None if speed is None else (speed.flops / 1e9, speed.device, speed.network)

    assert rate(unet, rates, "here") == (5, "here", "unet resnet34")
    assert rate(replace(unet, precision="fp16"), rates, "here") == (5, "here", "unet resnet34")
    assert rate(unet, rates, "elsewhere") == (5, "here", "unet resnet34")
    assert rate(other, rates, "here") == (6, "here", "")
    assert rate(unet, rates.iloc[:0], "here") is None


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "folder"])
def test_published_numbers_of_pictures_are_those_of_the_data_sets(name: str) -> None:
    spec = RunSpec(dataset=name, epochs=1)
    counts = published_counts(spec)
    assert counts is not None
    assert counts["train"] > 100
    found = count_pictures(spec, None)
    assert found is not None
    assert (found.train, found.there) == (counts["train"], name == "scenes")


def test_the_divisions_of_the_papers_have_their_published_numbers() -> None:
    numbers = {
        name: count_pictures(expand(load_study(name))[0], None)
        for name in ("rahman2016-voc2010", "vanbeers2018", "semeda2020-helen", "gul2023-celebamask")
    }
    assert {name: found.text() for name, found in numbers.items() if found} == {
        "rahman2016-voc2010": "771 + 193 + 964",
        "vanbeers2018": "2,342 + 292 + 292",
        "semeda2020-helen": "2,000 + 330",
        "gul2023-celebamask": "23,200 + 5,800 + 1,000",
    }
    fold = count_pictures(expand(load_study("gul2023-crossval"))[0], None)
    assert fold is not None
    assert (fold.train, fold.val, fold.test) == (21000, 3000, 6000)


def test_pictures_that_are_there_are_counted(tmp_path: Path) -> None:
    write_fixture("camvid", tmp_path / "data", 8)
    spec = RunSpec(dataset="camvid", dataset_options={"partial": True}, epochs=1)
    assert count_pictures(spec, tmp_path / "data") == Pictures(4, 2, 2, False, total=8, there=True)
    assert "camvid" in WRITERS


def test_the_cache_holds_each_data_set_once_at_each_size() -> None:
    specs = [replace(SPEC, seed=1), SPEC, replace(SPEC, test_size=(64, 64))]
    sizes = {spec.run_id: PICTURES for spec in specs}
    assert cache_bytes(specs, sizes) == 150 * 4 * (32 * 32 + 64 * 64)


def test_a_plan_names_runs_data_weights_cost_and_notes(tmp_path: Path) -> None:
    text = plan("semeda2020-pretraining", root=tmp_path)
    assert "8 runs: 1 seed x 2 pretraining x 2 data x 2 loss" in text
    assert "10,582 +" in text
    assert f"losslab data get voc_aug --data-root {tmp_path}" in " ".join(text.split())
    assert "prints what is left to do by hand" in " ".join(text.split())
    assert "deeplabv3_resnet101_coco-586e9e4e.pth for resnet101: is missing" in text
    assert "tables 4 of chen2020" in text
    assert "Together" in text
    assert "another machine's" in text
    assert "torchvision's and not the authors'" in " ".join(text.split())
    assert "voc-aug-deeplabv2" not in text
    assert "voc-aug-deeplabv2" in plan("semeda2020-pretraining", root=tmp_path, ids=True)


def test_a_plan_says_which_printed_rows_are_not_run() -> None:
    text = " ".join(plan("rahman2016-voc2010").split())
    assert "The row MRF_IoU of Table 1 is quoted, not run" in text


def test_a_plan_says_what_another_data_set_leaves_out() -> None:
    text = " ".join(plan("vanbeers2018", "dataset=camvid").split())
    assert "Left out on camvid: without the study's dataset_options" in text
    assert "4 runs" in text


def test_a_plan_without_rates_says_how_to_measure_them() -> None:
    study = load_study("default")
    text = plan_text(study, expand(study), data_root=None, rates=NO_RATES, device="here")
    assert "No rate is known: `losslab bench steps NAME`" in text


@pytest.mark.parametrize("name", study_names())
def test_every_study_has_a_plan(name: str) -> None:
    text = plan(name)
    assert f"{len(expand(load_study(name)))} runs" in text
    assert all(len(line) <= 100 for line in text.splitlines() if "|" not in line and " " in line)


def test_rates_that_come_with_losslab_are_of_all_networks_of_the_papers() -> None:
    rates = load_rates(None)
    assert list(rates.columns) == list(Rate.__dataclass_fields__)
    assert rates["gigaflops"].between(5, 1000).all()
    assert not rates.duplicated([*KEY]).any()
    known = set(zip(rates["model"], rates["encoder"], strict=True))
    for name in study_names():
        for spec in expand(load_study(name)):
            assert (spec.model, spec.encoder) in known


def test_measured_rates_are_kept_and_go_before_those_that_come_with_losslab() -> None:
    spec = RunSpec(**SMALLEST)
    table = measure_rates([spec, replace(spec, seed=1)], torch.device("cpu"), threads=1)
    assert len(table) == 1
    assert table.loc[0, "gigaflops"] > 0
    assert (table.loc[0, "height"], table.loc[0, "batch_size"]) == (32, 2)
    for _ in range(2):
        keep_rates(table, None)
    rates = load_rates(None)
    assert rates.iloc[0]["encoder"] == "tu-resnet10t"
    assert (rates["encoder"] == "tu-resnet10t").sum() == 1
