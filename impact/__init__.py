"""The numbers: what would have happened, and what was lost, delayed or added."""

from impact.baseline import Baseline
from impact.estimate import Prepared, estimate, prepare

__all__ = ["Baseline", "Prepared", "estimate", "prepare"]
