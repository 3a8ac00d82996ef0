"""notebooks/definitions.ipynb on studies other than its own smallest one."""

from pathlib import Path

import nbformat
import pandas as pd
import pytest

import losslab.plots  # noqa: F401  # its own display of figures is left alone
from losslab.files import write_json
from losslab.spec import RunSpec
from losslab.study.notebooks import find_template
from losslab.study.smoke import SMALLEST, smoke_runs
from losslab.training.loop import train
from tests.test_score_cli import copied


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    smoke_runs(folder)
    return folder


def executed(monkeypatch: pytest.MonkeyPatch, **parameters: object) -> str:
    """All texts that the notebook shows, its cells executed in this process."""
    shown: list[str] = []
    monkeypatch.setattr("IPython.display.display", lambda text, **_: shown.append(text.data))
    names: dict[str, object] = {}
    for cell in nbformat.read(find_template("definitions"), as_version=4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, "cell", "exec"), names)
            if "parameters" in cell.metadata.get("tags", ()):
                names |= {name: value for name, value in parameters.items() if name in names}
    return "\n\n".join(shown)


def test_a_binary_study_of_one_seed_is_read_without_intervals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for loss in ("ce", "iou"):
        spec = RunSpec(**SMALLEST, task="blob", loss=loss)
        train(spec, tmp_path / spec.run_id, cache_root=tmp_path / "cache", device="cpu")
        write_json(tmp_path / spec.run_id / "done.json", {"status": "finished", "reason": ""})
    text = executed(monkeypatch, runs=str(tmp_path), reports=str(tmp_path / "report"))
    assert "IoU (data set; with background)" in text
    assert "without background" not in text.split("Left out")[0].split("left out")[0]
    assert "±" not in text.replace("Mean ± sd", "")
    ranked = pd.read_csv(tmp_path / "report" / "tables" / "rankings.csv")
    assert set(ranked["runs"]) == {1}
    flips = pd.read_csv(tmp_path / "report" / "tables" / "ranking_flips.csv")
    assert not flips["clear"].any()


def test_several_settings_are_read_each_by_itself(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(runs, tmp_path)
    copied(runs, tmp_path, encoder="resnet18")
    text = executed(
        monkeypatch,
        runs=str(tmp_path),
        metric="boundary_iou",
        level="image",
        figures=str(tmp_path / "figures"),
        reports=str(tmp_path / "report"),
    )
    for setting in ("scenes, unet, tu-resnet10t", "scenes, unet, resnet18"):
        # The answer, the leaders, the trimaps and the entropies.
        assert text.count(f"- **{setting}**: ") >= 4
    assert "Boundary IoU (mean over images)" in text.split("Ranks")[0]
    assert {path.name for path in (tmp_path / "figures").glob("*.png")} == {
        "rankings.png",
        "trimap.png",
    }
    trimap = pd.read_csv(tmp_path / "report" / "tables" / "trimap.csv")
    assert set(trimap["level"]) == {"image"}
    assert trimap["setting"].nunique() == 2


def test_runs_without_trimaps_and_entropies_are_told(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in copied(runs, tmp_path).glob("*/counts.parquet"):
        counts = pd.read_parquet(path)
        new = [name for name in counts if name.startswith(("trimap", "entropy", "image_"))]
        counts.drop(columns=new).to_parquet(path)
    text = executed(monkeypatch, runs=str(tmp_path))
    assert "did not store the counts: IoU within 1, 2, 3, 5, 10, 20, 40 px of edges" in text
    assert "did not store trimap counts" in text
    assert "did not store entropies" in text
    assert "`iou`: IoU: TP / (TP + FP + FN)" in text
