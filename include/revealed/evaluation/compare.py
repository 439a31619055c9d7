"""Several recommenders on the same people, and how sure their differences are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation import metrics
from revealed.evaluation.beyond_accuracy import beyond_accuracy
from revealed.evaluation.bootstrap import Difference, bootstrap_means, interval, intervals_and_differences
from revealed.evaluation.cohorts import DECISIVE, Cohort, cohorts
from revealed.evaluation.history import History
from revealed.evaluation.metrics import Csr

__all__ = [
    "DECISIVE",
    "DEPTH",
    "TOLERANCE",
    "Comparison",
    "Contender",
    "Difference",
    "bootstrap_means",
    "compare",
    "interval",
]

DEPTH = 20
# How far below zero a difference's interval may reach, as a share of the baseline's value, and still count as better.
# Not at all: with any tolerance, half of all equal models pass once the test is large (evaluation-better-is-sure.md).
TOLERANCE = 0.0
# Of the normal distribution: 95 % lie within as many standard errors.
_Z = 1.959964


@dataclass(frozen=True)
class Contender:
    """One recommender's lists for the test users, as positions in the shared item space; at least `DEPTH` long."""

    name: str
    lists: NDArray[np.int32]


@dataclass(frozen=True)
class CurvePoint:
    """A metric's mean over users at one depth, between the limits of ± 1.96 standard errors."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Every model's metrics on the same `users`, and the differences that decide.

    Attributes:
        users, test_pairs: the size of the test.
        metrics: each model's means.
        intervals: of each model's decisive metric, 95 %.
        differences: in the decisive metric, every ordered pair of models.
        cohorts: the same for parts of the users and of the items.
        curves: each model's `ndcg` and `recall` at depth 1, 2, … 20, a depth.
        immature_pairs: what was left out of the test because its label may still change.
    """

    users: int
    test_pairs: int
    metrics: dict[str, dict[str, float]]
    intervals: dict[str, tuple[float, float]]
    differences: list[Difference]
    cohorts: list[Cohort] = field(default_factory=list)
    curves: dict[str, dict[str, list[CurvePoint]]] = field(default_factory=dict)
    immature_pairs: int = 0

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
        """Return what `to_dict` gave, this release's or an older one's, which has no cohorts and no curves."""
        return cls(
            users=value["users"],
            test_pairs=value["test_pairs"],
            metrics=value["metrics"],
            intervals={name: (low, high) for name, (low, high) in value["intervals"].items()},
            differences=[Difference(**found) for found in value["differences"]],
            cohorts=[Cohort.from_dict(found) for found in value.get("cohorts", [])],
            curves={
                name: {metric: [CurvePoint(**point) for point in points] for metric, points in found.items()}
                for name, found in value.get("curves", {}).items()
            },
            immature_pairs=value.get("immature_pairs", 0),
        )


def compare(
    contenders: list[Contender],
    relevance: Csr,
    likes: NDArray[np.int64],
    population: int,
    *,
    history: History | None = None,
    immature_pairs: int = 0,
) -> Comparison:
    """Measure every contender and all ordered pairs of them.

    Args:
        contenders: their lists, one row a test user.
        relevance: test users × items; an entry is what the user came to like.
        likes: how many of the training's users like each item.
        population: the training's users.
        history: what was known before; without it there are no cohorts, diversity, popularity lift or calibration.
        immature_pairs: how many test pairs were left out because their label may still change.
    """
    per_user = {found.name: user_metrics(found.lists, relevance) for found in contenders}
    intervals, differences = intervals_and_differences(
        DECISIVE, {name: values[DECISIVE] for name, values in per_user.items()}
    )
    lists = {found.name: found.lists for found in contenders}
    return Comparison(
        users=int(relevance.shape[0]),
        test_pairs=int(relevance.nnz),
        metrics={
            name: {metric: float(value.mean()) for metric, value in per_user[name].items()}
            | list_metrics(found, likes, population)
            | (beyond_accuracy(found, likes, history, 10) if history else {})
            for name, found in lists.items()
        },
        intervals=intervals,
        differences=differences,
        cohorts=cohorts(lists, relevance, likes, history) if history else [],
        curves={name: curves(found, relevance) for name, found in lists.items()},
        immature_pairs=immature_pairs,
    )


def curves(lists: NDArray[np.int32], relevance: Csr) -> dict[str, list[CurvePoint]]:
    """Return NDCG@k and Recall@k for k = 1 … `DEPTH`."""
    gain = metrics.gains(lists[:, :DEPTH], relevance)
    return {
        "ndcg": _points(metrics.ndcg_curve(gain, relevance)),
        "recall": _points(metrics.recall_curve(gain, relevance)),
    }


def _points(values: metrics.Values) -> list[CurvePoint]:
    mean = values.mean(axis=0)
    around = _Z * values.std(axis=0) / np.sqrt(len(values))
    limits = zip(mean.tolist(), (mean - around).tolist(), (mean + around).tolist(), strict=True)
    return [CurvePoint(*point) for point in limits]


def user_metrics(lists: NDArray[np.int32], relevance: Csr) -> dict[str, metrics.Values]:
    """Return one value a user for each ranking metric."""
    gain = metrics.gains(lists, relevance)
    return {
        "ndcg@10": metrics.ndcg(gain, relevance, 10),
        "ndcg@20": metrics.ndcg(gain, relevance, 20),
        "recall@10": metrics.recall(gain, relevance, 10),
        "recall@20": metrics.recall(gain, relevance, 20),
        "map@10": metrics.average_precision(gain, relevance, 10),
        "map@20": metrics.average_precision(gain, relevance, 20),
        "mrr@10": metrics.reciprocal_rank(gain, 10),
        "mrr@20": metrics.reciprocal_rank(gain, 20),
    }


def list_metrics(lists: NDArray[np.int32], likes: NDArray[np.int64], population: int) -> dict[str, float]:
    """Return what the first ten places do to the catalogue."""
    top = lists[:, :10]
    return {
        "coverage@10": metrics.coverage(top, len(likes)),
        "gini@10": metrics.gini(top, len(likes)),
        "novelty@10": metrics.novelty(top, likes, population),
    }
