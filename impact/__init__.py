"""The numbers: what would have happened, and what was lost, delayed or added."""

from impact.baseline import Baseline, prepare
from impact.estimate import estimate

__all__ = ["Baseline", "estimate", "prepare"]
