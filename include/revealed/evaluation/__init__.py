"""How good recommendations are, and how sure we are of a difference."""

from __future__ import annotations

from revealed.evaluation.compare import Comparison, Contender, Difference, compare

__all__ = ["Comparison", "Contender", "Difference", "compare"]
