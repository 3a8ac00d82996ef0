"""Trimap IoU: how well pixels near the edges of the label map are classified (Chen et al. 2020)."""

TRIMAP_WIDTHS = (1, 2, 3, 5, 10, 20, 40)
"""Widths in pixels at which trimap counts are stored."""
