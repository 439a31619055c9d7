"""Propensities against the sum over all permutations, and against what an estimator expects of them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from revealed.errors import UsageError
from revealed.exploration.rank_marginals import (
    epsilon_greedy_rank_marginals,
    plackett_luce_rank_marginals,
    sample_plackett_luce,
    uniform_rank_marginals,
)
from revealed.simulation import policies

Floats = NDArray[np.float64]


def slate_probabilities(weights: Floats, positions: int) -> dict[tuple[int, ...], float]:
    """Every ordered slate with its probability under Plackett-Luce; remaining weights are summed afresh."""
    slates = {}
    for slate in permutations(range(len(weights)), positions):
        probability, left = 1.0, list(range(len(weights)))
        for item in slate:
            probability *= weights[item] / sum(weights[i] for i in left)
            left.remove(item)
        slates[slate] = probability
    return slates


def enumerated(weights: Floats, positions: int) -> Floats:
    marginals = np.zeros((len(weights), positions))
    for slate, probability in slate_probabilities(weights, positions).items():
        marginals[slate, range(positions)] += probability
    return marginals


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-6, 6), min_size=2, max_size=6), st.data())
def test_plackett_luce_marginals_equal_the_sum_over_all_permutations(
    scores: list[float], data: st.DataObject
) -> None:
    positions = data.draw(st.integers(1, len(scores)))
    weights = np.exp(np.array(scores))
    found = plackett_luce_rank_marginals(weights, positions)
    np.testing.assert_allclose(found, enumerated(weights, positions), atol=1e-11)


def test_every_rank_is_filled_and_with_all_ranks_every_item_is_placed() -> None:
    weights = np.exp(np.random.default_rng(3).normal(0, 1.5, (4, 9)))
    np.testing.assert_allclose(plackett_luce_rank_marginals(weights, 5).sum(axis=1), 1.0, atol=1e-11)
    np.testing.assert_allclose(plackett_luce_rank_marginals(weights, 9).sum(axis=2), 1.0, atol=1e-11)


def test_only_ratios_of_weights_matter() -> None:
    weights = np.array([0.2, 1.0, 3.0, 0.7])
    np.testing.assert_allclose(
        plackett_luce_rank_marginals(weights * 1e6, 2), plackett_luce_rank_marginals(weights, 2), atol=1e-12
    )


def test_equal_weights_are_the_uniform_policy() -> None:
    np.testing.assert_allclose(
        plackett_luce_rank_marginals(np.ones(6), 4), uniform_rank_marginals(6, 4), atol=1e-12
    )


@pytest.mark.parametrize("scale", [0.0, 0.5, 3.0, 60.0])
def test_many_positions_and_far_apart_weights_are_filled_and_placed(scale: float) -> None:
    weights = np.exp(np.random.default_rng(4).normal(0, scale, (3, 24)))
    found = plackett_luce_rank_marginals(weights, 24)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-11)
    np.testing.assert_allclose(found.sum(axis=2), 1.0, atol=1e-11)
    np.testing.assert_allclose(found, plackett_luce_rank_marginals(weights, 24, step=0.05), atol=1e-12)


def test_requests_are_worked_out_in_parts_of_alike_grids(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = np.exp(np.random.default_rng(6).normal(0, 1, (7, 8)) * np.arange(7)[:, None])
    whole = plackett_luce_rank_marginals(weights, 3)
    monkeypatch.setattr("revealed.exploration.rank_marginals._CHUNK_CELLS", 8 * 3 * 100 * 2)
    np.testing.assert_allclose(plackett_luce_rank_marginals(weights, 3), whole, atol=1e-12)
    assert plackett_luce_rank_marginals(weights.reshape(7, 1, 8), 3).shape == (7, 1, 8, 3)


def test_epsilon_greedy_marginals_equal_the_mixture_over_all_slates() -> None:
    greedy, epsilon = np.array([3, 0]), 0.3
    expected = np.zeros((5, 2))
    slates = list(permutations(range(5), 2))
    for slate in slates:
        probability = epsilon / len(slates) + (1 - epsilon) * (slate == (3, 0))
        expected[slate, range(2)] += probability
    found = epsilon_greedy_rank_marginals(greedy, 5, epsilon)
    np.testing.assert_allclose(found, expected, atol=1e-15)
    np.testing.assert_allclose(found.sum(axis=0), 1.0, atol=1e-15)


def test_only_rank_marginals_make_the_estimate_unbiased() -> None:
    """Exact expectation of the item-position IPS estimate of the uniform policy, 5 items and 2 positions."""
    weights = np.exp(np.array([1.2, 0.5, 0.0, -0.4, -1.0]))
    theta, relevance = np.array([0.9, 0.5]), np.array([0.7, 0.5, 0.3, 0.2, 0.1])
    value = theta.sum() * relevance.mean()
    slates = slate_probabilities(weights, 2)

    def expectation(propensity: Floats) -> float:
        return sum(
            probability * sum(theta[k] * relevance[i] * 0.2 / propensity[i, k] for k, i in enumerate(slate))
            for slate, probability in slates.items()
        )

    marginal = plackett_luce_rank_marginals(weights, 2)
    softmax = np.repeat((weights / weights.sum())[:, None], 2, axis=1)
    inclusion = np.repeat(marginal.sum(axis=1, keepdims=True), 2, axis=1)
    assert expectation(marginal) == pytest.approx(value, abs=1e-11)
    assert abs(expectation(softmax) - value) > 0.01
    assert abs(expectation(inclusion) - value) > 0.01


def test_sampled_slates_occur_as_often_as_their_marginals_say() -> None:
    weights = np.exp(np.array([1.0, 0.3, 0.0, -0.8, -1.5]))
    draws = 40_000
    slates = sample_plackett_luce(np.random.default_rng(5), np.tile(weights, (draws, 1)), 3)
    marginals = plackett_luce_rank_marginals(weights, 3)
    counts = np.stack([np.bincount(slates[:, k], minlength=5) for k in range(3)], axis=1)
    errors = np.sqrt(draws * marginals * (1 - marginals))
    assert np.abs((counts - draws * marginals) / errors).max() < 4.0
    assert all(len(set(slate)) == 3 for slate in slates[:200].tolist())


@pytest.mark.parametrize("policy", ["uniform", "epsilon_greedy", "plackett_luce"])
def test_logged_propensities_are_the_policys_frequencies(policy: str) -> None:
    """One request over and over: how often each item comes at each position is the propensity that was logged."""
    repeats, rng = 30_000, np.random.default_rng(11)
    scores = np.tile(np.array([0.9, 0.2, 0.6, 0.4, 0.1, 0.5]), (repeats, 1))
    eligible = np.tile(np.array([True, True, False, True, True, True]), (repeats, 1))
    choice = {
        "uniform": lambda: policies.uniform(rng, scores, eligible, 3),
        "epsilon_greedy": lambda: policies.epsilon_greedy(rng, scores, eligible, 3, 0.3),
        "plackett_luce": lambda: policies.plackett_luce(rng, scores, eligible, 3, 4),
    }[policy]()
    assert not (choice.items == 2).any()
    for position in range(3):
        for item in np.unique(choice.items[:, position]):
            rows = choice.items[:, position] == item
            logged = choice.propensities[rows, position]
            assert np.ptp(logged) < 1e-12
            error = np.sqrt(logged[0] * (1 - logged[0]) / repeats)
            assert abs(rows.mean() - logged[0]) < 4.5 * error


@pytest.mark.parametrize(
    ("weights", "positions"), [([1.0, 0.0], 1), ([1.0, np.inf], 1), ([1.0, np.nan], 1), ([1.0, 2.0], 3)]
)
def test_weights_that_are_no_weights_are_refused(weights: list[float], positions: int) -> None:
    with pytest.raises(UsageError, match="Plackett-Luce"):
        plackett_luce_rank_marginals(np.array(weights), positions)
