"""Studies as data: what a YAML file means and what it may not say."""

import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from losslab.errors import LosslabError, SpecError, StudyError
from losslab.spec import RunSpec
from losslab.study.plan import check_report, expand, find_study, load_study, read_yaml, study_names

TEXT = """
name: small
question: Which?
fixed: {epochs: 2, lr: 1e-3}
grid:
  loss: [ce, iou]
  seed: [0, 1, 2]
exceptions:
  - {when: {loss: iou}, set: {lr: 0.01}}
"""


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


def test_a_grid_expands_to_all_its_combinations_with_exceptions_applied(study_file: Path) -> None:
    specs = expand(load_study(str(study_file)))
    assert [(spec.loss, spec.seed, spec.lr) for spec in specs] == [
        *(("ce", seed, 0.001) for seed in range(3)),
        *(("iou", seed, 0.01) for seed in range(3)),
    ]
    assert len({spec.run_id for spec in specs}) == 6


@pytest.mark.parametrize(
    ("text", "value"), [("1e-4", 1e-4), ("1E3", 1e3), ("-2.5e+1", -25.0), ("7", 7), ("1e", "1e")]
)
def test_numbers_are_read_as_yaml_1_2_writes_them(text: str, value: object) -> None:
    read = read_yaml(text, "here")
    assert read == value
    assert type(read) is type(value)


def test_an_override_of_a_fixed_value_makes_another_study(study_file: Path) -> None:
    study = load_study(str(study_file), ["epochs=5"])
    assert study.name == "small-epochs-5"
    assert {spec.epochs for spec in expand(study)} == {5}


def test_different_overrides_write_different_reports(study_file: Path) -> None:
    long = "dataset_options={train: 100, val: 50, test: 5"
    names = {
        load_study(str(study_file), [text]).name
        for text in ("lr=1e-2", "weight_decay=1e-2", long + "0}", long + "1}")
    }
    assert len(names) == 4
    assert all(len(name) < 45 for name in names)


def test_the_baseline_is_known_by_any_spelling_and_must_be_among_the_losses(
    study_file: Path,
) -> None:
    text = TEXT.replace("[ce, iou]", "[ce+dice, iou]")
    study_file.write_text(text + "report: {baseline: 'ce + 1*dice'}\n")
    study = load_study(str(study_file))
    check_report(study, expand(study))
    for change, message in (("[iou]", "baseline"), ("[ce+dice]", "two losses or more")):
        other = replace(study, grid={"loss": [change.strip("[]")]})
        with pytest.raises(StudyError, match=message):
            check_report(other, expand(other))


def test_a_study_without_runs_is_refused(study_file: Path) -> None:
    with pytest.raises(StudyError, match="has no run"):
        expand(load_study(str(study_file), ["loss=[]"]))


@pytest.mark.parametrize("change", [("when: {loss", "when: {los"), ("set: {lr", "set: {rl")])
def test_a_misspelt_field_of_an_exception_is_refused(
    study_file: Path, change: tuple[str, str]
) -> None:
    study_file.write_text(TEXT.replace(*change))
    with pytest.raises(StudyError, match="unknown field"):
        load_study(str(study_file))


@pytest.mark.parametrize("text", ["no", "yes", "2020-01-02", "on"])
def test_words_and_dates_stay_texts(text: str) -> None:
    assert read_yaml(text, "here") == text


def test_a_study_that_is_not_text_is_refused(study_file: Path) -> None:
    study_file.write_bytes(b"name: \xff\xfe")
    with pytest.raises(StudyError, match="UTF-8"):
        load_study(str(study_file))


def test_an_override_of_an_axis_replaces_the_axis(study_file: Path) -> None:
    study = load_study(str(study_file), ["seed=[7]", "loss=dice"], rename="other")
    assert study.name == "other"
    assert [(spec.loss, spec.seed) for spec in expand(study)] == [("dice", 7)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("fixed:", "fixd:"), "fixd"),
        (("loss: [ce, iou]", "loss: ce"), "grid.loss"),
        (("name: small", "name: [small]"), "name"),
        (("question: Which?", "question: Which?\nname: twice"), "name stands twice"),
        (("{epochs: 2", "{epochs: 2]"), "not readable as YAML"),
        (("name: small", "name: ../escape"), "it names folders"),
    ],
)
def test_a_damaged_study_file_is_refused_by_name(
    study_file: Path, change: tuple[str, str], message: str
) -> None:
    study_file.write_text(TEXT.replace(*change))
    with pytest.raises(StudyError, match=message.replace("[", r"\[")):
        load_study(str(study_file))


