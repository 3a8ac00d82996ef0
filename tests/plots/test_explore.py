"""Figures of where two losses disagree."""

import numpy as np
import pandas as pd
import pytest

from losslab import plots
from losslab.analysis.disagreement import FIRST_RIGHT, disagreement
from losslab.plots.explore import (
    COLOURS,
    disagreement_figure,
    disagreement_key,
    disagreement_picture,
    gaps_figure,
)
from losslab.plots.pictures import VOID
from losslab.plots.style import COLUMN
from tests.plots.test_figures import outside, sample


def test_each_kind_of_pixel_has_its_colour_and_void_is_white() -> None:
    one, other = sample(), sample(shift=2)
    picture = disagreement_picture(one, other)
    kinds = disagreement(one, other)
    assert (kinds == FIRST_RIGHT).any()
    assert (picture[kinds == FIRST_RIGHT] == COLOURS[FIRST_RIGHT]).all()
    assert (picture[~one.annotated] == VOID).all()
    assert (picture[kinds == 0] > 150).all()


def test_the_key_names_the_losses_and_adds_up_to_all_pixels() -> None:
    texts = [text for _, text in disagreement_key(sample(), sample(shift=2), "ce", "iou")]
    assert texts[1].startswith("only ce right")
    assert texts[2].startswith("only iou right")
    shares = [float(text.split(": ")[1].removesuffix(" %")) for text in texts]
    assert sum(shares) == pytest.approx(100, abs=0.3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1)])
def test_the_figure_of_one_picture_fits_a_column(shape: tuple[int, int]) -> None:
    one, other = (
        type(a)(*(np.repeat(np.repeat(v, shape[0], 0), shape[1], 1) for v in vars(a).values()))
        for a in (sample(), sample(shift=2))
    )
    figure = disagreement_figure(one, other, "ce", "ce + 0.0004*levelset(epsilon=0.05)")
    assert figure.get_figwidth() == pytest.approx(COLUMN)
    assert outside(figure) == []
    figure.draw_without_rendering()
    box = figure.axes[1].get_legend().get_window_extent()
    assert box.x1 <= figure.bbox.x1 + 1


def test_the_gaps_of_all_pictures_are_bars_from_the_largest_to_the_least() -> None:
    gaps = pd.DataFrame({"image": list("abcd"), "difference": [0.1, -0.3, np.nan, 0.2]})
    figure = gaps_figure(gaps, "ce", "iou", "iou", styles=plots.loss_styles(["ce", "iou"]))
    bars = [bar.get_height() for bar in figure.axes[0].patches]
    assert bars == pytest.approx([20, 10, -30])
    assert outside(figure) == []
