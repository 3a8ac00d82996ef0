"""Short names of papers, comparisons and losses for figures and tables of the audit."""

from losslab.analysis.published import PAPERS
from losslab.losses.presets import PRESETS

_LOSSES = {
    "cross-entropy": "ce",
    "IoU": "iou_as_run",
    "Dice": "dice_as_run",
    "combo": "combo_as_run",
    "Dice & focal": "dice_focal_as_run",
}
_BY_EXPRESSION = {PRESETS[f"gul2023_{preset}"]: name for name, preset in _LOSSES.items()}
_SETS = {
    "voc2010": "VOC 2010",
    "voc2011": "VOC 2011",
    "voc_aug": "VOC 2012",
    "camvid": "CamVid",
    "cityscapes": "Cityscapes",
    "celebamask_hq": "CelebAMask-HQ",
    "helen": "HELEN",
}


def paper_name(paper: str) -> str:
    """Authors and year."""
    return PAPERS[paper].split(",")[0]


def loss_name(loss: str) -> str:
    """What Gul calls a loss; the expression itself where he names none."""
    return _BY_EXPRESSION.get(loss, loss)


def comparison_name(comparison: str) -> str:
    """The comparison with its data set as people write it."""
    first, _, rest = comparison.partition(" ")
    return f"{_SETS[first]}, {rest}" if first in _SETS else comparison
