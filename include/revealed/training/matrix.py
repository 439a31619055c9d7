"""From feedback rows to the sparse matrices that a recommender learns from and is filtered by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.engines.duckdb import connect, literal
from revealed.errors import NoDataError
from revealed.evaluation.metrics import Csr
from revealed.settings import Settings
from revealed.training.pair_matrices import paired, summed

if TYPE_CHECKING:
    from revealed.training.item_content import ItemContent

Ids = NDArray[np.object_]


_ROWS_AT_ONCE = 1_000_000
_TIMES = ", cast(epoch((select max(last_event_at) from pairs) - last_event_at) / 86400 as float)"
_PAIRS = """
select
    cast(users.place as integer), cast(items.place as integer), cast(confidence as float),
    coalesce(is_consumed or is_hidden or (confidence < 0 and events > 0), false){times}
from pairs join users using (user_id) join items using (item_id)
"""


@dataclass(frozen=True)
class Interactions:
    """What is known of users (rows) and items (columns), both in ascending order of their ids.

    `confidence` holds the mart's signed confidence as it is: implicit adds no 1, reads |v| as confidence,
    and a negative v as a dislike (science.md §1). `seen` has an entry for every pair that must not be
    recommended: consumed, hidden, or disliked by an act (an item merely scrolled past may be shown again).
    Both are CSR, float32, indices sorted, without duplicates. `latest` says of each stored entry of `confidence` how many days
    before the newest event of all its last event was, so that 0 is the newest; None where the data has no times. `content` is
    what the catalogue says of items, over items of its own; None where nobody attached it.
    """

    users: Ids
    items: Ids
    confidence: Csr
    seen: Csr
    latest: NDArray[np.float32] | None = None
    content: ItemContent | None = None

    def __post_init__(self) -> None:
        """Refuse `latest` of other entries than those stored: whoever takes pairs away has to take their times, too."""
        if self.latest is not None and len(self.latest) != self.confidence.nnz:
            raise ValueError(f"{len(self.latest)} times for {self.confidence.nnz} stored pairs")

    @property
    def likes(self) -> NDArray[np.int64]:
        """Return how many users like each item."""
        liked = self.confidence.indices[self.confidence.data > 0]
        counts: NDArray[np.int64] = np.bincount(liked, minlength=len(self.items))
        return counts

    def onto(self, items: Ids) -> Interactions:
        """Return the same users over another item space; pairs with items outside of it fall away."""
        if len(items) == len(self.items) and bool((items == self.items).all()):
            return self
        columns = positions(self.items, items)
        return Interactions(
            users=self.users,
            items=items,
            confidence=_recolumn(self.confidence, columns, len(items)),
            seen=_recolumn(self.seen, columns, len(items)),
            content=self.content,
            # Both item spaces are in ascending order, so that the entries which stay keep theirs.
            latest=None if self.latest is None else self.latest[columns[self.confidence.indices] >= 0],
        )


def read_interactions(settings: Settings, path: Path, *, times: bool = False) -> Interactions:
    """Return the matrices of one Parquet file with the columns of `feedback_user_item`.

    The ids become numbers inside DuckDB, which costs a third of the memory of Python dictionaries (als.md).

    Args:
        settings: DuckDB's limits.
        path: the file.
        times: read `latest`, too, which costs 8 bytes a pair on the way.

    Raises:
        NoDataError: the file has no usable pair, or fewer than two users or items.
    """
    con = connect(settings)
    try:
        con.execute(f"create view pairs as select * from read_parquet({literal(path)})")
        for side in ("user", "item"):
            con.execute(
                f"create temp table {side}s as select {side}_id, row_number() over (order by {side}_id) - 1 as place"
                f" from (select distinct {side}_id from pairs where {side}_id is not null)"
            )
        users, items = (
            con.execute(f"select {side}_id from {side}s order by place").fetchnumpy()[f"{side}_id"]
            for side in ("user", "item")
        )
        pairs = _fetched(con, times=times)
    finally:
        con.close()
    return interactions(np.asarray(users, dtype=object), np.asarray(items, dtype=object), *pairs)


def interactions(
    users: Ids,
    items: Ids,
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    confidence: NDArray[np.float32],
    seen: NDArray[np.bool_],
    latest: NDArray[np.float32] | None = None,
) -> Interactions:
    """Return the matrices of pairs that are numbers already, after the gates of `check_confidence`.

    A pair that comes more than once has its confidences added up, and the latest of its times. Times that are not numbers are
    unknown, and so are all then.

    Raises:
        NoDataError: nothing to learn from.
    """
    check_confidence(confidence, len(users), len(items))
    shape = (len(users), len(items))
    return Interactions(users, items, *paired(rows, columns, confidence, seen, latest, shape))


def check_confidence(confidence: NDArray[np.float32], users: int, items: int) -> None:
    """Refuse what implicit would silently accept: nothing, one user or item, NaN, infinities, no like at all.

    Raises:
        NoDataError: one of these; the message says which.
    """
    remedy = "land more days of logs, or look at marts.feedback_user_item with `revealed sql`"
    if users < 2 or items < 2 or not len(confidence):
        raise NoDataError(
            f"{len(confidence)} pairs of {users} users and {items} items are too few to train on",
            remedy=remedy,
        )
    if not np.isfinite(confidence).all():
        bad = int((~np.isfinite(confidence)).sum())
        raise NoDataError(f"{bad} pairs have a confidence that is not a number", remedy=remedy)
    if not (confidence > 0).any():
        raise NoDataError("no pair is liked, so there is no taste to learn", remedy=remedy)


def only(matrix: Csr, keep: NDArray[np.bool_]) -> Csr:
    """Return the stored entries that `keep` says, one truth value an entry; indices sorted."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    chosen = csr_matrix((matrix.data[keep], (rows[keep], matrix.indices[keep])), shape=matrix.shape)
    chosen.sort_indices()
    return chosen


