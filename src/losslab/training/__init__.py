"""Training one run from its spec to its files."""

from losslab.training.loop import train

__all__ = ["train"]
