"""Losses of other libraries as they come, callable like ours.

An adapter turns our logits and labels into the library's call and leaves every option at the
library's default, but for what it cannot do without: the mode, the activation, how the labels are
given. Void pixels (255) are handled as far as the library itself offers to.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.losses.objective import Loss as LossFunction

LIBRARIES = {
    "smp": "segmentation_models_pytorch",
    "monai": "monai",
    "kornia": "kornia",
}
"""The package of each library by the name that peers carry."""


@dataclass(frozen=True)
class Peer:
    """A loss of another library."""

    library: str
    name: str
    """As the library calls it."""
    counterpart: str
    """The expression of ours that is closest."""
    build: Callable[[int], LossFunction]
    """`build(num_classes)` is `loss(logits, labels)`; 1 is binary. Imports the library."""

    @property
    def title(self) -> str:
        """Library and name: unique among the peers."""
        return f"{self.library} {self.name}"


def installed() -> dict[str, bool]:
    """Whether each library of `LIBRARIES` can be imported here."""
    return {name: find_spec(package) is not None for name, package in LIBRARIES.items()}


def peers() -> dict[str, Peer]:
    """The peers whose library is installed, by their title."""
    here = installed()
    return {title: peer for title, peer in PEERS.items() if here[peer.library]}


def missing_libraries() -> str:
    """A sentence that names the libraries whose losses are left out; "" where none is."""
    names = [name for name, found in installed().items() if not found]
    if not names:
        return ""
    return (
        f"Losses of {' and '.join(names)} are left out, as they are not installed here; "
        "`pip install -e '.[peers]'` in the checkout brings them."
    )


def _import(name: str) -> Any:
    # What a library warns of while it is imported is not about the loss.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module(name)


def _smp(loss: str) -> Callable[[int], LossFunction]:
    """smp takes label maps, `ignore_index` and a mode for each task."""

    def build(num_classes: int) -> LossFunction:
        mode = "binary" if num_classes == 1 else "multiclass"
        return getattr(_import("segmentation_models_pytorch.losses"), loss)(
            mode, ignore_index=IGNORE_INDEX
        )

    return build


def _smp_cross_entropy(num_classes: int) -> LossFunction:
    losses = _import("segmentation_models_pytorch.losses")
    if num_classes == 1:
        binary = losses.SoftBCEWithLogitsLoss(ignore_index=IGNORE_INDEX)
        return lambda logits, labels: binary(logits, labels[:, None].to(logits.dtype))
    # Its default smooth_factor, None, raises a TypeError.
    return losses.SoftCrossEntropyLoss(smooth_factor=0.0, ignore_index=IGNORE_INDEX)


def _monai(
    loss: str, *, activation: bool = True, void: bool = False
) -> Callable[[int], LossFunction]:
    """MONAI takes floating-point labels (n, 1, h, w) and makes them one-hot; some of its losses
    know `ignore_index`, for the others 255 is a class that does not exist.
    """

    def build(num_classes: int) -> LossFunction:
        options: dict[str, Any] = {"to_onehot_y": num_classes > 1}
        if num_classes == 1:
            options["include_background"] = True  # it would be, with a warning in each call
        if activation:
            options["softmax" if num_classes > 1 else "sigmoid"] = True
        if void:
            options["ignore_index"] = IGNORE_INDEX
        function = getattr(_import("monai.losses"), loss)(**options)
        return lambda logits, labels: function(logits, labels[:, None].to(logits.dtype))

    return build


def _kornia(loss: str, *, void: bool = True, **options: Any) -> Callable[[int], LossFunction]:
    """kornia's softmax losses take label maps; a binary task gets the two channels 0 and x, whose
    softmax is the sigmoid of x.
    """

    def build(num_classes: int) -> LossFunction:
        function = getattr(_import("kornia.losses"), loss)
        given = {**options, "ignore_index": IGNORE_INDEX} if void else options

        def call(logits: Tensor, labels: Tensor) -> Tensor:
            if num_classes == 1:
                logits = torch.cat([torch.zeros_like(logits), logits], 1)
            return function(logits, labels.long(), **given)

        return call

    return build


def _kornia_focal(num_classes: int) -> LossFunction:
    # alpha has no default in the softmax form; None weighs all classes equally.
    if num_classes > 1:
        return _kornia("focal_loss", alpha=None, reduction="mean")(num_classes)
    function = _import("kornia.losses").binary_focal_loss_with_logits
    given: dict[str, Any] = {"reduction": "mean", "ignore_index": IGNORE_INDEX}
    return lambda logits, labels: function(logits, labels[:, None].to(logits.dtype), **given)


def _kornia_lovasz(num_classes: int) -> LossFunction:
    if num_classes > 1:
        return _kornia("lovasz_softmax_loss", void=False)(num_classes)
    return _import("kornia.losses").lovasz_hinge_loss


_PEERS = (
    Peer("smp", "SoftCrossEntropyLoss", "ce", _smp_cross_entropy),
    Peer("smp", "FocalLoss", "focal", _smp("FocalLoss")),
    Peer("smp", "JaccardLoss", "iou", _smp("JaccardLoss")),
    Peer("smp", "DiceLoss", "dice", _smp("DiceLoss")),
    Peer("smp", "TverskyLoss", "tversky", _smp("TverskyLoss")),
    Peer("smp", "LovaszLoss", "lovasz", _smp("LovaszLoss")),
    Peer("monai", "FocalLoss", "focal", _monai("FocalLoss", activation=False, void=True)),
    Peer("monai", "DiceLoss", "dice", _monai("DiceLoss", void=True)),
    Peer("monai", "GeneralizedDiceLoss", "dice", _monai("GeneralizedDiceLoss")),
    Peer("monai", "DiceCELoss", "combo", _monai("DiceCELoss")),
    Peer("monai", "DiceFocalLoss", "dice_focal", _monai("DiceFocalLoss")),
    Peer("monai", "TverskyLoss", "tversky", _monai("TverskyLoss", void=True)),
    Peer("monai", "HausdorffDTLoss", "boundary", _monai("HausdorffDTLoss")),
    Peer("kornia", "focal_loss", "focal", _kornia_focal),
    Peer("kornia", "dice_loss", "dice", _kornia("dice_loss")),
    Peer("kornia", "tversky_loss", "tversky", _kornia("tversky_loss", alpha=0.5, beta=0.5)),
    Peer("kornia", "lovasz_softmax_loss", "lovasz", _kornia_lovasz),
)

PEERS: dict[str, Peer] = {peer.title: peer for peer in _PEERS}
"""All peers by their title, installed or not."""
