"""Axes that bundle fields, exceptions on them, and what `--set` makes of both."""

from pathlib import Path

import pytest

from losslab.errors import StudyError
from losslab.spec import RunSpec
from losslab.study.grid import stages
from losslab.study.plan import expand, load_study

TEXT = """
name: bundled
question: Which?
fixed: {epochs: 2, batch_size: 4}
grid:
  seed: [0, 1]
  use:
    - {name: big, dataset: helen, dataset_options: {division: vanbeers2018_large}, task: face}
    - {name: small, dataset: helen, dataset_options: {division: vanbeers2018_small}, task: face}
    - {name: streets, dataset: camvid, task: Car, batch_size: 8}
  loss: [ce, iou]
exceptions:
  - {when: {use: small, loss: ce}, set: {lr: 0.5}}
"""


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "bundled.yaml"
    path.write_text(TEXT)
    return path


def fields(study_file: Path, *names: str, overrides: tuple[str, ...] = ()) -> list[tuple]:
    specs = expand(load_study(str(study_file), overrides))
    return [tuple(getattr(spec, name) for name in names) for spec in specs]


def test_the_values_of_a_bundle_go_together(study_file: Path) -> None:
    found = fields(study_file, "dataset", "task", "batch_size", "seed", "loss")
    assert found[:6] == [
        ("helen", "face", 4, 0, "ce"),
        ("helen", "face", 4, 0, "iou"),
        ("helen", "face", 4, 0, "ce"),
        ("helen", "face", 4, 0, "iou"),
        ("camvid", "Car", 8, 0, "ce"),
        ("camvid", "Car", 8, 0, "iou"),
    ]
    assert len({spec.run_id for spec in expand(load_study(str(study_file)))}) == 12


def test_an_exception_may_name_a_bundle(study_file: Path) -> None:
    found = fields(study_file, "lr", "loss", "dataset_options")
    slow = [row for row in found if row[0] == 0.5]
    assert slow == [(0.5, "ce", {"division": "vanbeers2018_small"})] * 2


def test_an_exception_knows_a_loss_by_any_spelling(study_file: Path) -> None:
    text = TEXT.replace("{use: small, loss: ce}", "{use: small, loss: kim2019_ce}")
    study_file.write_text(text)
    assert [row[0] for row in fields(study_file, "lr")].count(0.5) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("loss: [ce, iou]", "los: [ce, iou]"), r"unknown field 'los'.*did you mean 'loss'.*mappi"),
        (("task: Car", "taks: Car"), "unknown field 'taks'"),
        (("seed: [0, 1]", "batch_size: [1, 2]"), "both batch_size and use set batch_size"),
        (("name: small", "name: big"), "two bundles are named 'big'"),
        (("name: small", "name: 3"), "a bundle's name is a text, got 3"),
        (("when: {use: small", "when: {use: smal"), r"unknown bundle of use 'smal'.*'small'"),
        (("when: {use: small", "when: {sue: small"), r"exceptions: unknown field 'sue'"),
    ],
)
def test_a_grid_that_breaks_a_rule_is_refused_by_name(
    study_file: Path, change: tuple[str, str], message: str
) -> None:
    assert change[0] in TEXT
    study_file.write_text(TEXT.replace(*change))
    with pytest.raises(StudyError, match=message):
        load_study(str(study_file))


def test_a_field_of_bundles_is_replaced_in_all_of_them(study_file: Path) -> None:
    sizes = fields(study_file, "batch_size", overrides=("batch_size=2",))
    assert sizes == [(2,)] * 12


def test_bundles_that_are_the_same_after_an_override_become_one(study_file: Path) -> None:
    study = load_study(str(study_file), ["dataset_options={}", "task=null", "batch_size=2"])
    assert len(study.grid["use"]) == 2
    assert "3 values differ in dataset_options" in study.changes[0]
    assert [s.dataset for s in expand(study)][:4] == ["helen", "helen", "camvid", "camvid"]


def test_an_override_goes_before_an_exception(study_file: Path) -> None:
    assert set(fields(study_file, "lr", overrides=("lr=0.25",))) == {(0.25,)}


def test_a_list_makes_an_axis_of_a_field_that_was_none(study_file: Path) -> None:
    found = fields(study_file, "lr", "size", overrides=("lr=[0.1, 0.2]", "size=[48, 64]"))
    assert len(found) == 24
    assert {row[0] for row in found} == {0.1, 0.2}
    assert {row[1] for row in found} == {(48, 64)}
    sizes = fields(study_file, "size", overrides=("size=[[32, 32], [48, 64]]",))
    assert {row[0] for row in sizes} == {(32, 32), (48, 64)}


