"""What runs make of their test pictures: where it comes from, what is kept, how it is sorted."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from losslab.analysis.disagreement import different_share
from losslab.errors import StudyError
from losslab.explore import Comparison, choose, finished_runs
from losslab.explore.choice import pairs
from losslab.explore.sources import RunPictures
from losslab.metrics import counts_table
from losslab.postprocess.probabilities import store_probabilities
from losslab.training.finished import FinishedRun


def scenes(home: Path, *losses: str) -> Comparison:
    folder = home / "scenes"
    chosen = choose(finished_runs(folder), losses=losses)
    return Comparison(folder, chosen, cache_root=folder / "cache", device="cpu")


def files(home: Path) -> Comparison:
    where = {"data_root": home / "data", "cache_root": home / "cache"}
    return Comparison(home / "files", choose(finished_runs(home / "files")), **where, device="cpu")


def unstored(comparison: Comparison) -> list[str]:
    """Test pictures that are not in samples/."""
    run = next(iter(comparison.runs.values()))
    return [image for image in comparison.images if not run.is_sample(image)]


def refuse(*_: object) -> None:
    raise AssertionError("the network was asked")


@pytest.mark.parametrize("open_runs", [scenes, files])
def test_every_test_picture_is_shown_as_it_was_counted_at_the_test(
    made: Path, open_runs: Callable[[Path], Comparison]
) -> None:
    comparison = open_runs(made)
    run = next(iter(comparison.runs.values()))
    assert comparison.images == list(run.counts["image"].unique())
    assert unstored(comparison)
    for image in comparison.images:
        shown = run.sample(image)
        stored = run.counts[run.counts["image"] == image]
        again = counts_table(
            torch.from_numpy(shown.prediction)[None],
            torch.from_numpy(shown.label)[None],
            num_classes=len(stored),
            ids=[image],
            class_names=list(stored["class"]),
        )
        wrong = np.abs(again[["tp", "fp", "fn"]].to_numpy() - stored[["tp", "fp", "fn"]].to_numpy())
        assert wrong.max() <= 2  # a picture by itself or in a batch: other rounding errors
        assert 0 <= shown.entropy.min() <= shown.entropy.max() <= 1


def test_what_lies_around_a_picture_on_its_canvas_is_not_shown(made: Path) -> None:
    comparison = files(made)
    shapes = {comparison.sample("ce", image).image.shape for image in comparison.images}
    assert shapes == {(36, 48, 3)}


def test_stored_probabilities_stand_in_for_the_network(home: Path, monkeypatch) -> None:
    comparison = files(home)
    (image, *_) = unstored(comparison)
    predicted = comparison.sample("dice", image)
    store_probabilities(comparison.runs["dice"].run, device="cpu")
    monkeypatch.setattr(FinishedRun, "network", refuse)
    stored = files(home).sample("dice", image)
    assert (stored.prediction != predicted.prediction).sum() <= 3  # float16 makes ties
    assert np.array_equal(stored.label, predicted.label)
    np.testing.assert_allclose(stored.entropy, predicted.entropy, atol=2e-3)


def test_probabilities_of_other_weights_are_not_read(home: Path, monkeypatch) -> None:
    comparison = files(home)
    (image, *_) = unstored(comparison)
    folder = store_probabilities(comparison.runs["ce"].run, device="cpu")
    made_from = json.loads((folder / "made_from.json").read_text())
    (folder / "made_from.json").write_text(json.dumps(made_from | {"weights": "others"}))
    monkeypatch.setattr(FinishedRun, "network", refuse)
    with pytest.raises(AssertionError, match="the network was asked"):
        files(home).sample("ce", image)


def test_without_its_data_a_run_shows_its_samples_and_says_why(home: Path) -> None:
    shutil.rmtree(home / "data")
    comparison = files(home)
    assert comparison.limits.startswith("Only the stored samples are shown: ")
    assert len(comparison.images) == 6
    assert set(comparison.samples(comparison.images[0])) == {"ce", "dice"}
    assert len(comparison.gaps("ce", "dice", "accuracy")) == 6
    assert files(home).limits == comparison.limits


def test_with_its_data_nothing_is_left_out(made: Path) -> None:
    assert files(made).limits == ""


def test_a_second_look_reads_and_predicts_nothing(made: Path, monkeypatch) -> None:
    comparison = scenes(made)
    first = comparison.samples(comparison.images[1])
    monkeypatch.setattr(RunPictures, "sample", refuse)
    again = comparison.samples(comparison.images[1])
    assert all(again[loss] is first[loss] for loss in comparison.losses)


def test_neighbours_are_ready_before_they_are_asked_for(made: Path, monkeypatch) -> None:
    comparison = scenes(made)
    for future in comparison.look_ahead(comparison.images[2:4]):
        future.result(60)
    monkeypatch.setattr(RunPictures, "sample", refuse)
    assert set(comparison.samples(comparison.images[3])) == set(comparison.losses)


def test_sorted_by_pixels_those_predicted_most_differently_come_first(made: Path) -> None:
    comparison, heard = scenes(made, "ce", "iou"), []
    found = comparison.ordered("pixels", "ce", "iou", tell=lambda *now: heard.append(now))
    shares = [
        different_share(*(comparison.sample(loss, image) for loss in ("ce", "iou")))
        for image in found
    ]
    assert sorted(found) == sorted(comparison.images)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1]
    assert heard == [(done, 8) for done in range(1, 9)]
    comparison.ordered("pixels", "iou", "ce", tell=refuse)  # the same pair: nothing is done again


def test_sorted_by_score_the_widest_gap_comes_first(made: Path) -> None:
    comparison = scenes(made)
    gaps = comparison.gaps("ce", "iou", "accuracy").set_index("image")["difference"].abs()
    found = comparison.ordered("score", "ce", "iou", metric="accuracy")
    assert gaps[found].is_monotonic_decreasing
    assert comparison.ordered("test set", "ce", "iou") == comparison.images


def test_an_order_and_a_loss_that_are_not_there_are_errors_with_the_choices(made: Path) -> None:
    comparison = scenes(made)
    with pytest.raises(StudyError, match="unknown order 'pixel': one of test set, score, pixels"):
        comparison.ordered("pixel", "ce", "iou")
    with pytest.raises(StudyError, match="unknown loss 'cee': one of ce, dice, iou"):
        comparison.sample("cee", comparison.images[0])
    with pytest.raises(StudyError, match="unknown test picture 'nothing'"):
        comparison.sample("ce", "nothing")


def test_the_fold_and_seed_with_most_losses_is_chosen_unless_one_is_asked_for(made: Path) -> None:
    runs = finished_runs(made / "scenes")
    (setting,) = runs["setting"].unique()
    assert pairs(runs, setting) == [(0, 0), (0, 1)]
    assert choose(runs)["loss"].to_list() == ["ce", "dice", "iou"]
    assert choose(runs, seed=1)["loss"].to_list() == ["ce", "iou"]
    assert choose(runs, losses=["iou", "ce"])["loss"].to_list() == ["iou", "ce"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"setting": "scene"}, "unknown setting 'scene'"),
        ({"seed": 7}, "has seed 7: there are fold 0, seed 0; fold 0, seed 1"),
        ({"losses": ["cee"]}, "unknown loss with a finished run 'cee': one of ce, dice, iou"),
    ],
)
def test_what_was_not_run_is_an_error_with_the_choices(
    made: Path, asked: dict, message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        choose(finished_runs(made / "scenes"), **asked)


def test_a_folder_without_finished_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no finished run"):
        finished_runs(tmp_path)


def test_no_loss_is_an_error() -> None:
    with pytest.raises(StudyError, match="choose at least one"):
        Comparison("runs", pd.DataFrame({"loss": [], "run_id": []}))
