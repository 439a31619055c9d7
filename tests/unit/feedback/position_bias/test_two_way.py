"""The two-way fit finds the truth under a personalised ranker, given cells that hold its context, and knows when not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from position_world import (
    POSITIONS,
    SLOTS,
    TRUTH,
    Shown,
    alternate,
    deterministic,
    personalised,
    worst_error,
)

from revealed.feedback.position_bias import CellCounts, two_way_curve

ITEMS = 1000


def by_cluster(shown: Shown) -> CellCounts:
    return CellCounts.of_impressions(shown.cluster * ITEMS + shown.item, shown.position, shown.clicked)


@pytest.fixture(scope="module")
def world() -> Shown:
    return personalised()


def test_the_cells_of_context_and_item_give_the_curve_within_ten_percent(world: Shown) -> None:
    curve = two_way_curve(by_cluster(world), POSITIONS)
    assert len(world) == 480_000
    assert worst_error(curve.examination) <= 0.10
    assert np.all((curve.ci_low <= TRUTH) & (curve.ci_high >= TRUTH))


def test_cells_of_items_alone_are_as_wrong_as_click_rates(world: Shown) -> None:
    """The contrast that the cells are for: 78 % in the literature's world, as much in this one."""
    items = two_way_curve(CellCounts.of_impressions(world.item, world.position, world.clicked), POSITIONS)
    assert items.is_whole
    assert worst_error(items.examination) > 0.6
    assert worst_error(world.naive) > 0.6


def test_newton_finds_what_the_alternation_finds(world: Shown) -> None:
    counts = by_cluster(world)
    alternated = alternate(counts.cell, counts.position, counts.impressions, counts.clicks, rounds=3000)
    assert two_way_curve(counts, POSITIONS).examination == pytest.approx(alternated, rel=1e-6)


def test_a_deterministic_ranker_is_refused() -> None:
    shown = deterministic()
    cell = shown.person * ITEMS + shown.item
    curve = two_way_curve(CellCounts.of_impressions(cell, shown.position, shown.clicked), POSITIONS)
    assert not curve.estimated.any()
    assert all("deterministic ranker" in str(reason) for reason in curve.reasons)


def grid(rows: list[tuple[int, int, int, int]]) -> CellCounts:
    """(cell, position, impressions, clicks)"""
    table = np.array(rows)
    return CellCounts(table[:, 0], table[:, 1], table[:, 2].astype(float), table[:, 3].astype(float))


def test_two_cells_in_closed_form() -> None:
    """One cell links 1 and 2 with rates .4 and .2, another 2 and 3 with .3 and .1: 1, 1/2, 1/6."""
    counts = grid([(1, 1, 1000, 400), (1, 2, 1000, 200), (2, 2, 1000, 300), (2, 3, 3000, 300)])
    curve = two_way_curve(counts, np.array([1, 2, 3]))
    assert curve.examination == pytest.approx([1.0, 0.5, 1 / 6], rel=1e-9)
    log_se = np.log(curve.ci_high / curve.ci_low) / 2 / 1.959964
    assert log_se[1] == pytest.approx(np.sqrt(1 / 400 + 1 / 200), rel=1e-6)
    assert log_se[2] == pytest.approx(np.sqrt(1 / 400 + 1 / 200 + 1 / 300 + 1 / 300), rel=1e-6)


def test_positions_that_nothing_links_to_the_first_are_refused_alone() -> None:
    counts = grid([(1, 1, 900, 400), (1, 2, 900, 200), (2, 3, 900, 300), (2, 4, 900, 100)])
    curve = two_way_curve(counts, np.array([1, 2, 3, 4]))
    assert curve.estimated.tolist() == [True, True, False, False]
    assert "only 1, 2 are linked" in str(curve.reasons[2])


def test_an_edge_needs_clicks_not_only_impressions() -> None:
    """Shown at 1 and 3 a million times, never clicked: it says nothing of how they compare."""
    counts = grid([(1, 1, 900, 400), (1, 2, 900, 200), (2, 1, 10**6, 0), (2, 3, 10**6, 0), (3, 3, 50, 10)])
    curve = two_way_curve(counts, np.array([1, 2, 3]))
    assert curve.estimated.tolist() == [True, True, False]


def test_a_position_that_is_never_clicked_has_no_finite_ratio() -> None:
    counts = grid([(1, 1, 900, 400), (1, 2, 900, 200), (1, 3, 900, 0)])
    curve = two_way_curve(counts, np.array([1, 2, 3]))
    assert curve.estimated.tolist() == [True, True, False]


def test_few_clicks_are_refused_with_what_would_be_needed() -> None:
    curve = two_way_curve(grid([(1, 1, 100, 5), (1, 2, 100, 3)]), np.array([1, 2]))
    assert not curve.estimated.any()
    assert "position 2 has 3 usable clicks, position 1 has 5: the standard error" in str(curve.reasons[1])


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    cells = 300
    shown = rng.poisson(12.0, (cells, SLOTS)) * (rng.random((cells, SLOTS)) < 0.5)
    gamma = rng.gamma(1.0, 0.1, cells)
    cell, place = np.nonzero(shown)
    covered = []
    for _ in range(150):
        clicks = rng.poisson(shown[cell, place] * gamma[cell] * TRUTH[place]).astype(np.float64)
        curve = two_way_curve(
            CellCounts(cell, place + 1, shown[cell, place].astype(np.float64), clicks), POSITIONS
        )
        covered.append((curve.ci_low <= TRUTH)[1:] & (curve.ci_high >= TRUTH)[1:])
    assert 0.92 <= np.mean(covered) <= 0.985


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 40), st.integers(0, 9)), min_size=1
    )
)
def test_wherever_it_answers_it_is_a_maximum_and_the_order_of_rows_does_not_matter(
    rows: list[tuple[int, int, int, int]],
) -> None:
    positions = np.array([1, 2, 3, 4])
    unique = {(cell, position): (n, c) for cell, position, n, c in rows}
    counts = grid([(cell, position, n, c) for (cell, position), (n, c) in unique.items()])
    curve = two_way_curve(counts, positions)
    backwards = two_way_curve(counts.only(np.arange(len(counts.cell))[::-1]), positions)
    assert curve.reasons == backwards.reasons
    np.testing.assert_allclose(curve.examination, backwards.examination, rtol=1e-7)
    if curve.is_whole:
        here = likelihood(counts, curve.examination)
        for place in (1, 2, 3):
            for factor in (0.98, 1.02):
                moved = curve.examination.copy()
                moved[place] *= factor
                assert likelihood(counts, moved) <= here + 1e-9


def likelihood(counts: CellCounts, theta: NDArray[np.float64]) -> float:
    expected = counts.impressions * theta[counts.position - 1]
    total = np.bincount(counts.cell, expected)
    clicked = counts.clicks > 0
    return float(np.sum(counts.clicks[clicked] * np.log(expected[clicked] / total[counts.cell[clicked]])))
