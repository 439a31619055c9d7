"""What a policy would show of a pool, against what it says of each slate that it draws, and against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revealed.errors import UsageError
from revealed.exploration.policy import POLICIES, Exploration, PolicyName, slate
from revealed.exploration.pool_marginals import pool_marginals, pool_size

UTILITIES = np.array([[0.0, -0.2, -0.3, -0.9, -1.6, -2.5], [0.0, 0.0, -0.1, -4.0, -4.0, -4.2]])


@given(
    policy=st.sampled_from(POLICIES),
    temperature=st.floats(0.05, 5.0),
    epsilon=st.floats(0.0, 1.0),
    items=st.integers(1, 40),
    positions=st.integers(1, 12),
    candidates=st.integers(1, 30),
    seed=st.integers(0, 9_999),
)
@settings(max_examples=60, deadline=None)
def test_a_drawn_slate_tells_the_cells_of_the_matrix(
    policy: PolicyName,
    temperature: float,
    epsilon: float,
    items: int,
    positions: int,
    candidates: int,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    utilities = -np.sort(random.gamma(1.0, 1.0, items))
    way = Exploration(policy, epsilon=epsilon, temperature=temperature, candidates=candidates)
    drawn = slate(random, utilities, positions, way)
    pool = utilities[: pool_size(way, positions)]
    (found,) = pool_marginals(pool[None], positions, way)
    told = found[drawn.order, np.arange(len(drawn.order))]
    assert told == pytest.approx(drawn.propensities, rel=1e-9, abs=1e-12)
    filled = np.arange(positions) < len(pool)
    assert found.sum(axis=0) == pytest.approx(filled.astype(float), abs=1e-9)


@pytest.mark.parametrize("policy", POLICIES)
def test_frequencies_of_many_draws(policy: PolicyName) -> None:
    random, way, draws = np.random.default_rng(2), Exploration(policy, epsilon=0.3, candidates=5), 4_000
    utilities = UTILITIES[0]
    counts = np.zeros((5, 3))
    for _ in range(draws):
        counts[slate(random, utilities, 3, way).order, np.arange(3)] += 1
    expected = draws * pool_marginals(utilities[None, :5], 3, way)[0]
    assert (np.abs(counts - expected) <= 4.5 * np.sqrt(expected) + 1e-9).all()


def test_pools_are_worked_out_side_by_side() -> None:
    way = Exploration(temperature=0.7)
    both = pool_marginals(UTILITIES, 4, way)
    for row in range(2):
        alone = pool_marginals(UTILITIES[row : row + 1], 4, way)
        assert both[row] == pytest.approx(alone[0], abs=1e-11)


def test_what_is_worth_nothing_still_has_its_small_chance() -> None:
    """As in a draw: weights end at exp(-600) of the best."""
    found = pool_marginals(np.array([[0.0, -500.0, -501.0]]), 2, Exploration(temperature=0.05))
    assert found[0, 1:, 1] == pytest.approx([0.5, 0.5])


def test_no_pool_is_no_probability() -> None:
    assert pool_marginals(np.zeros((3, 0)), 2, Exploration()).shape == (3, 0, 2)
    with pytest.raises(UsageError):
        pool_marginals(np.array([[0.0, np.nan]]), 1, Exploration())
