"""The widgets without a browser: what a change of each does to the page."""

import base64
import io
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from losslab.explore import Explorer, choose, finished_runs
from losslab.explore.page import LARGEST, entropy_picture, page
from tests.plots.test_figures import INDEX, sample


@pytest.fixture
def explorer(made: Path) -> Explorer:
    folder = made / "scenes"
    return Explorer(folder, cache_root=folder / "cache", device="cpu")


def pictures(html: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in found]


def test_it_opens_with_the_picture_on_which_scores_differ_most(explorer: Explorer) -> None:
    assert explorer.losses.value == ("ce", "dice", "iou")
    assert (explorer.first.value, explorer.second.value) == ("ce", "dice")
    assert explorer.comparison is not None
    first = explorer.comparison.ordered("score", "ce", "dice")[0]
    assert f"<b>{first}</b>, 1 of 8." in explorer.words.value
    assert len(pictures(explorer.page.value)) == 3 + 3 * 3


def test_the_slider_changes_every_picture_and_back_again(explorer: Explorer) -> None:
    here = explorer.page.value
    explorer.place.value = 2
    there = explorer.page.value
    for one, other in zip(pictures(here), pictures(there), strict=True):
        assert one.tobytes() != other.tobytes()
    explorer.back.click()
    assert explorer.page.value == here


def test_the_buttons_stop_at_the_ends(explorer: Explorer) -> None:
    explorer.back.click()
    assert explorer.place.value == 1
    explorer.place.value = 8
    explorer.on.click()
    assert explorer.place.value == 8


def test_another_order_starts_at_its_first_picture(explorer: Explorer) -> None:
    explorer.place.value = 3
    explorer.order.value = "pixels"
    assert explorer.comparison is not None
    first = explorer.comparison.ordered("pixels", "ce", "dice")[0]
    assert f"<b>{first}</b>, 1 of 8." in explorer.words.value
    assert explorer.progress.layout.display == "none"
    assert explorer.progress.value == 8


def test_other_losses_are_other_columns(explorer: Explorer) -> None:
    explorer.losses.value = ("iou",)
    assert (explorer.first.value, explorer.second.value) == ("iou", "iou")
    assert "They predict 0.0 % of its pixels differently." in explorer.words.value
    assert len(pictures(explorer.page.value)) == 3 + 3


def test_another_seed_keeps_the_losses_that_it_has(explorer: Explorer) -> None:
    before = explorer.page.value
    explorer.seed.value = (0, 1)
    assert explorer.losses.options == ("ce", "iou")
    assert explorer.losses.value == ("ce", "iou")
    assert explorer.page.value != before


def test_what_goes_wrong_is_written_in_place_of_the_picture(explorer: Explorer) -> None:
    folder = explorer.folder.value
    explorer.folder.value = "/no/such/<folder>"
    assert "no finished run in /no/such/&lt;folder&gt;" in explorer.words.value
    assert explorer.page.value == ""
    explorer.place.value = 2  # there is nothing to step through
    assert explorer.page.value == ""
    explorer.losses.value = ()
    explorer.folder.value = folder
    assert "1 of 8." in explorer.words.value


def test_no_loss_is_a_sentence(explorer: Explorer) -> None:
    explorer.losses.value = ()
    assert "choose at least one" in explorer.words.value
    explorer.losses.value = ("dice",)
    assert "1 of 8." in explorer.words.value


def test_it_opens_with_the_runs_that_were_chosen(made: Path) -> None:
    folder = made / "scenes"
    chosen = choose(finished_runs(folder), seed=1, losses=["iou"])
    explorer = Explorer(folder, chosen=chosen, cache_root=folder / "cache", device="cpu")
    assert explorer.seed.value == (0, 1)
    assert explorer.losses.value == ("iou",)


def test_names_are_text_not_html() -> None:
    html = page({"<script>": sample()}, INDEX, ("<script>", "<script>"), 100)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_large_pictures_are_thinned_out() -> None:
    one = sample()
    many = {"ce": type(one)(*(np.repeat(np.repeat(a, 90, 0), 90, 1) for a in vars(one).values()))}
    sizes = [picture.size for picture in pictures(page(many, INDEX, ("ce", "ce"), 100))]
    assert max(max(size) for size in sizes) <= LARGEST
    small = [picture.size for picture in pictures(page({"ce": one}, INDEX, ("ce", "ce"), 100))]
    assert set(small) == {(16, 12)}


def test_the_entropies_of_all_losses_share_the_whole_scale() -> None:
    ends = entropy_picture(np.array([[0.0, 1.0]]))[0]
    expected = [matplotlib.colormaps["cividis"](end)[:3] for end in (0.0, 1.0)]
    np.testing.assert_allclose(ends / 255, expected, atol=0.003)
