"""The reproduction for people: tables as printed, sentences, other data, tests, level set terms."""

import json
import math

import pandas as pd
import pytest

from losslab.analysis.published import PAPERS
from losslab.analysis.reproduction import reproduction_table, sentences, t_tests
from losslab.analysis.reproduction.elsewhere import beside, show_beside
from losslab.analysis.reproduction.layout import family, file_name, printed_tables, units_of
from losslab.analysis.reproduction.levelset import (
    levelset_of,
    loss_terms,
    read_terms,
    sweep_table,
)
from losslab.losses import canonical
from losslab.study.grid import expand
from losslab.study.notebooks import find_template, template_parameters
from losslab.study.plan import load_study, study_names
from tests.analysis.reproduced import LARGEFOV, ON_VAL, RAHMAN, MadeRuns, as_published
from tests.study.test_protocols import FIGURES

PROTOCOLS = [
    name
    for name in study_names()
    if load_study(name).report.published is not None and name not in (*FIGURES, "semeda2020-test")
]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_run_of_a_protocol_stands_in_a_printed_cell(name: str) -> None:
    study, made = load_study(name), MadeRuns()
    published = study.report.published
    assert published is not None
    levels = ("iou@dataset", "iou@image", "dice@dataset", "dice@image", "boundary_iou@dataset")
    levels += ("boundary_iou@image", "accuracy@dataset", "e_measure@image")
    for spec in expand(study):
        on_val = spec.dataset in ("voc_aug", "pascal_context", "cityscapes")
        scores = {(level, "mean"): 0.5 for level in levels}
        groups = {("dice@dataset", "overall"): 0.5} if spec.dataset == "helen" else None
        facts = ON_VAL if on_val else {}
        made.add(scores=scores, groups=groups, facts=facts, **spec.to_dict())
    table = reproduction_table(published.paper, published.tables, made.finished())
    standing = {one for text in table["run_ids"] for one in text.split(", ") if one}
    linked = "distance(metric='chessboard')"  # Gul's, beside the printed one
    assert standing == {run["run_id"] for run in made.runs if run["loss"] != linked}


def test_what_only_a_server_can_score_has_a_reason_and_no_run() -> None:
    made = MadeRuns()
    for spec in expand(load_study("semeda2020-test")):
        made.add(scores={("iou@dataset", "mean"): 0.5}, facts=ON_VAL, **spec.to_dict())
    table = reproduction_table("chen2020", ("7", "8"), made.finished())
    own = table[table["model"] == "deeplabv3plus"]
    assert len(own)
    assert own["measured"].isna().all()
    assert own["reason"].str.contains("losslab predict RUN --format (?:voc|cityscapes)").all()


def test_the_notebook_takes_what_a_report_gives_and_is_short() -> None:
    template = find_template("reproduction")
    wanted = {*template_parameters(find_template("compare")), "paper", "tables"}
    assert set(template_parameters(template)) >= wanted
    cells = json.loads(template.read_text())["cells"]
    assert sum(cell["cell_type"] == "code" for cell in cells) < 20


@pytest.mark.parametrize("paper", PAPERS)
def test_the_printed_tables_hold_every_cell_once(paper: str) -> None:
    table = reproduction_table(paper, [], as_published(paper).finished())
    count = 0
    for _, rows, shown in printed_tables(table):
        texts = [text for column in shown for text in shown[column] if text.count(" | ") == 2]
        assert len(texts) == len(rows)
        count += len(texts)
    assert count == len(table)


def test_a_printed_table_has_the_papers_rows_columns_and_digits() -> None:
    made = MadeRuns()
    scores = {("iou@dataset", "mean"): 0.7}
    made.add(**RAHMAN, task="bus", loss="iou", scores=scores, facts=ON_VAL)
    table = reproduction_table("rahman2016", ["1"], made.finished())
    ((name, rows, shown),) = printed_tables(table)
    assert (name, units_of(rows)) == ("Table 1", "IoU: %")
    assert list(shown.columns) == [
        *("class", "MRF_IoU (Ranjbar et al. 2013)", "cross-entropy", "IoU loss"),
    ]
    bus = shown.set_index("class").loc["bus"]
    assert list(bus) == ["<30 | – | –", "72.85 | – | –", "74.47 | 70.00 | −4.47"]


