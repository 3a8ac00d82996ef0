"""Selecting scores, settings and what a study varied."""

import pandas as pd
import pytest

from losslab.analysis import class_differences, provenance, select_scores, with_setting
from losslab.errors import StudyError
from tests.analysis.counted import counts_of, evenly, results_of
from tests.analysis.synthetic import CLASSES, EFFECTS, synthetic_results


def test_selected_scores_are_one_per_loss_and_seed() -> None:
    scores = select_scores(synthetic_results(seeds=4))
    assert len(scores) == 4 * len(EFFECTS)
    assert not scores.duplicated(["setting", "loss", "fold", "seed"]).any()


def test_missing_tasks_and_encoders_do_not_drop_rows() -> None:
    results = synthetic_results(seeds=1).assign(task=None, encoder=None)
    scores = select_scores(results)
    assert scores["setting"].unique().tolist() == ["scenes, unet"]
    assert len(scores) == len(EFFECTS)


def test_an_unknown_metric_is_an_error_with_the_choices() -> None:
    with pytest.raises(StudyError, match="unknown metric 'iuo': one of accuracy, iou"):
        select_scores(synthetic_results(seeds=1), metric="iuo")


def test_a_level_that_a_metric_has_not_is_an_error_with_those_it_has() -> None:
    with pytest.raises(StudyError, match="no e_measure at dataset level: take image level"):
        select_scores(synthetic_results(seeds=1), metric="e_measure")
    with pytest.raises(StudyError, match="unknown level 'set': one of dataset, image"):
        select_scores(synthetic_results(seeds=1), level="set")


def test_a_metric_at_a_level_is_its_usual_definition_among_all() -> None:
    counts = counts_of({"background": evenly(0.9, 0.9), "a": evenly(0.5, 0.7)})
    scores = select_scores(results_of({"ce": [counts]}), level="dataset")
    assert scores["value"].to_list() == pytest.approx([(0.9 + 5630 / 10900) / 2])
    of_class = select_scores(results_of({"ce": [counts]}), level="image", classes=["a"])
    assert of_class["value"].to_list() == pytest.approx([0.68])


def test_runs_that_a_pairing_cannot_tell_apart_are_an_error_that_names_them() -> None:
    results = synthetic_results(seeds=1)
    twin = results[results["loss"] == "ce"].assign(run_id="other-lr")
    with pytest.raises(StudyError, match="other-lr, scenes-unet-resnet34-ce-s0 have the same"):
        select_scores(pd.concat([results, twin]))


def test_what_else_varies_becomes_part_of_the_setting() -> None:
    results = synthetic_results(seeds=1, effects={"ce": 0.0, "iou": 0.01})
    slow = results.assign(run_id=results["run_id"] + "-slow")
    both = pd.concat([results, slow])
    ids = both["run_id"].unique()
    specs = pd.DataFrame({"run_id": ids, "lr": [0.1 if "slow" in name else 0.2 for name in ids]})
    specs["dataset"], specs["seed"], specs["fold"] = "scenes", 0, 0
    specs["loss"] = ["iou" if "iou" in name else "ce" for name in ids]
    settings = select_scores(provenance.with_variants(both, specs))["setting"].unique()
    assert sorted(settings) == ["scenes, unet, resnet34, lr=0.1", "scenes, unet, resnet34, lr=0.2"]


def test_a_learning_rate_that_goes_with_the_loss_is_no_variant() -> None:
    results = synthetic_results(seeds=1, effects={"ce": 0.0, "iou": 0.01})
    specs = results[["run_id", "dataset", "loss", "seed", "fold"]].drop_duplicates()
    specs["lr"] = [0.1, 0.2]
    named = with_setting(provenance.with_variants(results, specs))
    assert named["setting"].unique().tolist() == ["scenes, unet, resnet34"]


def test_axes_of_a_study_are_the_names_that_vary() -> None:
    runs = pd.DataFrame({"run_id": ["a", "b"], "spec": [{"loss": "ce"}, {"loss": "iou"}]})
    runs["spec"] = [{**spec, "options": {"classes": 5}, "task": None} for spec in runs["spec"]]
    specs = provenance.spec_table(runs)
    assert provenance.varying(specs)["name"].tolist() == ["loss"]
    same = provenance.constant(specs)
    assert dict(zip(same["name"], same["value"], strict=True)) == {
        "options.classes": "5",
        "task": "–",
    }


def test_class_differences_keep_the_order_of_the_classes() -> None:
    table = class_differences(synthetic_results(), "ce")
    assert list(dict.fromkeys(table["class"])) == list(CLASSES)
    wire = table[(table["class"] == "wire") & (table["loss"] == "iou")]["difference"].iloc[0]
    ground = table[(table["class"] == "background") & (table["loss"] == "iou")]["difference"]
    assert wire > ground.iloc[0]


def test_class_differences_over_folds_take_the_ratio_of_their_runs() -> None:
    folds = synthetic_results(seeds=5)
    folds = folds.assign(fold=folds["seed"], seed=0)
    (setting,) = class_differences(folds, "ce")["setting"].unique()
    assumed, given = (
        class_differences(folds, "ce", ratios=ratios) for ratios in (None, {setting: 2 / 7})
    )
    widths = [(table["high"] - table["low"]).to_numpy() for table in (assumed, given)]
    assert widths[1] / widths[0] == pytest.approx(((1 / 5 + 2 / 7) / (1 / 5 + 1 / 4)) ** 0.5)


def test_values_that_are_lists_are_told_apart_where_they_vary() -> None:
    spec = {"loss": "ce", "channels": [16, 8]}
    runs = pd.DataFrame(
        {"run_id": ["a", "b"], "spec": [spec, spec | {"channels": [16, 8, 8], "loss": "iou"}]}
    )
    shown = provenance.varying(provenance.spec_table(runs)).set_index("name")["which"]
    assert shown.to_dict() == {"loss": "ce, iou", "channels": "16, 8; 16, 8, 8"}


def test_settings_are_in_the_order_of_their_numbers() -> None:
    results = synthetic_results(effects={"ce": 0.0, "iou": 0.01}, seeds=1)
    parts = [results.assign(variant=f"ratio={ratio}", dataset="scenes2") for ratio in (100, 3, 10)]
    parts = [part.assign(run_id=part["run_id"] + part["variant"]) for part in parts]
    scores = select_scores(pd.concat(parts))
    ends = [setting.rpartition("=")[2] for setting in scores["setting"].unique()]
    assert ends == ["3", "10", "100"]
