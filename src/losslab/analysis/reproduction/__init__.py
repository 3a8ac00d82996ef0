"""What finished runs give for the cells of a paper's tables: published, measured, difference."""

from losslab.analysis.reproduction.cells import published_cells
from losslab.analysis.reproduction.finished import Finished
from losslab.analysis.reproduction.table import reproduction_table

__all__ = ["Finished", "published_cells", "reproduction_table"]
