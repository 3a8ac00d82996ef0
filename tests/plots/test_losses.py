"""Figures of losses: what they hold, and that they fit."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from losslab.losses.card import Situation, gradient_maps, sweep
from losslab.plots.losses import (
    gradients_figure,
    masks_figure,
    plot_gradient,
    sweeps_figure,
)
from losslab.plots.style import PAGE
from tests.plots.test_figures import outside

SITUATION = Situation(size=24, hole=2, shift=3)


def draw_gradient(gradient: np.ndarray) -> tuple[list, str]:
    axes = Figure().subplots()
    assert plot_gradient(gradient, SITUATION, axes) is axes
    return axes.get_images(), axes.get_xlabel()


def test_a_gradient_map_is_symmetric_about_white_and_states_its_peak() -> None:
    gradient = np.zeros((24, 24), np.float32)
    gradient[3, 4] = -2e-3
    (image,), label = draw_gradient(gradient)
    assert image.norm.vmin == -image.norm.vmax
    assert image.get_array()[3, 4] > 0, "a falling loss is a push up"
    assert label == "peak 2.0e-03"


def test_a_loss_without_a_gradient_and_one_that_is_not_finite_say_so() -> None:
    assert draw_gradient(np.zeros((24, 24), np.float32))[1] == "no gradient"
    assert draw_gradient(np.full((24, 24), np.nan, np.float32))[1] == "not finite"


def test_the_gradients_of_many_losses_fit_the_page_and_name_each_loss() -> None:
    names = ["ce", "dice", "iou", "focal", "combo", "dice_focal", "dice + 0.25*focal(gamma=3)"]
    maps = gradient_maps(names, SITUATION)
    figure = gradients_figure(maps, SITUATION)
    assert figure.get_figwidth() == PAGE
    assert outside(figure) == []
    titles = {axes.get_title().replace("\n", " ") for axes in figure.axes}
    assert set(names) <= titles


def test_sweeps_have_a_row_for_each_loss_and_share_its_scale() -> None:
    functions = ["ce", "dice"]
    parts = [sweep(functions, SITUATION, "shift", [0, 3]), sweep(functions, SITUATION, "hole", [0])]
    figure = sweeps_figure(pd.concat(parts))
    assert outside(figure) == []
    assert len(figure.axes) == 4
    first, second = figure.axes[:2]
    assert first.get_ylim() == second.get_ylim()
    names = ["shift, pixels", "radius of the hole, pixels"]
    assert [axes.get_xlabel() for axes in figure.axes[2:]] == names
    assert [axes.get_title() for axes in figure.axes[:2]] == names


def test_a_loss_that_raises_says_so_in_its_place_and_the_others_are_drawn() -> None:
    def raising(logits: Tensor, labels: Tensor) -> Tensor:
        raise ValueError("not today, and not for a picture like this one either")

    functions = [raising, "ce"]
    figure = gradients_figure(gradient_maps(functions, SITUATION), SITUATION)
    assert outside(figure) == []
    texts = [t.get_text().replace("\n", " ") for axes in figure.axes for t in axes.texts]
    assert [text for text in texts if text.startswith("raises ValueError: not today")]
    figure = sweeps_figure(sweep(functions, SITUATION, "shift", [0, 3]))
    assert outside(figure) == []
    assert figure.axes[0].texts[0].get_text().startswith("raises ValueError")
    assert not figure.axes[1].texts


def test_masks_are_drawn_side_by_side_under_their_names() -> None:
    truth = SITUATION.object()
    figure = masks_figure(truth, {"one": truth, "other": SITUATION.predicted()})
    assert [axes.get_title() for axes in figure.axes] == ["one", "other"]
    assert outside(figure) == []
