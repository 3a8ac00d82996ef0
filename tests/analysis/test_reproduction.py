"""Published, measured, difference: which runs stand in which printed cell, and what they say."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from losslab.analysis.published import KEY, PAPERS, load_published
from losslab.analysis.reproduction import reproduction_table
from losslab.metrics import DEFINITIONS
from tests.analysis.reproduced import ON_VAL, RAHMAN, MadeRuns, as_published, one


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("made", [True, False])
def test_every_printed_cell_stands_in_the_table_once_with_a_value_or_a_reason(
    paper: str, made: bool
) -> None:
    runs = as_published(paper) if made else MadeRuns()
    if not made:
        runs.add(dataset="camvid", model="unet", encoder="resnet34", loss="focal")
    table = reproduction_table(paper, [], runs.finished())
    printed = load_published(paper)
    pd.testing.assert_frame_equal(table[list(KEY)], printed[list(KEY)])
    pd.testing.assert_series_equal(table["published"], printed["value"], check_names=False)
    has_value = table["measured"].notna() | (table["measured_text"] != "")
    censored = table["measured_text"].str.startswith(">")
    assert (has_value ^ (table["reason"] != "") ^ censored).all()


@pytest.mark.parametrize("paper", PAPERS)
def test_runs_that_score_what_is_printed_differ_by_nothing(paper: str) -> None:
    """Each printed score is given to the run of its protocol and comes back to its own cell."""
    table = reproduction_table(paper, [], as_published(paper).finished())
    scores = table[table["definition"].isin(list(DEFINITIONS)) & (table["reason"] == "")]
    scores = scores[~((paper == "rahman2016") & (scores["class"] == "mean"))]
    scores = scores[~scores["variant"].str.contains("of 5 folds")]
    expected = {"rahman2016": 62, "vanbeers2018": 64, "kim2019": 30, "chen2020": 296}
    assert len(scores) == expected.get(paper, 342)
    assert scores["difference"].abs().max() < 1e-9


def test_a_shift_of_one_point_is_one_in_percent_and_a_hundredth_in_fractions() -> None:
    for paper, unit, shift in (("kim2019", "percent", 1.0), ("vanbeers2018", "fraction", 0.01)):
        table = reproduction_table(paper, [], as_published(paper, shift=0.01).finished())
        rows = table[(table["unit"] == unit) & table["difference"].notna()]
        assert len(rows) > 20
        assert rows["difference"].to_numpy() == pytest.approx(shift)


def test_rahmans_classes_are_tasks_of_the_divided_training_list_at_data_set_level() -> None:
    made = MadeRuns()
    scores = {("iou@dataset", "mean"): 0.70, ("iou@image", "mean"): 0.5}
    made.add(**RAHMAN, task="bus", loss="iou", scores=scores, facts=ON_VAL)
    made.add(**RAHMAN, task="bus", loss="ce", scores={("iou@dataset", "mean"): 0.72})
    table = reproduction_table("rahman2016", ["1"], made.finished())
    found = one(table, class_="bus", loss="iou")
    assert found["measured"] == pytest.approx(70.0)
    assert found["difference"] == pytest.approx(70.0 - 74.47)
    assert found["definition"] == "iou@dataset"
    assert one(table, class_="bus", loss="ce")["measured"] == pytest.approx(72.0)
    assert one(table, class_="car", loss="iou")["reason"] == "no run of that task"
    mrf = table[table["loss"] == ""]
    assert mrf["reason"].str.startswith("quoted by the paper from elsewhere").all()


def test_rahmans_camvid_has_its_validation_score_from_the_epoch_that_was_tested() -> None:
    made = MadeRuns()
    fields = RAHMAN | {"dataset": "camvid", "dataset_options": {}, "task": "Road", "loss": "ce"}
    curves = {"val_iou": [0.5, 0.9, 0.8]}
    made.add(
        **fields, scores={("iou@dataset", "mean"): 0.88}, curves=curves, facts={"best_epoch": 2}
    )
    table = reproduction_table("rahman2016", ["4"], made.finished())
    assert one(table, class_="Road", loss="ce", split="val")["measured"] == pytest.approx(90.0)
    assert one(table, class_="Road", loss="ce", split="test")["measured"] == pytest.approx(88.0)
    made.runs[0]["spec"]["selection"] = "last"
    table = reproduction_table("rahman2016", ["4"], made.finished())
    assert one(table, class_="Road", loss="ce", split="val")["measured"] == pytest.approx(80.0)


def test_rahmans_mean_needs_all_twenty_classes() -> None:
    made = as_published("rahman2016")
    table = reproduction_table("rahman2016", ["3"], made.finished())
    mean = one(table, class_="mean", loss="iou")
    assert mean["measured"] == pytest.approx(67.16, abs=0.01)  # printed: 63.82
    made.runs = [run for run in made.runs if run["task"] != "sofa"]
    table = reproduction_table("rahman2016", ["3"], made.finished())
    mean = one(table, class_="mean", loss="iou")
    assert math.isnan(mean["measured"])
    assert mean["reason"] == "a mean over 20 classes, of which 19 were run"


def test_rahmans_ratio_counts_the_test_pictures_of_a_run(tmp_path: Path) -> None:
    made = MadeRuns()
    run_id = made.add(**RAHMAN, task="bus", loss="ce")
    counts = {"image": ["a", "b"], "class": "bus", "pixels": [100, 100], "tp": [6, 0]}
    (tmp_path / run_id).mkdir()
    table = pd.DataFrame(counts | {"fp": [9, 9], "fn": [2, 0]})
    table.to_parquet(tmp_path / run_id / "counts.parquet")
    rows = reproduction_table("rahman2016", ["2"], made.finished(tmp_path))
    found = one(rows, dataset="voc2010", class_="bus")
    assert found["measured"] == pytest.approx(192 / 8)
    assert "no run of that class" in one(rows, dataset="voc2010", class_="cat")["reason"]


def test_van_beers_ious_are_means_over_images_and_his_uses_of_data_are_divisions() -> None:
    made = MadeRuns()
    scores = {("iou@image", "mean"): 0.93, ("iou@dataset", "mean"): 0.5}
    made.add(
        dataset="lfw_parts",
        dataset_options={"division": "vanbeers2018_large"},
        task="face",
        model="bfcn32s",
        encoder="vgg16",
        encoder_weights="imagenet",
        loss="iou(per='image', reduction='sum')",
        scores=scores,
        facts={"epochs": 88},
    )
    table = reproduction_table("vanbeers2018", ["3.1", "4.1"], made.finished())
    keys = {"loss": "iou(per='image', reduction='sum')", "class_": "face"}
    big = {**keys, "variant": "big"}
    assert one(table, **big, metric="iou")["measured"] == pytest.approx(0.93)
    assert one(table, **big, metric="iou")["definition"] == "iou@image"
    assert one(table, **big, metric="epochs")["measured"] == 88
    assert one(table, **big, metric="epochs")["difference"] == 88 - 91
    small = one(table, **keys, variant="small", metric="iou")
    assert (
        small["reason"] == "no run on the division vanbeers2018_small (there is vanbeers2018_large)"
    )
    images = one(
        table, table="3.1", dataset="lfw_parts", split="train", variant="big", class_="face"
    )
    assert (images["measured"], images["difference"]) == (2342, 0)


def test_van_beers_settings_are_compared_with_those_of_the_runs() -> None:
    made = MadeRuns()
    made.add(batch_size=100, lr=1e-4, patience=20, optimizer="rmsprop", epochs=1000)
    table = reproduction_table("vanbeers2018", ["3.2"], made.finished())
    assert table["reason"].eq("").all()
    assert table["difference"].dropna().abs().max() < 1e-12
    assert one(table, metric="optimizer")["measured_text"] == "rmsprop"
    made.add(batch_size=10)
    table = reproduction_table("vanbeers2018", ["3.2"], made.finished())
    assert one(table, metric="batch_size")["reason"] == "it varies between the runs: 10, 100"


def test_semedas_weights_pretraining_and_classes_decide_the_cell() -> None:
    made = MadeRuns()
    fields = {"dataset": "voc_aug", "model": "deeplabv3plus", "encoder": "tu-xception71"}
    fields |= {"encoder_weights": "imagenet", "facts": ON_VAL}
    loss = "ce + semeda(weights=(2, 4, 0), reduction='l1')"
    scores = {("iou@dataset", "mean"): 0.79, ("iou@dataset", "cat"): 0.9}
    scores |= {("e_measure@image", "cat"): 0.95, ("e_measure@image", "mean"): 0.8}
    made.add(**fields, loss=loss, scores=scores)
    table = reproduction_table("chen2020", ["1", "2", "5"], made.finished())
    first = table[(table["loss"] == loss) & (table["dataset"] == "voc_aug")]
    assert first.loc[first["class"] == "mean", "measured"].dropna().tolist() == pytest.approx(
        [79.0, 79.0, 80.0, 79.0]
    )
    assert one(table, loss=loss, class_="cat", metric="e_measure")["measured"] == pytest.approx(95)
    assert one(table, table="1", dataset="voc_aug", loss="ce")["reason"] == (
        "no run with the loss cross-entropy"
    )
    made.runs[0]["spec"]["encoder_weights"] = None
    table = reproduction_table("chen2020", ["1"], made.finished())
    found = one(table, dataset="voc_aug", loss=loss)
    assert found["reason"] == "no run from imagenet weights (there is random weights)"


def test_another_form_of_a_loss_stands_in_only_where_the_printed_tables_own_is_missing() -> None:
    made = MadeRuns()
    fields = {"dataset": "voc_aug", "model": "deeplabv3plus", "encoder": "tu-xception71"}
    fields |= {"encoder_weights": "imagenet", "facts": ON_VAL}
    mean = {("iou@dataset", "mean"): 0.78}
    made.add(**fields, loss="ce + 4*sobel", scores=mean)
    printed = {"table": "1", "dataset": "voc_aug", "loss": "ce + 4*sobel(reduction='l1')"}
    found = one(reproduction_table("chen2020", ["1"], made.finished()), **printed)
    assert found["measured"] == pytest.approx(78.0)
    assert found["form"] == "ce + 4*sobel: means over channels in place of the L1 norm's sums"
    made.add(**fields, loss=printed["loss"], scores={("iou@dataset", "mean"): 0.77})
    found = one(reproduction_table("chen2020", ["1"], made.finished()), **printed)
    assert (found["measured"], found["form"]) == (pytest.approx(77.0), "")


def test_helens_parts_are_unions_and_stand_for_any_one_weighting() -> None:
    made = MadeRuns()
    fields: dict[str, Any] = {"dataset": "helen", "dataset_options": {"division": "semeda2020"}}
    fields |= {"model": "deeplabv3plus", "encoder": "tu-xception71"}
    parts = {("dice@dataset", "brows"): 0.75, ("dice@dataset", "overall"): 0.86}
    made.add(**fields, loss="ce + semeda(weights=(2, 4, 0))", groups=parts)
    table = reproduction_table("chen2020", ["6"], made.finished())
    found = one(table, loss="SEMEDA", class_="overall")
    assert found["measured"] == pytest.approx(86.0)
    assert found["form"].startswith("ce + semeda(weights=(2, 4, 0)): the weights are not printed")
    made.add(**fields, loss="ce + semeda", groups=parts)
    table = reproduction_table("chen2020", ["6"], made.finished())
    assert "several were run" in one(table, loss="SEMEDA", class_="overall")["reason"]


def test_the_servers_scores_ask_for_losslab_predict() -> None:
    table = reproduction_table("chen2020", ["7", "8"], as_published("chen2020").finished())
    own = table[table["model"] == "deeplabv3plus"]
    assert len(own) == 4
    assert own["reason"].str.contains("losslab predict RUN --format").all()
    assert {"voc", "cityscapes"} == set(own["reason"].str.extract(r"--format (\w+)")[0])
    assert (table["reason"] != "").all()
