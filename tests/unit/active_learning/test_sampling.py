"""The draw: never more than the budget, for nobody more than their share, and each pair as often as is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revealed.active_learning.candidates import Candidates
from revealed.active_learning.publish import draw_within
from revealed.active_learning.published import QueryBudget
from revealed.active_learning.sampling import inclusion_probabilities, systematic_draw

rows = st.lists(st.tuples(st.integers(0, 6), st.floats(1e-6, 1e3)), min_size=1, max_size=60)


@given(rows, st.integers(1, 40), st.integers(1, 5), st.integers(0, 10_000))
@settings(deadline=None)
def test_budgets_are_never_exceeded(
    found: list[tuple[int, float]], budget: int, per_person: int, seed: int
) -> None:
    people, weight = np.array([row[0] for row in found]), np.array([row[1] for row in found])
    probability = inclusion_probabilities(weight, people, budget, per_person)
    assert (probability > 0).all()
    assert (probability <= 1).all()
    drawn = systematic_draw(probability, people, np.random.default_rng(seed))
    assert len(drawn) <= budget
    assert np.bincount(people[drawn], minlength=1).max(initial=0) <= per_person
    # As much is asked as may be: the budget, or what the caps leave, to the fraction that chance rounds.
    most = np.minimum(np.bincount(people), per_person).sum()
    assert len(drawn) >= min(budget, most) - 1


@given(rows, st.integers(1, 40), st.integers(1, 5))
@settings(deadline=None)
def test_between_two_of_a_person_the_heavier_is_never_less_likely(
    found: list[tuple[int, float]], budget: int, per_person: int
) -> None:
    people, weight = np.array([row[0] for row in found]), np.array([row[1] for row in found])
    probability = inclusion_probabilities(weight, people, budget, per_person)
    for person in set(people.tolist()):
        own = people == person
        order = np.argsort(weight[own], kind="stable")
        assert (np.diff(probability[own][order]) >= -1e-12).all()


def test_pairs_are_drawn_as_often_as_is_said() -> None:
    random = np.random.default_rng(3)
    people, weight = np.repeat(np.arange(8), 5), random.lognormal(0, 1.5, 40)
    probability = inclusion_probabilities(weight, people, 12, 2)
    assert probability.sum() == pytest.approx(12)
    counts = np.zeros(40)
    draws = 8_000
    for _ in range(draws):
        counts[systematic_draw(probability, people, random)] += 1
    error = np.sqrt(np.maximum(probability * (1 - probability), 1e-9) / draws)
    assert (np.abs(counts / draws - probability) < 4.5 * error + 1e-4).all()
    # Weighing by one over the propensity therefore gives the whole's sum back without bias.
    assert (counts / draws / probability).sum() == pytest.approx(40, rel=0.02)


def test_few_disagreements_among_many_near_ties_are_asked_about() -> None:
    random = np.random.default_rng(4)
    apart = np.arange(2_000) >= 1_950
    found = Candidates(
        np.arange(2_000) % 500, np.arange(2_000), apart, random.uniform(1, 2, 2_000), np.zeros(2_000)
    )
    chosen, propensity = draw_within(found, QueryBudget(pairs=100), random)
    assert len(propensity) in (99, 100)
    assert 15 <= chosen.is_disagreement.sum() <= 25


def test_the_same_seed_draws_the_same() -> None:
    people, weight = np.arange(50) % 9, np.random.default_rng(1).uniform(0.1, 1, 50)
    probability = inclusion_probabilities(weight, people, 10, 2)
    one, two, other = (
        systematic_draw(probability, people, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert one.tolist() != other.tolist()
