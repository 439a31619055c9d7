"""From pairs in any order to compressed rows: indices sorted, 32-bit, each pair once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.evaluation.metrics import Csr

# A confidence beyond this says no more than "certain", and makes the normal equations badly conditioned.
LARGEST_CONFIDENCE = 10_000.0

Days = NDArray[np.float32]


def paired(
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    confidence: NDArray[np.float32],
    seen: NDArray[np.bool_],
    latest: Days | None,
    shape: tuple[int, int],
) -> tuple[Csr, Csr, Days | None]:
    """Return the matrix of confidences (clipped), that of what was seen, and the days of each stored confidence.

    All three come from one ordering of the pairs: to order the seen pairs by themselves would take as long again, and
    memory that the bar of als.md does not leave. A pair that comes twice has the sum of its confidences and the fewest of
    its days; days of which one is not a number are unknown, and so are all then.
    """
    if latest is not None and np.isnan(latest).any():
        latest = None
    # The entries are where each pair came from; a pair that comes twice has the sum, which is no place.
    # Numbers of 32 bits do, for implicit's matrices have no others.
    order = csr_matrix((np.arange(len(rows), dtype=np.int32), (rows, columns)), shape)
    if order.nnz < len(rows):
        return _repeated(rows, columns, confidence, seen, latest, shape)
    indices, indptr = order.indices.astype(np.int32, copy=False), order.indptr
    is_seen, values = seen[order.data], confidence[order.data]
    placed = None if latest is None else latest[order.data]
    del order
    seen_before = np.zeros(len(is_seen) + 1, dtype=indptr.dtype)
    np.cumsum(is_seen, out=seen_before[1:])
    ends = seen_before[indptr]
    ones = np.ones(int(ends[-1]), dtype=np.float32)
    np.clip(values, -LARGEST_CONFIDENCE, LARGEST_CONFIDENCE, out=values)
    known = _canonical(values, indices, indptr, shape)
    return known, _canonical(ones, indices[is_seen], ends, shape), placed


def summed(rows: NDArray[Any], columns: NDArray[Any], values: NDArray[Any], shape: tuple[int, int]) -> Csr:
    """Return the matrix in which pairs that come more than once are added up."""
    matrix = csr_matrix((values, (rows, columns)), shape=shape, dtype=np.float32)
    matrix.sum_duplicates()
    matrix.indices = matrix.indices.astype(np.int32, copy=False)
    matrix.indptr = matrix.indptr.astype(np.int32, copy=False)
    return matrix


def _repeated(
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    confidence: NDArray[np.float32],
    seen: NDArray[np.bool_],
    latest: Days | None,
    shape: tuple[int, int],
) -> tuple[Csr, Csr, Days | None]:
    values = np.clip(confidence, -LARGEST_CONFIDENCE, LARGEST_CONFIDENCE)
    ones = np.ones(int(seen.sum()), dtype=np.float32)
    known = summed(rows, columns, values, shape)
    fewest = None if latest is None else _fewest(rows, columns, latest)
    return known, summed(rows[seen], columns[seen], ones, shape), fewest


def _fewest(rows: NDArray[Any], columns: NDArray[Any], days: Days) -> Days:
    """Return the fewest days of each different pair, in the order of compressed rows."""
    order = np.lexsort((columns, rows))
    changes = (np.diff(rows[order]) != 0) | (np.diff(columns[order]) != 0)
    found: Days = np.minimum.reduceat(days[order], np.flatnonzero(np.r_[True, changes]))
    return found


def _canonical(
    values: NDArray[np.float32], indices: NDArray[np.int32], indptr: NDArray[Any], shape: tuple[int, int]
) -> Csr:
    matrix = csr_matrix((values.astype(np.float32, copy=False), indices, indptr), shape=shape)
    matrix.has_canonical_format = True
    return matrix
