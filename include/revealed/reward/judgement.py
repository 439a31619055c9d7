"""How well a margin, the utility of the chosen item less that of the rejected one, tells which item people prefer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from revealed.evaluation.compare import bootstrap_means, interval
from revealed.reward.bradley_terry import right

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Accuracy:
    """Share of pairs on the right side, ties counting half, with the 95 % interval of a bootstrap over people.

    `plain` counts every pair alike; `value` and the interval count by weight, which is what takes position out.
    """

    value: float
    low: float
    high: float
    plain: float
    pairs: int
    people: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dict(vars(self))


def accuracy(margin: Floats, weight: Floats, people: Ints) -> Accuracy | None:
    """Return the accuracy; None where there is no pair.

    Args:
        margin: positive where the chosen item is ahead.
        weight: of each pair.
        people: whose pair it is, as numbers from 0 without gaps.
    """
    if not len(margin):
        return None
    hit = right(margin)
    columns = [np.bincount(people, weights=weight * hit), np.bincount(people, weights=weight)]
    sums = np.column_stack(columns).astype(np.float64)
    draws = bootstrap_means(sums)
    low, high = interval(draws[:, 0] / draws[:, 1])
    value = float(np.average(hit, weights=weight))
    return Accuracy(value, low, high, float(hit.mean()), len(margin), len(sums))


def area_under_curve(score: Floats, label: NDArray[np.bool_]) -> float | None:
    """Return the chance that a positive outscores a negative, ties counting half (Mann and Whitney); None without both."""
    positive = int(label.sum())
    negative = len(label) - positive
    if not positive or not negative:
        return None
    above = rankdata(score)[label].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def area_within_lists(score: Floats, label: NDArray[np.bool_], lists: Ints) -> float | None:
    """Return the same within each list, averaged over the lists that have both kinds; None where none has.

    Args:
        score: of each showing.
        label: what came of it.
        lists: the list of each showing, in one run each.
    """
    starts = np.flatnonzero(np.r_[True, lists[1:] != lists[:-1]]) if len(lists) else np.empty(0, dtype=int)
    bounds = np.r_[starts, len(lists)]
    areas = [area_under_curve(score[low:high], label[low:high]) for low, high in pairwise(bounds.tolist())]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else None
