"""Finished runs looked at picture by picture: what each loss makes of any test picture."""

from losslab.explore.choice import choose, finished_runs
from losslab.explore.comparison import Comparison
from losslab.explore.view import Explorer

__all__ = ["Comparison", "Explorer", "choose", "finished_runs"]
