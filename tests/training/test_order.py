"""The order of an epoch's pictures, and batches that each hold a positive one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from losslab.errors import SpecError, StudyError
from losslab.spec import RunSpec
from losslab.study import load_results
from losslab.study.smoke import SMALLEST
from losslab.training import train
from losslab.training.order import epoch_batches, with_foreground
from losslab.training.pictures import Pictures
from losslab.training.randomness import generator


@st.composite
def sets(draw: st.DrawFn) -> tuple[list[bool], int]:
    """Flags of 1 to 40 pictures, one of which is set, and a batch size that fits."""
    flags = draw(st.lists(st.booleans(), min_size=1, max_size=40))
    flags[draw(st.integers(0, len(flags) - 1))] = True
    return flags, draw(st.integers(1, len(flags)))


@given(sets(), st.integers(0, 3))
def test_every_batch_holds_a_positive_picture_and_is_full(
    chosen: tuple[list[bool], int], epoch: int
) -> None:
    flags, size = chosen
    batches = epoch_batches(7, epoch, count=len(flags), batch_size=size, positive=flags)
    assert len(batches) == len(flags) // size
    assert {len(batch) for batch in batches} == {size}
    assert all(any(flags[i] for i in batch) for batch in batches)
    assert all(len(set(batch)) == size for batch in batches)


@given(sets())
def test_no_picture_comes_twice_in_an_epoch_but_where_positive_ones_are_too_few(
    chosen: tuple[list[bool], int],
) -> None:
    flags, size = chosen
    batches = epoch_batches(1, 0, count=len(flags), batch_size=size, positive=flags)
    times = np.bincount([i for batch in batches for i in batch], minlength=len(flags))
    enough = sum(flags) >= len(batches)
    assert times.max() == 1 or not enough
    assert all(times[i] <= 1 for i in range(len(flags)) if not flags[i])
    if not enough:
        own = times[np.array(flags)]
        assert own.max() - own.min() <= 1


def test_without_a_rule_the_order_is_the_shuffle_of_the_seed_and_epoch() -> None:
    whole = torch.randperm(11, generator=generator(5, "order", 2)).tolist()
    assert epoch_batches(5, 2, count=11, batch_size=3) == [whole[:3], whole[3:6], whole[6:9]]


def test_another_epoch_and_another_seed_begin_with_other_positive_pictures() -> None:
    flags = [i % 2 == 0 for i in range(40)]
    orders = {
        tuple(b[0] for b in epoch_batches(seed, epoch, count=40, batch_size=4, positive=flags))
        for seed in (0, 1)
        for epoch in (0, 1)
    }
    assert len(orders) == 4


def test_no_picture_is_left_out_more_than_chance_has_it() -> None:
    flags = [i < 6 for i in range(32)]  # 5 batches of 6: two of 32 pictures are in none
    times = np.zeros(32)
    for epoch in range(400):
        for batch in epoch_batches(0, epoch, count=32, batch_size=6, positive=flags):
            times[batch] += 1
    assert times.sum() == 400 * 30
    assert times[6:].min() > 0.85 * 400
    assert times[:6].min() > 0.9 * 400


def test_void_and_background_are_no_foreground() -> None:
    labels = np.zeros((3, 2, 2), np.uint8)
    labels[0], labels[1, 0, 1] = 255, 1
    assert with_foreground(labels, "Car") == [False, True, False]


def test_a_training_split_without_the_foreground_is_refused_with_the_task() -> None:
    with pytest.raises(StudyError, match=r"none of the 3 training pictures shows 'Car'"):
        with_foreground(np.zeros((3, 2, 2), np.uint8), "Car")


def test_positive_batches_need_a_task() -> None:
    with pytest.raises(SpecError, match="'positive' needs a task"):
        RunSpec(epochs=1, batches="positive")


@pytest.mark.parametrize("rule", ["any", "positive"])
def test_a_run_sees_a_positive_picture_in_each_batch_where_that_is_asked_for(
    rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[bool] = []
    batches = Pictures.batches

    def watched(self: Pictures, groups: list[list[int]]):
        for images, labels in batches(self, groups):
            if self.ids[0].startswith("train"):
                shown.append(bool((labels == 1).any()))
            yield images, labels

    monkeypatch.setattr(Pictures, "batches", watched)
    spec = RunSpec(**SMALLEST | {"task": "speck", "batches": rule, "batch_size": 2})
    train(spec, tmp_path / "run", cache_root=tmp_path / "cache")
    assert len(shown) == 16
    assert all(shown) == (rule == "positive")


def test_the_counts_of_validation_are_those_of_the_tested_weights(tmp_path: Path) -> None:
    spec = RunSpec(**SMALLEST, loss="dice")
    facts = train(spec, tmp_path / spec.run_id, cache_root=tmp_path / "cache")
    (tmp_path / spec.run_id / "done.json").write_text('{"status": "finished"}')
    history = pd.read_parquet(tmp_path / spec.run_id / "history.parquet")
    rows = history[(history["metric"] == "val_iou") & (history["epoch"] == facts["best_epoch"])]
    (expected,) = rows["value"]
    results = {split: load_results(tmp_path, split=split) for split in ("val", "test")}
    means = {
        split: table.query("level == 'dataset' and metric == 'iou' and `class` == 'mean'")["value"]
        for split, table in results.items()
    }
    assert means["val"].item() == pytest.approx(expected)
    assert means["val"].item() != means["test"].item()
    assert len(set(results["val"]["image"])) == 9  # 8 pictures, and the set
    with pytest.raises(StudyError, match="unknown split 'train'"):
        load_results(tmp_path, split="train")


def test_a_run_of_an_earlier_version_says_that_it_has_no_counts_of_validation(
    tmp_path: Path,
) -> None:
    spec = RunSpec(**SMALLEST | {"epochs": 1})
    train(spec, tmp_path / spec.run_id, cache_root=tmp_path / "cache")
    (tmp_path / spec.run_id / "done.json").write_text('{"status": "finished"}')
    (tmp_path / spec.run_id / "counts_val.parquet").unlink()
    with pytest.raises(StudyError, match=r"counts_val\.parquet is missing.*run it again"):
        load_results(tmp_path, split="val")
