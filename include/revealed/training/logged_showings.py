"""What people were shown since the split with a known chance, and in which situation: whose list it was, where, without what.

A situation is what a policy decides by. What somebody clicked or hid since the split is on nobody's list any more; what rules
pinned was no choice of any policy, so that it neither counts nor takes part in the draw of the other positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from revealed.engines.duckdb import connect, literal
from revealed.evaluation.off_policy import PolicyLog
from revealed.feedback import DatasetManifest
from revealed.settings import Settings
from revealed.training.matrix import Ids, Interactions, positions

Ints = NDArray[np.int64]

# More requests make no interval visibly narrower; a fixed draw of people keeps the judging of a policy off the clock.
_LARGEST_LOG = 20_000
# Requests × positions × items of a pool: 0.2 GB of probabilities. Only long slates from wide pools come to it.
_MOST_CELLS = 24_000_000
_SEED = 13
_SHOWN = """
create temp view shown as select
    user_id, request_id, item_id, surface, position, propensity, occurred_at,
    coalesce(is_satisfied, false) as is_satisfied,
    coalesce(is_clicked or is_hidden, false) as is_gone,
    position - 1 - count(*) filter (propensity >= 1) over (
        partition by request_id order by position rows between unbounded preceding and 1 preceding
    ) as rank,
    coalesce(policy, '') || ' of ' || coalesce(model_version, '') as logger,
    dense_rank() over (order by surface) - 1 as surface_code,
    dense_rank() over (order by surface, position) - 1 as place
from read_parquet({path})"""
_COUNTED = "propensity > 0 and propensity < 1"


@dataclass(frozen=True)
class Situations:
    """What slates would be drawn in; parallel arrays, a person's beside each other and in the order of time.

    Attributes:
        person: `[situations]`, of the log.
        surface: `[situations]`, code of the surface.
        gone: `[situations]`, codes of the items that cannot be drawn.
    """

    person: Ints
    surface: Ints
    gone: list[tuple[int, ...]]


@dataclass(frozen=True)
class LoggedShowings:
    """The log of a trial.

    Attributes:
        log: the shown items that count; its items are all that these people were shown, its positions the places of surfaces.
        rows: `[people]`, the training fold's row of each of the log's people.
        surfaces: names of the surfaces, by code.
        longest: `[surfaces]`, how many positions the surface has that are drawn.
        situation: `[rows of the log]`, in which situation each was shown.
        rank: `[rows of the log]`, how many drawn positions are before it.
        situations: all of them.
        loggers: `policy of model version`, whoever chose what was shown.
        logger: `[rows of the log]`, which of them did.
        left_out: shown items that do not count: of unknown people, of unknown propensity, or in requests that explore nothing.
        people: whose showings would count; those of the log are all of them, or a draw.
    """

    log: PolicyLog
    rows: Ints
    surfaces: list[str]
    longest: Ints
    situation: Ints
    rank: Ints
    situations: Situations
    loggers: list[str]
    logger: Ints
    left_out: int
    people: int

    @property
    def drawn_surfaces(self) -> list[str]:
        """The surfaces that have showings which count."""
        return [name for name, longest in zip(self.surfaces, self.longest, strict=True) if longest]


def read_showings(
    settings: Settings,
    dataset: DatasetManifest,
    fold: Interactions,
    pool: int = 1,
    largest: int = _LARGEST_LOG,
) -> LoggedShowings | int:
    """Return the dataset's showings that a policy can be judged by; if there are none, how many do not count.

    Args:
        settings: DuckDB's limits.
        dataset: whose impressions since the split are read.
        fold: the training fold; only its people count.
        pool: how many items slates will be asked to be drawn from at most: of wide pools fewer requests can be judged.
        largest: how many requests are read at most, all of each person.
    """
    con = connect(settings)
    try:
        con.execute(_SHOWN.format(path=literal(dataset.file("fold_impressions.parquet"))))
        known, total = _people(con, fold)
        if not known.num_rows:
            return total
        longest = int(np.asarray(known["longest"]).max())
        users = _draw(known, min(largest, _MOST_CELLS // (longest * max(pool, longest))))
        found = _showings_of(con, users)
        surfaces = con.execute("select distinct surface from shown order by surface").fetchall()
    finally:
        con.close()
    left_out = total - int(np.asarray(known["rows"]).sum())
    return _assembled(found, users, fold, [str(name) for (name,) in surfaces], left_out, known.num_rows)


def _people(con: duckdb.DuckDBPyConnection, fold: Interactions) -> tuple[pa.Table, int]:
    """Return the people of the fold who were shown something that counts, with how much, and how much was shown in all."""
    found = con.execute(
        "select user_id, count(*) as rows, count(distinct request_id) as requests, max(rank) + 1 as longest"
        f" from shown where {_COUNTED} group by user_id order by user_id"
    ).to_arrow_table()
    (total,) = con.execute("select count(*) from shown").fetchone() or (0,)
    return found.filter(pa.array(positions(_ids(found), fold.users) >= 0)), int(total)


def _draw(known: pa.Table, largest: int) -> Ids:
    """Return the people, or so many of them, by lot, as have no more than `largest` requests together; ascending."""
    order = np.random.default_rng(_SEED).permutation(known.num_rows)
    taken = int((np.cumsum(np.asarray(known["requests"])[order]) <= largest).sum())
    drawn: Ids = _ids(known)[np.sort(order[: max(taken, 1)])]
    return drawn


def _ids(table: pa.Table) -> Ids:
    found: Ids = np.asarray(table["user_id"].to_numpy(), dtype=object)
    return found


def _showings_of(con: duckdb.DuckDBPyConnection, users: Ids) -> dict[str, NDArray[Any]]:
    """Return everything that was shown to these people, each person's in the order of time."""
    con.register(
        "drawn", pa.table({"user_id": pa.array(users, pa.string()), "person": np.arange(len(users))})
    )
    found = con.execute(
        f"select person, request_id, item_id, surface_code, place, rank, propensity, is_satisfied, is_gone, logger,"
        f" coalesce({_COUNTED}, false) as counts, coalesce(propensity >= 1, false) as is_pinned"
        " from shown join drawn using (user_id) order by person, occurred_at, request_id, position, item_id"
    ).fetchnumpy()
    return {name: np.asarray(found[name]) for name in found}


