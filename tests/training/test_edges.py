"""The EdgeNet of a data set: how good it is, when it is trained, and by whom it is used."""

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from losslab.data import CachedSplit, RunData, SplitOptions, prepare
from losslab.data.fitting import whole_extents
from losslab.errors import Terminated
from losslab.losses import EdgeNet
from losslab.spec import RunSpec
from losslab.study.run import Settings, check_runs
from losslab.study.smoke import SMALLEST
from losslab.training import edges, loop, train
from losslab.training.edges import edge_net_for, edge_net_path, edge_score, train_edge_net

SCENES: dict[str, Any] = {
    "name": "scenes",
    "options": {"train": 40, "val": 20, "test": 20},
    "task": None,
    "split": SplitOptions(),
    "size": (48, 48),
    "data_root": None,
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def data_of(labels: np.ndarray) -> RunData:
    """Label maps without pictures, the same in every split; two classes."""
    split = CachedSplit(
        images=np.zeros((*labels.shape, 3), np.uint8),
        labels=labels.astype(np.uint8),
        ids=[str(i) for i in range(len(labels))],
        extents=whole_extents(labels.astype(np.uint8)),
    )
    colours = np.zeros((2, 3), np.uint8)
    parts = {"train": split, "val": split, "test": split}
    return RunData(
        **parts,
        class_names=("a", "b"),
        num_classes=2,
        colours=colours,
        fingerprint="made up",
        groups={},
        tested_on_val=True,
    )


@pytest.mark.parametrize("task", [None, "blob+pole"])
def test_edges_of_held_out_generated_scenes_are_found(task: str | None, cache: Path) -> None:
    data = prepare(**SCENES | {"task": task}, cache_root=cache)
    net, facts = edge_net_for(data, cache)
    assert facts["f1"] > 0.99
    assert facts["precision"] > 0.98
    assert facts["recall"] > 0.98
    score = edge_score(net, torch.from_numpy(np.array(data.test.labels)))
    assert score.f1 == pytest.approx(facts["f1"])


def test_edges_of_held_out_street_scenes_are_found(shared_data: Path, cache: Path) -> None:
    camvid = {"name": "camvid", "options": {}, "task": None, "split": SplitOptions()}
    data = prepare(**camvid, size=(48, 64), data_root=shared_data, cache_root=cache)
    assert edge_net_for(data, cache)[1]["f1"] > 0.99


def test_f1_is_counted_by_hand() -> None:
    net = EdgeNet(2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        net.layers[2].bias[1] = 1.0  # pyright: ignore  says "edge" everywhere
    labels = torch.zeros(1, 6, 6, dtype=torch.uint8)
    labels[0, :, 3:] = 1  # two columns of edges
    score = edge_score(net, labels)
    assert score.edges == 12
    assert score.recall == 1
    assert score.precision == pytest.approx(12 / 36)
    assert score.f1 == pytest.approx(2 * 12 / (36 + 12))


def test_pixels_next_to_void_are_not_scored() -> None:
    labels = torch.zeros(1, 5, 6, dtype=torch.uint8)
    labels[0, :, :2] = 255
    found, scored = edges.edge_targets(labels)
    assert found[0, 0].int().tolist() == [0, 1, 1, 0, 0, 0]
    assert scored[0, 0].int().tolist() == [0, 0, 0, 1, 1, 1]


def test_a_second_asker_reads_what_the_first_has_trained(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = prepare(**SCENES, cache_root=cache)
    first, facts = edge_net_for(data, cache)
    monkeypatch.setattr(edges, "train_edge_net", None)
    second, again = edge_net_for(data, cache)
    assert again == facts
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(ours, theirs)
        assert not theirs.requires_grad


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train for two steps: for tests to which the edges do not matter."""
    monkeypatch.setattr(edges, "EPOCH", 2)
    monkeypatch.setattr(edges, "MOST_EPOCHS", 1)


def test_other_pictures_of_the_same_label_maps_have_the_same_edge_net(
    quick: None, cache: Path, tmp_path: Path
) -> None:
    alike, different = (
        prepare(
            **SCENES | {"options": SCENES["options"] | {"texture_overlap": overlap}},
            cache_root=cache,
        )
        for overlap in (0.0, 0.9)
    )
    assert np.array_equal(alike.train.labels, different.train.labels)
    assert not np.array_equal(alike.train.images, different.train.images)
    assert edge_net_path(alike, tmp_path) == edge_net_path(different, tmp_path)
    assert train_edge_net(alike)[1]["sha256"] == train_edge_net(different)[1]["sha256"]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_another_label_in_any_split_or_another_number_of_classes_is_another_edge_net(
    split: str, tmp_path: Path
) -> None:
    data = data_of(np.zeros((4, 16, 16)))
    moved = data_of(np.eye(16)[None])
    paths = {
        edge_net_path(one, tmp_path)
        for one in (
            data,
            replace(data, num_classes=3),
            replace(data, **{split: getattr(moved, split)}),
        )
    }
    assert len(paths) == 3


def test_training_depends_on_the_label_maps_alone(quick: None, cache: Path) -> None:
    data = prepare(**SCENES, cache_root=cache)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    _, facts = train_edge_net(data)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        _, again = train_edge_net(data)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert again["sha256"] == facts["sha256"]


def test_training_seeds_no_generator_of_the_process(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((torch, "manual_seed"), (torch.random, "manual_seed")):
        monkeypatch.setattr(module, name, None)  # torch's seeds those of all GPUs too
    train_edge_net(data_of(np.eye(16)[None]))


def test_first_weights_have_the_spread_of_torchs_own() -> None:
    torch.manual_seed(0)
    theirs, ours = EdgeNet(19), edges._first_weights(19, torch.Generator().manual_seed(0))
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        if mine.numel() > 500:
            assert float(mine.detach().std()) == pytest.approx(float(other.detach().std()), rel=0.1)
            assert float(mine.detach().max()) == pytest.approx(float(other.detach().max()), rel=0.1)


def test_training_ends_where_f1_is_good_exactly(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def just_good(net: EdgeNet, labels: torch.Tensor) -> edges.EdgeScore:
        looks.append(labels)
        return edges.EdgeScore(edges.GOOD, 1.0, 1.0, 0)

    monkeypatch.setattr(edges, "MOST_EPOCHS", 3)
    monkeypatch.setattr(edges, "edge_score", just_good)
    train_edge_net(data_of(np.eye(16)[None]))
    assert len(looks) == 2  # after the first epoch, and on the test split


@pytest.mark.parametrize("damaged", [".safetensors", ".json"])
@pytest.mark.parametrize("left", ["", "{}", "[]", "null", "digest alone", "words for numbers"])
def test_a_damaged_file_is_made_anew(quick: None, damaged: str, left: str, tmp_path: Path) -> None:
    data = data_of(np.eye(16)[None])
    _, facts = edge_net_for(data, tmp_path)
    if left == "digest alone":
        left = json.dumps({"sha256": facts["sha256"]})
    elif left == "words for numbers":
        left = json.dumps(facts | {"f1": "good"})
    edge_net_path(data, tmp_path).with_suffix(damaged).write_text(left)
    _, again = edge_net_for(data, tmp_path)
    assert again["sha256"] == facts["sha256"]
    assert again.keys() == facts.keys()
    assert again["f1"] == facts["f1"]


def _ask(cache: Path, folder: Path, trained: Any) -> None:
    def counted(data: RunData) -> Any:
        with trained.get_lock():
            trained.value += 1
        return train_edge_net(data)

    edges.EPOCH, edges.MOST_EPOCHS = 2, 1
    edges.train_edge_net = counted
    edge_net_for(prepare(**SCENES, cache_root=cache), folder)


def test_two_processes_that_ask_at_once_train_it_once(tmp_path: Path, cache: Path) -> None:
    prepare(**SCENES, cache_root=cache)
    context = multiprocessing.get_context("fork")
    trained = context.Value("i", 0)
    askers = [context.Process(target=_ask, args=(cache, tmp_path, trained)) for _ in range(2)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(120)
        assert asker.exitcode == 0
    assert trained.value == 1
    assert len(list((tmp_path / "edge_nets").glob("*.safetensors"))) == 1


def test_label_maps_of_one_class_give_a_net_that_finds_no_edge(tmp_path: Path) -> None:
    net, facts = edge_net_for(data_of(np.zeros((4, 16, 16))), tmp_path)
    assert facts["f1"] == 1
    assert edge_score(net, torch.zeros(1, 16, 16, dtype=torch.uint8)).precision == 1


def test_label_maps_without_a_scored_pixel_are_trained_on_nothing(
    quick: None, tmp_path: Path
) -> None:
    labels = np.full((4, 16, 16), 255)
    labels[:, 8, 8] = 1
    net, _ = edge_net_for(data_of(labels), tmp_path)
    assert all(parameter.isfinite().all() for parameter in net.parameters())


SEMEDA = RunSpec(**SMALLEST, loss="ce + semeda")


def test_a_run_with_semeda_trains_its_edge_net_and_records_it(
    quick: None, tmp_path: Path, cache: Path
) -> None:
    facts = train(SEMEDA, tmp_path / "run", cache_root=cache)
    assert facts["status"] == "finished"
    recorded = json.loads((tmp_path / "run" / "run.json").read_text())["edge_net"]
    _, known = edge_net_for(
        prepare(**SEMEDA.data_arguments(), data_root=None, cache_root=cache), cache
    )
    assert recorded == known
    assert recorded.keys() >= {"sha256", "f1"}


def test_a_run_without_semeda_trains_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "train_edge_net", None)
    facts = train(RunSpec(**SMALLEST, loss="ce + sobel"), tmp_path / "run", cache_root=tmp_path)
    assert facts["edge_net"] is None


def test_a_run_with_semeda_resumes_to_the_same_bits(
    quick: None, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(SEMEDA, tmp_path / "whole", cache_root=cache)

    class StopAtOnce(loop.StopRequest):
        requested = property(lambda self: True, lambda self, value: None)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "StopRequest", StopAtOnce)
        with pytest.raises(Terminated):
            train(SEMEDA, tmp_path / "cut", cache_root=cache)
    train(SEMEDA, tmp_path / "cut", cache_root=cache)
    weights = [tmp_path / name / "best.safetensors" for name in ("whole", "cut")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_study_trains_the_edge_net_before_its_runs(
    quick: None, tmp_path: Path, cache: Path
) -> None:
    check_runs([SEMEDA], Settings(runs=tmp_path / "runs", cache_root=tmp_path))
    data = prepare(**SEMEDA.data_arguments(), data_root=None, cache_root=cache)
    assert edge_net_path(data, tmp_path).exists()
