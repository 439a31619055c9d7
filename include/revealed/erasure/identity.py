"""Who a person is: the user id, the visitor ids that only this person was ever seen with, and whose ids look alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from revealed.engines.duckdb import connect
from revealed.erasure.needles import Needles, holding
from revealed.erasure.sources import identities_waiting
from revealed.landing.ledger import LedgerEntry, read_ledger
from revealed.settings import Settings

_LOGS = ("events", "inferences", "users")


@dataclass(frozen=True)
class Person:
    """Somebody to erase.

    Attributes:
        needles: the ids, and how they are found.
        is_known: whether any line of any log names the user id.
        shared_visitors: visitor ids that were seen with this person and with others: a device of several people. They
            stay, because what else was done on it is nobody's; the person's own lines on it go.
    """

    needles: Needles
    is_known: bool
    shared_visitors: int


def find_person(settings: Settings, user_id: str) -> Person:
    """Return who `user_id` is, by raw and by what still waits in `landing/` and in the gateway's open segments.

    Raises:
        DamagedFileError: raw or its ledger cannot be read.
    """
    con = connect(settings)
    try:
        _read_identities(settings, con)
        visitors = con.execute(
            "select anonymous_id, count(distinct user_id) from seen where user_id is not null and anonymous_id in "
            "(select anonymous_id from seen where user_id = ?) group by 1",
            [user_id],
        ).fetchall()
        ids = frozenset({user_id, *(visitor for visitor, people in visitors if people == 1)})
        names = [row[0] for row in con.execute(_LOOKING_ALIKE, [sorted(ids)]).fetchall()]
        known = con.execute(
            "select count(*) from seen where ? in (user_id, anonymous_id)", [user_id]
        ).fetchone()
    finally:
        con.close()
    shared = sum(people > 1 for _, people in visitors)
    return Person(Needles(ids, holding(ids, names)), bool(known and known[0]), shared)


_LOOKING_ALIKE = """
select distinct id from (select user_id as id from seen union select anonymous_id from seen)
where id is not null and len(list_filter(?, lambda told: contains(id, told))) > 0
"""


def _read_identities(settings: Settings, con: duckdb.DuckDBPyConnection) -> None:
    """Create `seen` (user_id, anonymous_id): every pair that any line has."""
    waiting = list(identities_waiting(settings))
    users, visitors = zip(*waiting, strict=True) if waiting else ((), ())
    columns = [pa.array(users, pa.string()), pa.array(visitors, pa.string())]
    con.register("waiting", pa.table(columns, names=["user_id", "anonymous_id"]))
    landed = " union all ".join(_landed(settings, read_ledger(settings)))
    con.execute(
        f"create table seen as select distinct user_id, anonymous_id from ({landed} union all from waiting)"
    )


def _landed(settings: Settings, entries: list[LedgerEntry]) -> Iterable[str]:
    from revealed.warehouse.raw_views import raw_files, select_raw

    for log in _LOGS:
        visitor = "cast(null as varchar)" if log == "users" else "anonymous_id"
        lines = select_raw(log, raw_files(settings, entries, log))
        yield f"select distinct user_id, {visitor} as anonymous_id from ({lines})"
