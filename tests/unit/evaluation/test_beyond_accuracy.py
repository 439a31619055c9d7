"""Diversity, popularity lift and calibration: by hand, and against plain loops on random worlds."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from revealed.evaluation import beyond_accuracy as measured
from revealed.evaluation.beyond_accuracy import beyond_accuracy, calibration, diversity, popularity_lift
from revealed.evaluation.history import History, liked

# Who likes what: items 0 and 1 have the same two people, item 2 shares one of them, item 3 has nobody, and a dislike of
# item 3 is no like.
FEEDBACK = csr_matrix(np.array([[5, 5, 2, 0], [1, 1, 0, -3], [0, 0, 0, 0]], dtype=np.float32))
LIKES = np.array([2, 2, 1, 0])


def lists(*rows: list[int]) -> np.ndarray:
    return np.array(rows, dtype=np.int32)


def test_diversity_by_hand() -> None:
    assert diversity(lists([0, 1]), FEEDBACK) == pytest.approx(0.0, abs=1e-12)
    assert diversity(lists([0, 2]), FEEDBACK) == pytest.approx(1 - 1 / np.sqrt(2))
    assert diversity(lists([0, 3]), FEEDBACK) == 1.0
    three = (0 + 2 * (1 - 1 / np.sqrt(2))) / 3
    assert diversity(lists([0, 1, 2]), FEEDBACK) == pytest.approx(three)
    # The mean is over lists, not over pairs; lists without a pair say nothing.
    mixed = lists([0, 1, 2], [0, 3, -1], [2, -1, -1], [-1, -1, -1])
    assert diversity(mixed, FEEDBACK) == pytest.approx((three + 1) / 2)
    assert diversity(lists([2, -1]), FEEDBACK) is None


@st.composite
def worlds(draw: st.DrawFn) -> tuple[np.ndarray, Any, np.ndarray]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    users, items, depth = draw(st.integers(1, 9)), draw(st.integers(6, 15)), draw(st.integers(1, 6))
    signed = random.integers(-3, 6, (users, items)) * (random.random((users, items)) < 0.5)
    found = np.stack([random.permutation(items)[:depth] for _ in range(users)]).astype(np.int32)
    for row in found:
        row[random.integers(0, depth + 1) :] = -1
    topics = random.integers(-1, 3, items).astype(np.int32)
    return found, csr_matrix(signed.astype(np.float32)), topics


@given(worlds(), st.sampled_from([1, 7, 4_000_000]))
def test_diversity_is_what_plain_loops_count_whatever_the_block(
    world: tuple[np.ndarray, Any, np.ndarray], at_once: int
) -> None:
    found, feedback, _ = world
    people = [set(np.flatnonzero(column > 0)) for column in feedback.toarray().T]

    def distance(i: int, j: int) -> float:
        if not people[i] or not people[j]:
            return 1.0
        return float(1 - len(people[i] & people[j]) / np.sqrt(len(people[i]) * len(people[j])))

    means = [
        np.mean([distance(i, j) for i, j in combinations(row[row >= 0], 2)])
        for row in found
        if (row >= 0).sum() > 1
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measured, "_AT_ONCE", at_once)
        value = diversity(found, feedback)
    assert value == (pytest.approx(np.mean(means), abs=1e-9) if means else None)


def test_popularity_lift_by_hand() -> None:
    own = liked(FEEDBACK)
    # User 0 chose items liked by 2, 2, 1 (mean 5/3) and gets 2, 0; user 1 chose 2, 2 and gets 1; user 2 chose nothing.
    given_ = lists([0, 3], [2, -1], [0, 1])
    assert popularity_lift(given_, own, LIKES) == pytest.approx((1 + 1) / (5 / 3 + 2) - 1)
    same = lists([0, 1], [0, 1], [0, 1])
    assert popularity_lift(same[1:2], own[1:2], LIKES) == pytest.approx(0)
    twice = popularity_lift(lists([1, -1]), csr_matrix([[0, 0, 1, 0]]), LIKES)
    assert twice == pytest.approx(1.0)
    assert popularity_lift(lists([-1, -1]), own[:1], LIKES) is None


def test_calibration_is_steck_s_divergence_by_hand() -> None:
    topics = np.array([0, 0, 1, -1], dtype=np.int32)
    own = csr_matrix(np.array([[1, 1, 1, 1]], dtype=np.float32))  # two thirds topic 0; item 3 has no topic
    p, q = np.array([2 / 3, 1 / 3]), np.array([0.0, 1.0])
    mixed = 0.99 * q + 0.01 * p
    assert calibration(lists([2, 3]), own, topics) == pytest.approx(float((p * np.log(p / mixed)).sum()))
    assert calibration(lists([0, 1, 2]), own, topics) == pytest.approx(0)
    # A topic that the list lacks wholly costs -ln α at most.
    one = csr_matrix(np.array([[1, 0, 0, 0]], dtype=np.float32))
    assert calibration(lists([2]), one, topics) == pytest.approx(-np.log(0.01))
    # A topic that the user never liked costs nothing by itself.
    assert calibration(lists([0, 2]), one, topics) == pytest.approx(-np.log(0.99 * 0.5 + 0.01))
    assert calibration(lists([3]), one, topics) is None
    assert calibration(lists([0]), one, np.full(4, -1, dtype=np.int32)) is None


@given(worlds())
def test_calibration_is_what_plain_loops_count_and_within_its_bounds(
    world: tuple[np.ndarray, Any, np.ndarray],
) -> None:
    found, feedback, topics = world
    values = []
    for row, own in zip(found, feedback.toarray(), strict=True):
        p = np.array([(topics[own > 0] == topic).sum() for topic in range(3)], dtype=float)
        q = np.array([(topics[row[row >= 0]] == topic).sum() for topic in range(3)], dtype=float)
        if p.sum() and q.sum():
            p, q = p / p.sum(), q / q.sum()
            mixed = 0.99 * q + 0.01 * p
            values.append(sum(a * np.log(a / b) for a, b in zip(p, mixed, strict=True) if a))
    value = calibration(found, liked(feedback), topics)
    assert value == (pytest.approx(np.mean(values), abs=1e-9) if values else None)
    assert value is None or -1e-12 <= value <= -np.log(0.01) + 1e-12


def test_only_the_first_places_count_and_topics_may_be_unknown() -> None:
    history = History(FEEDBACK, np.array([0, 1]))
    deep = lists([0, 1, 3], [0, 1, 2])
    found = beyond_accuracy(deep, LIKES, history, 2)
    assert set(found) == {"diversity@2", "popularity_lift@2"}
    assert found["diversity@2"] == pytest.approx(0, abs=1e-12)
    topics = np.array([0, 0, 1, 1], dtype=np.int32)
    told = beyond_accuracy(deep, LIKES, History(FEEDBACK, np.array([0, 1]), topics), 2)
    assert told["calibration@2"] == pytest.approx(
        (2 / 3 * np.log(2 / 3 / (0.99 + 0.01 * 2 / 3)) + 1 / 3 * np.log(1 / 0.01)) / 2
    )


def test_many_likers_are_a_fixed_draw_close_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(8)
    feedback = csr_matrix((random.random((4_000, 12)) < 0.4).astype(np.float32))
    found = np.stack([random.permutation(12)[:6] for _ in range(50)]).astype(np.int32)
    exact = diversity(found, feedback)
    monkeypatch.setattr(measured, "_MOST_LIKERS", 1_000)
    drawn = diversity(found, feedback)
    assert drawn == diversity(found, feedback)
    assert drawn != exact
    assert drawn == pytest.approx(exact, abs=0.02)
