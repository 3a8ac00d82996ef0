"""Short names and numbers for the figures, tables and sentences of the audit."""

import math
from collections.abc import Mapping
from typing import Any

from losslab.analysis.published import PAPERS
from losslab.losses import PRESETS

OURS = "distance"
"""The loss that Gul 2023 proposes."""

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
    "voc2012": "VOC 2012",
    "pascal_context": "PASCAL-Context",
    "lfw_parts": "LFW",
    "camvid": "CamVid",
    "cityscapes": "Cityscapes",
    "celebamask_hq": "CelebAMask-HQ",
    "helen": "HELEN",
}
_MODELS = {
    "fcn_alexnet32s": "FCN-AlexNet",
    "bfcn32s": "BFCN-32s",
    "fcresnet": "FCResNet",
    "fcn32s": "FCN-32s",
    "fcn16s": "FCN-16s",
    "fcn8s": "FCN-8s",
    "deeplab_largefov": "DeepLab-LargeFOV",
    "deeplabv2_resnet101": "DeepLab-ResNet101",
    "deeplabv3plus": "DeepLabv3+",
    "unet": "U-Net",
}
_ENCODERS = {
    "resnet34": "ResNet-34",
    "resnet50": "ResNet-50",
    "resnet101": "ResNet-101",
    "mobilenet_v2": "MobileNetV2",
    "tu-xception71": "Xception-71",
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


def data_set_name(dataset: str) -> str:
    """A data set as people write it."""
    return _SETS.get(dataset, dataset)


def model_name(model: str, encoder: str = "") -> str:
    """A network as its paper names it; with its encoder where networks have several."""
    name = _MODELS.get(model, model)
    several = model in ("unet", "deeplabv3plus") and encoder
    return f"{name} {_ENCODERS.get(encoder, encoder)}" if several else name


ALL = "all five papers"
"""What stands for a paper where all are taken together."""


def unit_name(row: Mapping[Any, Any]) -> str:
    """The paper of a row of `unit_gains`, with the network where it is about one alone."""
    paper = ALL if row["paper"] == ALL else paper_name(row["paper"])
    return f"{paper}, {model_name(row['part'])}" if row["part"] else paper


def rho_text(value: float) -> str:
    """A correlation with two digits, its sign and a true minus sign; "–" where there is none."""
    return "–" if math.isnan(value) else f"{value:+.2f}".replace("-", "−")
