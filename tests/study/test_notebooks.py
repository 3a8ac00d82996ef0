"""Notebook parameters are checked, because papermill does not."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from papermill.exceptions import PapermillExecutionError

from losslab.errors import StudyError
from losslab.spec import RunSpec
from losslab.study.notebooks import (
    NOTEBOOKS,
    Kernel,
    check_parameters,
    execute_notebook,
    find_template,
    template_parameters,
)
from losslab.study.run import Settings

TEMPLATES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def test_train_takes_exactly_the_fields_of_a_run_and_the_settings() -> None:
    parameters = template_parameters(find_template("train"))
    assert set(parameters) == {*RunSpec.field_names(), "run_dir", *Settings().for_notebook()}


def test_the_smoke_defaults_of_train_are_a_valid_run() -> None:
    scope: dict = {}
    cells = json.loads(find_template("train").read_text())["cells"]
    (cell,) = [c for c in cells if "parameters" in c["metadata"].get("tags", ())]
    exec("".join(cell["source"]), scope)
    spec = RunSpec.from_mapping({name: scope[name] for name in RunSpec.field_names()})
    assert spec.epochs == 2


@pytest.mark.parametrize("name", ["x\nimport os", "a b", "1a", "a=1; b", "a.b", ""])
def test_a_parameter_name_that_would_be_code_is_refused_before_anything_runs(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match="only a plain Python identifier"):
        execute_notebook(find_template("train"), tmp_path / "out.ipynb", {name: 1})
    assert not (tmp_path / "out.ipynb").exists()


def test_a_misspelt_parameter_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"unknown parameter 'epoch'.*did you mean 'epochs'"):
        execute_notebook(find_template("train"), tmp_path / "out.ipynb", {"epoch": 1})


def test_a_template_that_wants_more_than_a_run_gives_is_refused() -> None:
    names = set(template_parameters(find_template("train"))) - {"loss"}
    with pytest.raises(StudyError, match="loss"):
        check_parameters(find_template("train"), names, complete=True)


def test_a_template_of_ones_own_comes_before_the_checkouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    own = tmp_path / "notebooks" / "train.ipynb"
    own.write_text(find_template("train").read_text())
    assert find_template("train") == own
    with pytest.raises(StudyError, match=r"other\.ipynb is neither in"):
        find_template("other")


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_has_typed_commented_parameters_and_few_cells(name: str) -> None:
    cells = json.loads(find_template(name).read_text())["cells"]
    assert cells[0]["cell_type"] == "markdown"
    assert "".join(cells[0]["source"]).startswith("# ")
    code = [c for c in cells if c["cell_type"] == "code"]
    assert len(code) < 25
    (parameters,) = [c for c in code if "parameters" in c["metadata"].get("tags", ())]
    for line in "".join(parameters["source"]).splitlines():
        if line and not line.startswith("#"):
            assert ":" in line.split("=")[0], f"{line!r} has no type"
            assert "  # " in line, f"{line!r} has no comment"


def template(folder: Path, name: str, *cells: str) -> Path:
    """A notebook of these cells that takes the parameter `given`."""
    parameters = new_code_cell("given: int = 0", metadata={"tags": ["parameters"]})
    notebook = new_notebook(cells=[parameters, *map(new_code_cell, cells)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def shown(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [output["text"] for cell in cells for output in cell.get("outputs", ())]


def test_notebooks_of_one_kernel_share_what_is_imported_but_no_name(tmp_path: Path) -> None:
    said = "import os, tabnanny; tabnanny.kept = given; mine = 1; print(os.getpid())"
    first = template(tmp_path, "first", said)
    second = template(
        tmp_path,
        "second",
        "print('mine' in globals())",
        "import os, tabnanny; print(os.getpid())",
        "print(tabnanny.kept, given)",
    )
    with Kernel() as kernel:
        kernel.execute(first, tmp_path / "1.ipynb", {"given": 7})
        kernel.execute(second, tmp_path / "2.ipynb", {})
    (pid,) = shown(tmp_path / "1.ipynb")
    assert shown(tmp_path / "2.ipynb") == ["False\n", pid, "7 0\n"]
    cells = nbformat.read(tmp_path / "2.ipynb", as_version=4).cells
    assert [cell["execution_count"] for cell in cells] == [1, 2, 3, 4]
    assert not Path(f"/proc/{pid.strip()}").exists(), "it ends with its context"


def test_a_kernel_goes_on_after_a_notebook_that_failed(tmp_path: Path) -> None:
    with Kernel() as kernel:
        with pytest.raises(PapermillExecutionError, match="ZeroDivisionError"):
            kernel.execute(template(tmp_path, "bad", "1 / 0"), tmp_path / "1.ipynb", {})
        kernel.execute(
            template(tmp_path, "good", "print(given)"), tmp_path / "2.ipynb", {"given": 3}
        )
    assert shown(tmp_path / "2.ipynb") == ["3\n"]


def test_notebooks_of_finished_runs_do_not_import_training() -> None:
    code = (
        "import losslab.analysis, losslab.plots, losslab.study.smoke, losslab.study.store, sys;"
        "found = {'torchvision', 'segmentation_models_pytorch'} & set(sys.modules);"
        "sys.exit(', '.join(found) or None)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
