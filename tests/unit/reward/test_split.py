"""People and time are both kept apart; a draw of pairs would let a model recall instead of foresee."""

from __future__ import annotations

import numpy as np

from revealed.reward.judgement import accuracy
from revealed.reward.model import fit_reward
from revealed.reward.split import codes, is_tested, split

PEOPLE, DISTINCT, TIMES, WIDTH = 50, 6, 10, 250


def test_no_person_is_on_both_sides_and_no_training_pair_is_later() -> None:
    random = np.random.default_rng(1)
    people = np.array([f"u{n}" for n in random.integers(0, 300, 5_000)], dtype=object)
    moments = np.datetime64("2026-01-01") + random.integers(0, 2_000_000, 5_000).astype("timedelta64[s]")
    parts = split(people, moments)
    assert not set(people[parts.train]) & set(people[parts.test])
    assert moments[parts.train].max() < parts.at <= moments[parts.test].min()
    assert 0.4 < parts.train.mean() < 0.6
    assert 0.05 < parts.test.mean() < 0.13
    assert (is_tested(people[parts.test])).all()
    assert not is_tested(people[parts.train]).any()
    for person in set(people[parts.train]):
        assert len(set(parts.fold[people == person])) == 1
    assert set(parts.fold[parts.train]) == {0, 1, 2, 3, 4}


def test_who_is_tested_does_not_change_as_data_grows() -> None:
    people = np.array([f"u{n}" for n in range(100)], dtype=object)
    more = np.array([f"u{n}" for n in range(1_000)], dtype=object)
    np.testing.assert_array_equal(is_tested(people), is_tested(more)[:100])


def test_a_draw_of_pairs_shows_a_leak_that_the_split_does_not() -> None:
    """Nothing can be known of new people here, for each has choices without rhyme or reason, but they repeat them."""
    random = np.random.default_rng(2)
    person = np.repeat(np.arange(PEOPLE), DISTINCT * TIMES)
    pair = np.tile(np.repeat(np.arange(DISTINCT), TIMES), PEOPLE)
    # What a pair of a person looks like is the same each time, and says nothing of any other's.
    looks = random.normal(size=(PEOPLE * DISTINCT, WIDTH))
    differences = looks[person * DISTINCT + pair]
    moments = np.datetime64("2026-01-01") + np.tile(np.arange(TIMES), PEOPLE * DISTINCT)
    parts = split(np.array([f"u{n}" for n in person], dtype=object), moments)
    drawn = random.random(len(person)) < 0.7
    found = {}
    for name, train, test in (("apart", parts.train, parts.test), ("drawn", drawn, ~drawn)):
        ones = np.ones(len(person))
        margin = fit_reward(differences[train], ones[train]).utility(differences)
        judged = accuracy(margin[test], ones[test], codes(person[test]))
        assert judged is not None
        found[name] = judged
    assert found["drawn"].value > 0.95
    assert found["apart"].low < 0.5 < found["apart"].high
