"""Anybody's train and test files as the matrices that every model here learns from and is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.engines.duckdb import connect, literal
from revealed.engines.parquet import columns_of
from revealed.errors import InvalidInputError, NoDataError
from revealed.evaluation.metrics import Csr
from revealed.settings import Settings
from revealed.training.matrix import Interactions, interactions

_COLUMNS = {"user_id": "varchar", "item_id": "varchar", "confidence": "double", "timestamp": "timestamp"}


@dataclass(frozen=True)
class Split:
    """A train and a test file over one space of users and items.

    Attributes:
        train: one entry a pair, its confidences added up and divided by their mean, so that 1 is an ordinary pair; all
            of them are seen, and not recommended again.
        latest: when each stored pair of `train` last happened, in seconds; None where the files do not say.
        testers: rows of `train` whose tests count: everybody in the test file with a pair that is new.
        relevance: `[testers, items]`, 1 where the test file has a pair that the train file has not.
        repeated: test pairs left out because the train file has them.
    """

    train: Interactions
    latest: NDArray[np.float64] | None
    testers: NDArray[np.int64]
    relevance: Csr
    repeated: int


def read_split(settings: Settings, train: Path, test: Path) -> Split:
    """Read two Parquet files of `user_id`, `item_id` and, if there are, `confidence` and `timestamp`.

    Raises:
        MissingInputError: a file is not there.
        InvalidInputError: it is not Parquet, or lacks a column, or holds a confidence that is not positive.
        NoDataError: there is nothing to learn from, or nothing to test.
    """
    con = connect(settings)
    try:
        has_time = _view(con, "train", train)["timestamp"]
        _view(con, "test", test)
        _name_ids(con)
        users, items = (_ids(con, side) for side in ("user", "item"))
        pairs = con.execute(_PAIRS).fetchnumpy()
        tests = con.execute(_TESTS).fetchnumpy()
        repeated = con.execute("select count(*) from tests semi join pairs using (u, i)").fetchone()
    except duckdb.ConversionException as error:
        raise InvalidInputError(
            "a value does not fit its column", where=str(train), remedy=str(error)
        ) from error
    finally:
        con.close()
    if not len(tests["u"]):
        raise NoDataError(
            "every pair of the test file is in the train file, or there is none", where=str(test)
        )
    confidence = np.ma.filled(pairs["confidence"], np.nan).astype(np.float32)
    if not (confidence > 0).all():
        raise InvalidInputError(
            "a confidence is missing or not positive",
            where=str(train),
            remedy="a split of likes has confidences above 0; leave dislikes out",
        )
    seen = np.ones(len(confidence), dtype=bool)
    rows, columns = (np.asarray(pairs[side], dtype=np.int32) for side in ("u", "i"))
    data = interactions(users, items, rows, columns, confidence / confidence.mean(), seen)
    testers, tester = np.unique(tests["u"], return_inverse=True)
    ones = np.ones(len(tester), dtype=np.float32)
    return Split(
        train=data,
        latest=np.ma.filled(pairs["latest"], np.nan) if has_time else None,
        testers=testers.astype(np.int64),
        relevance=csr_matrix((ones, (tester, tests["i"])), shape=(len(testers), len(items))),
        repeated=int(repeated[0]) if repeated else 0,
    )


_PAIRS = """
create or replace temp table pairs as
select users.place as u, items.place as i, sum(confidence) as confidence, max(epoch(timestamp)) as latest
from train join users using (user_id) join items using (item_id)
group by all;
create or replace temp table tests as
select distinct users.place as u, items.place as i from test join users using (user_id) join items using (item_id);
select * from pairs order by u, i
"""

_TESTS = "select u, i from tests anti join pairs using (u, i) order by u, i"


def _view(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> dict[str, bool]:
    """Make a view of a file with all four columns, and return which of them it has."""
    found = columns_of(con, path, ("user_id", "item_id"))
    has = {column: column in found for column in _COLUMNS}
    absent = {"confidence": "1.0", "timestamp": "cast(null as timestamp)"}
    picked = [
        f"cast({column} as {kind}) as {column}" if has[column] else f"{absent[column]} as {column}"
        for column, kind in _COLUMNS.items()
    ]
    con.execute(f"create view {name} as select {', '.join(picked)} from read_parquet({literal(path)})")
    return has


def _name_ids(con: duckdb.DuckDBPyConnection) -> None:
    for side in ("user", "item"):
        con.execute(
            f"create temp table {side}s as select {side}_id, cast(row_number() over (order by {side}_id) - 1 as integer) as"
            f" place from (select {side}_id from train union select {side}_id from test) where {side}_id is not null"
        )


def _ids(con: duckdb.DuckDBPyConnection, side: str) -> NDArray[np.object_]:
    found = con.execute(f"select {side}_id from {side}s order by place").fetchnumpy()
    return np.asarray(found[f"{side}_id"], dtype=object)
