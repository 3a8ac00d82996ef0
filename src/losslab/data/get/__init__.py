"""Published data sets, from where they are published to the data root."""

from losslab.data.get.getting import describe_sources, get_dataset
from losslab.data.get.sources import SOURCES, Archive, Source

__all__ = ["SOURCES", "Archive", "Source", "describe_sources", "get_dataset"]
