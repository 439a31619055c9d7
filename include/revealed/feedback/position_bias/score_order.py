"""Which positions a ranker really chose between: cells by score, split where the ranker's order leaves no doubt.

A ranker knows of a person's taste what its score says, so that the same person's items of about the same score are
alike for it, and chance (other candidates that day, exploration, ties with news) decides which stands higher. That is
the comparison that a score cell makes. Where in a cell everything at a better position also had a better score, the
order was not chance but the score itself, and there is nothing to compare.
"""

from __future__ import annotations

import numpy as np

from revealed.feedback.position_bias.curve import Floats, Ints


def split_by_score(cell: Ints, score_low: Floats, score_high: Floats) -> Ints:
    """Return new cell numbers: positions of a cell stay together only where their score ranges overlap.

    One entry a (cell, position) with the lowest and highest score shown there; NaN for cells that are not by score,
    which stay whole. Ranges that only touch do not overlap: a constant score orders nothing.
    """
    by_score = ~np.isnan(score_low)
    order = np.lexsort((score_high, score_low, cell))
    # Ranks instead of scores, so that a running maximum within cells is one pass over integers.
    values = np.concatenate([score_low[by_score], score_high[by_score]])
    ranks = np.unique(values, return_inverse=True)[1].ravel() if len(values) else np.zeros(0, dtype=np.int64)
    low, high = np.zeros(len(cell), dtype=np.int64), np.zeros(len(cell), dtype=np.int64)
    low[by_score], high[by_score] = ranks[: by_score.sum()], ranks[by_score.sum() :]
    _, number = np.unique(cell, return_inverse=True)
    span = int(ranks.max(initial=0)) + 2
    reached = np.maximum.accumulate((number * span + high + 1)[order]) - number[order] * span - 1
    same_cell = np.concatenate([[False], number[order][1:] == number[order][:-1]])
    overlaps = np.concatenate([[False], low[order][1:] < reached[:-1]])
    starts = ~(same_cell & (overlaps | ~by_score[order]))
    parts = np.empty(len(cell), dtype=np.int64)
    parts[order] = np.cumsum(starts) - 1
    return parts


def falls_with_position(position: Ints, level: Floats, impressions: Floats) -> bool:
    """Whether the mean score level (bucket) at the best position exceeds that at the last one.

    A score that does not is not what the list is sorted by, and cells made of it control for nothing.
    """
    places, at = np.unique(position, return_inverse=True)
    if len(places) < 2:
        return False
    mean = np.bincount(at, level * impressions) / np.bincount(at, impressions)
    return bool(mean[0] > mean[-1])
