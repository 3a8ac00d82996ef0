"""What the stored runs show and how sure one can be: statistics, convergence, cost, tables."""

from losslab.analysis.aggregates import interquartile_means
from losslab.analysis.claims import claims
from losslab.analysis.class_scores import class_differences
from losslab.analysis.completeness import check_same_data, uncompared, unpaired
from losslab.analysis.convergence import curves, epochs_to_reach, median_epochs, of_finished
from losslab.analysis.costs import costs, failures
from losslab.analysis.effects import hedges_gz
from losslab.analysis.equivalence import relevance
from losslab.analysis.folds import fold_ratios
from losslab.analysis.hierarchical import hierarchical_comparison, hierarchical_over_settings
from losslab.analysis.images import image_comparison, image_differences
from losslab.analysis.mixed import mixed_comparison, mixed_over_settings
from losslab.analysis.noise import repeat_noise
from losslab.analysis.pooling import dependence, pool_settings, shared_sets
from losslab.analysis.rankings import ranking_flips, rankings
from losslab.analysis.scores import select_scores, with_setting
from losslab.analysis.statistics import (
    paired_comparison,
    paired_differences,
    seed_noise,
)
from losslab.analysis.survival import kaplan_meier, restricted_means
from losslab.analysis.tables import markdown_table, score_table, write_table
from losslab.analysis.units import intervals_by_unit

__all__ = [
    "check_same_data",
    "claims",
    "class_differences",
    "costs",
    "curves",
    "dependence",
    "epochs_to_reach",
    "failures",
    "fold_ratios",
    "hedges_gz",
    "hierarchical_comparison",
    "hierarchical_over_settings",
    "image_comparison",
    "image_differences",
    "interquartile_means",
    "intervals_by_unit",
    "kaplan_meier",
    "markdown_table",
    "median_epochs",
    "mixed_comparison",
    "mixed_over_settings",
    "of_finished",
    "paired_comparison",
    "paired_differences",
    "pool_settings",
    "ranking_flips",
    "rankings",
    "relevance",
    "repeat_noise",
    "restricted_means",
    "score_table",
    "seed_noise",
    "select_scores",
    "shared_sets",
    "uncompared",
    "unpaired",
    "with_setting",
    "write_table",
]
