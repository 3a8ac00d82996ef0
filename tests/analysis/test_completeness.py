"""Which runs may be compared, and what else differs between them."""

import pandas as pd
import pytest

from losslab.analysis import check_same_data, provenance, uncompared, unpaired
from losslab.analysis.sentences import read_failures, read_ties, read_unpaired
from losslab.errors import StudyError
from tests.analysis.synthetic import SETTINGS, synthetic_runs

TWO = (*SETTINGS, ("camvid", "Car", "unet", "resnet34"))


def diverge(runs: pd.DataFrame, where: pd.Series) -> pd.DataFrame:
    return runs.assign(status=runs["status"].mask(where, "diverged"))


def test_runs_of_different_data_are_an_error_that_names_them() -> None:
    runs = synthetic_runs(seeds=1).assign(data_fingerprint="new")
    old = runs["loss"] == "iou"
    runs.loc[old, "data_fingerprint"] = "old"
    named = r"old: scenes-unet-resnet34-iou-s0\).*delete the runs of the old data or give"
    with pytest.raises(StudyError, match=named):
        check_same_data(runs)
    check_same_data(diverge(runs, old))


def test_settings_and_folds_may_have_data_of_their_own() -> None:
    runs = synthetic_runs(settings=TWO, seeds=2)
    runs["fold"] = runs["seed"]
    check_same_data(runs.assign(data_fingerprint=runs["dataset"] + runs["fold"].astype(str)))


def test_a_setting_without_a_finished_baseline_is_listed() -> None:
    runs = synthetic_runs(settings=TWO, diverged=False)
    runs = diverge(runs, (runs["dataset"] == "camvid") & (runs["loss"] == "ce"))
    gaps = uncompared(runs, "ce")
    assert gaps["setting"].to_list() == ["camvid (Car), unet, resnet34"]
    reason = "no finished run of the baseline 'ce' (3 diverged)"
    assert gaps["reason"].to_list() == [reason]
    assert f"camvid (Car), unet, resnet34 nothing is compared: {reason}." in read_failures(
        runs, (), gaps
    )


def test_runs_without_a_partner_are_named_and_none_where_all_have_one() -> None:
    runs = synthetic_runs(settings=TWO, diverged=False)
    assert unpaired(runs, "ce").empty
    assert read_unpaired(unpaired(runs, "ce"), "ce") == ""
    one = runs[runs["dataset"] == "scenes"]
    one = diverge(one, (one["loss"] == "ce") & (one["seed"] == 2))
    one = one[(one["loss"] != "focal") | (one["seed"] == 2)]
    one.loc[one["loss"] == "iou", "seed"] += 7
    alone = unpaired(one, "ce").set_index("loss")
    assert alone["left_out"].to_dict() == {"iou": 3, "dice": 1, "focal": 1, "dice + 0.5*ce": 1}
    text = read_unpaired(unpaired(one, "ce"), "ce")
    assert "want of a finished run of `ce` with the same fold and seed: all 3 runs of `iou`" in text
    assert "1 of 3 runs of `dice`, the one run of `focal`" in text
    both = diverge(runs, (runs["loss"] == "ce") & (runs["seed"] == 0) & (runs["dataset"] != ""))
    assert "1 of 3 runs of `iou` (camvid (Car), unet, resnet34)" in read_unpaired(
        unpaired(both, "ce"), "ce"
    )


def test_a_repeat_or_a_setting_that_is_not_compared_needs_no_partner() -> None:
    runs = synthetic_runs(settings=TWO, diverged=False).assign(repeat=0)
    again = runs[(runs["loss"] == "iou") & (runs["seed"] == 0)].assign(seed=9, repeat=1)
    runs = pd.concat([runs, again])
    assert unpaired(runs, "ce").empty
    runs = diverge(runs, (runs["dataset"] == "camvid") & (runs["loss"] == "ce"))
    assert unpaired(runs, "ce").empty


def test_no_finished_baseline_anywhere_is_an_error_with_the_count() -> None:
    runs = synthetic_runs(diverged=False)
    with pytest.raises(StudyError, match=r"no finished run of the baseline 'ce' \(3 diverged\)"):
        uncompared(diverge(runs, runs["loss"] == "ce"), "ce")
    with pytest.raises(StudyError, match="unknown baseline 'cee': one of ce"):
        uncompared(runs, "cee")


def test_no_shared_fold_and_seed_is_an_error_that_says_so() -> None:
    runs = synthetic_runs(seeds=2, diverged=False)
    apart = runs[(runs["loss"] == "ce") == (runs["seed"] == 0)]
    with pytest.raises(StudyError, match="no finished run of another loss shares fold and seed"):
        uncompared(apart, "ce")


def specs_of(runs: pd.DataFrame, **values: list[object]) -> pd.DataFrame:
    names = ["run_id", "dataset", "task", "model", "encoder", "loss", "seed", "fold"]
    return runs[names].assign(**values)


def test_a_value_that_goes_with_a_loss_is_named() -> None:
    runs = synthetic_runs(seeds=2, diverged=False)
    rates = [0.01 if loss == "iou" else 0.001 for loss in runs["loss"]]
    specs = specs_of(runs, lr=rates, epochs=[9] * len(runs), noise=list(runs["seed"]))
    tied = provenance.tied_to_loss(provenance.with_variants(runs, specs), specs)
    assert set(tied["name"]) == {"lr"}
    assert read_ties(tied) == (
        "`lr` goes with the loss (`iou` 0.01, others 0.001), so a difference may be due to it."
    )


def test_two_losses_with_values_of_their_own_are_both_named() -> None:
    tied = pd.DataFrame({"name": "lr", "loss": ["ce", "iou"], "value": ["0.1", "0.2"]})
    assert "(`ce` 0.1, `iou` 0.2)" in read_ties(tied)
    assert read_ties(tied.head(0)) == ""


def test_a_value_that_makes_a_setting_goes_with_no_loss() -> None:
    runs = synthetic_runs(seeds=2, diverged=False)
    both = pd.concat([runs, runs.assign(run_id=runs["run_id"] + "-slow")], ignore_index=True)
    specs = specs_of(both, lr=[0.1 if "slow" in name else 0.2 for name in both["run_id"]])
    assert provenance.tied_to_loss(provenance.with_variants(both, specs), specs).empty


def test_two_folders_are_told_apart_by_name_and_not_by_their_classes() -> None:
    runs = synthetic_runs(settings=TWO, diverged=False).assign(task="")
    specs = specs_of(runs, **{"dataset_options.name": list(runs["dataset"])})
    specs["dataset_options.classes"] = [[name, "b" * 30] for name in runs["dataset"]]
    named = provenance.with_variants(runs, specs.assign(dataset="folder"))
    assert set(named["variant"]) == {""}


def test_a_long_value_is_in_a_title_only_where_nothing_else_tells_runs_apart() -> None:
    runs = synthetic_runs(diverged=False)
    both = pd.concat([runs, runs.assign(run_id=runs["run_id"] + "-b")], ignore_index=True)
    second = both["run_id"].str.endswith("-b")
    specs = specs_of(both, classes=["a" * 40 if b else "c" * 40 for b in second])
    alone = provenance.with_variants(both, specs)["variant"]
    assert alone.iloc[-1] == f"classes={'a' * 40}"
    shorter = provenance.with_variants(both, specs.assign(size=second.astype(int)))["variant"]
    assert shorter.iloc[-1] == "size=1"
