from __future__ import annotations

from typing import Any

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, RR, R, nDCG
from scipy.sparse import csr_matrix

from revealed.evaluation import metrics
from revealed.evaluation.compare import (
    Comparison,
    Contender,
    bootstrap_means,
    compare,
    interval,
    user_metrics,
)


def oracle(lists: np.ndarray, relevance: Any, measure: Any) -> np.ndarray:
    """ir_measures' value for each user; users about whom it says nothing get 0."""
    pairs = relevance.tocoo()
    qrels = [
        ir_measures.Qrel(f"{u}", f"{i}", int(g))
        for u, i, g in zip(pairs.row, pairs.col, pairs.data, strict=True)
    ]
    run = [
        ir_measures.ScoredDoc(f"{u}", f"{i}", 1000.0 - place)
        for u, row in enumerate(lists)
        for place, i in enumerate(row)
        if i >= 0
    ]
    values = np.zeros(len(lists))
    for found in ir_measures.iter_calc([measure], qrels, run):
        values[int(found.query_id)] = found.value
    return values


@st.composite
def worlds(draw: st.DrawFn) -> tuple[np.ndarray, Any]:
    users, items, depth = draw(st.integers(1, 6)), draw(st.integers(20, 40)), 20
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lists = np.stack([random.permutation(items)[:depth] for _ in range(users)]).astype(np.int32)
    for row in lists:
        row[random.integers(0, depth + 1) :] = -1
    dense = random.integers(1, 5, (users, items)) * (random.random((users, items)) < 0.3)
    dense[:, 0] = 1  # every user has something to find
    return lists, csr_matrix(dense.astype(np.float32))


@given(worlds(), st.sampled_from([1, 5, 10, 20]))
def test_every_metric_equals_ir_measures(world: tuple[np.ndarray, Any], k: int) -> None:
    lists, relevance = world
    gain = metrics.gains(lists, relevance)
    pairs = [
        (metrics.ndcg(gain, relevance, k), nDCG @ k),
        (metrics.recall(gain, relevance, k), R @ k),
        (metrics.average_precision(gain, relevance, k), AP @ k),
        (metrics.reciprocal_rank(gain, k), RR @ k),
    ]
    pairs += [
        (metrics.ndcg_curve(gain, relevance)[:, k - 1], nDCG @ k),
        (metrics.recall_curve(gain, relevance)[:, k - 1], R @ k),
    ]
    for ours, measure in pairs:
        assert np.allclose(ours, oracle(lists, relevance, measure), atol=1e-6), str(measure)


@given(worlds())
def test_what_a_comparison_reports_equals_ir_measures(world: tuple[np.ndarray, Any]) -> None:
    lists, relevance = world
    reported = user_metrics(lists, relevance)
    names = {"ndcg": nDCG, "recall": R, "map": AP, "mrr": RR}
    assert {name.split("@")[0] for name in reported} == set(names)
    for name, ours in reported.items():
        measure, depth = name.split("@")
        assert np.allclose(ours, oracle(lists, relevance, names[measure] @ int(depth)), atol=1e-6), name


def test_one_relevant_item_among_ten_thousand_is_never_sampled() -> None:
    """Krichene and Rendle (KDD 2020): among 99 sampled items the worst of these three looks the best by far."""
    ranks = {
        "steady": [100] * 5,
        "middling": [40, 40, 8437, 9266, 4482],
        "brilliant at times": [212, 2, 743, 5342, 1548],
    }
    exact = {
        "steady": (0.0100, 0.1502),
        "middling": (0.0101, 0.1217),
        "brilliant at times": (0.1014, 0.2080),
    }
    depth = 10_000
    relevance = csr_matrix(([1.0] * 5, ([0, 1, 2, 3, 4], [0] * 5)), shape=(5, depth), dtype=np.float32)
    for name, places in ranks.items():
        lists = np.tile(np.arange(1, depth + 1, dtype=np.int32) % depth, (5, 1))
        for row, rank in zip(lists, places, strict=True):
            row[rank - 1], row[depth - 1] = 0, row[rank - 1]
        gain = metrics.gains(lists, relevance)
        found = metrics.average_precision(gain, relevance, depth), metrics.ndcg(gain, relevance, depth)
        assert tuple(value.mean() for value in found) == pytest.approx(exact[name], abs=5e-5), name


def test_ndcg_is_linear_in_the_gain() -> None:
    # By hand: gains 3, 0, 1 at ranks 1..3; ideal 3, 2, 1. Exponential gains would give another number.
    relevance = csr_matrix(np.array([[3, 2, 1, 0]], dtype=np.float32))
    gain = metrics.gains(np.array([[0, 3, 2]], dtype=np.int32), relevance)
    expected = (3 + 1 / 2) / (3 + 2 / np.log2(3) + 1 / 2)
    assert metrics.ndcg(gain, relevance, 3)[0] == pytest.approx(expected, abs=1e-12)


