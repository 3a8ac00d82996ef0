"""`losslab score` on finished runs."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from losslab.cli import app
from losslab.errors import StudyError
from losslab.files import write_json
from losslab.study.smoke import smoke_runs
from losslab.study.store import is_done


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two losses with two seeds each, trained for seconds."""
    folder = tmp_path_factory.mktemp("runs")
    smoke_runs(folder)
    return folder


def said(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["score", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def copied(runs: Path, folder: Path, **changes: object) -> Path:
    """The runs in another folder, with other values in their specs."""
    for run in (path for path in runs.iterdir() if is_done(path)):
        target = folder / f"{run.name}-{len(changes)}"
        target.mkdir(parents=True)
        for name in ("run.json", "done.json"):
            (target / name).write_text((run / name).read_text())
        write_json(target / "spec.json", json.loads((run / "spec.json").read_text()) | changes)
        pd.read_parquet(run / "counts.parquet").to_parquet(target / "counts.parquet")
    return folder


def test_the_scores_of_each_loss_are_printed_with_what_they_mean(runs: Path) -> None:
    text = said(runs)
    table = pd.read_parquet(next(runs.glob("*-ce-s0-*/counts.parquet")))
    sums = table.groupby("class")[["tp", "fp", "fn"]].sum()
    both = [sums]
    table = pd.read_parquet(next(runs.glob("*-ce-s1-*/counts.parquet")))
    both.append(table.groupby("class")[["tp", "fp", "fn"]].sum())
    means = [100 * (one["tp"] / one.sum(axis=1)).mean() for one in both]
    line = next(line for line in text.splitlines() if line.startswith("ce "))
    assert line.split()[1:3] == ["2", f"{sum(means) / 2:.2f}"]
    assert "counts summed over the set, then the ratio; mean over classes" in " ".join(text.split())
    assert "Pixels labelled 255 are not counted" in " ".join(text.split())
    assert "FLIP" not in text


def test_all_definitions_are_ranked_and_each_is_explained_once(runs: Path) -> None:
    text = said(runs, "--all-definitions")
    ranks, meanings = text.split("What the definitions are")
    for name in ("IoU (set)", "Boundary IoU (image by image)", "E-measure (images)"):
        assert name in ranks
        assert meanings.count(f"\n{name} ") == 1
    assert "chosen   IoU (set)" in ranks
    assert "within 1, 2, 3, 5, 10, 20, 40 px" in meanings
    for word in ("image_first", "foreground", "labelled", "2 % of the image's diagonal"):
        assert word in " ".join(meanings.split())
    assert meanings.count("pixels labelled 255 are not counted") == 1
    flips = "FLIP" in " ".join(ranks.split()).split("no second witness")[1]
    assert flips == ("none of these flips is told from chance" in " ".join(ranks.split()))


@pytest.mark.parametrize("columns", [80, 100])
def test_nothing_is_printed_beyond_the_edge_of_the_terminal(
    runs: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = said(runs, "--all-definitions").splitlines()
    assert max(map(len, lines)) <= columns
    assert sum(line.split()[:1] == ["chosen"] for line in lines) == 1  # no part was split off


def test_the_chosen_score_leads(runs: Path) -> None:
    text = said(runs, "--all-definitions", "--metric", "boundary_iou", "--level", "image")
    assert "chosen   Boundary IoU (images)" in text
    heads = text.split("----")[0].splitlines()
    place = {word: max(line.find(word) for line in heads) for word in ("Boundary", "pixel")}
    assert 0 < place["Boundary"] < place["pixel"]
    assert "images), %" in heads[-1]  # the level


def test_runs_of_an_older_version_are_scored_by_what_they_stored(
    runs: Path, tmp_path: Path
) -> None:
    old = copied(runs, tmp_path)
    for path in old.glob("*/counts.parquet"):
        counts = pd.read_parquet(path)
        new = [name for name in counts if name.startswith(("trimap", "entropy", "image_"))]
        counts.drop(columns=new).to_parquet(path)
    text = " ".join(said(old, "--all-definitions").split())
    assert (
        "left out, since these runs were made by a version that did not store the counts: IoU "
        "within 1, 2, 3, 5, 10, 20, 40 px of edges (data set)"
    ) in text
    with pytest.raises(StudyError, match="no run has a score trimap_iou_3@dataset"):
        said(old, "--metric", "trimap_iou_3")


def test_settings_are_printed_each_by_itself(runs: Path, tmp_path: Path) -> None:
    copied(runs, tmp_path)
    copied(runs, tmp_path, encoder="resnet18")
    text = said(tmp_path, "--all-definitions")
    for setting in ("scenes, unet, tu-resnet10t", "scenes, unet, resnet18"):
        assert text.count(f"\n{setting}\n") + text.startswith(setting) == 2


def test_tables_are_written_in_three_forms(runs: Path, tmp_path: Path) -> None:
    said(runs, "--all-definitions", "--output", tmp_path)
    names = ("scores", "trimap", "entropy", "rankings", "ranking_flips", "definitions")
    kinds = ("csv", "md", "tex")
    written = {path.name for path in (tmp_path / "tables").iterdir()}
    assert written == {f"{name}.{kind}" for name in names for kind in kinds}
    for name in ("scores", "trimap", "entropy", "rankings"):
        table = pd.read_csv(tmp_path / "tables" / f"{name}.csv")
        assert {"level", "classes", "absent", "void", "width"} <= set(table.columns)
        assert table[["level", "classes", "absent", "void"]].notna().all(axis=None)
    markdown = (tmp_path / "tables" / "scores.md").read_text()
    assert "mean over classes; a class neither labelled nor predicted is left out" in markdown
    latex = (tmp_path / "tables" / "scores.tex").read_text()
    assert "\\caption{Mean $\\pm$ sd over runs, in percent." in latex


def test_runs_may_be_chosen_by_name_study_or_folder(runs: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in runs.iterdir() if is_done(path))
    ce = [name for name in names if "-ce-" in name]
    assert "\niou" not in said(runs, *(part for name in ce for part in ("--run", name)))
    both = said(*(runs / name for name in ce))
    assert both == said(runs, *(part for name in ce for part in ("--run", name)))
    alone = said(runs / ce[0])
    assert "\nce " in alone
    assert "±" not in alone.split("Mean")[0]
    spec = json.loads((runs / ce[0] / "spec.json").read_text())
    fixed = {key: value for key, value in spec.items() if key not in ("loss", "seed")}
    study = {"name": "half", "question": "?", "fixed": fixed}
    study |= {"grid": {"loss": ["iou"], "seed": [0, 1]}}
    (tmp_path / "half.yaml").write_text(json.dumps(study))
    assert "\nce " not in said(runs, "--study", tmp_path / "half.yaml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "iuo"], r"unknown metric 'iuo': one of accuracy, iou.*did you mean 'iou'"),
        (["--level", "set"], "unknown level 'set': one of dataset, image"),
        (["--metric", "e_measure"], "no e_measure at dataset level: take image level"),
        (["--run", "foo"], "unknown finished run 'foo'"),
        (["--run", "foo", "--study", "default"], "give one of them"),
        (["--study", "default"], "no run of 'default' is done"),
        ([".", "--study", "default"], "choose runs of one folder"),
    ],
)
def test_what_is_not_there_is_one_clear_error(
    runs: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        said(runs, *arguments)


def test_a_folder_without_finished_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no finished run in"):
        said(tmp_path)
    with pytest.raises(StudyError, match="there is no folder"):
        said(tmp_path / "nowhere")


def test_diverged_runs_are_named(runs: Path, tmp_path: Path) -> None:
    copied(runs, tmp_path)
    gone = sorted(tmp_path.iterdir())[0]
    write_json(gone / "done.json", {"status": "diverged", "reason": "loss is nan"})
    facts = json.loads((gone / "run.json").read_text())
    write_json(gone / "run.json", facts | {"status": "diverged"})
    assert f"Left out, since they diverged: {gone.name}." in said(tmp_path)
