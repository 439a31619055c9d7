"""What lists are like besides right: varied, no more popular than the user's own taste, and true to its topics.

Lists are `[users, k]` positions of items, `NOTHING` where short. A measure that is not defined for anybody is None.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.evaluation.history import History, liked
from revealed.evaluation.metrics import NOTHING, Csr

Lists = NDArray[np.int32]

# Steck's weight of the user's own distribution in the list's, which keeps the divergence finite.
SMOOTHING = 0.01
# Likeness of items hardly moves with more people than this; a fixed draw of them bounds the cost.
_MOST_LIKERS = 50_000
# Likenesses computed at once, which bounds the memory.
_AT_ONCE = 4_000_000
_SEED = 17


def beyond_accuracy(lists: Lists, likes: NDArray[np.int64], history: History, k: int) -> dict[str, float]:
    """Return diversity, popularity lift and calibration of the first `k` places, those that are defined.

    Args:
        lists: one row a test user.
        likes: how many of the training's users like each item.
        history: what was known before the test.
        k: how many places count.
    """
    own, top = history.likes_of_testers(), lists[:, :k]
    found = {
        f"diversity@{k}": diversity(top, history.feedback),
        f"popularity_lift@{k}": popularity_lift(top, own, likes),
        f"calibration@{k}": None if history.topics is None else calibration(top, own, history.topics),
    }
    return {name: value for name, value in found.items() if value is not None}


def diversity(lists: Lists, feedback: Csr) -> float | None:
    """Return the mean over lists of the mean distance of their pairs: 0 all alike, 1 nothing in common.

    The distance of two items is 1 minus the cosine of who likes them, |A ∩ B| / √(|A| |B|): it exists for every item and
    is the same for every contender, where a model's own vectors would flatter that model. Two items without a like in
    common, such as any that nobody likes, are 1 apart.
    """
    shown = np.unique(lists[lists != NOTHING])
    first, second = np.triu_indices(lists.shape[1], 1)
    pairs = lists[:, first], lists[:, second]
    valid = (pairs[0] != NOTHING) & (pairs[1] != NOTHING)
    if not valid.any():
        return None
    at = [np.searchsorted(shown, side[valid]) for side in pairs]
    key, which = np.unique(
        np.minimum(at[0], at[1]) * len(shown) + np.maximum(at[0], at[1]), return_inverse=True
    )
    distance = 1.0 - _likeness(_unit_vectors(feedback, shown), key)[which]
    rows = np.nonzero(valid)[0]
    sums = np.bincount(rows, weights=distance, minlength=len(lists))
    counts = valid.sum(axis=1)
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def popularity_lift(lists: Lists, own: Csr, likes: NDArray[np.int64]) -> float | None:
    """Return how much more popular recommendations are than what their users chose themselves: 0 as much, 1 twice.

    (R - P) / P, where R is the mean over users of the mean `likes` of their list, P that of their own likes (the popularity
    lift ΔGAP; Abdollahpouri et al., RMSE at RecSys 2019). Users without a list or without likes of their own say nothing.

    Args:
        lists: one row a user.
        own: users × items, 1 where the user liked the item in training.
        likes: how many of the training's users like each item.
    """
    given, chosen = (lists != NOTHING).sum(axis=1), np.diff(own.indptr)
    kept = (given > 0) & (chosen > 0)
    if not kept.any():
        return None
    recommended = np.where(lists == NOTHING, 0, likes[lists])[kept].sum(axis=1) / given[kept]
    profile = (own @ likes.astype(np.float64))[kept] / chosen[kept]
    return float(recommended.mean() / profile.mean() - 1.0) if profile.any() else None


def calibration(
    lists: Lists, own: Csr, topics: NDArray[np.int32], smoothing: float = SMOOTHING
) -> float | None:
    """Return the mean divergence of a list's topics from those of the user's own likes, in nats; 0 is the same shares.

    KL(p | (1 - α) q + α p) with p the shares of the topics among the likes, q those in the list, α the smoothing
    (Steck, RecSys 2018, with equal weights); at most -ln α. Items without a topic count on neither side; users left with
    nothing on one of them say nothing.

    Args:
        lists: one row a user.
        own: users × items, 1 where the user liked the item in training.
        topics: one code an item, -1 where not known.
        smoothing: α.
    """
    p, q = _topic_shares(own, topics), _topic_shares(_as_matrix(lists, own.shape[1]), topics)
    kept = (p.sum(axis=1) > 0) & (q.sum(axis=1) > 0)
    if not kept.any():
        return None
    p, q = p[kept], q[kept]
    ratio = np.divide(p, (1.0 - smoothing) * q + smoothing * p, out=np.ones_like(p), where=p > 0)
    return float((p * np.log(ratio)).sum(axis=1).mean())


def _topic_shares(pairs: Csr, topics: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return users × topics, each row adding up to 1, or to 0 where no topic is known."""
    known = np.flatnonzero(topics >= 0)
    shape = (len(topics), int(topics.max(initial=-1)) + 1)
    of_topic = csr_matrix((np.ones(len(known)), (known, topics[known])), shape=shape)
    counts = (pairs @ of_topic).toarray().astype(np.float64)
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    return shares


def _as_matrix(lists: Lists, items: int) -> Csr:
    rows, places = np.nonzero(lists != NOTHING)
    ones = np.ones(len(rows), dtype=np.float32)
    return csr_matrix((ones, (rows, lists[rows, places])), shape=(lists.shape[0], items))


def _unit_vectors(feedback: Csr, shown: NDArray[np.int32]) -> Csr:
    """Return items × people: who likes each of the `shown` items, as vectors of length 1 (or 0, where nobody does)."""
    if feedback.shape[0] > _MOST_LIKERS:
        drawn = np.random.default_rng(_SEED).choice(feedback.shape[0], _MOST_LIKERS, replace=False)
        feedback = feedback[np.sort(drawn)]
    likers = liked(feedback)[:, shown].T.tocsr().astype(np.float64)
    counts = np.diff(likers.indptr)
    likers.data /= np.repeat(np.sqrt(counts), counts)
    return likers


def _likeness(vectors: Csr, key: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cosine of each pair of items, `key` being first × items + second in ascending order."""
    items = vectors.shape[0]
    block = max(1, _AT_ONCE // items)
    found = np.empty(len(key))
    for start in range(0, items, block):
        part = slice(*np.searchsorted(key, [start * items, (start + block) * items]))
        first, second = key[part] // items, key[part] % items
        found[part] = (vectors[start : start + block] @ vectors.T).toarray()[first - start, second]
    return found
