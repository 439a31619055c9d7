"""The preference pairs of a dataset, with the features of both sides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from revealed.engines.duckdb import connect, literal
from revealed.errors import BuildFailedError, NoDataError, StaleError
from revealed.feedback import DatasetManifest
from revealed.feedback.export import ITEMS, PAIRS
from revealed.reward.history import History, Showings
from revealed.settings import Settings

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairTable:
    """One row a pair: whose, when, how heavy, whether in words; `chosen` and `rejected` are rows of `sides`."""

    people: NDArray[np.object_]
    moments: NDArray[np.datetime64]
    weight: Floats
    is_explicit: NDArray[np.bool_]
    chosen: NDArray[np.int64]
    rejected: NDArray[np.int64]
    sides: Showings

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return len(self.weight)

    def differences(self) -> Floats:
        """Return the features of the chosen side less those of the rejected one."""
        return self.between(self.sides.features)

    def between(self, values: Floats) -> Floats:
        """Return a value of the chosen side less that of the rejected one; unknown values make no difference."""
        return np.nan_to_num(values[self.chosen] - values[self.rejected])


@contextmanager
def opened(
    settings: Settings, dataset: DatasetManifest
) -> Iterator[tuple[duckdb.DuckDBPyConnection, History]]:
    """Yield the published warehouse, read-only, and what was known when.

    Raises:
        NothingPublishedError: there is no published warehouse.
        BuildFailedError: it lacks a table or column.
    """
    con = connect(settings, settings.published_warehouse, read_only=True)
    try:
        yield con, History(con, dataset.file(ITEMS))
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise BuildFailedError(
            f"the warehouse lacks what the reward model reads ({str(error).splitlines()[0]})",
            where=str(settings.published_warehouse),
            remedy="build the warehouse again with `revealed run`",
        ) from error
    finally:
        con.close()


def read_pairs(con: duckdb.DuckDBPyConnection, history: History, dataset: DatasetManifest) -> PairTable:
    """Return the dataset's pairs, in the order of request and pair.

    Raises:
        NoDataError: the dataset has no pairs.
        StaleError: the warehouse in service does not know the dataset's requests.
    """
    if not dataset.rows_of(PAIRS):
        raise NoDataError(
            "this dataset has no preference pairs: no list in which one item was engaged with and another passed over",
            where=str(dataset.file(PAIRS)),
            remedy="log lists of several items with their positions (fct_impressions), and let labels ripen",
        )
    path = literal(dataset.file(PAIRS))
    con.execute(
        "create or replace temp table sides as select row_number() over (order by request_id, item_id) - 1 as place, *"
        f" from (select request_id, chosen_item_id as item_id from read_parquet({path})"
        f" union select request_id, rejected_item_id from read_parquet({path}))"
    )
    sides = history.features("sides")
    _require_known(con, sides, dataset)
    found = con.execute(_pairs_query(path)).fetchnumpy()
    return PairTable(
        people=np.asarray(found["user_id"], dtype=object),
        moments=np.asarray(found["occurred_at"]),
        weight=np.asarray(found["weight"], dtype=np.float64),
        is_explicit=np.asarray(found["is_explicit"], dtype=bool),
        chosen=np.asarray(found["chosen"], dtype=np.int64),
        rejected=np.asarray(found["rejected"], dtype=np.int64),
        sides=sides,
    )


def _pairs_query(path: str) -> str:
    return f"""
        select pairs.user_id, pairs.occurred_at, pairs.weight, pairs.source = 'explicit' as is_explicit,
            chosen.place as chosen, rejected.place as rejected
        from read_parquet({path}) as pairs
        inner join sides as chosen
            on pairs.request_id = chosen.request_id and pairs.chosen_item_id = chosen.item_id
        inner join sides as rejected
            on pairs.request_id = rejected.request_id and pairs.rejected_item_id = rejected.item_id
        order by pairs.request_id, pairs.pair_id"""


def _require_known(con: Any, sides: Showings, dataset: DatasetManifest) -> None:
    row = con.execute("select count(*) from sides").fetchone()
    wanted = int(row[0])
    if not np.array_equal(sides.places, np.arange(wanted)):
        raise StaleError(
            f"the warehouse in service knows {len(sides.places):,} of the {wanted:,} shown items in the dataset's pairs",
            where=f"dataset {dataset.version}",
            remedy="train on the newest dataset, or put the warehouse back that the dataset was written from",
        )
