"""Several recommenders on the same people, and how sure their differences are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation import metrics
from revealed.evaluation.metrics import Csr

DEPTH = 20
DECISIVE = "ndcg@10"
# How far below zero a difference's interval may reach, as a share of the baseline's value, and still count as better.
TOLERANCE = 0.05
_REPLICATES = 1_000
_SEED = 7
# Rows of a bootstrap are drawn in blocks of about this many indices, which bounds the memory.
_DRAWN_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Contender:
    """One recommender's lists for the test users, as positions in the shared item space; at least `DEPTH` long."""

    name: str
    lists: NDArray[np.int32]


@dataclass(frozen=True)
class Difference:
    """`model` minus `baseline` on `metric`, with the 95 % interval of a paired bootstrap over users."""

    metric: str
    model: str
    baseline: str
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Every model's metrics on the same `users`, and the differences that decide."""

    users: int
    test_pairs: int
    metrics: dict[str, dict[str, float]]
    intervals: dict[str, tuple[float, float]]
    differences: list[Difference]

    def difference(self, model: str, baseline: str) -> Difference | None:
        """Return the decisive difference between two models, if both took part."""
        for found in self.differences:
            if (found.model, found.baseline) == (model, baseline):
                return found
        return None

    def is_better(self, model: str, baseline: str, tolerance: float = TOLERANCE) -> bool:
        """Return whether `model` beats `baseline`: a positive difference, of which we are sure to the tolerance."""
        found = self.difference(model, baseline)
        if found is None:
            return False
        return found.estimate > 0 and found.low > -tolerance * self.metrics[baseline][DECISIVE]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; the inverse of `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Comparison:
        """Return what `to_dict` gave."""
        return cls(
            users=value["users"],
            test_pairs=value["test_pairs"],
            metrics=value["metrics"],
            intervals={name: (low, high) for name, (low, high) in value["intervals"].items()},
            differences=[Difference(**found) for found in value["differences"]],
        )


def compare(
    contenders: list[Contender], relevance: Csr, likes: NDArray[np.int64], population: int
) -> Comparison:
    """Measure every contender and all ordered pairs of them.

    Args:
        contenders: their lists, one row a test user.
        relevance: test users × items; an entry is what the user came to like.
        likes: how many of the training's users like each item.
        population: the training's users.
    """
    per_user = {found.name: user_metrics(found.lists, relevance) for found in contenders}
    decisive = {name: values[DECISIVE] for name, values in per_user.items()}
    draws = bootstrap_means(np.stack(list(decisive.values()), axis=1))
    return Comparison(
        users=int(relevance.shape[0]),
        test_pairs=int(relevance.nnz),
        metrics={
            found.name: {name: float(value.mean()) for name, value in per_user[found.name].items()}
            | list_metrics(found.lists, likes, population)
            for found in contenders
        },
        intervals={name: interval(draws[:, at]) for at, name in enumerate(decisive)},
        differences=_differences(decisive, draws),
    )


def user_metrics(lists: NDArray[np.int32], relevance: Csr) -> dict[str, metrics.Values]:
    """Return one value a user for each ranking metric."""
    gain = metrics.gains(lists, relevance)
    return {
        "ndcg@10": metrics.ndcg(gain, relevance, 10),
        "ndcg@20": metrics.ndcg(gain, relevance, 20),
        "recall@10": metrics.recall(gain, relevance, 10),
        "recall@20": metrics.recall(gain, relevance, 20),
        "map@10": metrics.average_precision(gain, relevance, 10),
        "mrr@10": metrics.reciprocal_rank(gain, 10),
    }


def list_metrics(lists: NDArray[np.int32], likes: NDArray[np.int64], population: int) -> dict[str, float]:
    """Return what the first ten places do to the catalogue."""
    top = lists[:, :10]
    return {
        "coverage@10": metrics.coverage(top, len(likes)),
        "gini@10": metrics.gini(top, len(likes)),
        "novelty@10": metrics.novelty(top, likes, population),
    }


def bootstrap_means(values: NDArray[np.float64], replicates: int = _REPLICATES) -> NDArray[np.float64]:
    """Return `replicates` means of each column over users drawn with replacement, the same users for all columns."""
    users = values.shape[0]
    random = np.random.default_rng(_SEED)
    block = max(1, _DRAWN_AT_ONCE // max(users, 1))
    means = np.empty((replicates, values.shape[1]))
    for start in range(0, replicates, block):
        stop = min(start + block, replicates)
        drawn = random.integers(0, users, size=(stop - start, users))
        means[start:stop] = values[drawn].mean(axis=1)
    return means


def interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    """Return the middle 95 % of bootstrap draws."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _differences(decisive: dict[str, metrics.Values], draws: NDArray[np.float64]) -> list[Difference]:
    names = list(decisive)
    found = []
    for i, model in enumerate(names):
        for j, baseline in enumerate(names):
            if i != j:
                low, high = interval(draws[:, i] - draws[:, j])
                estimate = float((decisive[model] - decisive[baseline]).mean())
                found.append(Difference(DECISIVE, model, baseline, estimate, low, high))
    return found
