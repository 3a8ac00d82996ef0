"""Figures: a plot function takes a tidy table and an Axes, and returns the Axes."""

from losslab.plots.class_shares import class_shares_figure
from losslab.plots.comparison import (
    plot_class_differences,
    plot_cost,
    plot_differences,
    plot_scores,
)
from losslab.plots.figures import (
    classes_figure,
    costs_figure,
    curves_figure,
    differences_figure,
    scores_figure,
)
from losslab.plots.pictures import (
    error_picture,
    gallery,
    overlay,
    plot_entropy,
    plot_errors,
    plot_overlay,
)
from losslab.plots.style import figure_style, loss_styles, png_bytes, save_figure, show
from losslab.plots.training import plot_curves

__all__ = [
    "class_shares_figure",
    "classes_figure",
    "costs_figure",
    "curves_figure",
    "differences_figure",
    "error_picture",
    "figure_style",
    "gallery",
    "loss_styles",
    "overlay",
    "plot_class_differences",
    "plot_cost",
    "plot_curves",
    "plot_differences",
    "plot_entropy",
    "plot_errors",
    "plot_overlay",
    "plot_scores",
    "png_bytes",
    "save_figure",
    "scores_figure",
    "show",
]
