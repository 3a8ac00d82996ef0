"""Which loss to train a segmentation network with: a reproducible comparison."""

__version__ = "0.1.0"