def positions(ids: Sequence[str] | Ids, within: Ids) -> NDArray[np.int64]:
    """Return where each id stands in the ascending array `within`, -1 where it does not."""
    wanted = np.asarray(ids, dtype=object)
    if not len(within) or not len(wanted):
        return np.full(len(wanted), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(within, wanted), len(within) - 1)
    found: NDArray[np.int64] = np.where(within[at] == wanted, at, -1).astype(np.int64)
    return found


def selection(items: Ids, wanted: Ids) -> Csr:
    """Return the matrix that `moved` takes columns over `items` to columns over `wanted` with; others fall away."""
    at = positions(items, wanted)
    rows = np.flatnonzero(at >= 0)
    ones = np.ones(len(rows), dtype=np.float32)
    return csr_matrix((ones, (rows, at[rows])), shape=(len(items), len(wanted)))


def moved(matrix: Csr, onto: Csr) -> Csr:
    """Return the rows over other columns, by a matrix from `selection`; indices sorted."""
    found = (matrix @ onto).tocsr()
    found.sort_indices()
    return found


def _fetched(con: duckdb.DuckDBPyConnection, *, times: bool) -> list[NDArray[Any]]:
    """Return the joined pairs, a column each, taken from DuckDB batch by batch: the whole result would be in memory twice."""
    counted = con.execute("select count(*) from pairs").fetchone()
    assert counted is not None
    kinds = (np.int32, np.int32, np.float32, np.bool_, *([np.float32] if times else []))
    query = _PAIRS.format(times=_TIMES if times else "")
    whole = [np.empty(counted[0], dtype=kind) for kind in kinds]
    end = 0
    for batch in con.execute(query).to_arrow_reader(_ROWS_AT_ONCE):
        part = slice(end, end := end + batch.num_rows)
        for column, values in zip(whole, batch.columns, strict=True):
            column[part] = values.to_numpy(zero_copy_only=False)
    return [column[:end] for column in whole]


def _recolumn(matrix: Csr, columns: NDArray[np.int64], width: int) -> Csr:
    pairs = matrix.tocoo()
    target = columns[pairs.col]
    kept = target >= 0
    return summed(pairs.row[kept], target[kept], pairs.data[kept], (matrix.shape[0], width))
