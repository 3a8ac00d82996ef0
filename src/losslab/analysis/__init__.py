"""What the stored runs show and how sure one can be: statistics, convergence, cost, tables."""

from losslab.analysis.claims import claims
from losslab.analysis.class_scores import class_differences
from losslab.analysis.completeness import check_same_data, uncompared
from losslab.analysis.convergence import curves, epochs_to_reach, median_epochs, of_finished
from losslab.analysis.costs import costs, failures
from losslab.analysis.effects import hedges_gz
from losslab.analysis.folds import fold_ratios
from losslab.analysis.images import image_comparison, image_differences
from losslab.analysis.pooling import pool_settings
from losslab.analysis.rankings import ranking_flips, rankings
from losslab.analysis.scores import select_scores, with_setting
from losslab.analysis.statistics import (
    paired_comparison,
    paired_differences,
    seed_noise,
)
from losslab.analysis.tables import markdown_table, score_table, write_table

__all__ = [
    "check_same_data",
    "claims",
    "class_differences",
    "costs",
    "curves",
    "epochs_to_reach",
    "failures",
    "fold_ratios",
    "hedges_gz",
    "image_comparison",
    "image_differences",
    "markdown_table",
    "median_epochs",
    "of_finished",
    "paired_comparison",
    "paired_differences",
    "pool_settings",
    "ranking_flips",
    "rankings",
    "score_table",
    "seed_noise",
    "select_scores",
    "uncompared",
    "with_setting",
    "write_table",
]
