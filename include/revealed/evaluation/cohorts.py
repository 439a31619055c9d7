"""The same comparison for parts of the people and of the catalogue: a mean may hide whom a model fails.

Users, by how many items they liked in training: `new` below `FEW`, and of the others `light` up to their median and `heavy`
above it. Items: `new`, which nobody liked in training or which have just appeared; `head`, the most liked others that
together hold `HEAD_SHARE` of all likes; `tail`, the rest. For a cohort of items only its items are relevant, and only the
users who came to like one of them count; the lists stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.evaluation import metrics
from revealed.evaluation.bootstrap import Difference, intervals_and_differences
from revealed.evaluation.history import History
from revealed.evaluation.metrics import Csr, Values

FEW = 5
HEAD_SHARE = 0.33
DECISIVE = "ndcg@10"

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Cohort:
    """A part of the test, and how every model does on it.

    Attributes:
        side: `user` or `item`.
        name: `new`, `light`, `heavy`; `new`, `tail`, `head`.
        definition: who belongs to it, in words, with the thresholds of this test.
        users: test users with something to find in it.
        test_pairs: what they came to like.
        metrics: the mean `ndcg@10` and `recall@20` of each model.
        intervals: of each model's `ndcg@10`, 95 %, bootstrap over these users.
        differences: in `ndcg@10`, every ordered pair of models, paired over these users.
    """

    side: str
    name: str
    definition: str
    users: int
    test_pairs: int
    metrics: dict[str, dict[str, float]]
    intervals: dict[str, tuple[float, float]]
    differences: list[Difference]

    def difference(self, model: str, baseline: str) -> Difference | None:
        """Return the difference between two models, if both took part."""
        return next(
            (found for found in self.differences if (found.model, found.baseline) == (model, baseline)), None
        )

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Cohort:
        """Return what `dataclasses.asdict` gave, also after a trip through JSON."""
        return cls(
            **dict(value)
            | {
                "intervals": {name: (low, high) for name, (low, high) in value["intervals"].items()},
                "differences": [Difference(**found) for found in value["differences"]],
            }
        )


def cohorts(
    lists: Mapping[str, NDArray[np.int32]], relevance: Csr, likes: NDArray[np.int64], history: History
) -> list[Cohort]:
    """Return every cohort that somebody belongs to.

    Args:
        lists: each model's, one row a test user, at least 20 long.
        relevance: test users × items; an entry above 0 is what the user came to like.
        likes: how many of the training's users like each item.
        history: what was known before the test.
    """
    found = []
    for name, definition, users in user_cohorts(np.diff(history.likes_of_testers().indptr)):
        if users.any():
            found.append(_measured("user", name, definition, lists, relevance, users))
    for name, definition, items in item_cohorts(likes, history.is_new):
        within = _restricted(relevance, items)
        users = metrics.relevant(within) > 0
        if users.any():
            found.append(_measured("item", name, definition, lists, within, users))
    return found


def user_cohorts(counts: NDArray[np.int64]) -> Iterator[tuple[str, str, Mask]]:
    """Give name, definition and members of each cohort of users who liked `counts` items in training."""
    known = counts[counts >= FEW]
    middle = int(np.median(known)) if len(known) else FEW
    yield "new", f"fewer than {FEW} liked items in training", counts < FEW
    yield "light", f"{FEW} to {middle:,} liked items in training", (counts >= FEW) & (counts <= middle)
    yield "heavy", f"more than {middle:,} liked items in training", counts > middle


def item_cohorts(likes: NDArray[np.int64], is_new: Mask | None = None) -> Iterator[tuple[str, str, Mask]]:
    """Give name, definition and members of each cohort of items that `likes` people like."""
    new = (likes == 0) if is_new is None else (likes == 0) | is_new
    counted = np.where(new, 0, likes)
    order = np.argsort(-counted, kind="stable")
    held = np.cumsum(counted[order])
    total = int(held[-1]) if len(held) else 0
    head = np.zeros(len(likes), dtype=bool)
    if total:
        # The fewest items that reach the share.
        head[order[: int(np.searchsorted(held, HEAD_SHARE * total)) + 1]] = True
    yield "new", "liked by nobody in training, or just published", new
    yield "tail", "the other liked items", ~new & ~head
    yield "head", f"the {int(head.sum()):,} most liked items, {HEAD_SHARE:.0%} of all likes", head


def _measured(
    side: str,
    name: str,
    definition: str,
    lists: Mapping[str, NDArray[np.int32]],
    relevance: Csr,
    users: Mask,
) -> Cohort:
    chosen = relevance[users]
    per_user = {model: _values(found[users], chosen) for model, found in lists.items()}
    means = {
        model: {metric: float(values.mean()) for metric, values in found.items()}
        for model, found in per_user.items()
    }
    decisive = {model: found[DECISIVE] for model, found in per_user.items()}
    intervals, differences = intervals_and_differences(DECISIVE, decisive)
    pairs = int(metrics.relevant(chosen).sum())
    return Cohort(side, name, definition, int(users.sum()), pairs, means, intervals, differences)


def _values(lists: NDArray[np.int32], relevance: Csr) -> dict[str, Values]:
    gain = metrics.gains(lists, relevance)
    return {DECISIVE: metrics.ndcg(gain, relevance, 10), "recall@20": metrics.recall(gain, relevance, 20)}


def _restricted(relevance: Csr, items: Mask) -> Csr:
    """Return the relevance of some items only, in the same shape."""
    rows = np.repeat(np.arange(relevance.shape[0], dtype=np.int64), np.diff(relevance.indptr))
    kept = items[relevance.indices]
    return csr_matrix((relevance.data[kept], (rows[kept], relevance.indices[kept])), shape=relevance.shape)
