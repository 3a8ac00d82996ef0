"""The pages that are made of notebooks."""

import re
from pathlib import Path

import nbformat.v4 as v4
from nbformat import NotebookNode

from losslab.study.notebooks import find_template
from losslab.study.report import to_html, to_markdown
from losslab.study.schema import PARTS


def notebook(*texts: str) -> NotebookNode:
    return v4.new_notebook(cells=[v4.new_markdown_cell(text) for text in texts])


def test_each_heading_of_a_page_is_linked_and_has_an_id_of_its_own() -> None:
    first = notebook("# One", "## In short", "## Definitions", "### Not linked")
    page = to_html("a study", [first, notebook("# Two", "## Definitions")])
    ids = re.findall(r'<h[12] id="([^"]+)"', page)
    assert ids == [
        *("part1-One", "part1-In-short", "part1-Definitions"),
        *("part2-Two", "part2-Definitions"),
    ]
    assert [name for name in ids if f'href="#{name}"' not in page] == []
    assert 'href="#part1-Not-linked"' not in page
    assert "{{" not in page


def test_a_page_of_one_notebook_has_no_contents() -> None:
    assert "<nav></nav>" in to_html("a study", [notebook("# One", "## In short")])


def test_notebooks_of_a_markdown_report_stand_one_after_the_other() -> None:
    text = to_markdown([notebook("# One"), notebook("# Two")], Path("figures"))
    assert text == "# One\n\n---\n\n# Two\n"


def test_the_parts_of_a_report_take_the_same_parameters() -> None:
    from papermill import inspect_notebook

    asked = {name: set(inspect_notebook(str(find_template(name)))) for name in PARTS}
    assert all(asked["compare"] <= names for names in asked.values()), asked
