"""Ranking metrics, one value a user, and what lists do to the catalogue. Everything is ranked against every item.

Only what a person came to like is relevant: a stored dislike or zero gains nothing and is not looked for. (implicit's
own evaluation takes every stored entry for a hit.)

Held to ir_measures' values to 1e-6 in the tests. Gains are linear, not exponential: the two differ in the
second digit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Csr = Any
"""scipy's csr_matrix; its stubs make it generic, which the running class is not."""

NOTHING = -1
"""Fills a list that is shorter than was asked for."""

Values = NDArray[np.float64]


def gains(lists: NDArray[np.int32], relevance: Csr) -> Values:
    """Return the gain of every recommended item: its entry in `relevance` (users × items), 0 where that is not positive."""
    rows = np.repeat(np.arange(relevance.shape[0], dtype=np.int64), np.diff(relevance.indptr))
    known = rows * relevance.shape[1] + relevance.indices
    order = np.argsort(known)
    known, values = known[order], relevance.data[order]
    asked = np.arange(lists.shape[0], dtype=np.int64)[:, None] * relevance.shape[1] + lists
    at = np.minimum(np.searchsorted(known, asked), max(len(known) - 1, 0))
    found = (known[at] == asked) & (lists != NOTHING) if len(known) else np.zeros(lists.shape, dtype=bool)
    return np.where(found, np.maximum(values[at], 0.0) if len(known) else 0.0, 0.0).astype(np.float64)


def relevant(relevance: Csr) -> NDArray[np.int64]:
    """Return how many items each user came to like: the positive entries of the row."""
    rows = np.repeat(np.arange(relevance.shape[0], dtype=np.int64), np.diff(relevance.indptr))
    counts: NDArray[np.int64] = np.bincount(rows[relevance.data > 0], minlength=relevance.shape[0])
    return counts


def recall(gain: Values, relevance: Csr, k: int) -> Values:
    """Return the share of a user's relevant items that are among the first `k`."""
    hits = (gain[:, :k] > 0).sum(axis=1)
    shares: Values = hits / np.maximum(relevant(relevance), 1)
    return shares


def ndcg(gain: Values, relevance: Csr, k: int) -> Values:
    """Return the discounted gain of the first `k`, Σ g_r / log2(r + 1), over that of the best possible list."""
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    dcg = gain[:, :k] @ discount[: gain.shape[1]]
    ideal = _ideal_gains(relevance, k) @ discount
    return np.divide(dcg, ideal, out=np.zeros_like(dcg), where=ideal > 0)


def ndcg_curve(gain: Values, relevance: Csr) -> Values:
    """Return `ndcg` at every depth of the lists, `[users, depth]`: column k - 1 is NDCG@k."""
    depth = gain.shape[1]
    discount = 1.0 / np.log2(np.arange(2, depth + 2))
    dcg = np.cumsum(gain * discount, axis=1)
    ideal = np.cumsum(_ideal_gains(relevance, depth) * discount, axis=1)
    return np.divide(dcg, ideal, out=np.zeros_like(dcg), where=ideal > 0)


def recall_curve(gain: Values, relevance: Csr) -> Values:
    """Return `recall` at every depth of the lists, `[users, depth]`: column k - 1 is Recall@k."""
    shares: Values = np.cumsum(gain > 0, axis=1) / np.maximum(relevant(relevance), 1)[:, None]
    return shares


def average_precision(gain: Values, relevance: Csr, k: int) -> Values:
    """Return the mean, over a user's relevant items, of the precision at each one's rank; 0 beyond `k`."""
    hit = gain[:, :k] > 0
    precision = np.cumsum(hit, axis=1) / np.arange(1, hit.shape[1] + 1)
    values: Values = (precision * hit).sum(axis=1) / np.maximum(relevant(relevance), 1)
    return values


def reciprocal_rank(gain: Values, k: int) -> Values:
    """Return one over the rank of the first relevant item, 0 when none is among the first `k`."""
    hit = gain[:, :k] > 0
    return np.where(hit.any(axis=1), 1.0 / (hit.argmax(axis=1) + 1), 0.0)


def coverage(lists: NDArray[np.int32], items: int) -> float:
    """Return the share of the catalogue's `items` that is recommended to anybody."""
    shown = np.unique(lists[lists != NOTHING])
    return float(len(shown) / items) if items else 0.0


def gini(lists: NDArray[np.int32], items: int) -> float:
    """Return how unequally the places are shared among `items`: 0 all alike, near 1 one item has them all."""
    counts = np.sort(np.bincount(lists[lists != NOTHING], minlength=items)).astype(np.float64)
    total = counts.sum()
    if not total:
        return 0.0
    rank = np.arange(1, len(counts) + 1)
    return float(((2 * rank - len(counts) - 1) * counts).sum() / (len(counts) * total))


def novelty(lists: NDArray[np.int32], likes: NDArray[np.int64], users: int) -> float:
    """Return the mean surprise of the places, -log2 of the share of `users` who like the item, in bits.

    An item that nobody likes counts as liked by half a person, to stay finite.
    """
    share = np.maximum(likes, 0.5) / max(users, 1)
    shown = lists[lists != NOTHING]
    return float(-np.log2(share[shown]).mean()) if len(shown) else 0.0


def _ideal_gains(relevance: Csr, k: int) -> Values:
    """Return each row's `k` greatest gains in descending order, filled with 0."""
    rows = np.repeat(np.arange(relevance.shape[0]), np.diff(relevance.indptr))
    order = np.lexsort((-relevance.data, rows))
    place = np.arange(len(rows)) - np.repeat(relevance.indptr[:-1], np.diff(relevance.indptr))
    ideal = np.zeros((relevance.shape[0], k))
    kept = place < k
    ideal[rows[kept], place[kept]] = np.maximum(relevance.data[order][kept], 0)
    return ideal
