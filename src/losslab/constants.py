"""Values that every part of losslab must agree on."""

from pydantic import ConfigDict

IGNORE_INDEX = 255
"""Label of a pixel that is not annotated ("void"): it enters no sum and has no gradient."""

Channels = tuple[float, float, float]
"""A number for red, green and blue."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's pixels, on a scale of 0 to 1."""

STRICT = ConfigDict(extra="forbid", strict=True)
"""Of dataclasses that hold what a user wrote: unknown names and other types are errors."""
