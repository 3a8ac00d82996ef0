"""Values that every part of losslab must agree on."""

IGNORE_INDEX = 255
"""Label of a pixel that is not annotated ("void"): it enters no sum and has no gradient."""
