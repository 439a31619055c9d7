"""How sure a mean and a difference are: the paired percentile bootstrap over users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation.metrics import Values

REPLICATES = 1_000
_SEED = 7
# Rows of a bootstrap are drawn in blocks of about this many indices, which bounds the memory.
_DRAWN_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Difference:
    """`model` minus `baseline` on `metric`, with the 95 % interval of a paired bootstrap over users."""

    metric: str
    model: str
    baseline: str
    estimate: float
    low: float
    high: float


def bootstrap_means(values: NDArray[np.float64], replicates: int = REPLICATES) -> NDArray[np.float64]:
    """Return `replicates` means of each column over users drawn with replacement, the same users for all columns."""
    users = values.shape[0]
    random = np.random.default_rng(_SEED)
    block = max(1, _DRAWN_AT_ONCE // max(users, 1))
    means, columns = np.empty((replicates, values.shape[1])), np.ascontiguousarray(values.T)
    for start in range(0, replicates, block):
        stop = min(start + block, replicates)
        drawn = random.integers(0, users, size=(stop - start, users))
        for at, column in enumerate(columns):
            means[start:stop, at] = column[drawn].mean(axis=1)
    return means


def interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    """Return the middle 95 % of bootstrap draws."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def intervals_and_differences(
    metric: str, values: Mapping[str, Values]
) -> tuple[dict[str, tuple[float, float]], list[Difference]]:
    """Return the interval of every model's mean, and the difference of every ordered pair of models.

    Args:
        metric: its name.
        values: one value a user for each model, the same users in the same order.
    """
    names = list(values)
    draws = bootstrap_means(np.stack(list(values.values()), axis=1))
    differences = []
    for i, model in enumerate(names):
        for j, baseline in enumerate(names):
            if i != j:
                low, high = interval(draws[:, i] - draws[:, j])
                estimate = float((values[model] - values[baseline]).mean())
                differences.append(Difference(metric, model, baseline, estimate, low, high))
    return {name: interval(draws[:, at]) for at, name in enumerate(names)}, differences
