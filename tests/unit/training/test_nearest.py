"""The blocked walk gives what sorting every product gives, ties included, and forgets nothing that it leaves out."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implicit.cpu.topk import topk
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, random_array

from revealed.evaluation.metrics import NOTHING, Csr
from revealed.training.nearest import catalogue_of, nearest

Found = tuple[NDArray[np.int32], NDArray[np.float32]]


def by_sorting(
    factors: NDArray[np.float32],
    queries: NDArray[np.float32],
    k: int,
    blocked: NDArray[np.bool_] | None = None,
    seen: Csr | None = None,
) -> Found:
    """Score everything, sort everything: the better score first, then the smaller position."""
    items = np.full((len(queries), k), NOTHING, dtype=np.int32)
    scores = np.zeros((len(queries), k), dtype=np.float32)
    for row, query in enumerate(queries):
        allowed = np.ones(len(factors), dtype=bool) if blocked is None else ~blocked
        if seen is not None:
            allowed[seen.indices[seen.indptr[row] : seen.indptr[row + 1]]] = False
        if query.any():
            candidates = np.flatnonzero(allowed)
            products = factors[candidates].astype(np.float64) @ query.astype(np.float64)
            order = np.lexsort((candidates, -products))[:k]
            items[row, : len(order)], scores[row, : len(order)] = candidates[order], products[order]
    return items, scores


def assert_same(found: Found, expected: Found) -> None:
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def whole(random: np.random.Generator, shape: tuple[int, int], largest: int) -> NDArray[np.float32]:
    """Whole numbers: every product is exact in float32, however it is summed, and ties abound."""
    return random.integers(-largest, largest + 1, shape).astype(np.float32)


@given(seed=st.integers(0, 2**32 - 1), items=st.integers(0, 60), rows=st.integers(0, 7), k=st.integers(0, 70))
def test_small_catalogues_are_sorted_exactly(seed: int, items: int, rows: int, k: int) -> None:
    random = np.random.default_rng(seed)
    factors, queries = whole(random, (items, 3), 2), whole(random, (rows, 3), 1)
    blocked = random.random(items) < random.choice([0, 0.3, 1])
    seen = csr_matrix((random.random((rows, items)) < random.choice([0, 0.5, 1])).astype(np.float32))
    found = nearest(catalogue_of(factors, blocked), queries, k, seen)
    assert_same(found, by_sorting(factors, queries, k, blocked, seen))


@pytest.mark.parametrize("k", [1, 100, 2_500])
def test_catalogues_of_many_blocks_and_lengths(k: int) -> None:
    random = np.random.default_rng(3)
    factors = whole(random, (7_000, 8), 3) * random.choice([1, 1, 1, 2, 8], 7_000)[:, None].astype(np.float32)
    queries = whole(random, (530, 8), 2)
    blocked = random.random(7_000) < 0.1
    seen = csr_matrix(random_array((530, 7_000), density=0.01, rng=random, dtype=np.float32))
    found = nearest(catalogue_of(factors, blocked), queries, k, seen)
    assert_same(found, by_sorting(factors, queries, k, blocked, seen))


def test_who_has_seen_almost_everything_gets_what_is_left() -> None:
    # The unseen are the shortest: the walk must go on to the very end for these rows, and for these alone.
    random = np.random.default_rng(4)
    factors = whole(random, (6_000, 4), 5)
    shortest = np.argsort((factors**2).sum(axis=1), kind="stable")[:7]
    has_seen = np.zeros((40, 6_000), dtype=np.float32)
    has_seen[::2] = 1
    has_seen[::2, shortest] = 0
    seen = csr_matrix(has_seen)
    seen.data[::3] = 0  # a stored entry counts, whatever its value
    queries = whole(random, (40, 4), 3)
    found = nearest(catalogue_of(factors), queries, 100, seen)
    assert_same(found, by_sorting(factors, queries, 100, None, seen))
    assert all(set(row[row != NOTHING]) <= set(shortest) for row in found[0][::2])


def test_rounding_does_not_end_a_walk_too_soon() -> None:
    # All factors are one vector but for the last bits, and so are the queries: a product rounded up is greater than
    # |query| · |factor|, and the best are anywhere in the catalogue.
    random = np.random.default_rng(5)
    one = random.standard_normal((1, 33)).astype(np.float32)
    last_bits = 1 + random.integers(-1, 2, (20_000, 33)) * np.finfo(np.float32).eps
    factors = (one * last_bits).astype(np.float32)
    queries = np.repeat(one, 3, axis=0)
    items, scores = nearest(catalogue_of(factors), queries, 100)
    best = -np.sort(-(queries @ factors.T), axis=1)[:, :100]
    np.testing.assert_array_equal(scores, best)
    assert len(set(items[0])) == 100


def test_a_list_does_not_depend_on_who_else_asks() -> None:
    random = np.random.default_rng(6)
    factors, queries = whole(random, (5_000, 6), 4), whole(random, (700, 6), 4)
    catalogue = catalogue_of(factors)
    together = nearest(catalogue, queries, 10)
    alone = [nearest(catalogue, queries[row : row + 1], 10)[0][0] for row in range(0, 700, 50)]
    np.testing.assert_array_equal(together[0][::50], np.stack(alone))


def test_the_same_lists_as_implicit_but_for_its_ties() -> None:
    random = np.random.default_rng(7)
    factors = (random.standard_normal((9_000, 32)) * random.lognormal(size=(9_000, 1))).astype(np.float32)
    queries = random.standard_normal((600, 32)).astype(np.float32)
    seen = csr_matrix(random_array((600, 9_000), density=0.005, rng=random, dtype=np.float32))
    items, scores = nearest(catalogue_of(factors), queries, 50, seen)
    theirs, their_scores = topk(factors, queries, 50, filter_query_items=seen)
    # Sums may round differently by the shape of a block of BLAS; then neighbours in a list may change places.
    np.testing.assert_allclose(scores, their_scores, rtol=1e-5)
    assert (items != theirs).mean() < 1e-3


def test_memory_is_bounded_where_every_item_beats_all_before_it() -> None:
    # Equal lengths but for rounding, ever closer to the query: nothing can be left out, everything is a candidate.
    angle = np.linspace(1.5, 0.0, 60_000)
    factors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    factors *= np.linspace(1.001, 1.0, 60_000, dtype=np.float32)[:, None]
    queries = np.zeros((512, 2), dtype=np.float32)
    queries[:, 0] = 1
    catalogue = catalogue_of(factors)
    tracemalloc.start()
    items, scores = nearest(catalogue, queries, 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 130e6
    best = np.argsort(-factors[:, 0].astype(np.float64), kind="stable")[:100]
    assert (items == best).all()
    assert (scores == factors[best, 0]).all()


def test_one_query_with_most_candidates_costs_no_more_memory() -> None:
    # Ever closer to the one query; the others get a candidate now and then.
    random = np.random.default_rng(9)
    angle, height = np.linspace(1.5, 0.0, 300_000), random.uniform(-0.5, 0.5, 300_000)
    flat = np.sqrt(1 - height**2)
    factors = np.stack([np.cos(angle) * flat, np.sin(angle) * flat, height], axis=1)
    factors = (factors * np.linspace(1.1, 1.0, 300_000)[:, None]).astype(np.float32)
    queries = np.zeros((512, 3), dtype=np.float32)
    queries[:, 2] = 1
    queries[7] = [1, 0, 0]
    catalogue = catalogue_of(factors)
    tracemalloc.start()
    items, _scores = nearest(catalogue, queries, 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    for row in (7, 8):
        best = np.lexsort((np.arange(300_000), -(factors @ queries[row])))[:10]
        assert items[row].tolist() == best.tolist()
