"""The papers' experiments as study files: complete, named as the transcribed tables name things."""

from pathlib import Path

import pytest

from losslab.analysis.published import load_published
from losslab.data import DATASETS
from losslab.errors import StudyError
from losslab.spec import RunSpec
from losslab.study.plan import Study, check_report, expand, load_study, study_names

RUNS = {
    "rahman2016-voc2010": 6 * 2,
    "rahman2016-voc2011": 20 * 2,
    "rahman2016-camvid": 5 * 2,
    "vanbeers2018": 2 * 8 * 2,
    "semeda2020-ablation": 2 * (1 + 4 + 8),
    "semeda2020-metrics": 2 * 2,
    "semeda2020-pretraining": 2 * 2 * 2,
    "semeda2020-backbones": 2 * 2 * 2,
    "semeda2020-helen": 2,
    "semeda2020-trimap": 2 * 3,
    "semeda2020-test": 2 * 2 * 2,
    "levelset2019": (7 + 3 + 3) * 2,
    "levelset2019-heavisides": 5,
    "levelset2019-sweep": 1 + 4 * 4,
    # six losses, one of them with the distance of the text and with that of the function it links
    "gul2023-celebamask": 7 * 2 * 3,
    "gul2023-cityscapes": 7 * 2 * 3,
    "gul2023-seed": 2 * 7 * 2,
    "gul2023-crossval": 7 * 5,
}
"""Runs of each protocol, from the papers' tables."""

FIGURES = {"semeda2020-trimap", "levelset2019-heavisides", "levelset2019-sweep"}
"""Protocols of figures, which have no printed values; the table that they name is of like runs."""

PAPERS = ("rahman2016", "vanbeers2018", "semeda2020", "levelset2019", "gul2023")

QUOTED = {
    "MRF_IoU (Ranjbar et al. 2013)",
    "L^AD (Guo et al. 2018)",
    "loss max-pooling (Bulo et al. 2017)",
    "SEMEDA",
}
"""Models and losses of the tables that no run has: quoted rows, and SEMEDA of unknown weights."""


def test_every_file_of_a_paper_is_counted_here() -> None:
    assert {name for name in study_names() if name.startswith(PAPERS)} == set(RUNS)


@pytest.mark.parametrize(("name", "count"), RUNS.items())
def test_a_protocol_has_the_runs_of_its_paper(name: str, count: int) -> None:
    study = load_study(name)
    specs = expand(study)
    assert len({spec.run_id for spec in specs}) == len(specs) == count
    check_report(study, specs)


@pytest.mark.parametrize("name", sorted(RUNS.keys() - FIGURES))
def test_every_printed_score_has_a_run_of_its_names(name: str) -> None:
    study = load_study(name)
    specs = expand(study)
    assert study.report.published is not None
    paper, tables = study.report.published.paper, study.report.published.tables
    cells = load_published(paper)
    cells = cells[cells["table"].isin(list(tables))]
    assert set(cells["table"]) == set(tables)
    datasets = {spec.dataset for spec in specs}
    scores = cells[cells["metric"].isin(["iou", "dice", "boundary_iou", "accuracy", "e_measure"])]
    scores = scores[scores["dataset"].isin(datasets)]
    scores = scores[~scores["model"].isin(QUOTED) & ~scores["loss"].isin(QUOTED)]
    scores = scores[scores["loss"] != ""]  # other papers' models in tables 7 and 8 of SEMEDA
    assert len(scores)
    linked = "distance(metric='chessboard')"  # beside the printed one
    runs = {(s.dataset, s.model, s.encoder, s.loss) for s in specs if s.loss != linked}
    if name == "semeda2020-test":  # of which no backbone is printed
        runs = {(s.dataset, s.model, "", s.loss) for s in specs}
    printed = set(
        scores[["dataset", "model", "encoder", "loss"]].itertuples(index=False, name=None)
    )
    assert printed <= runs
    if name not in ("semeda2020-helen", "semeda2020-test"):  # SEMEDA's weights, the set's name
        assert runs <= printed


def test_the_classes_of_rahmans_tables_are_the_tasks_of_the_runs() -> None:
    for name, table in (("voc2010", "1"), ("voc2011", "3"), ("camvid", "4")):
        cells = load_published("rahman2016").query(f"table == '{table}' and `class` != 'mean'")
        tasks = {spec.task for spec in expand(load_study(f"rahman2016-{name}"))}
        assert tasks == set(cells["class"])


def test_van_beers_runs_are_the_rows_of_table_3_1() -> None:
    cells = load_published("vanbeers2018")
    rows = cells[cells["table"] == "3.1"]
    printed = {
        (row["dataset"], {"big": "large"}.get(row["variant"], row["variant"]), row["class"])
        for _, row in rows.iterrows()
    }
    uses = {
        (s.dataset, s.dataset_options["division"].removeprefix("vanbeers2018_"), s.task)
        for s in expand(load_study("vanbeers2018"))
    }
    assert uses == printed


def by_name(name: str) -> list[RunSpec]:
    return expand(load_study(name))


