"""Data sets, their binary views, their division and the cache that training reads."""

from losslab.data.dataset import SegmentationDataset
from losslab.data.preparation import (
    DATASETS,
    CachedSplit,
    RunData,
    check_task,
    open_dataset,
    parse_options,
    prepare,
)
from losslab.data.splits import SplitOptions

__all__ = [
    "DATASETS",
    "CachedSplit",
    "RunData",
    "SegmentationDataset",
    "SplitOptions",
    "check_task",
    "open_dataset",
    "parse_options",
    "prepare",
]
