"""What label maps hold, on maps small enough to count by hand."""

import tracemalloc
from itertools import product

import numpy as np
import pandas as pd
import pytest

from losslab.analysis.data_sets import (
    boundary_pixels,
    boundary_shares,
    class_shares,
    component_areas,
    count_labels,
    object_sizes,
    ratios,
    spread,
)
from losslab.analysis.published_ratios import PUBLISHED, with_published
from losslab.data import open_dataset
from losslab.data.sets import SETS
from losslab.errors import DataError
from tests.analysis.made import Made

V = 255


def by_class(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("class")


def square(side: int, shape: tuple[int, int] = (10, 10), at: tuple[int, int] = (2, 3)):
    label = np.zeros(shape, np.uint8)
    label[at[0] : at[0] + side, at[1] : at[1] + side] = 1
    return label


def test_shares_of_two_small_maps_are_counted_over_all_pixels_void_too() -> None:
    table = by_class(class_shares(count_labels(Made([[[0, 1], [1, V]], [[0, 0], [0, 0]]]))))
    assert table["pixels"].to_dict() == {"ground": 5, "a": 2, "b": 0, "void": 1}
    assert table["pixel_share"].to_dict() == {"ground": 5 / 8, "a": 2 / 8, "b": 0, "void": 1 / 8}
    assert table["picture_share"].to_dict() == {"ground": 1, "a": 0.5, "b": 0, "void": 0.5}


def test_maps_of_different_sizes_count_pixel_by_pixel() -> None:
    counts = count_labels(Made([[[1]], np.zeros((3, 5))]))
    assert by_class(class_shares(counts)).loc["a", "pixel_share"] == 1 / 16
    assert counts.shapes == ((1, 1), (3, 5))


def test_the_ratio_counts_other_classes_as_background_and_void_not_at_all() -> None:
    maps = [[[0, 0, 0, 1], [2, 2, V, V]], [[0, 0, 0, 0], [0, 0, 0, 0]]]
    table = by_class(ratios(count_labels(Made(maps, ("background", "a", "b")))))
    assert list(table.index) == ["a", "b"], "the background is no object"
    assert table.loc["a", "ratio"] == 13 / 1, "6 + 8 annotated pixels, one of which is a"
    assert table.loc["a", "ratio_own"] == 5 / 1, "of the picture that contains it"
    assert table.loc["b", "ratio"] == 12 / 2


def test_a_class_that_does_not_occur_has_no_ratio_and_no_size() -> None:
    counts = count_labels(Made([[[0, 1]]]))
    assert by_class(ratios(counts)).loc["b"].isna().all()
    sizes = by_class(object_sizes(counts)).loc["b"]
    assert sizes["components"] == 0
    assert sizes[["per_picture", "p05", "p50", "p95"]].isna().all()


def test_the_ratio_over_all_pictures_is_the_one_whose_shares_add_up() -> None:
    rng = np.random.default_rng(0)
    counts = count_labels(Made(rng.integers(0, 3, (5, 8, 8)), ("background", "a", "b")))
    shares = by_class(class_shares(counts))["pixel_share"]
    table = ratios(counts)
    assert (1 / (1 + table["ratio"])).sum() == pytest.approx(shares["a"] + shares["b"])


@pytest.mark.parametrize(("year", "share"), [("voc2010", 0.2325), ("voc2011", 0.2378)])
def test_the_published_ratios_add_up_to_the_objects_of_a_whole_set(year: str, share: float) -> None:
    assert len(PUBLISHED[year]) == 20
    assert sum(1 / (1 + ratio) for ratio in PUBLISHED[year]) == pytest.approx(share, abs=1e-4)


def test_published_ratios_stand_beside_their_categories_whatever_the_order_of_rows() -> None:
    voc = Made([[list(range(21))]], SETS["voc2012"]["classes"])
    table = by_class(with_published(ratios(count_labels(voc)).iloc[::-1], "voc2010"))
    printed = {"aeroplane": 152, "cat": 40, "person": 25, "tvmonitor": 104}
    assert table.loc[list(printed), "published"].to_dict() == printed
    assert "background" not in table.index
    alone = with_published(ratios(count_labels(voc.view("all", "person"))), "voc2011")
    assert alone[["class", "published"]].to_numpy().tolist() == [["person", 23.0]]


def test_data_sets_that_the_paper_does_not_measure_have_no_published_ratio() -> None:
    table = with_published(ratios(count_labels(Made([[[0, 1, 2]]]))), "camvid")
    assert table["published"].isna().all()


def test_a_square_has_four_sides_less_four_corners_of_boundary() -> None:
    for side in (2, 3, 5):
        label = square(side)
        assert boundary_pixels(label)[label == 1].sum() == 4 * side - 4
    assert boundary_pixels(square(1))[2, 3]


def test_the_frame_of_the_picture_is_no_boundary_but_void_is() -> None:
    assert not boundary_pixels(np.ones((4, 6), np.uint8)).any()
    cornered = square(4, at=(0, 0))
    assert boundary_pixels(cornered)[cornered == 1].sum() == 7, "two sides, their corner once"
    rim = np.zeros((5, 5), np.uint8)
    rim[:, 2] = V
    assert boundary_pixels(rim)[:, [1, 3]].all()


@pytest.mark.parametrize("seed", range(5))
def test_boundaries_and_components_are_those_of_a_search_pixel_by_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = rng.choice(np.array([0, 1, 2, V], np.uint8), (7, 9), p=[0.5, 0.3, 0.1, 0.1])

    def neighbours(y: int, x: int) -> list[tuple[int, int]]:
        near = product(range(max(0, y - 1), min(7, y + 2)), range(max(0, x - 1), min(9, x + 2)))
        return [place for place in near if place != (y, x)]

    boundary, left = boundary_pixels(label), set(np.ndindex(7, 9))
    found = {value: sorted(areas) for value, areas in component_areas(label, 3).items()}
    searched: dict[int, list[int]] = {}
    for place in np.ndindex(7, 9):
        assert boundary[place] == any(label[near] != label[place] for near in neighbours(*place))
        size, waiting = 0, [place] if place in left else []
        left.discard(place)
        while waiting:
            size += 1
            same = {n for n in neighbours(*waiting.pop()) if label[n] == label[place]} & left
            left -= same
            waiting += same
        if size and label[place] != V:
            searched.setdefault(int(label[place]), []).append(size)
    assert found == {value: sorted(sizes) for value, sizes in searched.items()}


def test_the_boundary_share_is_of_the_class_own_pixels() -> None:
    table = by_class(boundary_shares(count_labels(Made([square(5)]))))
    assert table.loc["a", "boundary_share"] == 16 / 25
    assert table.loc["ground", "boundary"] == 24, "the ring around the square"
    assert np.isnan(table.loc["b", "boundary_share"])


def test_components_connect_at_corners_and_end_at_other_labels() -> None:
    label = np.array([[1, 0, 1, 1], [0, 1, V, 0], [2, 0, 0, 1]], np.uint8)
    areas = {value: sorted(found.tolist()) for value, found in component_areas(label, 3).items()}
    assert areas == {0: [5], 1: [1, 4], 2: [1]}


def test_sizes_are_areas_of_components_as_shares_of_their_picture() -> None:
    first, second = np.zeros((10, 10)), np.zeros((20, 20))
    first[0, 0] = first[5, :] = 1
    second[:10] = 1
    row = by_class(object_sizes(count_labels(Made([first, second])))).loc["a"]
    assert row["components"] == 3
    assert row["per_picture"] == 1.5
    assert row[["p05", "p50", "p95"]].to_list() == pytest.approx([0.01, 0.1, 0.5])


def test_quantiles_of_many_sizes_are_right_to_the_width_of_a_bin() -> None:
    sides = np.arange(1, 32)
    label = np.zeros((40, 1100), np.uint8)
    for side, left in zip(sides, np.cumsum(sides + 2), strict=True):
        label[1 : 1 + side, left : left + side] = 1
    row = by_class(object_sizes(count_labels(Made([label])))).loc["a"]
    assert row["components"] == 31
    exact = np.quantile(sides**2, [0.25, 0.5, 0.75], method="inverted_cdf") / label.size
    np.testing.assert_allclose(row[["p25", "p50", "p75"]].to_list(), exact, rtol=0.06)


def test_a_single_pixel_and_a_whole_picture_are_within_the_bins() -> None:
    one = np.zeros((2000, 2000), np.uint8)
    one[7, 7] = 1
    table = by_class(object_sizes(count_labels(Made([one, np.full((2, 2), 2)]))))
    assert table.loc["a", "p50"] == pytest.approx(1 / 4e6)
    assert table.loc["b", "p50"] == pytest.approx(1)


def test_void_is_counted_by_picture_and_pixel() -> None:
    counts = count_labels(Made([[[V, V], [0, 1]], [[V, 0], [0, 1]], [[0, 0], [0, 0]]]))
    assert (counts.void, counts.void_pictures, counts.most_void) == (3, 2, 0.5)


def test_maps_without_a_label_have_no_classes_and_no_errors() -> None:
    counts = count_labels(Made([np.full((3, 3), V)]))
    assert by_class(class_shares(counts)).loc["void", "pixel_share"] == 1
    assert ratios(counts)["ratio"].isna().all()
    assert boundary_shares(counts)["boundary_share"].isna().all()


def test_of_a_binary_task_the_rest_is_a_class_but_no_object() -> None:
    counts = count_labels(Made([[[0, 1, 2, V]]]).view("all", "a+b"))
    assert counts.names == ("other", "a+b")
    assert by_class(class_shares(counts))["pixels"].to_list() == [1, 2, 1]
    assert ratios(counts)["class"].to_list() == ["a+b"]


def test_a_limit_chooses_evenly_and_is_remembered() -> None:
    assert spread(11, 3) == [0, 5, 10]
    assert spread(3, 7) == spread(3, 0) == spread(3, None) == [0, 1, 2]
    counts = count_labels(Made([[[i % 3]] for i in range(11)]), limit=3)
    assert (counts.measured, counts.total) == (3, 11)
    assert by_class(class_shares(counts))["pixels"].to_list() == [1, 1, 1, 0], "maps 0, 10 and 5"
    with pytest.raises(DataError, match="limit: a number of pictures"):
        spread(3, -1)


def test_memory_does_not_grow_with_the_number_of_pictures() -> None:
    class Long(Made):
        def __len__(self) -> int:
            return self.length

        def __getitem__(self, index: int):
            return self.read(0)

    dataset = Long([np.random.default_rng(0).integers(0, 3, (64, 64))])

    def peak(length: int) -> int:
        dataset.length = length
        tracemalloc.start()
        count_labels(dataset)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(10)
    assert peak(300) - peak(100) < 200 * 64 * 64 / 10, "a tenth of the 200 more label maps"


def test_camvid_has_its_known_shares(shared_data) -> None:
    counts = count_labels(open_dataset("camvid", shared_data, split="train"))
    percent = 100 * class_shares(counts)["pixel_share"]
    known = [16.85, 23.26, 0.98, 31.66, 4.49, 9.72, 1.17, 1.13, 5.87, 0.64, 0.29, 3.95]
    assert percent.to_list() == pytest.approx(known, abs=0.006)
