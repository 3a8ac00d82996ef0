"""Maps of labels in training: those of the moved labels, made once or ahead, never waited for."""

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from losslab.data import CachedSplit, label_map_cache
from losslab.data.fitting import whole_extents
from losslab.data.transforms import AUGMENTATIONS, draw_geometry
from losslab.losses import LABEL_MAPS, Objective, label_map
from losslab.spec import RunSpec
from losslab.study.smoke import SMALLEST
from losslab.training import loop, train
from losslab.training.label_maps import LabelMaps
from losslab.training.randomness import generator
from tests.training.test_resume import Cut, Killed, assert_same_run

CPU = torch.device("cpu")
PICTURES = 16 + 8  # for training and validation
SEEN: dict[str, dict[str, Any]] = {
    name: {"augmentation": name, "crop_size": (24, 28) if steps.crop else None}
    for name, steps in AUGMENTATIONS.items()
}
"""The fields of a run with each augmentation."""
UNCROPPED = [name for name, steps in AUGMENTATIONS.items() if not steps.crop]


def spec_with(augmentation: str, **fields: Any) -> RunSpec:
    return RunSpec(**SMALLEST | {"loss": "distance"} | SEEN[augmentation] | fields)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the threads in which maps were made, one for each picture."""
    threads: list[str] = []
    kind = LABEL_MAPS["distance_euclidean"]

    def counted(labels: np.ndarray, num_classes: int) -> np.ndarray:
        threads.append(threading.current_thread().name)
        return kind.function(labels, num_classes)

    counting = dataclasses.replace(kind, function=counted)
    monkeypatch.setitem(LABEL_MAPS, "distance_euclidean", counting)
    return threads


def alive() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("label-maps")]


def weights(folder: Path) -> bytes:
    return (folder / "best.safetensors").read_bytes()


@pytest.mark.parametrize(("resident", "workers"), [(True, 0), (False, 0), (False, 2)])
@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_the_loop_gives_the_maps_of_the_labels_as_they_were_moved(
    augmentation: str,
    resident: bool,
    workers: int,
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[tuple[int, ...]] = []
    terms = Objective.terms

    def compared(
        self: Objective,
        logits: Tensor,
        labels: Tensor,
        label_maps: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        assert label_maps is not None
        assert set(label_maps) == set(LABEL_MAPS)
        for name, given in label_maps.items():
            assert torch.equal(given, label_map(name, labels, self.num_classes)), name
        sizes.append(tuple(labels.shape))
        return terms(self, logits, labels, label_maps)

    monkeypatch.setattr(Objective, "terms", compared)
    spec = spec_with(
        augmentation,
        loss="distance + distance(metric='chessboard') + boundary + active_boundary",
    )
    train(spec, tmp_path, cache_root=cache, resident=resident, workers=workers)
    height, width = spec.crop_size or spec.size
    training, validation = [(4, height, width)] * 4, [(4, 32, 32)] * 2
    assert sizes == 2 * (training + validation)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_maps_of_all_classes_are_moved_with_their_labels(augmentation: str, tmp_path: Path) -> None:
    draws = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (6, 8, 9), generator=draws, dtype=torch.uint8)
    labels = labels.repeat_interleave(5, 1).repeat_interleave(5, 2).numpy()
    split = CachedSplit(
        np.zeros((6, 40, 45, 3), np.uint8),
        labels,
        [str(i) for i in range(6)],
        whole_extents(labels),
    )
    crops = AUGMENTATIONS[augmentation].crop
    groups = [[5, 0, 3], [1, 2, 4]]
    geometries = [
        draw_geometry(
            3,
            preset=augmentation,
            crop_size=SEEN[augmentation]["crop_size"],
            generator=generator(0, "augment", 0, step),
        )
        for step in range(2)
    ]
    with LabelMaps(
        split, ["signed_distance"], 3, CPU, cache_root=None if crops else tmp_path
    ) as maps:
        served = list(maps.batches(groups, geometries))
    for group, geometry, batch in zip(groups, geometries, served, strict=True):
        moved = geometry.labels(torch.from_numpy(labels[group]))
        assert torch.equal(batch["signed_distance"], label_map("signed_distance", moved, 3))


@pytest.mark.parametrize("augmentation", UNCROPPED)
def test_pictures_that_are_not_cropped_get_their_maps_made_once_for_all_runs(
    augmentation: str, tmp_path: Path, made: list[str]
) -> None:
    train(spec_with(augmentation, epochs=3), tmp_path / "first", cache_root=tmp_path / "cache")
    assert len(made) == PICTURES
    train(spec_with(augmentation, seed=1), tmp_path / "second", cache_root=tmp_path / "cache")
    assert len(made) == PICTURES


def test_maps_of_cropped_labels_are_made_beside_the_training(
    tmp_path: Path, cache: Path, made: list[str]
) -> None:
    train(spec_with("flip"), tmp_path / "flip", cache_root=cache)  # its validation maps are kept
    made.clear()
    train(spec_with("crop_flip"), tmp_path / "crop", cache_root=cache)
    assert len(made) == 2 * 16
    assert all(name.startswith("label-maps") for name in made)


@pytest.mark.parametrize("augmentation", ["flip", "crop_flip"])
def test_maps_too_large_for_the_cache_are_made_for_each_batch_and_train_the_same_weights(
    augmentation: str,
    tmp_path: Path,
    made: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = spec_with(augmentation)
    train(spec, tmp_path / "kept", cache_root=tmp_path / "cache")
    made.clear()
    monkeypatch.setattr(label_map_cache, "LARGEST", 1000)
    train(spec, tmp_path / "made", cache_root=tmp_path / "cache")
    assert len(made) == 2 * PICTURES
    assert weights(tmp_path / "kept") == weights(tmp_path / "made")


def test_a_loss_without_maps_makes_none_and_starts_no_thread(
    tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    terms = Objective.terms

    def watched(*arguments: Any) -> dict[str, Tensor]:
        threads.extend(alive())
        return terms(*arguments)

    monkeypatch.setattr(Objective, "terms", watched)
    train(spec_with("crop_flip", loss="dice"), tmp_path / "run", cache_root=tmp_path / "cache")
    assert made == threads == []
    assert not list((tmp_path / "cache").glob("labels-*"))


@pytest.mark.parametrize("failing", [1, 6, 20])
def test_what_fails_in_the_thread_is_raised_in_the_run_and_ends_the_thread(
    failing: int, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = LABEL_MAPS["distance_euclidean"]
    calls = iter(range(1, 1000))

    def fails(labels: np.ndarray, num_classes: int) -> np.ndarray:
        if labels.shape == (24, 28) and next(calls) == failing:
            raise ValueError("no map of this picture")
        return kind.function(labels, num_classes)

    failing_kind = dataclasses.replace(kind, function=fails)
    monkeypatch.setitem(LABEL_MAPS, "distance_euclidean", failing_kind)
    with pytest.raises(ValueError, match="no map of this picture"):
        train(spec_with("crop_flip"), tmp_path, cache_root=cache)
    assert alive() == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Callable[[RunSpec], Path]:
    """The folder of a run of this spec that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")

    def run(spec: RunSpec) -> Path:
        if not (folder / spec.run_id).exists():
            train(spec, folder / spec.run_id, cache_root=cache)
        return folder / spec.run_id

    return run


@pytest.mark.parametrize("at", [2, 5, 9])  # in the first epoch, its validation, the second epoch
@pytest.mark.parametrize("kill", [False, True])
@pytest.mark.parametrize("augmentation", ["flip", "crop_flip"])
def test_a_run_that_is_stopped_or_killed_resumes_with_the_same_maps(
    augmentation: str,
    kill: bool,
    at: int,
    whole: Callable[[RunSpec], Path],
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = spec_with(augmentation, loss="distance + dice")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", Cut(at, kill=kill))
        with pytest.raises((loop.Terminated, Killed)):
            train(spec, tmp_path, cache_root=cache)
    assert alive() == []
    train(spec, tmp_path, cache_root=cache)
    assert_same_run(whole(spec), tmp_path)


@pytest.fixture(autouse=True)
def quiet(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    capsys.readouterr()
