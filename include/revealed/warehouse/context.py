"""What the build must know of the state before it: written into the candidate's `ops` schema before dbt starts.

Which ids changed is known only here, where the new raw files and the last build lie side by side; and the old rows of
those ids are read here because the models that hold them are about to forget them.
"""

from __future__ import annotations

from datetime import datetime

import duckdb

from revealed.engines.duckdb import literal

# Lines that one of the two builds sees and the other does not: of a file landed since, or received in between.
_CHANGED = """
    select lines.{key}, min(row(lines.received_at, lines.source_file, lines.source_line)) as first_line
    from raw.{log} as lines
    where
        lines.received_at < {high}
        and (lines.source_file not in (select left(sha256, 16) from ops.ledger) or lines.received_at >= {low})
    group by lines.{key}
"""

# An id whose counted copy comes before every changed line is settled: that copy is seen by both builds, and counts.
_SETTLED = """
    select kept.{key}
    from {history} as kept
    inner join changed on kept.{key} = changed.{key}
    where row(kept.received_at, kept.source_file, kept.source_line) < changed.first_line
"""

_FROM_LAST_BUILD = {
    "retracted_events": """
        select events.event_id, events.actor_id, events.occurred_at
        from marts.fct_events as events
        inner join ops.changed_events as changed on events.event_id = changed.event_id
    """,
    "retracted_requests": """
        select distinct impressions.request_id, impressions.user_id, impressions.anonymous_id, impressions.occurred_at
        from intermediate.int_impressions as impressions
        inner join ops.changed_requests as changed on impressions.request_id = changed.request_id
    """,
    "retracted_visitors": """
        select distinct events.anonymous_id
        from marts.fct_events as events
        inner join ops.changed_events as changed on events.event_id = changed.event_id
        where events.anonymous_id is not null and events.user_id is not null
    """,
    "previous_identities": "select anonymous_id, user_id from intermediate.int_identities",
}

_EMPTY = {
    "changed_events": "event_id varchar",
    "changed_requests": "request_id varchar",
    "retracted_events": "event_id varchar, actor_id varchar, occurred_at timestamp",
    "retracted_requests": "request_id varchar, user_id varchar, anonymous_id varchar, occurred_at timestamp",
    "retracted_visitors": "anonymous_id varchar",
    "previous_identities": "anonymous_id varchar, user_id varchar",
}


def write_context(con: duckdb.DuckDBPyConnection, built_as_of: datetime | None, as_of: datetime) -> None:
    """Fill the candidate's context tables; `ops.build_plan` and the raw views must be there already.

    Args:
        con: the candidate.
        built_as_of: the as-of moment of the build that the candidate continues; None from scratch, where the tables
            stay empty.
        as_of: the as-of moment to build.
    """
    for table, columns in _EMPTY.items():
        con.execute(f"create or replace table ops.{table} ({columns})")
    if built_as_of is None:
        return
    low, high = sorted((built_as_of, as_of))
    _write_changed(con, "events", "event_id", "marts.fct_events", low, high)
    _write_changed(con, "requests", "request_id", "intermediate.int_impressions", low, high)
    for table, query in _FROM_LAST_BUILD.items():
        con.execute(f"insert into ops.{table} {query}")


def _write_changed(
    con: duckdb.DuckDBPyConnection, name: str, key: str, history: str, low: datetime, high: datetime
) -> None:
    log = "inferences" if name == "requests" else name
    changed = _CHANGED.format(key=key, log=log, low=_timestamp(low), high=_timestamp(high))
    settled = _SETTLED.format(key=key, history=history)
    con.execute(
        f"insert into ops.changed_{name} with changed as materialized ({changed}), settled as ({settled}) "
        f"select changed.{key} from changed anti join settled on changed.{key} = settled.{key}"
    )


def _timestamp(moment: datetime) -> str:
    return f"timestamp {literal(moment.strftime('%Y-%m-%d %H:%M:%S.%f'))}"
