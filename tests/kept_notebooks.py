"""Execute notebooks and keep their outputs, for comparison: `python -m tests.kept_notebooks FILE`.

Pictures are left out: they are large, and no comparison looks at them.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

PICTURES = ("image/png", "image/jpeg", "image/svg+xml")


def without_pictures(notebook: NotebookNode) -> NotebookNode:
    """The notebook itself, its outputs without pictures and its cells without times."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            output.pop("metadata", None)
            if "data" in output:
                output["metadata"] = {}
                output["data"] = {
                    kind: value for kind, value in output["data"].items() if kind not in PICTURES
                }
    return notebook


def keep_outputs(path: Path) -> None:
    """Execute the notebook and write it back with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    language = dict(notebook.metadata["language_info"])
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": path.parent}}).execute()
    notebook.metadata["language_info"] = language
    notebook.metadata["keep_output"] = True
    nbformat.write(without_pictures(notebook), path)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        keep_outputs(Path(name))
