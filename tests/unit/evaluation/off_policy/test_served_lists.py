"""The policy of served lists, known row by row, against the same policy written out as a table of marginals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revealed.evaluation.off_policy import PolicyLog, ServedLists, Target


def any_log(random: np.random.Generator, rows: int, people: int, items: int, places: int) -> PolicyLog:
    """Each person is a context, so that a table can tell people apart."""
    person = np.concatenate([np.arange(people), random.integers(0, people, rows - people)])
    return PolicyLog(
        item=random.integers(0, items, rows),
        position=np.concatenate([np.arange(places), random.integers(0, places, rows - places)]),
        context=person,
        person=person,
        propensity=random.uniform(0.01, 1.0, rows),
        reward=random.random(rows),
        items=[str(item) for item in range(items)],
        positions=list(range(1, places + 1)),
        contexts=[str(one) for one in range(people)],
    )


def written_out(policy: ServedLists, log: PolicyLog) -> Target:
    people, places, items = log.shape
    marginals = np.full((people, places, items), policy.exploration / policy.catalogue)
    for person in range(people):
        for place in range(places):
            marginals[person, place, policy.lists[person, policy.rank[place]]] += 1 - policy.exploration
    return Target("table", marginals, np.zeros((people, places)))


@given(seed=st.integers(0, 10_000), exploration=st.floats(0.01, 0.9))
@settings(max_examples=40, deadline=None)
def test_lists_are_the_policy_of_their_marginals(seed: int, exploration: float) -> None:
    random = np.random.default_rng(seed)
    log = any_log(random, rows=60, people=5, items=7, places=3)
    lists = np.array([random.permutation(7)[:4] for _ in range(5)])
    policy = ServedLists("lists", lists, np.array([0, 1, 3]), exploration, catalogue=7)
    table = written_out(policy, log)
    assert table.marginals.sum(axis=2) == pytest.approx(np.ones((5, 3)))
    assert policy.propensity(log) == pytest.approx(table.propensity(log))
    assert policy.supported(log) == pytest.approx(table.supported(log))
    for shape in ((1, 3, 7), (5, 3, 7)):
        values = random.random(shape)
        assert policy.average(values, log) == pytest.approx(table.average(values, log))


def test_an_item_that_was_never_shown_is_no_support_and_no_news() -> None:
    random = np.random.default_rng(3)
    log = any_log(random, rows=200, people=2, items=4, places=1)
    policy = ServedLists("lists", np.array([[-1], [-1]]), np.array([0]), exploration=0.2, catalogue=40)
    assert policy.supported(log) == pytest.approx(0.2 * 4 / 40)
    assert policy.propensity(log) == pytest.approx(np.full(200, 0.2 / 40))
    values = random.random((1, 1, 4))
    assert policy.average(values, log) == pytest.approx(np.full(200, values.mean()))


def test_a_place_beyond_the_lists_end_shows_nothing() -> None:
    log = any_log(np.random.default_rng(4), rows=50, people=2, items=4, places=3)
    policy = ServedLists("lists", np.array([[0, 1], [2, 3]]), np.array([0, 1, 2]), 0.0, catalogue=4)
    assert not policy.propensity(log)[log.position == 2].any()
