"""When a curve may be called estimated: the thresholds, in one place, with what each protects from."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Thresholds below which a position is refused rather than guessed.

    Attributes:
        max_se: largest standard error of the log ratio to position 1; .5 is an interval of a factor 2.7 each way.
        min_ess: smallest effective sample size (Kish) of a policy's weights at a position.
        min_ess_share: the same, as a share of the impressions there.
        max_weight_share: largest share that one impression may have in a position's weight.
        min_groups: fewest groups of people that a clustered interval is computed from.
        max_drift: how far 1/propensity may differ between positions before it cannot be a rank marginal.
        confidence: of the intervals.
    """

    max_se: float = 0.5
    min_ess: float = 200.0
    min_ess_share: float = 0.01
    max_weight_share: float = 0.05
    min_groups: int = 20
    max_drift: float = 1.25
    confidence: float = 0.95

    @property
    def min_clicks(self) -> int:
        """Clicks that two positions need each for a log ratio that is sure enough: 2 / max_se squared."""
        return math.ceil(2.0 / self.max_se**2)


CLICKS_FOR_FIVE_PERCENT = 800
"""Clicks a position for a standard error of 5 %: SE(log ratio) is about sqrt(1/C_k + 1/C_1)."""
