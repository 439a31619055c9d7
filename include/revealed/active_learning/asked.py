"""What people were really asked: the questions that the gateway logged before it told them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from revealed.settings import Settings

# What the gateway logs a question as (docs/decisions/gateway-questions.md).
SURFACE, POLICY = "query", "active_learning"
_SNAPSHOT = "queries/"


class Asked(NamedTuple):
    """One question that somebody was asked: of which table, about what, when (UTC, without a zone)."""

    generation: int
    user_id: str
    item_id: str
    occurred_at: datetime


def snapshot_name(generation: int) -> str:
    """Return what the log calls a query table: its `snapshot_id`."""
    return f"{_SNAPSHOT}{generation:06d}"


def read_asked(settings: Settings, as_of: datetime, days: int) -> list[Asked]:
    """Return the questions of the last `days` days before a moment of the data, as known then.

    Raises:
        DamagedFileError: a raw file that the ledger lists is gone.
    """
    # Late: the gateway, which imports this for the names above, must be up in a second.
    from revealed.engines.duckdb import connect, literal
    from revealed.landing import read_ledger
    from revealed.warehouse.raw_views import raw_files, select_raw

    first = as_of - timedelta(days=days)
    entries = [entry for entry in read_ledger(settings) if entry.log == "inferences"]
    files = [path for path in raw_files(settings, entries, "inferences") if path.parent.name >= _day(first)]
    if not files:
        return []
    con = connect(settings)
    try:
        rows = con.execute(
            f"""
            select distinct
                cast(substring(snapshot_id, {len(_SNAPSHOT) + 1}) as integer) as generation,
                coalesce(user_id, 'anon:' || anonymous_id) as person,
                unnest(items).item_id as item_id,
                occurred_at
            from ({select_raw("inferences", files)})
            where surface = {literal(SURFACE)} and policy = {literal(POLICY)}
                and regexp_full_match(snapshot_id, '{_SNAPSHOT}[0-9]{{1,9}}')
                and received_at < ? and occurred_at > ?
            order by all
            """,
            [as_of, first],
        ).fetchall()
    finally:
        con.close()
    return [Asked(*row) for row in rows]


def _day(moment: datetime) -> str:
    return f"event_date={moment:%Y-%m-%d}"
