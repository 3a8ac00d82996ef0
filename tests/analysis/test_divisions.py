"""How data sets are divided, and what their splits share."""

import shutil
from pathlib import Path

from losslab.analysis.divisions import division_table, known_facts, overlaps, show_divisions
from losslab.data import open_dataset
from losslab.data.fixtures import write_fixture
from tests.data.conftest import tree as tree

SCENES = {"train": 20, "val": 6, "test": 4}


def counts(table, division: str) -> list[int]:
    row = table.set_index("division").loc[division]
    return row[["train", "val", "test", "unassigned"]].to_list()


def test_every_split_is_counted_of_the_own_and_of_seeded_divisions() -> None:
    table = division_table("scenes", None, SCENES)
    assert counts(table, "official") == [20, 6, 4, 0]
    assert counts(table, "fractions 70/15/15 %, seed 0") == [21, 4, 5, 0]
    assert counts(table, "5 folds, the first") == [18, 6, 6, 0]
    assert counts(table, "5 folds of 70/10/20 %, the first") == [21, 3, 6, 0]


def test_pictures_without_a_split_are_unassigned(tree: Path) -> None:
    table = division_table("folder", tree.parent, {"name": tree.name})
    assert counts(table, "official") == [0, 0, 0, 12]


def test_a_division_that_cannot_be_had_says_why() -> None:
    table = division_table("scenes", None, {"train": 1, "val": 1, "test": 1})
    notes = table.set_index("division")["note"]
    assert notes["official"] == ""
    assert "leaves none" in notes["fractions 70/15/15 %, seed 0"]


def test_for_people_columns_that_say_nothing_are_left_out() -> None:
    shown = show_divisions(division_table("scenes", None, SCENES))
    assert list(shown.columns) == ["division", "train", "val", "test"]


def test_a_picture_file_that_lies_in_two_splits_is_found(tmp_path: Path) -> None:
    write_fixture("camvid", tmp_path, 8)
    first = sorted((tmp_path / "train").iterdir())[0]
    last = sorted((tmp_path / "test").iterdir())[-1]
    shutil.copy(first, last)
    table = overlaps(open_dataset("camvid", tmp_path, split="all", partial=True))
    found = table.set_index("splits")
    assert found["shared"].to_dict() == {"train and val": 0, "train and test": 1, "val and test": 0}
    assert found.loc["train and test", "example"] == f"{first.stem}, {last.stem}"


def test_without_splits_equal_files_count_wherever_they_lie(tree: Path) -> None:
    options = {"name": tree.name}
    assert overlaps(open_dataset("folder", tree.parent, split="all", **options))["shared"][0] == 0
    shutil.copy(tree / "images" / "p03.png", tree / "images" / "p07.png")
    (row,) = overlaps(open_dataset("folder", tree.parent, split="all", **options)).to_dict(
        "records"
    )
    assert (row["splits"], row["shared"], row["example"]) == ("the whole set", 1, "p03, p07")


def test_generated_pictures_have_no_files_to_compare() -> None:
    assert overlaps(open_dataset("scenes", split="all", **SCENES)).empty


def test_camvid_shares_no_picture_file_between_splits(shared_data: Path) -> None:
    assert overlaps(open_dataset("camvid", shared_data, split="all"))["shared"].sum() == 0


def test_a_set_that_knows_people_in_two_splits_says_so(tmp_path: Path) -> None:
    write_fixture("lfw_parts", tmp_path, 8)
    every = open_dataset("lfw_parts", tmp_path, split="all", partial=True)
    assert known_facts(every).startswith("- people of train who are in test too: 1")
    assert known_facts(open_dataset("scenes", split="all", **SCENES)) == ""


def test_every_division_that_a_set_offers_is_counted(tmp_path: Path) -> None:
    write_fixture("lfw_parts", tmp_path, 40)
    table = division_table("lfw_parts", tmp_path, {"partial": True})
    assert table["division"].to_list()[:3] == [
        "official",
        "vanbeers2018_large",
        "vanbeers2018_small",
    ]
    assert counts(table, "official") == [20, 10, 10, 0]
    assert counts(table, "vanbeers2018_large")[:3] == [32, 4, 4]
