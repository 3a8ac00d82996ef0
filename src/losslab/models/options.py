"""The options that every network has."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, config=STRICT)
class Options:
    """Whether batch normalisation is fixed; see `Segmenter.freeze_batch_norm`."""

    frozen_batch_norm: bool = False
