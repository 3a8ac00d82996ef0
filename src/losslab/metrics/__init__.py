"""Scores of label maps, from counts per image and class."""

from losslab.metrics.boundary import (
    boundary_band,
    boundary_counts,
    boundary_iou,
    boundary_width,
)
from losslab.metrics.counts import (
    COUNT_COLUMNS,
    counts_table,
    group_counts_table,
    region_counts,
)
from losslab.metrics.definitions import DEFINITIONS, SCORES, image_scores, score
from losslab.metrics.e_measure import e_measure, e_measure_of_counts
from losslab.metrics.entropy import entropy, entropy_of_probabilities
from losslab.metrics.scores import Score
from losslab.metrics.trimap import TRIMAP_WIDTHS, trimap_band, trimap_counts, trimap_iou

__all__ = [
    "COUNT_COLUMNS",
    "DEFINITIONS",
    "SCORES",
    "TRIMAP_WIDTHS",
    "Score",
    "boundary_band",
    "boundary_counts",
    "boundary_iou",
    "boundary_width",
    "counts_table",
    "e_measure",
    "e_measure_of_counts",
    "entropy",
    "entropy_of_probabilities",
    "group_counts_table",
    "image_scores",
    "region_counts",
    "score",
    "trimap_band",
    "trimap_counts",
    "trimap_iou",
]
