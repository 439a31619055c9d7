"""Made-up events of one person's sessions, as `fct_events` has them: what the engagement models are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
from compiled_models import create_table

START = datetime.fromisoformat("2026-01-02T12:00:00")
EVENTS = {
    "event_id": "varchar", "event_type": "varchar", "event_date": "date", "occurred_at": "timestamp",
    "received_at": "timestamp", "actor_id": "varchar", "session_key": "varchar", "item_id": "varchar",
    "matched_request_id": "varchar", "device": "varchar", "surface": "varchar", "dwell_ms": "bigint",
    "scroll_depth": "double", "is_bot": "boolean", "is_historical": "boolean",
}  # fmt: skip
Event = dict[str, Any]


def event(kind: str, second: float, item: str | None = "a", **columns: Any) -> Event:
    """An event of one person's one session, `second` seconds after noon."""
    at = START + timedelta(seconds=second)
    values = {"event_type": kind, "occurred_at": at, "received_at": at, "item_id": item, "session_key": "s"}
    return {**values, "actor_id": "ann", "is_bot": False, "is_historical": False, **columns}


def load_events(con: duckdb.DuckDBPyConnection, events: Sequence[Event]) -> None:
    create_table(con, "marts.fct_events", EVENTS)
    rows = [
        [
            {"event_id": f"e{n:06}", "event_date": row["occurred_at"].date(), **row}.get(name)
            for name in EVENTS
        ]
        for n, row in enumerate(events)
    ]
    if rows:
        con.executemany(f"insert into marts.fct_events values ({', '.join('?' * len(EVENTS))})", rows)
    con.execute("create schema if not exists build")
    con.execute(
        "create or replace table build.int_sessions_touched as "
        "select session_key, min(event_date) as started_on from marts.fct_events group by 1"
    )