def test_guls_brackets_are_a_table_of_their_own() -> None:
    table = reproduction_table("gul2023", ["4.1"], as_published("gul2023").finished())
    (first, _, plain), (second, _, brackets) = printed_tables(table)
    assert (first, second) == ("Table 4.1", "Table 4.1, in brackets")
    assert file_name(second) == "table_4.1_brackets"
    assert (len(plain), len(brackets)) == (12, 10)
    row = plain[(plain["dataset"] == "Cityscapes") & (plain["loss"] == "distance")].iloc[0]
    assert row["IoU"] == "0.7386 | 0.7386 | 0.0000"


def test_losses_are_of_one_kind_whatever_their_weights() -> None:
    assert family("ce + semeda(weights=(2, 4, 0), reduction='l1')") == "SEMEDA"
    assert family("ce + 0.5*sobel(reduction='l1')") == "Sobel"
    assert family("ce + 0.0004*levelset") == "level set loss"
    assert family("ce") == "cross-entropy"


def test_the_summary_counts_cells_and_reads_differences_in_points() -> None:
    made = as_published("vanbeers2018", shift=0.01)
    table = reproduction_table("vanbeers2018", ["4.1"], made.finished())
    text = sentences.read_reproduction(table)
    assert text.startswith("van Beers 2018, Table 4.1: 24 printed cells, of which 24 have")
    assert "over 16 scores: mean +1.00 points, median +1.00" in text
    assert "No loss has two seeds" in text


def test_the_summary_reads_differences_against_the_noise_between_seeds() -> None:
    made = MadeRuns()
    for seed, value in enumerate((0.62, 0.64)):
        made.add(**LARGEFOV, loss="ce", seed=seed, scores={("iou@dataset", "mean"): value})
    table = reproduction_table("kim2019", ["3", "5", "1"], made.finished())
    text = sentences.read_reproduction(table)
    assert "1 of 1 differences lie within twice the noise between seeds (few seeds" in text
    assert sentences.read_partial(made.finished()) == ""


def test_an_incomplete_or_generated_data_set_is_told_in_bold() -> None:
    made = MadeRuns()
    made.add(**LARGEFOV, loss="ce", dataset_options={"partial": True})
    made.add(**LARGEFOV, loss="iou")
    text = sentences.read_partial(made.finished())
    assert text.startswith("**1 of 2 runs read an incomplete or generated copy")
    assert "voc_aug" in text


def test_reasons_are_counted_with_their_tables() -> None:
    table = reproduction_table("chen2020", ["7", "8"], as_published("chen2020").finished())
    found = sentences.reasons(table)
    assert found["cells"].sum() == len(table) == 21
    assert found.iloc[0].to_list() == [
        *("quoted by the paper from elsewhere: another method, not run here", 17, "7, 8"),
    ]


def test_runs_on_other_data_stand_beside_the_paper_without_a_difference() -> None:
    made = MadeRuns()
    for model, value in (("bfcn32s", 0.7), ("unet", 0.6)):
        scores = {("iou@image", "mean"): value, ("accuracy@dataset", "mean"): 0.9}
        made.add(dataset="camvid", task="Road", model=model, loss="ce", scores=scores)
    table = reproduction_table("vanbeers2018", ["4.1", "4.3"], made.finished())
    assert (table["reason"] != "").all()
    rows = beside(table, made.finished())
    assert "difference" not in rows
    own = rows[(rows["model"] == "bfcn32s") & (rows["metric"] == "iou")].iloc[0]
    assert (own["measured"], own["runs"], own["of_model"]) == (0.7, 1, True)
    assert (own["lowest"], own["highest"], own["cells"]) == (0.837, 0.906, 4)
    assert own["run_on"] == "camvid (Road), bfcn32s, random weights"
    other = rows[(rows["model"] == "fcresnet") & (rows["metric"] == "iou")].iloc[0]
    assert (other["measured"], other["of_model"]) == (pytest.approx(0.65), False)
    assert not rows["loss"].str.contains("iou").any()
    shown = show_beside(rows)
    assert "run on (not the same)" in shown
    assert shown.loc[0, "published, %"] == "96.3 to 97.8"


def test_what_stands_in_a_cell_is_not_shown_as_another_setting() -> None:
    made = as_published("vanbeers2018")
    table = reproduction_table("vanbeers2018", ["4.1"], made.finished())
    assert beside(table, made.finished()).empty


