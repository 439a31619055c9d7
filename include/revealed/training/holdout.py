"""What the test users came to like after the split, as positions in the item space that the contenders share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.engines.duckdb import connect, literal
from revealed.errors import NoDataError
from revealed.evaluation.metrics import Csr
from revealed.feedback import DatasetManifest
from revealed.settings import Settings
from revealed.training.matrix import Ids, Interactions, positions
from revealed.training.serving import Rows

# More test users than this make no interval visibly narrower; a fixed draw of them keeps evaluation off the
# clock.
LARGEST_TEST = 50_000
_SEED = 11


@dataclass(frozen=True)
class Holdout:
    """The test: users (rows of the training fold), what each came to like, and over which items.

    `space` holds the training fold's items and those that only the test knows: a model that cannot
    recommend them is not excused. `newcomers` is how many test users the training fold does not know;
    nobody is personal to them.
    """

    rows: Rows
    space: Ids
    relevance: Csr
    newcomers: int


def read_holdout(
    settings: Settings, dataset: DatasetManifest, fold: Interactions, extra: list[Ids]
) -> Holdout:
    """Return the test of a dataset; `extra` are further item spaces that contenders recommend from.

    Raises:
        NoDataError: no user of the training fold came to like anything new within the holdout.
    """
    users, items = _pairs(settings, dataset)
    rows = positions(users, fold.users)
    known = np.unique(rows[rows >= 0])
    if not len(known):
        raise NoDataError(
            f"nobody known before {dataset.split:%Y-%m-%d} came to like anything in the {dataset.holdout_days} days after it",
            where=f"fold_test.parquet of dataset {dataset.version}",
            remedy="land more days, or set REVEALED_HOLDOUT_DAYS to fewer",
        )
    if len(known) > LARGEST_TEST:
        known = np.sort(np.random.default_rng(_SEED).choice(known, LARGEST_TEST, replace=False))
    space = np.unique(np.concatenate([fold.items, items, *extra]))
    return Holdout(
        known, space, _relevance(known, rows, positions(items, space), len(space)), len(set(users[rows < 0]))
    )


def _pairs(settings: Settings, dataset: DatasetManifest) -> tuple[Ids, Ids]:
    con = connect(settings)
    try:
        path = literal(dataset.file("fold_test.parquet"))
        found = con.execute(
            f"select distinct user_id, item_id from read_parquet({path}) order by all"
        ).fetchnumpy()
    finally:
        con.close()
    return np.asarray(found["user_id"], dtype=object), np.asarray(found["item_id"], dtype=object)


def _relevance(known: Rows, rows: NDArray[np.int64], columns: NDArray[np.int64], width: int) -> Csr:
    at = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    kept = known[at] == rows
    ones = np.ones(int(kept.sum()), dtype=np.float32)
    matrix = csr_matrix((ones, (at[kept], columns[kept])), shape=(len(known), width))
    matrix.sort_indices()
    return matrix
