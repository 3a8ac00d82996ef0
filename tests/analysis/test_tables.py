"""Tables for people and their files."""

import re
from html import unescape
from pathlib import Path

import mistune
import pandas as pd
import pytest

from losslab.analysis import (
    costs,
    epochs_to_reach,
    image_comparison,
    markdown_table,
    median_epochs,
    paired_comparison,
    rankings,
    score_table,
    seed_noise,
    select_scores,
    tables,
    write_table,
)
from tests.analysis.counted import counts_of, evenly, results_of
from tests.analysis.synthetic import synthetic_histories, synthetic_results, synthetic_runs

LOSSES = {"ce": 0.9, "iou": 0.5}


def test_score_table_is_in_percent_best_first() -> None:
    results = synthetic_results()
    shown = tables.show_scores(score_table(results))
    assert list(shown.columns[:3]) == ["loss", "runs", "IoU (data set), %"]
    means = [float(text.split(" ± ")[0]) for text in shown["IoU (data set), %"]]
    assert means == sorted(means, reverse=True)
    raw = score_table(results)
    assert raw["mean"].between(0, 1).all()


def test_a_score_table_carries_the_definition_of_every_number() -> None:
    runs = {loss: [counts_of({"a": evenly(share, share)})] for loss, share in LOSSES.items()}
    table = score_table(results_of(runs))
    held = ["level", "classes", "absent", "void"]
    assert table[held].notna().all(axis=None)
    widths = table.set_index("score")["width"]
    assert set(widths["trimap_iou_3@image"]) == {3}
    assert widths["iou@dataset"].isna().all()
    means = table[table["score"] == "iou@image"].set_index("loss")["mean"]
    assert means.to_dict() == pytest.approx(LOSSES)


def test_scores_shown_lead_with_the_chosen_one_and_have_a_caption() -> None:
    runs = {loss: [counts_of({"a": evenly(share, share)})] for loss, share in LOSSES.items()}
    table = score_table(results_of(runs))
    shown = tables.show_scores(table, metric="e_measure", level="image")
    assert shown["loss"].to_list() == ["ce", "iou"]
    assert shown.columns[2] == "E-measure (mean over images), %"
    assert not [name for name in shown.columns if "edges" in name]
    trimap = tables.show_scores(table, metric="trimap_iou_1", level="dataset")
    assert trimap.columns[2] == "IoU within 1 px of edges (data set), %"
    caption = tables.scores_caption(table, level="image")
    assert "Boundary IoU: bands 2 %" in caption
    assert "Pixel accuracy: mean over images" in caption


def test_each_table_for_people_has_a_row_per_loss() -> None:
    results, runs = synthetic_results(), synthetic_runs()
    scores = select_scores(results)
    others = [
        tables.show_comparison(paired_comparison(scores, "ce")),
        tables.show_images(image_comparison(results, "ce", resamples=199)),
    ]
    assert [len(table) for table in others] == [4, 4]
    reached = median_epochs(epochs_to_reach(synthetic_histories(), "ce"))
    everyone = [
        tables.show_rankings(rankings(results)),
        tables.show_costs(costs(runs, "ce")),
        tables.show_epochs(reached),
    ]
    assert [len(table) for table in everyone] == [5, 5, 5]
    assert len(tables.show_noise(seed_noise(scores))) == 1


@pytest.mark.parametrize(("images", "kind"), [(12, "t"), (60, "BCa")])
def test_the_interval_over_images_is_called_what_it_is(images: int, kind: str) -> None:
    table = image_comparison(synthetic_results(images=images), "ce", resamples=99)
    assert f"95 % interval ({kind})" in tables.show_images(table)


def test_a_pipe_in_a_cell_does_not_break_a_markdown_table() -> None:
    text = markdown_table(pd.DataFrame({"a": ["x|y"], "long name": [1]}))
    assert text.splitlines() == [
        "| a    | long name |",
        "| :--- | :-------- |",
        "| x\\|y | 1         |",
    ]


def test_markup_in_names_and_cells_is_shown_as_it_is() -> None:
    losses = ["0.5*ce + 0.5*dice", "dice_focal", "__init__", "a <b>", "`c`", "<0.001", "d\\e"]
    html = mistune.html(markdown_table(pd.DataFrame({"*loss*": losses})))
    assert isinstance(html, str)
    cells = re.findall("<t[hd][^>]*>(.*?)</t[hd]>", html)
    assert [unescape(cell) for cell in cells] == ["*loss*", *losses]
    assert "dice_focal" in markdown_table(pd.DataFrame({"loss": losses}))


def test_an_empty_table_says_so() -> None:
    assert markdown_table(pd.DataFrame({"a": []})) == "*none*"


def test_tables_are_written_as_csv_in_full_precision_and_as_latex(tmp_path: Path) -> None:
    numbers = pd.DataFrame({"loss": ["dice_focal"], "value": [1 / 3]})
    text = pd.DataFrame({"loss": ["dice_focal"], "score, %": ["33.3 ± 0.1"]})
    write_table(tmp_path, "scores", numbers, text)
    again = pd.read_csv(tmp_path / "tables" / "scores.csv")
    assert again["value"].iloc[0] == 1 / 3
    latex = (tmp_path / "tables" / "scores.tex").read_text()
    assert "dice\\_focal" in latex
    assert "33.3 $\\pm$ 0.1" in latex
    assert "score, \\%" in latex


def test_a_caption_stands_over_the_latex_and_the_markdown_table(tmp_path: Path) -> None:
    caption = "IoU_b: 2 % of the diagonal; n < 5"
    write_table(tmp_path, "scores", pd.DataFrame({"a": [1]}), caption=caption, markdown=True)
    latex = (tmp_path / "tables" / "scores.tex").read_text()
    assert "\\caption{IoU\\_b: 2 \\% of the diagonal; n $<$ 5}" in latex
    markdown = (tmp_path / "tables" / "scores.md").read_text()
    assert markdown.startswith("IoU_b: 2 % of the diagonal; n < 5\n\n| a")


def test_no_folder_means_no_files(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_table("", "scores", pd.DataFrame({"a": [1]}))
    assert list(tmp_path.iterdir()) == []
