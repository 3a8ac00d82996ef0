"""Official lists of pictures: what is tolerated, and what is refused by name."""

import pytest

from losslab.data.dataset import FileProblem, read_ids, refuse

FORM = {"pattern": r"[\w/.-]+", "form": "an id"}


def ids_of(tmp_path, content, **form):
    path = tmp_path / "train.txt"
    path.write_bytes(content)
    return read_ids(path, refuse, **FORM | form)


def test_blank_lines_carriage_returns_and_a_byte_order_mark_are_tolerated(tmp_path):
    content = b"\xef\xbb\xbfa_1\r\n\r\nb_2  \n\n   \nc_3"
    assert ids_of(tmp_path, content) == ["a_1", "b_2", "c_3"]


def test_the_id_may_be_a_part_of_the_line(tmp_path):
    form = {"pattern": r"\d+\s*,\s*(?P<id>\S+)", "form": "'number , id'"}
    assert ids_of(tmp_path, b"1 , a\n2 , b\n", **form) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"a\n/etc/passwd\n", "not other places, as '/etc/passwd' does"),
        (b"../other/a\n", "not other places"),
        (b"images/../../a\n", "not other places"),
        (b"a\nb\na\n", "'a' occurs again"),
        (b"a b c\n", "a line is an id, not so 'a b c'"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_list_that_breaks_a_rule_is_refused_by_its_name(tmp_path, content, rule):
    with pytest.raises(FileProblem, match=r"train\.txt") as caught:
        ids_of(tmp_path, content)
    assert rule in str(caught.value)


def test_a_list_that_is_not_there_is_refused_by_its_name(tmp_path):
    with pytest.raises(FileProblem, match=r"test.txt: the file does not exist; restore"):
        read_ids(tmp_path / "test.txt", refuse, **FORM)
