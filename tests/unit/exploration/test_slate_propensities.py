"""The propensities of one slate against the sum over all permutations, and against the whole matrix."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from revealed.errors import UsageError
from revealed.exploration.rank_marginals import plackett_luce_rank_marginals
from revealed.exploration.slate_propensities import plackett_luce_slate_propensities

Floats = NDArray[np.float64]


def enumerated(weights: Floats, positions: int) -> Floats:
    """The marginals of `[items, positions]`, from every slate's probability."""
    marginals = np.zeros((len(weights), positions))
    for shown in permutations(range(len(weights)), positions):
        probability, left = 1.0, list(range(len(weights)))
        for item in shown:
            probability *= weights[item] / sum(weights[i] for i in left)
            left.remove(item)
        marginals[shown, range(positions)] += probability
    return marginals


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-12, 12), min_size=1, max_size=6), st.data())
def test_a_slates_propensities_equal_the_sum_over_all_permutations(
    log_weights: list[float], data: st.DataObject
) -> None:
    items = list(range(len(log_weights)))
    shown = data.draw(st.permutations(items))[: data.draw(st.integers(1, len(items)))]
    exact = enumerated(np.exp(np.array(log_weights)), len(shown))[shown, range(len(shown))]
    found = plackett_luce_slate_propensities(np.array(log_weights), np.array(shown))
    np.testing.assert_allclose(found, exact, rtol=1e-9)


@pytest.mark.parametrize("spread", [0.0, 1.0, 4.0, 20.0])
@pytest.mark.parametrize(("items", "positions"), [(30, 10), (12, 12), (60, 30)])
def test_large_pools_agree_with_the_fine_grid_of_the_whole_matrix(
    spread: float, items: int, positions: int
) -> None:
    random = np.random.default_rng([items, int(spread)])
    log_weights = random.normal(0, spread, items)
    log_weights -= log_weights.max()
    shown = np.argsort(-(log_weights + random.gumbel(size=items)))[:positions]
    whole = plackett_luce_rank_marginals(np.exp(log_weights), positions, step=0.05)
    found = plackett_luce_slate_propensities(log_weights, shown)
    np.testing.assert_allclose(found, whole[shown, range(positions)], rtol=1e-8)


def test_a_hundred_equal_items_are_uniform_at_every_position() -> None:
    """The sharpest integrand that there is: the middle one of many arrivals at the same rate."""
    found = plackett_luce_slate_propensities(np.zeros(100), np.arange(100))
    np.testing.assert_allclose(found, 0.01, rtol=1e-8)


def test_very_unlikely_items_keep_their_digits() -> None:
    log_weights = np.array([0.0, 0.0, -60.0])
    found = plackett_luce_slate_propensities(log_weights, np.array([2, 0, 1]))
    assert found[0] == pytest.approx(np.exp(-60.0) / 2.0, rel=1e-9)
    assert plackett_luce_slate_propensities(log_weights, np.array([0, 1, 2]))[2] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("log_weights", "shown"),
    [
        ([0.0, np.nan], [0]),
        ([0.0, np.inf], [0]),
        ([0.0, 1.0], []),
        ([0.0, 1.0], [1, 1]),
        ([0.0], [1]),
        ([0.0], [-1]),
    ],
)
def test_what_is_no_slate_is_refused(log_weights: list[float], shown: list[int]) -> None:
    with pytest.raises(UsageError, match="propensities"):
        plackett_luce_slate_propensities(np.array(log_weights), np.array(shown, dtype=np.int64))
