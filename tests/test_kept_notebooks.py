"""Notebooks whose outputs are compared hold them, without pictures; the report is theirs."""

import re
from pathlib import Path

import nbformat
import pytest

from losslab.errors import StudyError
from losslab.study.notebooks import NOTEBOOKS
from losslab.study.report import ReportFolders, write_pages
from tests.kept_notebooks import PICTURES, keep_outputs

MAKEFILE = NOTEBOOKS.parent / "Makefile"
KEPT = [NOTEBOOKS.parent / name for name in re.findall(r"(?m)^KEPT := (.*)", MAKEFILE.read_text())]

SMALL = """figures: str = ""
reports: str = ""
"""


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small notebook, found before losslab's own of that name."""
    cells = [
        nbformat.v4.new_code_cell(SMALL, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("from pathlib import Path\nPath(reports or '.').name"),
        nbformat.v4.new_code_cell(
            "from matplotlib.figure import Figure\nfrom losslab import plots\n"
            "plots.show(Figure(figsize=(1, 1)), 'dots', figures)"
        ),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    metadata = {**kernel, "language_info": {"name": "python"}}
    path = tmp_path / "notebooks" / "published.ipynb"
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_a_compared_notebook_has_run_in_order_and_holds_texts_only(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert notebook.metadata["keep_output"] is True
    # What has no number is run but not compared.
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert sum("text/markdown" in output.get("data", {}) for output in outputs) > len(code) / 2
    assert not any(kind in output.get("data", {}) for output in outputs for kind in PICTURES)
    assert path.stat().st_size < 200_000


def test_outputs_are_kept_without_their_pictures(template: Path) -> None:
    keep_outputs(template)
    once = template.read_text()
    code = nbformat.read(template, as_version=4).cells
    assert [cell.execution_count for cell in code] == [1, 2, 3]
    assert code[1].outputs[0]["data"] == {"text/plain": "''"}
    assert code[2].outputs[0]["data"] == {"text/plain": "<dots>"}
    keep_outputs(template)
    assert template.read_text() == once


def test_pages_are_written_with_links_to_the_figures_wherever_these_are(template: Path) -> None:
    folders = ReportFolders.of("published", home=Path("here"))
    html, markdown = write_pages("a title", ["published"], folders)
    assert "<title>losslab: a title</title>" in html.read_text()
    (link,) = re.findall(r"\((\S+\.png)\)", markdown.read_text())
    assert (markdown.parent / link).resolve().is_file()
    assert "published" in html.read_text()
    assert "Figure(" not in html.read_text()
    with pytest.raises(StudyError, match="unknown parameter 'runs'"):
        write_pages("a title", ["published"], folders, {"runs": "x"})
