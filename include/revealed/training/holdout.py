"""What the test users came to like after the split, as positions in the item space that the contenders share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.engines.duckdb import connect, literal
from revealed.errors import NoDataError
from revealed.evaluation import History
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
    nobody is personal to them. `immature` is how many pairs were left out because they began so shortly before the
    dataset's end that they may still turn out otherwise (docs/decisions/evaluation-maturity.md).
    """

    rows: Rows
    space: Ids
    relevance: Csr
    newcomers: int
    immature: int = 0


def read_holdout(
    settings: Settings, dataset: DatasetManifest, fold: Interactions, extra: list[Ids]
) -> Holdout:
    """Return the test of a dataset; `extra` are further item spaces that contenders recommend from.

    Raises:
        NoDataError: no user of the training fold came to like anything new within the holdout, or all of it is too young.
    """
    users, items, immature = _pairs(settings, dataset)
    rows = positions(users, fold.users)
    known = np.unique(rows[rows >= 0])
    if not len(known):
        raise _nothing_to_test(dataset, immature)
    if len(known) > LARGEST_TEST:
        known = np.sort(np.random.default_rng(_SEED).choice(known, LARGEST_TEST, replace=False))
    space = np.unique(np.concatenate([fold.items, items, *extra]))
    relevance = _relevance(known, rows, positions(items, space), len(space))
    return Holdout(known, space, relevance, len(set(users[rows < 0])), immature)


def _nothing_to_test(dataset: DatasetManifest, immature: int) -> NoDataError:
    where = f"fold_test.parquet of dataset {dataset.version}"
    if immature:
        return NoDataError(
            f"nothing is left of the test: {immature:,} pairs are too young to be judged",
            where=where,
            remedy="land more days, or set REVEALED_HOLDOUT_DAYS to more than the days that a click's label takes to mature",
        )
    return NoDataError(
        f"nobody known before {dataset.split:%Y-%m-%d} came to like anything in the {dataset.holdout_days} days after it",
        where=where,
        remedy="land more days, or set REVEALED_HOLDOUT_DAYS to fewer",
    )


def read_history(
    settings: Settings, dataset: DatasetManifest, fold: Interactions, holdout: Holdout
) -> History:
    """Return what the training fold knew, over the holdout's items.

    An item counts as new from one holdout's length before the split on: so much of its life is in the training at most.
    """
    con = connect(settings)
    try:
        path = literal(dataset.file("items.parquet"))
        found = con.execute(
            "select item_id, dense_rank() over (order by topic) - 1 as code, topic is null as is_unknown,"
            f" coalesce(published_at >= $recent, false) as is_new from read_parquet({path})",
            {"recent": dataset.split - timedelta(days=dataset.holdout_days)},
        ).fetchnumpy()
    finally:
        con.close()
    at = positions(np.asarray(found["item_id"], dtype=object), holdout.space)
    topics, is_new = np.full(len(holdout.space), -1, dtype=np.int32), np.zeros(len(holdout.space), dtype=bool)
    listed = at >= 0
    topics[at[listed]] = np.where(found["is_unknown"], -1, found["code"])[listed]
    is_new[at[listed]] = np.asarray(found["is_new"], dtype=bool)[listed]
    return History(fold.onto(holdout.space).confidence, holdout.rows, topics, is_new)


def _pairs(settings: Settings, dataset: DatasetManifest) -> tuple[Ids, Ids, int]:
    """Return user and item of every mature test pair, and how many are not.

    The moment of the first event decides, whatever became of it since: were it the outcome, fast outcomes would stay and
    slow ones go.
    """
    told = dataset.folds.get("test", {}).get("first_event_until")
    until = datetime.fromisoformat(told) if told else dataset.as_of
    con = connect(settings)
    try:
        path = literal(dataset.file("fold_test.parquet"))
        found = con.execute(
            "select user_id, item_id, min(first_event_at) <= $until as is_mature"
            f" from read_parquet({path}) group by user_id, item_id order by user_id, item_id",
            {"until": until},
        ).fetchnumpy()
    finally:
        con.close()
    mature = np.asarray(found["is_mature"], dtype=bool)
    users, items = (np.asarray(found[name], dtype=object)[mature] for name in ("user_id", "item_id"))
    return users, items, int((~mature).sum())


def _relevance(known: Rows, rows: NDArray[np.int64], columns: NDArray[np.int64], width: int) -> Csr:
    at = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    kept = known[at] == rows
    ones = np.ones(int(kept.sum()), dtype=np.float32)
    matrix = csr_matrix((ones, (at[kept], columns[kept])), shape=(len(known), width))
    matrix.sort_indices()
    return matrix
