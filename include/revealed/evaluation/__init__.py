"""How good recommendations are, and how sure we are of a difference."""

from __future__ import annotations

from revealed.evaluation.bootstrap import Difference
from revealed.evaluation.cohorts import Cohort
from revealed.evaluation.compare import Comparison, Contender, compare
from revealed.evaluation.history import History

__all__ = ["Cohort", "Comparison", "Contender", "Difference", "History", "compare"]
