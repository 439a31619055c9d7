"""The policy of served pools, known situation by situation, against the same policy written out as a table of marginals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revealed.evaluation.off_policy import PolicyLog, ServedPools, Target
from revealed.evaluation.off_policy import served_pools as module


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


def any_pools(random: np.random.Generator, log: PolicyLog, width: int) -> ServedPools:
    """A pool for each person, of other items and chances than those of others."""
    people, places, items = log.shape
    chances = random.random((people, places, width))
    chances /= chances.sum(axis=2, keepdims=True)
    pools = np.array([random.permutation(items)[:width] for _ in range(people)])
    return ServedPools("pools", pools, chances, log.person, log.position)


def written_out(policy: ServedPools, log: PolicyLog) -> Target:
    people, places, items = log.shape
    marginals = np.zeros((people, places, items))
    for person in range(people):
        for place in range(places):
            marginals[person, place, policy.items[person]] = policy.marginals[person, place]
    return Target("table", marginals, np.zeros((people, places)))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_pools_are_the_policy_of_their_marginals(seed: int) -> None:
    random = np.random.default_rng(seed)
    log = any_log(random, rows=60, people=5, items=9, places=3)
    policy, chosen = any_pools(random, log, width=4), random.random(60) < 0.5
    table = written_out(policy, log)
    assert policy.propensity(log) == pytest.approx(table.propensity(log))
    assert policy.only(chosen).propensity(_part(log, chosen)) == pytest.approx(table.propensity(log)[chosen])
    assert policy.supported(log) == pytest.approx(table.supported(log))
    for shape in ((1, 3, 9), (5, 3, 9)):
        values = random.random(shape)
        assert policy.average(values, log, chosen) == pytest.approx(table.average(values, log, chosen))


def _part(log: PolicyLog, chosen: np.ndarray) -> PolicyLog:
    columns = ("item", "position", "context", "person", "propensity", "reward")
    return replace(log, **{name: getattr(log, name)[chosen] for name in columns})


def test_rows_are_worked_out_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    log = any_log(random, rows=50, people=5, items=9, places=3)
    policy, values = any_pools(random, log, 4), random.random((1, 3, 9))
    every = np.ones(50, dtype=bool)
    whole = policy.propensity(log), policy.average(values, log, every), policy.supported(log)
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 7)
    assert policy.propensity(log) == pytest.approx(whole[0])
    assert policy.average(values, log, every) == pytest.approx(whole[1])
    assert policy.supported(log) == pytest.approx(whole[2])


def test_an_item_that_was_never_shown_is_no_support_and_no_news() -> None:
    random = np.random.default_rng(3)
    log = any_log(random, rows=200, people=2, items=4, places=1)
    pools, chances = np.array([[-1, 2], [-1, 3]]), np.tile([0.8, 0.2], (2, 1, 1))
    policy = ServedPools("pools", pools, chances, log.person, log.position)
    assert policy.supported(log) == pytest.approx(0.2)
    values, every = random.random((1, 1, 4)), np.ones(200, dtype=bool)
    own = values[0, 0, np.where(log.person == 0, 2, 3)]
    assert policy.average(values, log, every) == pytest.approx(0.2 * own + 0.8 * values.mean())


def test_a_rank_beyond_the_pools_end_shows_nothing() -> None:
    log = any_log(np.random.default_rng(4), rows=50, people=2, items=4, places=3)
    chances = np.zeros((2, 3, 2))
    chances[:, 0, 0] = chances[:, 1, 1] = 1.0
    pools = np.array([[0, 1], [2, 3]])
    policy = ServedPools("pools", pools, chances, log.person, log.position)
    assert not policy.propensity(log)[log.position == 2].any()
