"""Where a log names no context: people by score level, judged by where scores really overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from position_world import POSITIONS, Shown, deterministic, personalised, worst_error

from revealed.feedback.position_bias import CellCounts, Curve, split_by_score, two_way_curve
from revealed.feedback.position_bias.score_order import falls_with_position

LEVELS = 20


def level(shown: Shown) -> np.ndarray:
    """Quantile levels of the score, as the warehouse makes them."""
    _, rank = np.unique(shown.score, return_inverse=True)
    first = np.concatenate([[0], np.cumsum(np.bincount(rank))[:-1]])
    return (LEVELS * first[rank] / (len(shown) - 1)).astype(np.int64).clip(max=LEVELS)


def by_score(shown: Shown) -> Curve:
    keys = np.stack([shown.person * (LEVELS + 1) + level(shown), shown.position], axis=1)
    unique, row = np.unique(keys, axis=0, return_inverse=True)
    row = row.ravel()
    low, high = np.full(len(unique), np.inf), np.full(len(unique), -np.inf)
    np.minimum.at(low, row, shown.score)
    np.maximum.at(high, row, shown.score)
    counts = CellCounts(
        cell=unique[:, 0],
        position=unique[:, 1],
        impressions=np.bincount(row).astype(np.float64),
        clicks=np.bincount(row, shown.clicked).astype(np.float64),
        comparison=split_by_score(unique[:, 0], low, high),
    )
    return two_way_curve(counts, POSITIONS)


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(personalised(), id="people are what their cluster is"),
        pytest.param(personalised(individual=0.6), id="people differ within clusters"),
        pytest.param(personalised(individual=0.6, scale=0.4), id="and scores of people cannot be compared"),
    ],
)
def test_people_by_score_level_give_the_curve_within_ten_percent(shown: Shown) -> None:
    curve = by_score(shown)
    assert curve.is_whole
    assert worst_error(curve.examination) <= 0.10
    assert worst_error(shown.naive) > 0.6


def test_a_cluster_coarser_than_the_ranker_is_not_enough() -> None:
    """Why people by score, and not clusters of people, where the log names none."""
    shown = personalised(individual=0.6)
    coarse = CellCounts.of_impressions(shown.cluster * 1000 + shown.item, shown.position, shown.clicked)
    assert worst_error(two_way_curve(coarse, POSITIONS).examination) > 0.15


def test_a_fixed_order_is_refused_although_score_levels_hold_several_positions() -> None:
    curve = by_score(deterministic())
    assert not curve.estimated.any()
    assert "deterministic ranker" in str(curve.reasons[0])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=14))
def test_parts_are_the_components_of_overlapping_ranges(rows: list[tuple[int, int, int]]) -> None:
    cell = np.array([row[0] for row in rows])
    low = np.array([row[1] for row in rows], dtype=np.float64)
    high = low + np.array([row[2] for row in rows])
    parts = split_by_score(cell, low, high)
    assert [same(parts, a, b) for a, b in pairs(rows)] == [
        linked(cell, low, high, a, b) for a, b in pairs(rows)
    ]


def pairs(rows: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    return [(a, b) for a in range(len(rows)) for b in range(len(rows))]


def same(parts: np.ndarray, a: int, b: int) -> bool:
    return bool(parts[a] == parts[b])


def linked(cell: np.ndarray, low: np.ndarray, high: np.ndarray, a: int, b: int) -> bool:
    """Whether a chain of ranges that share more than a point leads from a to b: the slow, obvious way."""
    reached, fresh = {a}, {a}
    while fresh:
        fresh = {
            there
            for here in fresh
            for there in range(len(cell))
            if (cell[there] == cell[here] and max(low[here], low[there]) < min(high[here], high[there]))
            or inside(cell, low, high, here, there)
        } - reached
        reached |= fresh
    return b in reached


def inside(cell: np.ndarray, low: np.ndarray, high: np.ndarray, a: int, b: int) -> bool:
    """A single score strictly within the other range: better items above it, worse ones below."""
    return bool(
        cell[a] == cell[b] and (low[a] < low[b] == high[b] < high[a] or low[b] < low[a] == high[a] < high[b])
    )


def test_cells_without_scores_stay_whole() -> None:
    unknown = np.full(4, np.nan)
    assert split_by_score(np.array([7, 7, 9, 7]), unknown, unknown).tolist() == [0, 0, 1, 0]


def test_a_constant_score_orders_nothing() -> None:
    zero = np.zeros(3)
    assert len(set(split_by_score(np.array([1, 1, 1]), zero, zero).tolist())) == 3
    ones = np.ones(3)
    assert not falls_with_position(np.array([1, 2, 3]), ones, ones)
    assert falls_with_position(np.array([1, 2, 3]), np.array([9.0, 5.0, 2.0]), ones)
