"""Values that every part of losslab must agree on."""

from pydantic import ConfigDict

IGNORE_INDEX = 255
"""Label of a pixel that is not annotated ("void"): it enters no sum and has no gradient."""

STRICT = ConfigDict(extra="forbid", strict=True)
"""Of dataclasses that hold what a user wrote: unknown names and other types are errors."""