def test_bundles_are_chosen_by_their_names(study_file: Path) -> None:
    assert {r[0] for r in fields(study_file, "dataset", overrides=("use=streets",))} == {"camvid"}
    assert len(fields(study_file, "dataset", overrides=("use=[small, streets]",))) == 8
    with pytest.raises(StudyError, match=r"unknown bundle of use 'street'.*'streets'"):
        load_study(str(study_file), ["use=street"])


def test_a_data_set_of_the_study_keeps_its_bundles(study_file: Path) -> None:
    study = load_study(str(study_file), ["dataset=helen"])
    assert [bundle["name"] for bundle in study.grid["use"]] == ["big", "small"]
    assert study.changes == ()


def test_another_data_set_keeps_the_tasks_that_it_has_and_one_bundle_for_each(
    study_file: Path,
) -> None:
    study = load_study(str(study_file), ["dataset=lfw_parts"])
    assert {(s.dataset, s.task, s.batch_size) for s in expand(study)} == {("lfw_parts", "face", 4)}
    assert len(expand(study)) == 4
    assert "on lfw_parts: without the study's dataset_options; without task Car" in study.changes[0]


def test_another_data_set_without_the_tasks_is_trained_on_all_classes(study_file: Path) -> None:
    study = load_study(str(study_file), ["dataset=cityscapes"])
    assert {(s.dataset, s.task) for s in expand(study)} == {("cityscapes", None)}
    assert len(expand(study)) == 4
    given = load_study(str(study_file), ["dataset=cityscapes", "task=car"])
    assert {spec.task for spec in expand(given)} == {"car"}


def test_own_and_other_data_sets_are_not_mixed(study_file: Path) -> None:
    with pytest.raises(StudyError, match="not both"):
        load_study(str(study_file), ["dataset=[helen, voc2010]"])
    two = expand(load_study(str(study_file), ["dataset=[voc2010, voc2011]"]))
    assert {spec.dataset for spec in two} == {"voc2010", "voc2011"}
    with pytest.raises(StudyError, match="did you mean 'camvid'"):
        load_study(str(study_file), ["dataset=camvit"])


def test_pictures_are_kept_pixel_for_pixel_on_the_studys_own_data_alone(tmp_path: Path) -> None:
    path = tmp_path / "kept.yaml"
    path.write_text(
        "name: kept\nquestion: Why?\n"
        "fixed: {dataset: voc2010, fit: keep, size: [500, 500], epochs: 1}\n"
    )
    assert [s.fit for s in expand(load_study(str(path)))] == ["keep"]
    assert [s.fit for s in expand(load_study(str(path), ["dataset=camvid"]))] == ["pad"]
    kept = load_study(str(path), ["dataset=camvid", "fit=keep"])
    assert [s.fit for s in expand(kept)] == ["keep"]


AFTER = """
name: further
question: What then?
fixed: {lr: 1e-3, train_on_val: true, max_iterations: 10}
grid:
  data: [{name: camvid, dataset: camvid}, {name: helen, dataset: helen}]
  loss: [ce, iou]
first:
  - {when: {}, set: {lr: 0.5, train_on_val: false, max_iterations: 40}}
  - {when: {data: helen}, set: {max_iterations: 90}}
"""


def test_runs_that_begin_from_others_come_after_them(tmp_path: Path) -> None:
    path = tmp_path / "further.yaml"
    path.write_text(AFTER)
    specs = expand(load_study(str(path)))
    first, second = stages(specs)
    assert [(s.dataset, s.lr, s.max_iterations, s.train_on_val) for s in first] == [
        *[("camvid", 0.5, 40, False)] * 2,
        *[("helen", 0.5, 90, False)] * 2,
    ]
    assert [spec.start_from for spec in second] == [spec.run_id for spec in first]
    assert {(s.lr, s.max_iterations, s.train_on_val) for s in second} == {(1e-3, 10, True)}
    assert specs == [*first, *second]
    # the run that comes first is that of any study with its values
    assert first[0].start_from is None
    plain = first[0].to_dict() | {"start_from": None}
    assert first[0].run_id == RunSpec.from_mapping(plain).run_id


def test_an_override_holds_for_the_runs_before_too(tmp_path: Path) -> None:
    path = tmp_path / "further.yaml"
    path.write_text(AFTER)
    specs = expand(load_study(str(path), ["max_iterations=2", "dataset=camvid"]))
    assert {spec.max_iterations for spec in specs} == {2}
    assert len(specs) == 4
