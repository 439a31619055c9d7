"""What people came to like lately: the baseline that news is judged by, where yesterday's favourites are old."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from revealed.errors import NoDataError, UsageError
from revealed.training.matrix import Interactions
from revealed.training.popularity import ScoredItems

# 2^-1000 is still a number, and the newest of what is older comes no higher for it.
_MOST_HALVINGS = 1000.0


class Recency(ScoredItems):
    """Items by their likes, where a like counts half as much for every `half_life_days` since its last event.

    Ages are counted from the newest event of the data, so that the same data give the same model on every day.

    Args:
        half_life_days: days after which a like counts half.
    """

    name = "recency"

    def __init__(self, half_life_days: float = 1.0) -> None:
        if not half_life_days > 0:
            raise UsageError(f"a half-life of {half_life_days} days is not above 0", where="half_life_days")
        super().__init__({"half_life_days": half_life_days})

    def _scored(self, data: Interactions) -> NDArray[np.float64]:
        """Return the score of each item.

        Raises:
            NoDataError: the data do not say when pairs happened.
        """
        if data.latest is None:
            raise NoDataError(
                "the data do not say when people came to like what they like",
                where="recency",
                remedy="give a time with every pair (last_event_at), or leave this model out",
            )
        liked = data.confidence.data > 0
        halvings = np.minimum(data.latest[liked] / self.parameters["half_life_days"], _MOST_HALVINGS)
        weights = np.exp2(-halvings)
        counts = np.bincount(data.confidence.indices[liked], weights=weights, minlength=len(data.items))
        return counts.astype(np.float64)