def test_the_values_that_the_papers_print_are_those_of_the_runs() -> None:
    for name in ("voc2010", "voc2011", "camvid"):
        for spec in by_name(f"rahman2016-{name}"):
            assert (spec.optimizer, spec.lr, spec.momentum, spec.weight_decay) == (
                *("sgd", 1e-4, 0.99, 5e-4),
            )
            assert (spec.batches, spec.monitor, spec.selection) == ("positive", "val_iou", "best")
    for spec in by_name("vanbeers2018"):
        found = (spec.optimizer, spec.lr, spec.batch_size, spec.epochs, spec.patience)
        assert found == ("rmsprop", 1e-4, 100, 1000, 20)
        assert (spec.rmsprop_alpha, spec.momentum, spec.optimizer_eps) == (0.9, 0, 1e-7)
        assert spec.model_options == {"initialization": "glorot"}
    for name in (name for name in RUNS if name.startswith("semeda2020")):
        for spec in (spec for spec in by_name(name) if not spec.train_on_val):
            assert (spec.crop_size, spec.batch_size, spec.lr) == ((321, 321), 6, 5e-4)
            assert spec.augmentation == "scale_crop_mirror"
            assert spec.model_options["frozen_batch_norm"]
            if spec.model == "deeplabv3plus":
                assert spec.model_options["decoder_atrous_rates"] == [6, 12, 18]
    for spec in by_name("levelset2019"):
        deep = spec.model == "deeplabv2_resnet101"
        assert (spec.lr, spec.crop_size) == ((2.5e-4, (321, 321)) if deep else (4e-3, (512, 512)))
        assert (spec.schedule == "poly", spec.weight_decay == 5e-4) == (deep, deep)
        assert (spec.batch_size, spec.momentum) == (10, 0.9)
    for name in (name for name in RUNS if name.startswith("gul2023")):
        for spec in by_name(name):
            found = (spec.optimizer, spec.lr, spec.schedule, spec.epochs, spec.batch_size)
            assert found == ("adamw", 3e-4, "constant", 60, 32)
            assert (spec.precision, spec.augmentation, spec.fit) == ("fp16", "none", "pad")
            assert spec.size == ((512, 512) if spec.dataset == "cityscapes" else (256, 256))


def test_semedas_weights_are_those_that_were_best_on_each_data_set() -> None:
    for name in ("metrics", "pretraining", "backbones", "trimap"):
        best = {
            (spec.dataset, spec.loss)
            for spec in by_name(f"semeda2020-{name}")
            if "semeda" in spec.loss
        }
        assert best == {
            ("voc_aug", "ce + semeda(weights=(2, 4, 0), reduction='l1')"),
            ("cityscapes", "ce + semeda(weights=(4, 2, 0), reduction='l1')"),
        }


def test_the_models_for_the_servers_begin_with_the_best_of_the_ablation() -> None:
    ablation = {spec.run_id for spec in by_name("semeda2020-ablation")}
    last = [spec for spec in by_name("semeda2020-test") if spec.train_on_val]
    assert len(last) == 4
    assert {spec.start_from for spec in last} <= ablation
    assert {(spec.dataset, spec.batch_size) for spec in last} == {("voc_aug", 4), ("cityscapes", 2)}


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ("semeda2020-metrics", "semeda2020-ablation"),
        ("semeda2020-trimap", "semeda2020-ablation"),
    ],
)
def test_runs_that_two_experiments_share_are_the_same_runs(part: str, whole: str) -> None:
    assert {s.run_id for s in by_name(part)} <= {s.run_id for s in by_name(whole)}


def test_guls_seed_study_shares_the_runs_with_his_first_seed() -> None:
    first = {s.run_id for n in ("celebamask", "cityscapes") for s in by_name(f"gul2023-{n}")}
    shared = [s for s in by_name("gul2023-seed") if s.run_id in first]
    assert {s.seed for s in shared} == {42}
    assert len(shared) == 14


@pytest.mark.parametrize("name", RUNS)
def test_every_protocol_expands_on_any_data_set(name: str) -> None:
    for dataset in DATASETS:
        study = load_study(name, [f"dataset={dataset}"])
        specs = expand(study)
        assert {spec.dataset for spec in specs} == {dataset}
        assert len({spec.run_id for spec in specs}) == len(specs)
        assert {spec.loss for spec in specs} >= {study.report.baseline}


def test_on_other_data_a_protocol_says_that_its_printed_tables_are_of_its_own() -> None:
    study = load_study("vanbeers2018", ["dataset=camvid"])
    assert study.report.published == load_study("vanbeers2018").report.published
    assert "the printed tables are of the study's own data" in study.changes[0]
    assert not load_study("vanbeers2018", ["dataset=helen"]).changes


def test_on_other_data_each_network_of_a_protocol_stays() -> None:
    own, other = by_name("levelset2019"), expand(load_study("levelset2019", ["dataset=camvid"]))
    networks = {(s.model, str(s.model_options), s.loss) for s in own}
    assert {(s.model, str(s.model_options), s.loss) for s in other} == networks
    assert len(other) == len(networks) == 14


def published(text: str, tmp_path: Path) -> Study:
    path = tmp_path / "one.yaml"
    path.write_text(f"name: one\nquestion: Why?\nfixed: {{epochs: 1}}\nreport: {{{text}}}\n")
    return load_study(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("published: {paper: gul2024, tables: ['4.1']}", "did you mean 'gul2023'"),
        ("published: {paper: gul2023, tables: ['4.13']}", "unknown table of gul2023 '4.13'"),
        ("published: {paper: gul2023, tables: [4.10]}", r"tables.*string"),
        ("published: {paper: gul2023}", "tables"),
        ("publishd: {paper: gul2023, tables: ['4.1']}", "publishd"),
    ],
)
def test_printed_tables_that_there_are_not_are_refused(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=message):
        published(text, tmp_path)


def test_printed_tables_are_named_by_paper_and_number(tmp_path: Path) -> None:
    study = published("published: {paper: gul2023, tables: ['4.10', 'A.1']}", tmp_path)
    assert study.report.published is not None
    assert study.report.published.tables == ("4.10", "A.1")
