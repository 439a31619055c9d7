"""Cohorts: who belongs to which, that each is measured on its own part of the test alone, and what survives JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from revealed.evaluation import Cohort, Comparison, Contender, History, compare
from revealed.evaluation.cohorts import HEAD_SHARE, item_cohorts, user_cohorts


def members(found: object) -> dict[str, list[int]]:
    return {name: np.flatnonzero(mask).tolist() for name, _, mask in found}  # type: ignore[attr-defined]  # cohorts are triples


def test_users_by_how_much_they_liked() -> None:
    counts = np.array([0, 4, 5, 6, 7, 30, 90])
    assert members(user_cohorts(counts)) == {"new": [0, 1], "light": [2, 3, 4], "heavy": [5, 6]}
    told = {name: definition for name, definition, _ in user_cohorts(counts)}
    assert told["light"] == "5 to 7 liked items in training"
    assert members(user_cohorts(np.array([1, 2]))) == {"new": [0, 1], "light": [], "heavy": []}


def test_items_by_who_likes_them() -> None:
    likes = np.array([0, 10, 30, 20, 40])
    # A third of 100 is reached by the first item alone.
    assert members(item_cohorts(likes)) == {"new": [0], "tail": [1, 2, 3], "head": [4]}
    # The most liked has just appeared: of the other 60, item 2 holds half.
    recent = np.array([False, False, False, False, True])
    assert members(item_cohorts(likes, recent)) == {"new": [0, 4], "tail": [1, 3], "head": [2]}
    assert members(item_cohorts(np.zeros(3, dtype=np.int64))) == {"new": [0, 1, 2], "tail": [], "head": []}


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_cohorts_part_everybody_and_the_head_is_the_smallest_that_holds_its_share(
    numbers: list[int], seed: int
) -> None:
    counts = np.array(numbers)
    is_new = np.random.default_rng(seed).random(len(counts)) < 0.2
    for found in (user_cohorts(counts), item_cohorts(counts, is_new)):
        assert np.sum([mask for _, _, mask in found], axis=0).tolist() == [1] * len(counts)
    head = members(item_cohorts(counts, is_new))["head"]
    share = HEAD_SHARE * counts[~is_new].sum()
    if share:
        assert counts[head].sum() >= share > counts[head].sum() - counts[head].min()
        tail = members(item_cohorts(counts, is_new))["tail"]
        assert not tail or counts[head].min() >= counts[tail].max()


# Three users: two and six and twenty likes in training. Items 0..29 are old, 30 is new; item 0 is the head.
LIKED = np.zeros((100, 31), dtype=np.float32)
LIKED[0, :2] = LIKED[1, :6] = LIKED[2, :20] = 1
LIKED[3:, 0] = LIKED[99, 20:30] = 1
RELEVANCE = np.zeros((3, 31), dtype=np.float32)
RELEVANCE[0, [0, 30]] = RELEVANCE[1, [21]] = RELEVANCE[2, [0, 22]] = 1


def ranked(*first: list[int]) -> np.ndarray:
    """Lists of twenty that begin so."""
    rows = [[*row, *(i for i in range(1, 20) if i not in row)][:20] for row in first]
    return np.array(rows, dtype=np.int32)


def planted() -> Comparison:
    history = History(csr_matrix(LIKED), np.arange(3))
    lists = [
        Contender("crowd", ranked([0], [0], [0])),
        Contender("fresh", ranked([30], [21], [22])),
    ]
    return compare(
        lists, csr_matrix(RELEVANCE), (LIKED > 0).sum(axis=0), 100, history=history, immature_pairs=7
    )


def test_each_cohort_is_measured_on_its_part_alone() -> None:
    found = {(cohort.side, cohort.name): cohort for cohort in planted().cohorts}
    assert {key: (cohort.users, cohort.test_pairs) for key, cohort in found.items()} == {
        ("user", "new"): (1, 2),
        ("user", "light"): (1, 1),
        ("user", "heavy"): (1, 2),
        ("item", "new"): (1, 1),
        ("item", "tail"): (2, 2),
        ("item", "head"): (2, 2),
    }
    first_of_two = 1 / (1 + 1 / np.log2(3))
    assert found["user", "new"].metrics["fresh"] == {"ndcg@10": pytest.approx(first_of_two), "recall@20": 0.5}
    assert found["user", "light"].metrics["crowd"] == {"ndcg@10": 0, "recall@20": 0}
    # Item 0 opens the crowd's lists: perfect on the head, although users 0 and 2 came to like more than that.
    assert found["item", "head"].metrics == {
        "crowd": {"ndcg@10": 1, "recall@20": 1},
        "fresh": {"ndcg@10": 0, "recall@20": 0},
    }
    assert found["item", "new"].metrics["fresh"] == {"ndcg@10": 1, "recall@20": 1}
    assert found["item", "tail"].metrics["fresh"] == {"ndcg@10": 1, "recall@20": 1}
    difference = found["item", "tail"].difference("fresh", "crowd")
    assert difference is not None
    assert (difference.low, difference.estimate, difference.high) == (1, 1, 1)
    assert found["item", "tail"].difference("fresh", "nobody") is None


def test_a_comparison_survives_json_and_older_ones_are_read() -> None:
    found = planted()
    assert found.immature_pairs == 7
    value = json.loads(json.dumps(found.to_dict()))
    assert Comparison.from_dict(value) == found
    assert isinstance(Comparison.from_dict(value).cohorts[0], Cohort)
    for name in ("cohorts", "curves", "immature_pairs"):
        del value[name]
    old = Comparison.from_dict(value)
    assert (old.cohorts, old.curves, old.immature_pairs) == ([], {}, 0)
    assert old.metrics == found.metrics


def test_curves_end_where_the_metrics_stand() -> None:
    found = planted()
    for name, curves in found.curves.items():
        for metric in ("ndcg", "recall"):
            assert len(curves[metric]) == 20
            for depth in (10, 20):
                point = curves[metric][depth - 1]
                assert point.value == pytest.approx(found.metrics[name][f"{metric}@{depth}"])
                assert point.low <= point.value <= point.high


def test_without_a_history_there_are_no_cohorts() -> None:
    lists = [Contender("crowd", ranked([0], [0], [0])), Contender("fresh", ranked([30], [21], [22]))]
    found = compare(lists, csr_matrix(RELEVANCE), (LIKED > 0).sum(axis=0), 100)
    assert found.cohorts == []
    assert "diversity@10" not in found.metrics["fresh"]