def _assembled(
    found: dict[str, NDArray[Any]],
    users: Ids,
    fold: Interactions,
    surfaces: list[str],
    left_out: int,
    people: int,
) -> LoggedShowings:
    items, item = np.unique(found["item_id"].astype(object), return_inverse=True)
    counts = found["counts"]
    situations, situation = _situations(found, item)
    places, position = np.unique(found["place"][counts], return_inverse=True)
    longest = np.zeros(len(surfaces), dtype=np.int64)
    np.maximum.at(longest, found["surface_code"][counts], found["rank"][counts] + 1)
    log = PolicyLog(
        item=item[counts].astype(np.int64),
        position=position.astype(np.int64),
        context=np.zeros(int(counts.sum()), dtype=np.int64),
        person=found["person"][counts].astype(np.int64),
        propensity=found["propensity"][counts].astype(np.float64),
        reward=found["is_satisfied"][counts].astype(np.float64),
        items=[str(name) for name in items],
        positions=[int(place) for place in places],
        contexts=[""],
    )
    loggers, logger = np.unique(found["logger"][counts].astype(object), return_inverse=True)
    return LoggedShowings(
        log=log,
        rows=positions(users, fold.users),
        surfaces=surfaces,
        longest=longest,
        situation=situation[counts],
        rank=found["rank"][counts].astype(np.int64),
        situations=situations,
        loggers=[str(name) for name in loggers],
        logger=logger.astype(np.int64),
        left_out=left_out,
        people=people,
    )


def _situations(found: dict[str, NDArray[Any]], item: Ints) -> tuple[Situations, Ints]:
    """Return the situations, and that of every showing; a person's items are gone from the request after their click on."""
    starts = np.flatnonzero(np.r_[True, found["request_id"][1:] != found["request_id"][:-1]])
    ends = np.r_[starts[1:], len(item)]
    situation = np.empty(len(item), dtype=np.int64)
    keys: dict[tuple[int, int, tuple[int, ...]], int] = {}
    whose, gone = -1, frozenset[int]()
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        person, part = int(found["person"][start]), slice(start, end)
        gone = gone if person == whose else frozenset()
        whose = person
        taken = gone.union(item[part][found["is_pinned"][part]].tolist())
        if found["counts"][part].any():
            key = (person, int(found["surface_code"][start]), tuple(sorted(taken)))
            situation[part] = keys.setdefault(key, len(keys))
        gone = gone.union(item[part][found["is_gone"][part]].tolist())
    people, surface, without = zip(*keys, strict=True)
    return Situations(np.array(people), np.array(surface), list(without)), situation
