"""How much better one place of a list is than another, in one unit for all lists: what exploration draws by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# On no scale: an empty place, or one without a score of its own.
UNSCALED = -1
Floats = NDArray[np.float64]


def utilities(scores: NDArray[np.float32], scale: NDArray[np.int8], scales: int) -> NDArray[np.float32]:
    """Return the utility of every place of some lists, `[lists, places]`: 0 at the top and never rising with the rank.

    In a list of one scale it is (score - the best score) / the standard deviation of the list's scores (of the
    population; 0 where all are equal), so that a Plackett-Luce weight exp(utility / temperature) means the same
    whatever model made the scores. Scores of different scales cannot be compared, so that the places of each further
    scale go on from where the one before ended. A place that rules put behind worse ones is not worth more than they.

    Args:
        scores: `[lists, places]`, finite, best first within a scale.
        scale: `[lists, places]`, which scale a score is on, 0 to `scales` - 1 in the order in which they fill a list; any
            other number: an empty place, or one without a score of its own, which is worth what the one before it is.
        scales: how many scales there are.
    """
    found = np.zeros(scores.shape, dtype=np.float64)
    floor = np.zeros((len(scores), 1), dtype=np.float64)
    for number in range(scales):
        own = scale == number
        if own.any():
            relative = _standardised(scores, own)
            found = np.where(own, floor + relative, found)
            floor = floor + np.where(own, relative, 0.0).min(axis=1, keepdims=True)
    return np.minimum.accumulate(found, axis=1).astype(np.float32)


def _standardised(scores: NDArray[np.float32], own: NDArray[np.bool_]) -> Floats:
    """Return (score - best) / standard deviation over the marked places of each row; 0 where all of them are equal."""
    wide = np.where(own, scores.astype(np.float64), -np.inf)
    best = wide.max(axis=1, keepdims=True, initial=-np.inf)
    below = np.where(own, wide - np.where(np.isfinite(best), best, 0.0), 0.0)
    count = np.maximum(own.sum(axis=1, keepdims=True), 1)
    mean = below.sum(axis=1, keepdims=True) / count
    spread = np.sqrt(np.where(own, (below - mean) ** 2, 0.0).sum(axis=1, keepdims=True) / count)
    relative: Floats = np.divide(below, spread, out=np.zeros_like(below), where=spread > 0)
    return relative