@pytest.mark.parametrize("override", ["epochs", "epoch=3", "=3", "epochs=[1"])
def test_an_override_that_is_none_is_refused(study_file: Path, override: str) -> None:
    with pytest.raises(StudyError, match=r"--set|epochs"):
        load_study(str(study_file), [override])


def test_a_wrong_value_in_the_grid_is_refused_with_its_field(study_file: Path) -> None:
    study_file.write_text(TEXT.replace("[ce, iou]", "[ce, dize]"))
    with pytest.raises(SpecError, match="did you mean 'dice'"):
        expand(load_study(str(study_file)))


def test_unknown_studies_and_missing_files_are_told_apart() -> None:
    with pytest.raises(StudyError, match=r"unknown study 'defualt'.*did you mean 'default'"):
        find_study("defualt")
    with pytest.raises(StudyError, match=r"'mine\.yaml' does not exist"):
        find_study("mine.yaml")


@pytest.mark.parametrize("name", study_names())
def test_every_study_that_comes_with_losslab_expands(name: str) -> None:
    study = load_study(name)
    specs = expand(study)
    assert study.name == name
    assert len({spec.run_id for spec in specs}) == len(specs)
    assert study.report.baseline in {spec.loss for spec in specs}


def test_the_default_study_has_six_losses_and_three_seeds() -> None:
    specs = expand(load_study("default"))
    assert {spec.loss for spec in specs} == {"ce", "focal", "iou", "dice", "combo", "dice_focal"}
    assert {spec.seed for spec in specs} == {0, 1, 2}
    assert {spec.dataset for spec in specs} == {"scenes"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lerning_rate": 1}, "unknown field 'lerning_rate'"),
        ({"epochs": "3"}, "epochs: .*integer"),
        ({"epochs": True}, "epochs: .*integer"),
        ({"epochs": 0}, "epochs: .*greater than or equal to 1"),
        ({"lr": float("nan")}, "lr: .*finite"),
        ({"lr": -1}, "lr: .*greater than 0"),
        ({"loss": "dize"}, "unknown loss 'dize'.*'dice'"),
        ({"loss": "__import__('os')"}, "loss"),
        ({"dataset": "camvit"}, "unknown dataset 'camvit'.*'camvid'"),
        ({"model": "unett"}, "unknown model 'unett'.*'unet'"),
        ({"encoder": "resnet35"}, "unknown encoder 'resnet35'"),
        ({"encoder": "tu-resnet10"}, "unknown encoder 'tu-resnet10'.*tu-resnet10t"),
        ({"model_options": {"depth": 4}}, "model_options: unknown option of unet 'depth'"),
        ({"model_options": {"encoder_depth": 4}}, "decoder_channels has 5 widths"),
        ({"dataset_options": {"trian": 3}}, "'trian'.*'train'"),
        ({"dataset": "camvid", "task": "Cra"}, "unknown class 'Cra'.*'Car'"),
        ({"optimizer": "lion"}, "optimizer: .*'adamw'"),
        ({"augmentation": "crop_flip"}, "needs crop_size"),
        ({"crop_size": [8, 8]}, "takes no crop_size"),
        ({"split": "folds", "fold": 7}, "fold"),
        ({"fold": 1}, "fold: 1 needs split 'folds'"),
        ({"split": "fractions", "split_fractions": [0.5, 0.5, 0.5]}, "sum to 1"),
        ({"size": [0, 3]}, "size"),
        ({"size": [64]}, "size"),
        ({"max_iterations": 3}, "exactly one of epochs and max_iterations"),
        ({"seed": -1}, "seed"),
        ({"a\nb": 1}, "unknown field"),
    ],
)
def test_a_spec_refuses_what_breaks_a_rule_and_names_it(values: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        RunSpec.from_mapping({"epochs": 1, **values})


def test_the_same_run_has_the_same_name_however_it_is_written() -> None:
    one = RunSpec(epochs=1, loss="ce + dice", lr=1, size=(64, 64))
    other = RunSpec.from_mapping(
        {"lr": 1.0, "loss": " ce+1*dice() ", "epochs": 1, "size": [64, 64]}
    )
    assert one.run_id == other.run_id
    assert one.run_id.startswith("scenes-unet-resnet34-ce-dice-s0-")


def test_every_field_changes_the_name() -> None:
    base = {"epochs": 1}
    names = {
        RunSpec(**base, **{key: value}).run_id
        for key, value in {  # type: ignore[arg-type]
            "lr": 0.5,
            "seed": 1,
            "task": "blob",
            "momentum": 0.5,
            "patience": 3,
            "size": (32, 32),
            "precision": "bf16",
            "dataset_options": {"train": 9},
        }.items()
    }
    assert len({*names, RunSpec(**base).run_id}) == 9  # type: ignore[arg-type]


def test_a_spec_survives_json(study_file: Path) -> None:
    for spec in expand(load_study(str(study_file))):
        assert RunSpec.from_mapping(spec.to_dict()) == spec


def test_all_errors_are_one_kind() -> None:
    assert issubclass(SpecError, LosslabError)


def test_a_network_without_an_encoder_named_gets_its_own() -> None:
    spec = RunSpec(epochs=1)
    assert spec.encoder == "resnet34"
    assert spec == RunSpec(epochs=1, encoder="resnet34")
    assert spec.run_id == RunSpec(epochs=1, encoder="resnet34").run_id


def test_a_field_at_its_default_does_not_enter_the_name_of_a_run() -> None:
    # names of runs that are done stay as they are when a later version brings new fields
    spec = RunSpec(epochs=3, loss="dice", seed=2)
    told = {
        "dataset_options": {},
        "encoder": "resnet34",
        "epochs": 3,
        "loss": "dice",
        "model_options": {},
        "seed": 2,
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    assert spec.run_id == f"scenes-unet-resnet34-dice-s2-{sha256(text.encode()).hexdigest()[:8]}"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"fit": "crop"}, "unknown fit 'crop': one of stretch, pad, keep"),
        ({"test_fit": "crop"}, "unknown test_fit 'crop'"),
        ({"fold_val": 0.1}, "fold_val: 0.1 needs split 'folds'"),
        ({"split": "folds", "fold_val": 0.9}, "fold_val: a share between 0 and 0.8"),
        ({"head_lr_factor": 0.0}, "head_lr_factor: Input should be greater than 0"),
    ],
)
def test_fields_of_size_division_and_rates_are_checked(fields: dict, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        RunSpec(epochs=1, **fields)


def test_another_data_set_comes_without_the_options_of_the_studys_own() -> None:
    fixed = load_study("default").fixed
    assert fixed["dataset_options"]
    assert "dataset_options" not in load_study("default", ["dataset=helen"]).fixed
    given = ["dataset=helen", "dataset_options={partial: true}"]
    assert load_study("default", given).fixed["dataset_options"] == {"partial": True}
    assert load_study("default", ["lr=0.1"]).fixed == fixed | {"lr": 0.1}


def test_repeats_are_the_baselines_first_run_of_each_setting_once_more(study_file: Path) -> None:
    text = TEXT.replace("grid:", "repeats: 2\ngrid:\n  encoder: [resnet18, resnet34]")
    study_file.write_text(text)
    specs = expand(load_study(str(study_file)))
    again = [spec for spec in specs if spec.repeat]
    assert [(spec.loss, spec.encoder, spec.seed, spec.repeat) for spec in again] == [
        ("ce", encoder, 0, number) for encoder in ("resnet18", "resnet34") for number in (1, 2)
    ]
    assert specs[-4:] == again
    first = replace(again[0], repeat=0)
    assert first in specs
    assert len({spec.run_id for spec in specs}) == len(specs) == 2 * 6 + 4


def test_a_repeat_does_what_its_first_run_did_under_another_name() -> None:
    first = RunSpec(epochs=1)
    again = replace(first, repeat=1)
    assert again.data_arguments() == first.data_arguments()
    assert "-s0r1-" in again.run_id
    assert "-s0-" in first.run_id


def test_a_notebook_that_the_report_wants_and_that_is_not_there_is_named_before_any_run() -> None:
    study = load_study("sparsity")
    check_report(study, expand(study))
    report = replace(study.report, notebooks=("sparsety",))
    with pytest.raises(StudyError, match=r"notebook sparsety\.ipynb is neither in"):
        check_report(replace(study, report=report), expand(study))
