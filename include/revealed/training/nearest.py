"""The items of greatest inner product, exactly, for many queries: what recommending from factors comes down to.

The catalogue is walked from the longest factors to the shortest, in blocks that stay in the processor's cache. A
query leaves the walk as soon as |query| · |longest factor to come| (Cauchy and Schwarz) cannot reach its k-th best
score: lengths follow popularity, so that most queries never see the tail. Where all lengths are equal nothing can
be left out, and what remains is one matrix product and a comparison (docs/decisions/recommend-exact-blocked-product.md).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from revealed.evaluation.metrics import NOTHING, Csr

Keys = NDArray[np.int64]
Floats = NDArray[np.float32]

# The scores of one block of queries and items fill 4 MB, which stays in cache. Found by trial on 100,000 items.
_QUERIES_AT_ONCE = 512
_ITEMS_AT_ONCE = 2_048
# Candidates of a query, in lists of `k`, that are kept before the best are chosen of them.
_LISTS_KEPT = 4
_EMPTY = np.iinfo(np.int64).min
_LOWEST = np.finfo(np.float32).min
_EPSILON = float(np.finfo(np.float32).eps)
_LOW_HALF = np.int64(0xFFFF_FFFF)
_ALL_BUT_SIGN = np.int32(0x7FFF_FFFF)


@dataclass(frozen=True)
class Catalogue:
    """Item factors in the order of the walk.

    `factors` are ordered by length, the longest first (equals by position); `lengths` are theirs; `position` says
    where each was, `place` where each has gone, `NOTHING` for what is blocked.
    """

    factors: Floats
    lengths: NDArray[np.float64]
    position: NDArray[np.int32]
    place: NDArray[np.int32]


def catalogue_of(factors: Floats, blocked: NDArray[np.bool_] | None = None) -> Catalogue:
    """Return the items in the order of the walk, a copy, without those that are `blocked` for everybody.

    Args:
        factors: one item a row, finite.
        blocked: true for items that nobody gets.
    """
    allowed = np.arange(len(factors)) if blocked is None else np.flatnonzero(~blocked)
    lengths = _lengths(factors)[allowed]
    order = np.argsort(-lengths, kind="stable")
    position = allowed[order].astype(np.int32)
    place = np.full(len(factors), NOTHING, dtype=np.int32)
    place[position] = np.arange(len(position), dtype=np.int32)
    return Catalogue(np.ascontiguousarray(factors[position]), lengths[order], position, place)


def nearest(
    catalogue: Catalogue, queries: Floats, k: int, seen: Csr | None = None
) -> tuple[NDArray[np.int32], Floats]:
    """Return the positions and the inner products of the `k` best factors for each query, best first.

    Between equal scores the smaller position comes first. Lists that come out short are filled with `NOTHING` and
    score 0; a query of zeros likes nothing, and gets nothing. Scores are float32 products as BLAS forms them.

    Beside the result, each thread holds about 512 · (2,048 · 8 + k · 60) bytes (12 MB for lists of 100), and at worst,
    where every item beats all before it, ten times that.

    Args:
        catalogue: the items, from `catalogue_of`.
        queries: one a row, as long as a factor.
        k: how many to return for each.
        seen: a row a query, a stored entry for each item that it does not get, whatever the entry's value.
    """
    items = np.full((len(queries), k), NOTHING, dtype=np.int32)
    scores = np.zeros((len(queries), k), dtype=np.float32)
    width = min(k, len(catalogue.position))
    asking = np.flatnonzero(queries.any(axis=1)) if width else np.empty(0, dtype=np.int64)

    def answer(rows: NDArray[np.int64]) -> None:
        walk = _Walk(catalogue, queries[rows], width, None if seen is None else seen[rows])
        items[rows, :width], scores[rows, :width] = walk.best()

    parts = [asking[start : start + _QUERIES_AT_ONCE] for start in range(0, len(asking), _QUERIES_AT_ONCE)]
    with threadpool_limits(limits=1, user_api="blas"):
        _in_threads(answer, parts)
    return items, scores


def _in_threads(answer: Callable[[NDArray[np.int64]], None], parts: list[NDArray[np.int64]]) -> None:
    """Answer the parts, which share nothing; NumPy lets other threads run in all that takes long."""
    threads = min(len(parts), len(os.sched_getaffinity(0)))
    if threads < 2:
        for part in parts:
            answer(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(answer, parts))


class _Walk:
    """One block of queries on its way through the catalogue; `_best` are the keys of the best so far, in no order.

    A key is one number that orders as a list does: the score in the upper half, and the position, the smaller the
    better, in the lower.
    """

    def __init__(self, catalogue: Catalogue, queries: Floats, k: int, seen: Csr | None) -> None:
        self._catalogue, self._queries, self._k = catalogue, queries, k
        # What rounding may add to a product: less than an ulp for each term.
        self._reach = _lengths(queries) * (1 + _EPSILON * (queries.shape[1] + 8))
        self._needed = np.full(len(queries), _LOWEST, dtype=np.float32)
        self._best: Keys = np.full((len(queries), k), _EMPTY, dtype=np.int64)
        self._found: list[tuple[NDArray[np.int64], Keys]] = []
        self._counts = np.zeros(len(queries), dtype=np.int64)
        self._seen = _Seen(catalogue, seen)

    def best(self) -> tuple[NDArray[np.int32], Floats]:
        """Walk, and return positions and scores, best first."""
        rows = np.arange(len(self._queries))
        queries, next_choice = self._queries, 1
        buffer = np.empty((len(rows), min(_ITEMS_AT_ONCE, len(self._catalogue.position))), dtype=np.float32)
        for number, start in enumerate(range(0, len(self._catalogue.position), _ITEMS_AT_ONCE), start=1):
            still = self._reach[rows] * self._catalogue.lengths[start] >= self._needed[rows]
            if not still.all():
                rows = rows[still]
                queries = self._queries[rows]
            if not len(rows):
                break
            self._look(rows, queries, start, buffer)
            if number == next_choice or self._is_full():
                self._choose()
                next_choice = 2 * number
        self._choose()
        return _unpacked(np.sort(self._best, axis=1)[:, ::-1])

    def _look(self, rows: NDArray[np.int64], queries: Floats, start: int, buffer: Floats) -> None:
        """Keep what reaches the needed score in one block of items."""
        block = self._catalogue.factors[start : start + _ITEMS_AT_ONCE]
        scores = buffer.reshape(-1)[: len(rows) * len(block)].reshape(len(rows), len(block))
        np.dot(queries, block.T, out=scores)
        self._seen.strike(scores, rows, len(self._queries), start // _ITEMS_AT_ONCE)
        needed = self._needed[rows]
        if start == 0 and len(block) > self._k:
            needed = np.maximum(needed, np.partition(scores, -self._k, axis=1)[:, -self._k])
        at = np.flatnonzero(scores >= needed[:, None])
        line, column = np.divmod(at, len(block))
        keys = _packed(scores.reshape(-1)[at], self._catalogue.position[start + column])
        self._found.append((rows[line], keys))
        self._counts[rows] += np.bincount(line, minlength=len(rows))

    def _is_full(self) -> bool:
        """Whether what was kept fills the memory that is meant for it, together or for one query."""
        most = max(_LISTS_KEPT * self._k, _ITEMS_AT_ONCE)
        return bool(self._counts.sum() > _LISTS_KEPT * self._best.size or self._counts.max() > most)

    def _choose(self) -> None:
        """Leave the best `k` of what was kept, and need from now on what the last of them has."""
        if not self._counts.any():
            return
        row, keys = (np.concatenate(part) for part in zip(*self._found, strict=True))
        touched, merged = _beside(self._best, row, keys, self._counts)
        self._best[touched] = np.partition(merged, -self._k, axis=1)[:, -self._k :]
        last = self._best[touched].min(axis=1)
        self._needed[touched] = np.where(last == _EMPTY, _LOWEST, _unpacked(last)[1])
        self._found, self._counts[:] = [], 0


class _Seen:
    """What a block of queries has seen, sorted by the block of items that it is in."""

    def __init__(self, catalogue: Catalogue, seen: Csr | None) -> None:
        place = np.empty(0, dtype=np.int32) if seen is None else catalogue.place[seen.indices]
        row = (
            np.empty(0, np.int64)
            if seen is None
            else np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))
        )
        struck = np.flatnonzero(place != NOTHING)
        order = struck[np.argsort(place[struck] // _ITEMS_AT_ONCE, kind="stable")]
        self._row, self._place = row[order], place[order]
        blocks = np.arange(len(catalogue.position) // _ITEMS_AT_ONCE + 2)
        self._ends = np.searchsorted(self._place // _ITEMS_AT_ONCE, blocks)

    def strike(self, scores: Floats, rows: NDArray[np.int64], queries: int, block: int) -> None:
        """Put the scores of what is seen below every other; `rows` says which of `queries` the scores are of."""
        part = slice(self._ends[block], self._ends[block + 1])
        row, column = self._row[part], self._place[part] - block * _ITEMS_AT_ONCE
        if len(rows) < queries:
            line = np.full(queries, NOTHING, dtype=np.int64)
            line[rows] = np.arange(len(rows))
            row = line[row]
            row, column = row[row != NOTHING], column[row != NOTHING]
        scores[row, column] = -np.inf


def _lengths(vectors: Floats) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)))


def _beside(
    best: Keys, row: NDArray[np.int64], keys: Keys, counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Keys]:
    """Return the rows that got keys, and for each its best and its new keys side by side, filled with `_EMPTY`."""
    order = np.argsort(row, kind="stable")
    row, keys = row[order], keys[order]
    column = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    touched = np.flatnonzero(counts)
    line = np.cumsum(counts > 0) - 1
    merged = np.full((len(touched), best.shape[1] + int(counts.max())), _EMPTY, dtype=np.int64)
    merged[:, : best.shape[1]] = best[touched]
    merged[line[row], best.shape[1] + column] = keys
    return touched, merged


def _packed(scores: Floats, positions: NDArray[np.int32]) -> Keys:
    # Adding 0 makes -0.0 the 0.0 that it equals. Bits of negative floats order the wrong way round.
    bits = (scores + np.float32(0)).view(np.int32)
    upright = bits ^ ((bits >> 31) & _ALL_BUT_SIGN)
    packed: Keys = (upright.astype(np.int64) << 32) | (_LOW_HALF - positions)
    return packed


def _unpacked(keys: Keys) -> tuple[NDArray[np.int32], Floats]:
    """Return positions and scores of keys, `NOTHING` and 0 for `_EMPTY`."""
    upright = (keys >> 32).astype(np.int32)
    bits = upright ^ ((upright >> 31) & _ALL_BUT_SIGN)
    is_empty = keys == _EMPTY
    positions = np.where(is_empty, NOTHING, _LOW_HALF - (keys & _LOW_HALF)).astype(np.int32)
    return positions, np.where(is_empty, np.float32(0), bits.view(np.float32)).astype(np.float32)