def test_van_beers_tests_come_out_as_printed_and_again_of_what_was_measured() -> None:
    table = reproduction_table("vanbeers2018", [], as_published("vanbeers2018").finished())
    pairs = t_tests.setting_pairs(table)
    assert (pairs["metric"] == "iou").sum() == 16
    assert pairs.loc[pairs["metric"] == "iou", "odd"].sum() == 2
    tests = t_tests.paired_tests(pairs).set_index(["metric", "settings", "of"])
    for key, p in {("iou", "all"): 0.0420, ("iou", "without the aberrations"): 0.0246}.items():
        for of in ("published", "measured"):
            assert tests.loc[(*key, of), "p"] == pytest.approx(p, abs=5e-5)
    assert tests.loc[("iou", "BFCN-32s", "published"), "p"] == pytest.approx(1.76e-5, rel=0.01)
    assert tests.loc[("accuracy", "all", "published"), "p"] == pytest.approx(0.494, abs=5e-4)
    assert tests.loc[("epochs", "all", "published"), "p"] == pytest.approx(0.0427, abs=5e-5)
    assert math.isnan(tests.loc[("epochs", "all", "measured"), "p"])  # all ran 60 epochs
    shown = t_tests.show_tests(t_tests.paired_tests(pairs))
    assert shown.iloc[0]["published"] == "+0.09 points, p = 0.49 (n = 16)"


def test_one_table_of_van_beers_is_enough_for_its_own_settings() -> None:
    table = reproduction_table("vanbeers2018", ["4.1"], as_published("vanbeers2018").finished())
    pairs = t_tests.setting_pairs(table)
    assert set(pairs["dataset"]) == {"lfw_parts"}
    assert (pairs["metric"] == "iou").sum() == 4


def test_the_level_set_term_of_an_expression_is_found() -> None:
    assert levelset_of("ce") is None
    assert levelset_of("mine:loss") is None
    assert levelset_of(canonical("ce + 4e-4*levelset")) == (4e-4, 0.05, "tanh")
    loss = canonical("ce + 0.001*levelset(epsilon=20, heaviside='arctan')")
    assert levelset_of(loss) == (0.001, 20.0, "arctan")


def with_terms() -> MadeRuns:
    made = MadeRuns()
    iou = {"val_iou": [0.1, 0.2, 0.3, 0.4]}
    made.add(**LARGEFOV, loss="ce", curves=iou | {"train_loss": [4.0, 3.0, 2.0, 1.0]})
    terms = {"train_loss: ce": [4.0, 2.0, 1.0, 0.5]}
    terms["train_loss: 0.0004*levelset"] = [0.4, 0.3, 0.2, 0.1]
    scores = {("iou@dataset", "mean"): 0.6}
    made.add(**LARGEFOV, loss="ce + 0.0004*levelset", curves=iou | terms, scores=scores)
    return made


def test_the_terms_of_training_are_without_their_weights() -> None:
    terms = loss_terms(with_terms().finished())
    ours = terms[terms["loss"] == "ce + 0.0004*levelset"]
    assert ours["levelset"].to_list() == pytest.approx([1000, 750, 500, 250])
    assert ours["ce"].to_list() == [4.0, 2.0, 1.0, 0.5]
    base = terms[terms["loss"] == "ce"]
    assert base["ce"].to_list() == [4.0, 3.0, 2.0, 1.0]
    assert base["levelset"].isna().all()
    assert "correlation of level set loss and validation mIoU is −1.00" in read_terms(terms)


def test_the_sweep_holds_cross_entropy_and_the_level_set_beside_it_alone() -> None:
    made = with_terms()
    mean = {("iou@dataset", "mean"): 0.5}
    made.add(**LARGEFOV, loss="ce + 0.001*levelset(epsilon=0.1)", scores=mean)
    made.add(**LARGEFOV, loss="ce + dice + 0.001*levelset", scores=mean)
    made.add(**LARGEFOV, loss="iou", scores=mean)
    sweep = sweep_table(made.finished())
    found = list(zip(sweep["weight"], sweep["epsilon"], strict=True))
    assert found == [(4e-4, 0.05), (0.001, 0.1)]  # the run of ce has no score
    assert isinstance(sweep, pd.DataFrame)
