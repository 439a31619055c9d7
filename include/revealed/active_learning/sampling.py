"""Draw pairs with probabilities that are stated, exact, and never exceed the budget in all or for a person.

Labels that were asked for are selected; whoever learns from them needs to know with what probability. A systematic draw
has exactly the inclusion probabilities that it is given (Madow, Annals of Mathematical Statistics 1949): the probabilities
are laid end to end, and points one apart, from a random start in [0, 1), are the draw. A stretch of length m meets m
points at most, which keeps each person's count, and that of all, within the sums of the probabilities.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_HALVINGS = 100
# Sums of many probabilities come out a few units of the last place off; a budget must not be exceeded by that.
_MARGIN = 1e-9


def inclusion_probabilities(weight: Floats, people: Ints, budget: int, per_person: int) -> Floats:
    """Return probabilities in proportion to `weight`, at most 1, that sum to `budget` and to `per_person` for anybody at most.

    Where the caps leave no way to spend the budget, they sum to less.

    Args:
        weight: how much an answer is wanted, positive.
        people: whose pair it is, as numbers from 0.
        budget: pairs in all.
        per_person: pairs for one person.
    """
    if not len(weight) or budget <= 0 or per_person <= 0:
        return np.zeros(len(weight))
    people_count = int(people.max()) + 1

    def of_person(rate: Floats) -> Floats:
        expected = np.bincount(people, weights=np.minimum(1.0, rate[people] * weight), minlength=people_count)
        return expected.astype(np.float64)

    most = _largest_rate(of_person, np.full(people_count, per_person * (1 - _MARGIN)), 1.0 / weight.min())

    def of_all(rate: Floats) -> Floats:
        return np.atleast_1d(of_person(np.minimum(rate, most)).sum())

    rate = _largest_rate(of_all, np.array([budget * (1 - _MARGIN)]), 1.0 / weight.min())
    return np.asarray(np.minimum(1.0, np.minimum(rate, most)[people] * weight), dtype=np.float64)


def systematic_draw(probability: Floats, people: Ints, random: np.random.Generator) -> Ints:
    """Return which rows are drawn, ascending; each with exactly its probability.

    People, and the pairs of each, are put into a random order first, so that no two pairs are tied by where they stood.
    """
    if not len(probability):
        return np.empty(0, dtype=np.int64)
    shuffled = random.permutation(int(people.max()) + 1)[people]
    order = np.lexsort((random.permutation(len(people)), shuffled))
    ends = np.cumsum(probability[order])
    points = np.arange(random.random(), ends[-1], 1.0)
    drawn = np.minimum(np.searchsorted(ends, points, side="right"), len(order) - 1)
    return np.unique(order[drawn]).astype(np.int64)


def _largest_rate(total: Callable[[Floats], Floats], limit: Floats, enough: float) -> Floats:
    """Return the largest rates, up to `enough`, whose totals stay within the limits, by bisection."""
    low, high = np.zeros(len(limit)), np.full(len(limit), enough)
    within = total(high) <= limit
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        fits = total(middle) <= limit
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return np.where(within, enough, low)
