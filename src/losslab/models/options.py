"""The options that every network has."""

from pydantic.dataclasses import dataclass

from losslab.constants import STRICT


@dataclass(frozen=True, config=STRICT)
class Options:
    """Whether batch normalisation is fixed; see `Segmenter.freeze_batch_norm`."""

    frozen_batch_norm: bool = False
