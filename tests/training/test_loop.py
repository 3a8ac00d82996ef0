"""What a run records, how it ends, and that the ways to compute it agree."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from losslab.data import CachedSplit
from losslab.data.fitting import whole_extents
from losslab.errors import StudyError
from losslab.metrics import score
from losslab.spec import RunSpec
from losslab.study.smoke import SMALLEST
from losslab.training import evaluate, loop, train
from losslab.training.evaluate import Evaluation
from losslab.training.pictures import fit

Train = Callable[..., tuple[dict[str, Any], Path]]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def trained(tmp_path: Path, cache: Path) -> Train:
    """Train a small run that differs from the smallest in the given fields."""

    def run(
        *, resident: bool | None = None, workers: int = 0, **fields: Any
    ) -> tuple[dict[str, Any], Path]:
        spec = RunSpec(**SMALLEST | fields)
        folder = tmp_path / f"{spec.run_id}-{resident}-{workers}"
        return train(spec, folder, cache_root=cache, resident=resident, workers=workers), folder

    return run


def history_of(folder: Path) -> pd.DataFrame:
    table = pd.read_parquet(folder / "history.parquet")
    return table.pivot(index="epoch", columns="metric", values="value")


def test_a_run_leaves_every_file_that_the_design_names(trained: Train) -> None:
    facts, folder = trained(loss="dice + 0.5*ce")
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "spec.json",
        "run.json",
        "history.parquet",
        "counts.parquet",
        "samples",
        "best.safetensors",
        "last.pt",
    }
    assert json.loads((folder / "run.json").read_text()) == facts
    assert facts["status"] == "finished"
    assert facts["iterations"] == 8
    assert facts["peak_memory_bytes"] > 1e6
    assert (
        RunSpec.from_mapping(json.loads((folder / "spec.json").read_text())).run_id
        == facts["run_id"]
    )


def test_the_history_holds_each_term_and_their_sum(trained: Train) -> None:
    _, folder = trained(loss="dice + 0.5*ce")
    history = history_of(folder)
    terms = history["train_loss: dice"] + history["train_loss: 0.5*ce"]
    np.testing.assert_allclose(history["train_loss"], terms, rtol=1e-6)
    assert list(history.index) == [1, 2]


def test_counts_cover_every_test_picture_and_class_once(trained: Train) -> None:
    _, folder = trained()
    counts = pd.read_parquet(folder / "counts.parquet")
    assert len(counts) == 8 * 6
    assert not counts.duplicated(["image", "class"]).any()
    assert (counts["pixels"] == 32 * 32).all()
    labelled = counts.groupby("image")[["tp", "fn"]].sum().sum(axis=1)
    assert (labelled == 32 * 32).all()
    assert {"trimap_1_tp", "trimap_40_fn", "entropy_band", "image_entropy_inside"} <= set(counts)


def test_stored_predictions_reproduce_the_stored_counts(trained: Train) -> None:
    _, folder = trained()
    counts = pd.read_parquet(folder / "counts.parquet")
    index = json.loads((folder / "samples" / "index.json").read_text())
    name = index["ids"][0]
    maps = {
        layer: np.asarray(Image.open(folder / "samples" / f"{name}_{layer}.png"))
        for layer in ("label", "prediction")
    }
    rows = counts[counts["image"].str.replace("/", "_") == name].set_index("class")
    for number, class_name in enumerate(index["class_names"]):
        hit = ((maps["label"] == number) & (maps["prediction"] == number)).sum()
        assert hit == rows.loc[class_name, "tp"]


def test_a_binary_task_has_one_class_in_counts_and_samples(trained: Train) -> None:
    facts, folder = trained(task="not background", loss="iou")
    counts = pd.read_parquet(folder / "counts.parquet")
    assert set(counts["class"]) == {"not background"}
    assert facts["dataset"]["class_names"] == ["not background"]
    assert set(score(counts)["class"]) == {"not background", "mean"}


@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_from_the_loader_train_the_same_weights_as_resident_ones(
    trained: Train, workers: int
) -> None:
    fields = {"augmentation": "crop_flip", "crop_size": (24, 24)}
    _, resident = trained(**fields, resident=True)
    _, loaded = trained(**fields, resident=False, workers=workers)
    assert (resident / "best.safetensors").read_bytes() == (
        loaded / "best.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_trains_close_to_float32(trained: Train, precision: str) -> None:
    full, half = (history_of(trained(precision=p)[1])["train_loss"] for p in ("fp32", precision))
    np.testing.assert_allclose(half, full, rtol=0.05)


def test_iterations_may_end_within_an_epoch(trained: Train) -> None:
    facts, folder = trained(epochs=None, max_iterations=6)
    assert (facts["iterations"], facts["epochs"]) == (6, 2)
    assert len(history_of(folder)) == 2


def test_patience_ends_a_run_that_does_not_get_better(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.3, 0.5, 0.4, 0.5, 0.4, 0.9])
    monkeypatch.setattr(loop, "dataset_means", lambda counts: {"iou": next(scores)})
    facts, _ = trained(epochs=6, patience=2)
    assert facts["stopped_early"]
    assert (facts["epochs"], facts["best_epoch"]) == (4, 2)


def test_the_best_epoch_is_tested_unless_the_last_is_asked_for(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested: list[bytes] = []
    write = evaluate.write_samples

    def remember(model: torch.nn.Module, *rest: Any, **options: Any) -> None:
        tested.append(next(model.parameters()).detach().numpy().tobytes())
        write(model, *rest, **options)

    monkeypatch.setattr(loop, "write_samples", remember)
    for selection in ("best", "last"):
        scores = iter([0.9, 0.1])
        with monkeypatch.context() as patch:
            patch.setattr(
                loop, "dataset_means", lambda counts, scores=scores: {"iou": next(scores)}
            )
            trained(selection=selection)
    best, last = tested
    assert best != last


def test_validation_loss_is_better_when_it_is_lower(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0.5, 0.2, 0.4])
    counted = loop.evaluate

    def with_loss(*arguments: Any, objective: Any = None, **options: Any) -> Evaluation:
        found = counted(*arguments, **options)
        return found._replace(loss=next(losses) if objective is not None else 0.0)

    monkeypatch.setattr(loop, "evaluate", with_loss)
    facts, _ = trained(epochs=3, monitor="val_loss")
    assert facts["best_epoch"] == 2


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_an_infinite_loss_ends_the_run_with_its_step_rate_and_term(trained: Train) -> None:
    facts, folder = trained(loss="dice + ce", lr=1e30, optimizer="sgd", epochs=3)
    assert facts["status"] == "diverged"
    assert "'ce' became" in facts["reason"] or "'dice' became" in facts["reason"]
    assert "step" in facts["reason"]
    assert "learning rate 1e+30" in facts["reason"]
    assert not (folder / "counts.parquet").exists()
    assert json.loads((folder / "run.json").read_text())["status"] == "diverged"


def test_a_damaged_checkpoint_is_named_with_the_remedy(trained: Train, cache: Path) -> None:
    _, folder = trained()
    (folder / "last.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(StudyError, match=r"last\.pt is not a checkpoint.*delete it"):
        train(RunSpec(**SMALLEST), folder, cache_root=cache)


def test_fewer_pictures_than_a_batch_make_one_batch(trained: Train) -> None:
    facts, _ = trained(batch_size=64)
    assert facts["iterations"] == 2


def test_pictures_that_do_not_fit_on_the_device_stay_in_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    split = CachedSplit(
        images=np.zeros((2, 8, 8, 3), np.uint8),
        labels=np.zeros((2, 8, 8), np.uint8),
        ids=["a", "b"],
        extents=whole_extents(np.zeros((2, 8, 8), np.uint8)),
    )
    assert fit([split], torch.device("cpu"))
    monkeypatch.setattr("losslab.training.pictures.RESIDENT_SHARE", {"cpu": 0.0})
    assert not fit([split], torch.device("cpu"))


def test_a_network_that_blows_up_on_an_epochs_last_step_has_diverged(trained: Train) -> None:
    facts, folder = trained(epochs=1, batch_size=16, lr=1e10, optimizer="sgd")
    assert facts["status"] == "diverged"
    assert "validation loss became" in facts["reason"]
    assert not (folder / "counts.parquet").exists()


def test_a_folder_with_the_state_of_another_spec_is_refused(trained: Train, cache: Path) -> None:
    _, folder = trained()
    with pytest.raises(StudyError, match="another loss, lr; give this run a folder of its own"):
        train(RunSpec(**SMALLEST, loss="iou", lr=0.5), folder, cache_root=cache)


def test_a_state_that_saw_other_pictures_is_refused(trained: Train, cache: Path) -> None:
    _, folder = trained()
    state = torch.load(folder / "last.pt", weights_only=True)
    torch.save({**state, "data": "other"}, folder / "last.pt")
    with pytest.raises(StudyError, match=r"trained on other data.*delete the run's folder"):
        train(RunSpec(**SMALLEST), folder, cache_root=cache)


def test_a_state_of_another_version_of_a_users_loss_is_refused(trained: Train, cache: Path) -> None:
    _, folder = trained()
    state = torch.load(folder / "last.pt", weights_only=True)
    torch.save({**state, "user_losses": {"mine:loss": "0" * 64}}, folder / "last.pt")
    with pytest.raises(StudyError, match=r"another version of mine:loss; delete the run's folder"):
        train(RunSpec(**SMALLEST), folder, cache_root=cache)


def test_the_step_time_counts_the_steps_that_were_done(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, folder = trained(epochs=None, max_iterations=1)
    (seconds,) = history_of(folder)["step_seconds"]
    assert facts["step_seconds"] == seconds
    assert facts["images_per_second"] == pytest.approx(4 / seconds)


@pytest.fixture(autouse=True)
def quiet(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    capsys.readouterr()