def test_coverage_gini_and_novelty_by_hand() -> None:
    lists = np.array([[0, 1], [0, -1]], dtype=np.int32)
    assert metrics.coverage(lists, 4) == 0.5
    # Counts 0, 0, 1, 2: mean absolute difference over twice the mean = 0.5833...
    counts = np.array([0, 0, 1, 2])
    mean_difference = np.abs(counts[:, None] - counts[None, :]).mean()
    assert metrics.gini(lists, 4) == pytest.approx(mean_difference / (2 * counts.mean()))
    assert metrics.gini(np.array([[0, 1, 2, 3]], dtype=np.int32), 4) == pytest.approx(0)
    # Item 0 is liked by 4 of 8 (1 bit), item 1 by 1 of 8 (3 bits): places 0, 1, 0.
    assert metrics.novelty(lists, np.array([4, 1, 0, 0]), 8) == pytest.approx((1 + 3 + 1) / 3)


def test_nothing_recommended_and_nothing_relevant_are_zero_not_an_error() -> None:
    nothing = np.full((2, 3), -1, dtype=np.int32)
    relevance = csr_matrix((2, 5), dtype=np.float32)
    gain = metrics.gains(nothing, relevance)
    assert metrics.ndcg(gain, relevance, 3).tolist() == [0, 0]
    assert metrics.recall(gain, relevance, 3).tolist() == [0, 0]
    assert (
        metrics.coverage(nothing, 5),
        metrics.gini(nothing, 5),
        metrics.novelty(nothing, np.ones(5), 3),
    ) == (0, 0, 0)


def test_bootstrap_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        low, high = interval(bootstrap_means(random.exponential(1.0, (150, 1)), replicates=300)[:, 0])
        covered += low <= 1.0 <= high
    # Binomial(200, .95) stays above 180 in all but one of 500 runs; skewed data cost a point.
    assert 178 <= covered <= 200


def test_pairing_makes_the_difference_sharper_than_the_two_means() -> None:
    random = np.random.default_rng(4)
    level = random.random(400)
    draws = bootstrap_means(np.stack([level + 0.01, level], axis=1))
    low, high = interval(draws[:, 0] - draws[:, 1])
    assert (low, high) == (pytest.approx(0.01), pytest.approx(0.01))


def test_comparison_counts_every_pair_both_ways_and_survives_json() -> None:
    relevance = csr_matrix(np.eye(30, 40, dtype=np.float32))
    good = np.tile(np.arange(20, dtype=np.int32), (30, 1))
    good[:, 0] = np.arange(30)
    good[:20][np.arange(20), np.arange(20)] = np.where(np.arange(20) == 0, 0, 39)
    bad = np.tile(np.arange(20, 40, dtype=np.int32)[::-1], (30, 1))
    found = compare([Contender("good", good), Contender("bad", bad)], relevance, np.ones(40, np.int64), 30)
    assert found.metrics["good"]["ndcg@10"] == 1.0
    forward, backward = found.difference("good", "bad"), found.difference("bad", "good")
    assert forward is not None
    assert backward is not None
    assert forward.estimate == -backward.estimate == pytest.approx(1 - found.metrics["bad"]["ndcg@10"])
    assert forward.low <= forward.estimate <= forward.high
    assert found.difference("good", "nobody") is None
    assert Comparison.from_dict(found.to_dict()) == found


def test_a_disliked_test_item_scores_nothing_wherever_it_is_ranked() -> None:
    # implicit's evaluation gave a list of one disliked item precision = map = ndcg = 1 (science.md §1).
    stored = ([-4.0, 0.0, -4.0, 2.0], ([0, 0, 1, 1], [0, 3, 0, 1]))
    relevance = csr_matrix(stored, shape=(2, 4), dtype=np.float32)
    lists = np.array([[0, 3], [0, 1]], dtype=np.int32)
    gain = metrics.gains(lists, relevance)
    assert gain.tolist() == [[0, 0], [0, 2]]
    assert metrics.recall(gain, relevance, 2).tolist() == [0, 1]
    assert metrics.ndcg(gain, relevance, 2).tolist() == [0, pytest.approx(1 / np.log2(3))]
    assert metrics.average_precision(gain, relevance, 2).tolist() == [0, 0.5]
    assert metrics.reciprocal_rank(gain, 2).tolist() == [0, 0.5]
