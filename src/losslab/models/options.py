"""The options that every network has."""

from typing import Literal

from pydantic.dataclasses import dataclass

from losslab.constants import STRICT


@dataclass(frozen=True, config=STRICT)
class Options:
    """Whether batch normalisation is fixed; see `Segmenter.freeze_batch_norm`. How the layers that
    no encoder brings begin: as torch, or as Keras, by Glorot & Bengio's uniform weights and biases
    of 0.
    """

    frozen_batch_norm: bool = False
    initialization: Literal["torch", "glorot"] = "torch"
